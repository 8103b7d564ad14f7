"""A generator at work: the same drawing is the same bytes in every batch and on every engine's terms."""

import numpy as np
import pytest

from app.contract.errors import BadOption, WrongKind
from app.contract.messages import Drawing
from models import styles
from worker.serving.generator import Generator
from worker.serving.onnx_network import OnnxNetwork
from worker.serving.torch_network import TorchNetwork


def onnx(versions) -> OnnxNetwork:
    return OnnxNetwork(versions.folder / "faces.onnx", digest=versions.generator, threads=1)


def generator(versions, network) -> Generator:
    read = styles.read(versions.folder / "faces.safetensors")
    made = Generator(versions.generator, weights_bytes=1, styles=read, network=network)
    made.warm_up(16)
    return made


class Draughty:
    """A network whose pictures depend on how many are drawn at once, as some kernels' do."""

    engine, device = "none", "cpu"

    def __init__(self) -> None:
        self.batches: list[int] = []

    def pixels(self, styles: np.ndarray) -> np.ndarray:
        self.batches.append(len(styles))
        return np.full((len(styles), 16, 16, 3), len(styles), np.uint8)


def test_a_drawing_is_the_same_bytes_in_every_batch(versions):
    made = generator(versions, onnx(versions))
    drawings = [Drawing(seed=str(number), label=number % 2, truncation=0.8) for number in range(16)]
    together = made.generate(drawings)
    assert together.shape == (16, 16, 16, 3)
    assert together.dtype == np.uint8
    for count in range(1, 16):
        assert (made.generate(drawings[:count]) == together[:count]).all()
        assert (made.generate(drawings[-count:]) == together[-count:]).all()


def test_a_network_that_depends_on_the_batch_draws_one_by_one(versions):
    network = Draughty()
    made = generator(versions, network)
    network.batches.clear()
    made.generate([Drawing(seed="a"), Drawing(seed="b"), Drawing(seed="c")])
    assert network.batches == [1, 1, 1]


def test_torch_and_onnx_draw_the_same_to_one_level(versions):
    drawings = [Drawing(seed=str(number), edits=(("smile", 0.5),), mix="other") for number in range(5)]
    other = TorchNetwork(versions.folder / "faces.safetensors", device="cpu", threads=1)
    reference = generator(versions, other).generate(drawings).astype(int)
    assert np.abs(generator(versions, onnx(versions)).generate(drawings) - reference).max() <= 1


def test_options_of_a_drawing_change_it(versions):
    made = generator(versions, onnx(versions))
    plain, edited, mixed, walked, other = made.generate(
        [
            Drawing(seed="ada", label=0),
            Drawing(seed="ada", label=0, edits=(("smile", 2.0),)),
            Drawing(seed="ada", label=0, mix="bob"),
            Drawing(seed="ada", label=0, toward="bob", position=0.5),
            Drawing(seed="ada", label=1),
        ]
    )
    for changed in (edited, mixed, walked, other):
        assert (changed != plain).any()


@pytest.mark.parametrize(
    ("drawing", "said"),
    [
        (Drawing(seed="a", label=2), "label must be at most 1"),
        (Drawing(seed="a", edits=(("age", 1.0),)), "edits names age; this generator's edits are: smile"),
    ],
)
def test_what_a_generator_does_not_know_is_a_bad_option(versions, drawing, said):
    with pytest.raises(BadOption, match=said):
        generator(versions, onnx(versions)).generate([drawing])


def test_a_generator_does_not_classify(versions):
    with pytest.raises(WrongKind, match="is a generator; this request needs a classifier"):
        generator(versions, onnx(versions)).classify(np.zeros((1, 8, 8, 1), np.uint8))


def test_seeds_that_look_like_a_face_are_found_whatever_its_truncation(versions):
    made = generator(versions, onnx(versions))

    for label in (0, 1):
        distances, seeds = made.similar(Drawing(seed="17", label=label, truncation=0.1), 3)
        assert (seeds[0], len(seeds)) == (17, 3)
        assert distances[0] < 1e-3 < distances[1]


def test_who_looks_for_an_unknown_class_is_told(versions):
    with pytest.raises(BadOption):
        generator(versions, onnx(versions)).similar(Drawing(seed="17", label=2), 3)


def test_a_largest_batch_that_does_not_fit_is_warmed_up_in_halves(versions):
    network, most = onnx(versions), []

    class Small:
        engine, device = "none", "cpu"

        def pixels(self, styles: np.ndarray) -> np.ndarray:
            if len(styles) > 8:
                raise MemoryError
            most.append(len(styles))
            return network.pixels(styles)

    assert generator(versions, Small()).together
    assert max(most) == 8
