"""What is kept of uploaded pictures, and what is said about the rest."""

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.contract.errors import BadDataset
from worker.datasets import inspection
from worker.datasets.archives import Member


def picture(seed: int, *, size: int = 24, mode: str = "RGB", format: str = "PNG", **options: object) -> bytes:
    """A smooth random picture, so that it survives compression as photos do."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    image = Image.fromarray(small).resize((size, size), Image.Resampling.BICUBIC).convert(mode)
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def pets(count: int = 20) -> list[Member]:
    return [
        Member(f"{kind}/{n}.png", picture(1000 * (kind == "dog") + n)) for kind in ("cat", "dog") for n in range(count)
    ]


def inspect(members: Iterable[Member], folder: Path) -> inspection.Inspected:
    return inspection.inspect(members, target=folder / "out.zip", scratch=folder / "scratch.zip", seen=lambda _: None)


def packed(folder: Path) -> list[str]:
    with zipfile.ZipFile(folder / "out.zip") as archive:
        return archive.namelist()


def test_a_tenth_of_every_class_is_held_out(tmp_path: Path) -> None:
    found = inspect(pets(), tmp_path)
    assert (found.images, found.classes) == (40, {"cat": 20, "dog": 20})
    assert (found.report["train"], found.report["test"], found.report["split"]) == (36, 4, "held out by content")
    assert sum(name.startswith("test/cat/") for name in packed(tmp_path)) == 2


def test_the_same_pictures_make_the_same_file_whatever_they_are_called(tmp_path: Path) -> None:
    first = inspect(pets(), tmp_path)
    one = (tmp_path / "out.zip").read_bytes()
    second = inspect(list(reversed(pets())), tmp_path)
    assert first.digest == second.digest
    assert one == (tmp_path / "out.zip").read_bytes()


def test_bad_pictures_are_named_and_left_out(tmp_path: Path) -> None:
    whole = picture(3)
    bad = [
        Member("cat/cut.png", whole[: len(whole) // 2]),
        Member("cat/readme.txt", b"Pictures of cats."),
        Member("cat/broken.png", b"", "damaged in the archive (BadZipFile)"),
        Member("cat/tiny.png", picture(4, size=4)),
        Member("dog/again.png", picture(0)),
    ]
    found = inspect([*pets(), *bad], tmp_path)
    assert found.images == 40
    assert [each["name"] for each in found.report["unreadable"]] == ["cat/cut.png", "cat/readme.txt", "cat/broken.png"]
    assert (found.report["too_small"], found.report["duplicates"]) == (1, 1)


@pytest.mark.parametrize(
    ("mode", "format", "options"),
    [
        ("CMYK", "JPEG", {}),
        ("P", "GIF", {}),
        ("LA", "PNG", {}),
        ("1", "PNG", {}),
        ("RGB", "WEBP", {}),
        ("RGB", "GIF", {"save_all": True, "append_images": [Image.new("RGB", (24, 24), "red")]}),
    ],
)
def test_unusual_pictures_are_kept_as_they_are(
    mode: str, format: str, options: dict[str, object], tmp_path: Path
) -> None:
    data = picture(7, mode=mode, format=format, **options)
    found = inspect([Member("odd.bin", data), Member("plain.png", picture(1))], tmp_path)
    assert found.images == 2
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert data in {archive.read(name) for name in archive.namelist()}
        assert all(name.endswith(".png") for name in archive.namelist())


def test_recompressed_copies_across_the_border_are_counted(tmp_path: Path) -> None:
    train = [Member(f"train/{n}.png", picture(n, size=64)) for n in range(30)]
    copies = [Member(f"test/{n}.jpg", picture(n, size=64, format="JPEG", quality=80)) for n in range(5)]
    others = [Member(f"test/{n}.png", picture(n, size=64)) for n in range(100, 110)]
    found = inspect([*train, *copies, *others], tmp_path)
    assert found.report["leakage"] == 5
    assert "5 test pictures nearly equal" in found.report["warnings"][0]


def test_a_class_with_one_picture_is_told(tmp_path: Path) -> None:
    found = inspect([*pets(), Member("newt/1.png", picture(5000))], tmp_path)
    assert "Pictures of the class 'newt' to train on: only 1." in found.report["warnings"]


def test_grey_pictures_are_known_for_it(tmp_path: Path) -> None:
    assert inspect([Member("a.png", picture(1, mode="L"))], tmp_path).report["grey"] is True
    assert inspect(pets(), tmp_path).report["grey"] is False


@pytest.mark.parametrize("members", [[], [Member("a.txt", b"text")], [Member("a.png", b"", "damaged")]])
def test_a_data_set_without_pictures_is_refused(members: list[Member], tmp_path: Path) -> None:
    with pytest.raises(BadDataset, match="no picture in it that can be used"):
        inspect(members, tmp_path)
