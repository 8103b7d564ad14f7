"""IDX files: pictures with their exact pixels, and bounds on what strangers pack into them."""

import gzip
import io
import tracemalloc
from collections.abc import Mapping
from typing import IO

import numpy as np
import pytest
from PIL import Image

from app.contract.errors import BadArchive
from worker.datasets import idx
from worker.datasets.archives import Limits


def packed(array: np.ndarray) -> bytes:
    """An array of bytes as an IDX file."""
    return b"\0\0\x08" + bytes([array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def files(pixels: np.ndarray, labels: np.ndarray, *, split: str = "train") -> dict[str, bytes]:
    return {f"{split}-images-idx3-ubyte": packed(pixels), f"{split}-labels-idx1-ubyte": packed(labels)}


def blank(count: int, side: int, *, split: str = "train") -> dict[str, bytes]:
    return files(np.zeros((count, side, side), np.uint8), np.zeros(count, np.uint8), split=split)


def opened(data: Mapping[str, bytes], *, gz: bool = False) -> dict[str, IO[bytes]]:
    if gz:
        return {f"{name}.gz": io.BytesIO(gzip.compress(content)) for name, content in data.items()}
    return {name: io.BytesIO(content) for name, content in data.items()}


@pytest.mark.parametrize("gz", [False, True])
def test_idx_files_become_pictures_with_their_exact_pixels(gz: bool) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 28, 28), dtype=np.uint8)
    labels = np.arange(30, dtype=np.uint8) % 3
    told = opened(files(pixels, labels) | files(pixels[:5], labels[:5], split="t10k"), gz=gz)
    members = list(idx.pictures(told, classes=("shirt", "shoe", "bag")))
    assert [member.name for member in members[:3]] == [
        "train/shirt/000000.png",
        "train/shoe/000001.png",
        "train/bag/000002.png",
    ]
    assert members[-1].name == "test/shoe/000004.png"
    assert len(members) == 35
    assert np.array_equal(np.array(Image.open(io.BytesIO(members[4].data))), pixels[4])


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("raw/train-images-idx3-ubyte.gz", True),
        ("t10k-labels.idx1-ubyte", True),
        ("emnist-letters-train-images-idx3-ubyte", False),
        ("train-images.png", False),
    ],
)
def test_names_of_idx_files_are_those_of_mnist(name: str, known: bool) -> None:
    assert idx.is_idx(name) is known


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (Limits(members=10), "more than 10 pictures"),
        (Limits(member_bytes=63), "a picture of an IDX file has more than 63 bytes"),
        (Limits(total_bytes=1000), "unpacks to more than 1000 bytes"),
        (Limits(expansion=1, unsuspicious_bytes=1000), "more than 1 times its size"),
    ],
)
def test_all_files_together_keep_to_the_limits_of_archives(limits: Limits, told: str) -> None:
    bomb = blank(8, 8) | blank(8, 8, split="t10k")
    assert len(list(idx.pictures(opened(bomb, gz=True), classes=()))) == 16
    with pytest.raises(BadArchive, match=told):
        next(idx.pictures(opened(bomb, gz=True), classes=(), limits=limits))


def test_a_head_that_claims_more_than_a_machine_holds_is_refused_before_anything_is_read() -> None:
    claim = b"\0\0\x08\x03" + np.array((1, 2**31, 2**31), ">u4").tobytes()
    told = {"train-images-idx3-ubyte": claim, "train-labels-idx1-ubyte": packed(np.zeros(1, np.uint8))}
    with pytest.raises(BadArchive, match="has more than"):
        next(idx.pictures(opened(told), classes=()))


def test_one_picture_is_unpacked_at_a_time() -> None:
    told = opened(blank(400, 200), gz=True)  # 16 MB
    tracemalloc.start()
    try:
        for _, member in zip(range(5), idx.pictures(told, classes=()), strict=False):
            assert member.data
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 8_000_000


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"train-images-idx3-ubyte": packed(np.zeros((3, 8, 8), np.uint8))}, "do not fit together"),
        ({"train-images-idx3-ubyte": packed(np.zeros((2, 0, 8), np.uint8))}, "have no pixels"),
        ({"train-images-idx3-ubyte": packed(np.zeros((2, 8, 8), np.uint8))[:-1]}, "cut short"),
        ({"train-images-idx3-ubyte": packed(np.zeros((2, 8, 8), np.uint8)) + b"x"}, "more values than it says"),
        ({"train-images-idx3-ubyte": b"\0\0\x0d\x03"}, "does not begin as one of bytes does"),
        ({"train-images-idx3-ubyte": gzip.compress(packed(np.zeros((2, 8, 8), np.uint8)))[:-4]}, "is damaged"),
        ({"train-labels-idx1-ubyte": packed(np.array([0, 7], np.uint8))}, "a label 7 and only 2 names"),
        ({"t10k-labels-idx1-ubyte": packed(np.zeros(2, np.uint8))}, "one is missing"),
    ],
)
def test_files_that_are_not_what_they_say_are_refused(changed: dict[str, bytes], told: str) -> None:
    with pytest.raises(BadArchive, match=told):
        list(idx.pictures(opened(blank(2, 8) | changed), classes=("a", "b")))
