"""IDX files: pictures with their exact pixels, and bounds on what strangers pack into them."""

import gzip
import io

import numpy as np
import pytest
from PIL import Image

from app.contract.errors import BadArchive
from worker.datasets import idx
from worker.datasets.archives import Limits


def packed(array: np.ndarray) -> bytes:
    """An array of bytes as an IDX file."""
    return b"\0\0\x08" + bytes([array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def files(pixels: np.ndarray, labels: np.ndarray) -> dict[str, bytes]:
    return {"train-images-idx3-ubyte": packed(pixels), "train-labels-idx1-ubyte": packed(labels)}


def test_idx_files_become_pictures_with_their_exact_pixels() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 28, 28), dtype=np.uint8)
    labels = np.arange(30, dtype=np.uint8) % 3
    members = list(idx.pictures(files(pixels, labels), classes=("shirt", "shoe", "bag")))
    assert [member.name for member in members[:3]] == [
        "train/shirt/000000.png",
        "train/shoe/000001.png",
        "train/bag/000002.png",
    ]
    assert np.array_equal(np.array(Image.open(io.BytesIO(members[4].data))), pixels[4])


def test_more_pictures_than_an_archive_may_hold_are_refused() -> None:
    told = files(np.zeros((11, 8, 8), np.uint8), np.zeros(11, np.uint8))
    with pytest.raises(BadArchive, match="more than 10 pictures"):
        next(idx.pictures(told, classes=(), limits=Limits(members=10)))


def test_a_file_that_unpacks_to_far_more_than_it_holds_is_refused() -> None:
    blank = files(np.zeros((1000, 28, 28), np.uint8), np.zeros(1000, np.uint8))
    bomb = {f"{name}.gz": gzip.compress(data) for name, data in blank.items()}
    assert len(list(idx.pictures(bomb, classes=()))) == 1000
    with pytest.raises(BadArchive, match="has more than 1000 bytes"):
        next(idx.pictures(bomb, classes=(), limits=Limits(expansion=1, unsuspicious_bytes=1000)))


def test_a_file_that_is_too_large_for_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idx, "LARGEST_BYTES", 100)
    with pytest.raises(BadArchive, match="more than 100 bytes"):
        next(idx.pictures(files(np.zeros((2, 8, 8), np.uint8), np.zeros(2, np.uint8)), classes=()))
