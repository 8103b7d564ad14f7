"""A classifier at work: ONNX Runtime and torch agree, and heat maps come without asking for torch before."""

import numpy as np
import pytest

from app.contract.errors import BadCheckpoint, BadOption, InvalidRequest
from models import checkpoint
from worker.serving.classifier import Classifier
from worker.serving.onnx_network import OnnxNetwork
from worker.serving.torch_network import TorchNetwork

PIXELS = np.random.default_rng(0).integers(0, 256, (7, 8, 8, 1), dtype=np.uint8)


def classifier(versions, *, torch: bool = False) -> Classifier:
    path = versions.folder / "clothing.safetensors"

    onnx = OnnxNetwork(versions.folder / "clothing.onnx", digest=versions.classifier, threads=1)
    network = TorchNetwork(path, device="cpu", threads=1) if torch else onnx
    return Classifier(
        versions.classifier,
        weights_bytes=1,
        header=checkpoint.read_header(path),
        network=network,
        explainer=lambda: network,
    )


def test_probabilities_sum_to_one_and_energies_are_those_of_the_logits(versions):
    made = classifier(versions)
    probabilities, energies = made.classify(PIXELS)
    logits = OnnxNetwork(versions.folder / "clothing.onnx", digest=versions.classifier, threads=1).logits(PIXELS)
    assert probabilities.shape == (7, 4)
    assert probabilities.dtype == energies.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(energies, -np.log(np.exp(logits.astype(np.float64)).sum(1)), rtol=1e-5)


def test_torch_and_onnx_agree(versions):
    for ours, reference in zip(
        classifier(versions).classify(PIXELS), classifier(versions, torch=True).classify(PIXELS), strict=True
    ):
        np.testing.assert_allclose(ours, reference, atol=1e-5)


def test_heat_maps_are_of_the_asked_pictures_alone(versions):
    made = classifier(versions)
    both = made.explain(PIXELS, (5, 1))
    assert both.shape == (2, 8, 8)
    assert both.dtype == np.uint8
    assert (made.explain(PIXELS, (1,))[0] == both[1]).all()


def test_heat_maps_of_torch_and_onnx_agree_to_one_level(versions):
    every = range(len(PIXELS))
    ours = classifier(versions).explain(PIXELS, every).astype(int)
    assert np.abs(ours - classifier(versions, torch=True).explain(PIXELS, every)).max() <= 1
    assert ours.any()


def test_pictures_of_another_size_and_positions_beyond_the_last_are_refused(versions):
    with pytest.raises(InvalidRequest, match="the network takes"):
        classifier(versions).classify(np.zeros((1, 9, 9, 1), np.uint8))
    with pytest.raises(BadOption, match="beyond the 7"):
        classifier(versions).explain(PIXELS, (7,))


def test_the_graph_of_another_checkpoint_is_refused(versions):
    with pytest.raises(BadCheckpoint, match="exported from another checkpoint"):
        OnnxNetwork(versions.folder / "clothing.onnx", digest=versions.generator, threads=1)


def test_a_file_that_is_no_graph_is_refused(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"not a graph")
    with pytest.raises(BadCheckpoint, match="cannot read the graph"):
        OnnxNetwork(tmp_path / "x.onnx", digest="0" * 64, threads=1)


def test_a_largest_batch_that_does_not_fit_is_warmed_up_in_halves(versions):
    ran = []

    class Small:
        engine, device = "none", "cpu"

        def logits(self, pixels: np.ndarray) -> np.ndarray:
            if len(pixels) > 8:
                raise MemoryError
            ran.append(len(pixels))
            return np.zeros((len(pixels), 4), np.float32)

    made = classifier(versions)
    made._network = Small()
    made.warm_up(16)
    assert ran == [1, 4, 8, 8]
