from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from models import average, checkpoint
from models.classifier import Classifier, NetworkConfig
from tests.models.pictures import write_folder

CONFIG = NetworkConfig(widths=(8,), blocks=(1,), classes=2)


def saved(path: Path, *, fill: float, config: NetworkConfig = CONFIG) -> Path:
    weights = {name: torch.full_like(value, fill) for name, value in Classifier(config).state_dict().items()}
    header = {
        "input": {"size": 28, "channels": 1},
        "labels": ("lying", "standing"),
        "training": {"validation": 0.25, "seed": 0},
    }
    checkpoint.save(path, kind="classifier", network=asdict(config), weights=weights, header=header)
    return path


def test_the_mean_is_saved_calibrated_and_names_its_parts(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data", count=40)
    parts = [saved(tmp_path / name, fill=fill) for name, fill in (("a", 1.0), ("b", 4.0))]
    found = average.average(parts, data, out=tmp_path / "mean")
    loaded = checkpoint.load(tmp_path / "mean")
    weights = checkpoint.build(loaded).state_dict()
    assert all((value == (2.5 if value.is_floating_point() else 4)).all() for value in weights.values())
    assert "strangers.means" in loaded.weights
    assert loaded.header.extras["averaged"] == [checkpoint.digest(part) for part in parts]
    assert loaded.header.metrics["validation"]["count"] == found.count == 10
    assert "temperature" in loaded.header.calibration


def test_different_networks_are_not_averaged(tmp_path: Path) -> None:
    parts = [
        saved(tmp_path / "a", fill=1.0),
        saved(tmp_path / "b", fill=1.0, config=NetworkConfig(widths=(4,), blocks=(1,), classes=2)),
    ]
    with pytest.raises(ValueError, match="one and the same network"):
        average.average(parts, tmp_path, out=tmp_path / "mean")
