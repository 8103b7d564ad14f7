"""Networks eight channels wide that were never trained, as published versions."""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from app.contract import registry
from app.contract.database import Database
from app.contract.settings import Settings
from app.contract.store import Store
from models import checkpoint, classifier, export, gan

CLASSIFIER = classifier.NetworkConfig(widths=(8, 8), blocks=(0, 1), size=8, channels=1, classes=4)
GENERATOR = gan.GeneratorConfig(widths=(8, 8, 8), channels=3, latent_size=8, style_size=16, classes=2)


@dataclass(frozen=True)
class Tiny:
    """A classifier of 8x8 grey pictures and a generator of 16x16 colour pictures, as files with their ONNX graphs."""

    folder: Path
    classifier: str  # digests
    generator: str


def save_classifier(path: Path, *, seed: int = 0) -> str:
    """Write a classifier and return its digest."""
    torch.manual_seed(seed)
    return checkpoint.save(
        path,
        kind="classifier",
        network=asdict(CLASSIFIER),
        weights=classifier.Classifier(CLASSIFIER).state_dict(),
        header={
            "input": {"size": 8, "channels": 1, "mean": [0.5], "std": [0.5]},
            "labels": ("a", "b", "c", "d"),
            "calibration": {"temperature": 0.5, "energy": 0.0, "abstain": 0.0},
            "created": "2026-01-01T00:00:00+00:00",
        },
    )


def save_generator(path: Path, *, seed: int = 0) -> str:
    """Write a generator of two classes with one direction and return its digest."""
    torch.manual_seed(seed)
    return checkpoint.save(
        path,
        kind="generator",
        network=GENERATOR.to_dict(),
        weights={**gan.Generator(GENERATOR).state_dict(), "direction.smile": torch.ones(16)},
        header={
            "input": {"size": 16, "channels": 3},
            "labels": ("a", "b"),
            "extras": {"directions": ["smile"]},
            "created": "2026-01-01T00:00:00+00:00",
        },
    )


def make(folder: Path) -> Tiny:
    """Write both checkpoints and their graphs into `folder`, as bundled ones lie."""
    torch.set_num_threads(1)  # more than one costs more than it brings in networks this small
    made = Tiny(
        folder=folder,
        classifier=save_classifier(folder / "clothing.safetensors"),
        generator=save_generator(folder / "faces.safetensors"),
    )
    for name in ("clothing", "faces"):
        export.export(folder / f"{name}.safetensors", folder / f"{name}.onnx")
    return made


def publish(tiny: Tiny, settings: Settings) -> None:
    """Make both the production versions of a fresh home."""
    database = Database(settings.database)
    database.migrate()
    registry.register_bundled(database, Store(settings.store), tiny.folder)
    database.close()
