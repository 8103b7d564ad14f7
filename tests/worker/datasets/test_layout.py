import pytest

from app.contract.errors import BadDataset
from worker.datasets import layout

MEANINGS = {
    ("1.png", "2.png"): [("", ""), ("", "")],
    ("cat/1.png", "dog/a/1.png"): [("", "cat"), ("", "dog")],
    ("my pets/cat/1.png", "my pets/dog/1.png"): [("", "cat"), ("", "dog")],
    ("train/cat/1.png", "test/cat/2.png"): [("train", "cat"), ("test", "cat")],
    ("pets/Training/cat/1.png", "pets/val/cat/2.png"): [("train", "cat"), ("test", "cat")],
    ("train/1.png", "test/1.png"): [("train", ""), ("test", "")],
    ("train/cat/1.png", "train/cat/2.png"): [("train", "cat"), ("train", "cat")],
    ("faces/1.png", "faces/2.png"): [("", ""), ("", "")],
    ("test/1.png", "cat/1.png"): [("", "test"), ("", "cat")],
}


@pytest.mark.parametrize(("names", "meaning"), MEANINGS.items(), ids=lambda value: str(value)[:60])
def test_folders_say_side_and_class(names: tuple[str, ...], meaning: list[tuple[str, str]]) -> None:
    assert layout.places(names, [0] * len(names)) == meaning


SEVERAL = {
    ("cat/1.png", "dog/1.png", "cat/1.png"): [("", "cat"), ("", "dog"), ("", "cat")],
    ("one/cat/1.png", "one/dog/1.png", "two/cat/1.png"): [("", "cat"), ("", "dog"), ("", "cat")],
    ("cats/1.png", "cats/2.png", "dogs/1.png"): [("", "cats"), ("", "cats"), ("", "dogs")],
    ("a/train/cat/1.png", "a/train/cat/2.png", "b/test/cat/1.png"): [("train", "cat")] * 2 + [("test", "cat")],
    ("1.png", "2.png", "1.png"): [("", ""), ("", ""), ("", "")],
}


@pytest.mark.parametrize(("names", "meaning"), SEVERAL.items(), ids=lambda value: str(value)[:60])
def test_two_archives_become_one(names: tuple[str, ...], meaning: list[tuple[str, str]]) -> None:
    assert layout.places(names, [0, 0, 1]) == meaning


def test_a_picture_beside_the_class_folders_is_refused_by_name() -> None:
    with pytest.raises(BadDataset, match=r"'stray\.png' lies beside"):
        layout.places(["cat/1.png", "stray.png", "dog/1.png"], [0, 0, 0])
