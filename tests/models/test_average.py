from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from models import average, checkpoint
from models.classifier import Classifier, NetworkConfig
from models.data import load
from tests.models.pictures import write_folder

CONFIG = NetworkConfig(widths=(8,), blocks=(1,), classes=2)


def saved(path: Path, *, fill: float, config: NetworkConfig = CONFIG, digest: str = "", **training: float) -> Path:
    weights = {name: torch.full_like(value, fill) for name, value in Classifier(config).state_dict().items()}
    header = {
        "input": {"size": 28, "channels": 1},
        "labels": ("lying", "standing"),
        "training": {"validation": 0.25, "seed": 0, **training},
        "provenance": {"digest": digest},
    }
    checkpoint.save(path, kind="classifier", network=asdict(config), weights=weights, header=header)
    return path


def test_the_mean_is_saved_calibrated_and_names_its_parts(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data", count=40)
    digest = load(data, split="train", size=28, channels=1).digest
    parts = [saved(tmp_path / name, fill=fill, digest=digest) for name, fill in (("a", 1.0), ("b", 4.0))]
    found = average.average(parts, data, out=tmp_path / "mean")
    loaded = checkpoint.load(tmp_path / "mean")
    weights = checkpoint.build(loaded).named_parameters()
    assert all((value == 2.5).all() for _, value in weights)
    assert "strangers.means" in loaded.weights
    assert loaded.header.extras["averaged"] == [checkpoint.digest(part) for part in parts]
    assert loaded.header.metrics["validation"]["count"] == found.count == 10
    assert "temperature" in loaded.header.calibration


def check_statistics(network: Classifier, pictures: torch.Tensor, *, rtol: float) -> None:
    """Measure them, and hold them against what the first normalisation is given; `rtol` is that of the variance."""
    average.measure_statistics(network, pictures)
    first = next(module for module in network.modules() if isinstance(module, nn.BatchNorm2d))
    seen: list[torch.Tensor] = []
    first.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    network(pictures.float() / 255)
    torch.testing.assert_close(first.running_mean, seen[0].mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(first.running_var, seen[0].var((0, 2, 3)), rtol=rtol, atol=1e-5)


def test_normalisation_is_measured_as_the_averaged_weights_see_the_pictures() -> None:
    torch.manual_seed(0)
    network = Classifier(CONFIG).eval()
    pictures = torch.randint(0, 256, (2 * average.BATCH, 1, 28, 28), dtype=torch.uint8)
    check_statistics(network, pictures, rtol=1e-2)
    assert not any(module.training for module in network.modules())


def test_normalisation_does_not_depend_on_the_order_of_the_pictures_nor_on_a_short_last_batch() -> None:
    torch.manual_seed(0)
    network = Classifier(CONFIG).eval()
    dark, bright = (torch.randint(low, low + 56, (average.BATCH, 1, 28, 28)) for low in (0, 200))
    pictures = torch.cat((dark, bright, bright[:20])).to(torch.uint8)  # in the order of their classes
    check_statistics(network, pictures, rtol=0.05)


def test_pictures_of_another_set_are_refused(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data", count=40)
    with pytest.raises(ValueError, match="not the pictures"):
        average.average([saved(tmp_path / "a", fill=1.0)], data, out=tmp_path / "mean")


@pytest.mark.parametrize("other", [{"seed": 1}, {"validation": 0.5}, {"digest": "other"}])
def test_classifiers_that_have_held_out_other_pictures_are_not_averaged(tmp_path: Path, other: Any) -> None:
    data = write_folder(tmp_path / "data", count=40)
    digest = load(data, split="train", size=28, channels=1).digest
    elsewhere = replace(CONFIG, mean=(0.4999,))  # another part has another mean, which is not what is wrong with it
    parts = [
        saved(tmp_path / "a", fill=1.0, config=elsewhere, **{"digest": digest, **other}),
        saved(tmp_path / "b", fill=1.0, digest=digest),
    ]
    with pytest.raises(ValueError, match="held out different pictures"):
        average.average(parts, data, out=tmp_path / "mean")


def test_different_networks_are_not_averaged(tmp_path: Path) -> None:
    parts = [
        saved(tmp_path / "a", fill=1.0),
        saved(tmp_path / "b", fill=1.0, config=NetworkConfig(widths=(4,), blocks=(1,), classes=2)),
    ]
    with pytest.raises(ValueError, match="one and the same network"):
        average.average(parts, tmp_path, out=tmp_path / "mean")
