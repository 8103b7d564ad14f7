"""Pictures shared between cores: the same bytes on however many, and a failure leaves no core at work."""

import numpy as np
import pytest

from worker.serving.onnx_network import OnnxNetwork


def network(versions, *, threads: int) -> OnnxNetwork:
    return OnnxNetwork(versions.folder / "faces.onnx", digest=versions.generator, threads=threads)


@pytest.mark.parametrize("threads", [2, 3])
def test_pictures_are_the_same_on_however_many_cores(versions, threads):
    styles = np.random.default_rng(0).standard_normal((11, 3, 16), np.float32)
    alone = np.concatenate([network(versions, threads=1).pixels(style[None]) for style in styles])
    shared = network(versions, threads=threads)
    for count in range(1, 12):
        np.testing.assert_array_equal(shared.pixels(styles[:count]), alone[:count])


def test_a_batch_that_fails_is_an_error_and_the_next_one_is_answered(versions):
    shared = network(versions, threads=2)
    with pytest.raises(Exception, match="INVALID_ARGUMENT"):
        shared.pixels(np.zeros((4, 3, 15), np.float32))
    assert shared.pixels(np.zeros((4, 3, 16), np.float32)).shape == (4, 16, 16, 3)
