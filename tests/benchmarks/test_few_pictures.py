import pytest
import torch

from benchmarks.few_pictures import RIVALS, few
from models import presets
from models.data import Pictures


def pictures() -> Pictures:
    labels = torch.arange(60) % 3
    images = torch.arange(60, dtype=torch.uint8).view(60, 1, 1, 1)
    names = tuple(map(str, range(60)))
    return Pictures(images=images, labels=labels, classes=("a", "b", "c"), names=names, digest="d")


def test_every_class_gives_as_many_and_another_seed_others() -> None:
    drawn, other = few(pictures(), 5, seed=0), few(pictures(), 5, seed=1)
    assert drawn.labels is not None
    assert drawn.labels.bincount().tolist() == [5, 5, 5]
    assert len(drawn.images.unique()) == 15
    assert drawn.names != other.names
    assert drawn.names == few(pictures(), 5, seed=0).names


@pytest.mark.parametrize("name", RIVALS)
def test_the_rivals_are_presets_that_see_pictures_of_one_size(name: str) -> None:
    preset, changes = RIVALS[name]
    assert presets.describe(preset)["kind"] == "classifier"
    assert presets.configure(preset, changes).network.size == 32  # type: ignore[union-attr]
