import csv
import gzip
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models import data, idx, images


def png(value: int, *, size: int = 8) -> bytes:
    pixels = np.random.default_rng(value).integers(0, 256, (size, size), dtype=np.uint8)
    return images.encode(pixels.tobytes(), width=size, height=size, channels=1, format="png")


def make_folder(root: Path, names: list[str]) -> Path:
    for value, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(png(value))
    return root


def make_zip(path: Path, names: list[str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for value, name in enumerate(names):
            archive.writestr(name, png(value))
    return path


def make_idx(folder: Path, *, classes: int = 10) -> tuple[np.ndarray, np.ndarray]:
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)
    labels = (np.arange(20) % classes).astype(np.uint8)
    for start in ("train", "t10k"):
        head = b"\0\0\x08\x03" + b"".join(length.to_bytes(4, "big") for length in pixels.shape)
        (folder / f"{start}-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + pixels.tobytes()))
        (folder / f"{start}-labels-idx1-ubyte").write_bytes(
            b"\0\0\x08\x01" + (20).to_bytes(4, "big") + labels.tobytes()
        )
    return pixels, labels


def test_a_folder_per_class_gives_labels_in_the_order_of_names(tmp_path: Path) -> None:
    make_folder(tmp_path, ["train/b/1.png", "train/a/1.png", "test/a/2.png", "train/b/2.png"])
    found = data.load(tmp_path, split="train", size=8, channels=1)
    assert found.classes == ("a", "b")
    assert found.labels is not None
    assert found.labels.tolist() == [0, 1, 1]
    assert found.names == ("train/a/1.png", "train/b/1.png", "train/b/2.png")
    assert found.images.shape == (3, 1, 8, 8)


def test_a_zip_gives_the_same_as_the_folder_it_was_made_of(tmp_path: Path) -> None:
    names = ["train/a/1.png", "train/b/2.png", "test/a/3.png", "test/b/4.png"]
    folder = data.load(make_folder(tmp_path / "folder", names), split="test", size=8, channels=3)
    archive = data.load(make_zip(tmp_path / "pictures.zip", names), split="test", size=8, channels=3)
    assert torch.equal(folder.images, archive.images)
    assert folder.names == archive.names


def test_flat_pictures_have_no_labels_and_a_held_out_part_that_more_pictures_do_not_move(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(200)]
    few = make_folder(tmp_path / "few", names[:150])
    many = make_folder(tmp_path / "many", names)
    test_of_few, train_of_few, test_of_many = (
        data.load(folder, split=split, size=8, channels=1)  # type: ignore[arg-type]
        for folder, split in ((few, "test"), (few, "train"), (many, "test"))
    )
    assert test_of_few.labels is None
    assert len(test_of_few) + len(train_of_few) == 150
    assert 0 < len(test_of_few) < 45
    assert set(test_of_few.names) <= set(test_of_many.names)


def test_a_csv_beside_the_zip_gives_the_split(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "faces.zip", ["1.png", "2.png", "3.png"])
    with open(tmp_path / "faces.csv", "w", newline="") as file:
        csv.writer(file).writerows([("name", "split"), ("1.png", "train"), ("2.png", "test"), ("3.png", "train")])
    assert data.load(archive, split="train", size=8, channels=1).names == ("1.png", "3.png")
    before = data.load(archive, split="test", size=8, channels=1)
    assert before.names == ("2.png",)
    table = tmp_path / "faces.csv"
    table.write_text(table.read_text().replace("3.png,train", "3.png,test"))
    after = data.load(archive, split="test", size=8, channels=1)
    assert (after.names, after.digest == before.digest) == (("2.png", "3.png"), False)


def test_a_csv_that_gives_no_split_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "faces.zip", "w") as archive:
        archive.writestr("1.png", b"")
    (tmp_path / "faces.csv").write_text("picture,part\n1.png,train\n")
    with pytest.raises(ValueError, match=r"faces.csv beside faces.zip has no columns name and split"):
        data.load(tmp_path / "faces.zip", split="train", size=8, channels=3)


def test_idx_files_are_read_packed_or_not(tmp_path: Path) -> None:
    pixels, labels = make_idx(tmp_path / "digits")
    found = data.load(tmp_path / "digits", split="test", size=28, channels=1)
    assert np.array_equal(found.images[:, 0].numpy(), pixels)
    assert found.labels is not None
    assert found.labels.tolist() == labels.tolist()
    assert found.classes == idx.DIGITS


def test_idx_pictures_are_resized_as_a_png_of_them_is(tmp_path: Path) -> None:
    pixels, _ = make_idx(tmp_path / "digits")
    found = data.load(tmp_path / "digits", split="train", size=16, channels=3)
    as_png = images.encode(pixels[0].tobytes(), width=28, height=28, channels=1, format="png")
    assert found.images[0].permute(1, 2, 0).numpy().tobytes() == images.decode(as_png, size=16, channels=3)


def test_the_digest_follows_the_content(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, ["train/a/1.png", "train/b/2.png", "test/a/3.png"])
    before = data.load(folder, split="train", size=8, channels=1).digest
    assert data.load(folder, split="test", size=8, channels=1).digest == before
    (folder / "train/a/1.png").write_bytes(png(99))
    assert data.load(folder, split="train", size=8, channels=1).digest != before


def test_decoded_pixels_are_kept_only_where_asked(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", ["train/a/1.png", "train/b/2.png", "test/a/3.png"])
    first = data.load(archive, split="train", size=8, channels=1, cache=tmp_path / "cache")
    (kept,) = (tmp_path / "cache").iterdir()
    np.save(kept, np.zeros((2, 8, 8, 1), np.uint8))
    again = data.load(archive, split="train", size=8, channels=1, cache=tmp_path / "cache")
    assert first.images.any()
    assert not again.images.any()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.zip", "cache"]


def test_a_run_that_is_killed_while_it_keeps_pixels_spoils_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make_zip(tmp_path / "a.zip", ["train/a/1.png", "train/b/2.png", "test/a/3.png"])
    whole = data.load(archive, split="train", size=8, channels=1)
    save = np.save

    def killed(target: Any, pixels: np.ndarray, **options: Any) -> None:
        save(target, pixels[:1], **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        data.load(archive, split="train", size=8, channels=1, cache=tmp_path / "cache")
    monkeypatch.undo()
    again = data.load(archive, split="train", size=8, channels=1, cache=tmp_path / "cache")
    assert torch.equal(again.images, whole.images)


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, ["train/a/1.png", "train/b/2.png"])
    (folder / "train/b/2.png").write_bytes(png(1)[:60])
    with pytest.raises(images.Undecodable, match=r"train/b/2\.png"):
        data.load(folder, split="train", size=8, channels=1)


def test_pictures_in_and_outside_class_folders_are_refused(tmp_path: Path) -> None:
    make_folder(tmp_path, ["a/1.png", "2.png"] + [f"a/{number}.png" for number in range(3, 60)])
    with pytest.raises(ValueError, match="class folder"):
        data.load(tmp_path, split="train", size=8, channels=1)


def test_a_missing_path_and_an_empty_split_say_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        data.load(tmp_path / "nowhere", split="train", size=8, channels=1)
    make_folder(tmp_path, ["train/a/1.png"])
    with pytest.raises(ValueError, match="no pictures for the test split"):
        data.load(tmp_path, split="test", size=8, channels=1)


def test_a_held_out_part_is_disjoint_complete_and_the_same_again(tmp_path: Path) -> None:
    pictures = data.load(
        make_folder(tmp_path, [f"train/{n % 2}/{n}.png" for n in range(40)]), split="train", size=8, channels=1
    )
    rest, part = data.holdout(pictures, fraction=0.25, seed=1)
    assert len(part) == 10
    assert set(rest.names) | set(part.names) == set(pictures.names)
    assert data.holdout(pictures, fraction=0.25, seed=1)[1].names == part.names
    assert data.holdout(pictures, fraction=0.25, seed=2)[1].names != part.names
