"""Which classes a generator is asked for when it is held against pictures of uneven classes."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from models import checkpoint, evaluate_generator
from models.gan import Generator, GeneratorConfig
from tests.models.pictures import write_folder

CONFIG = GeneratorConfig(widths=(8, 8), base=7, channels=1, latent_size=8, style_size=8, classes=2)
LABELS = ("lying", "standing")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The labels that are drawn, in order. Pictures are seen by a trunk that only looks roughly."""
    labels: list[int] = []
    sample = Generator.sample

    def noted(self: Generator, z: torch.Tensor, chosen: torch.Tensor, truncation: torch.Tensor) -> torch.Tensor:
        labels.extend(chosen.tolist())
        return sample(self, z, chosen, truncation)

    trunk = SimpleNamespace(embed=lambda pictures: F.adaptive_avg_pool2d(pictures, 4).flatten(1))
    monkeypatch.setattr(evaluate_generator, "load_trunk", lambda _: trunk)
    monkeypatch.setattr(Generator, "sample", noted)
    return labels


@pytest.fixture
def uneven(tmp_path: Path) -> Path:
    """Of 120 pictures to train on 20 lie, of 50 to test on 20."""
    folder = write_folder(tmp_path, count=240)
    for split, lying, standing in (("train", 20, 100), ("test", 20, 30)):
        for name, kept in (("lying", lying), ("standing", standing)):
            for path in sorted((folder / split / name).iterdir())[kept:]:
                path.unlink()
    return folder


def loaded(labels: tuple[str, ...] = LABELS) -> checkpoint.Checkpoint:
    header = checkpoint.Header(
        kind="generator", network=CONFIG.to_dict(), input={"size": 14, "channels": 1}, labels=labels
    )
    return checkpoint.Checkpoint(header=header, weights=Generator(CONFIG).state_dict())


def test_classes_are_drawn_with_the_shares_of_the_pictures_they_are_held_against(
    uneven: Path, asked: list[int]
) -> None:
    evaluate_generator.evaluate(loaded(), uneven, truncation=0.5, wide=240)
    test, truncated, wide = asked[:50], asked[50:100], asked[100:]
    assert (test.count(0), truncated.count(0)) == (20, 20)
    assert (len(wide), wide.count(0)) == (240, 40)
    assert set(test[:10]) == set(wide[:10]) == {0, 1}  # a few of the first ones stand for all


def test_classes_are_drawn_in_turn_where_the_pictures_have_none(tmp_path: Path, asked: list[int]) -> None:
    write_folder(tmp_path / "data", count=240)
    for split in ("train", "test"):
        for path in sorted((tmp_path / "data" / split).glob("*/*")):
            path.rename(path.parents[1] / f"{path.parent.name}-{path.name}")
    evaluate_generator.evaluate(loaded(), tmp_path / "data")
    assert asked == [0, 1] * 30


def test_pictures_of_other_classes_are_refused(uneven: Path) -> None:
    with pytest.raises(ValueError, match="the checkpoint \\('coats', 'shoes'\\)"):
        evaluate_generator.evaluate(loaded(("coats", "shoes")), uneven)
