"""IDX files, in which MNIST and its likes come: arrays of bytes with their shape in front, packed by gzip or not."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models import images

DIGITS = tuple("0123456789")
FASHION = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
# Fashion-MNIST and MNIST share their layout and differ in their content alone; this is the hash of the
# labels inside Fashion-MNIST's `t10k-labels-idx1-ubyte.gz`.
_FASHION_LABELS = "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"


@dataclass(frozen=True, eq=False)
class Idx:
    """One split of a folder of IDX files."""

    pixels: NDArray[np.uint8]  # [N, H, W]
    labels: NDArray[np.uint8]  # [N]
    classes: tuple[str, ...]
    digest: str  # SHA-256 over the content of all four files


def is_folder(folder: Path) -> bool:
    """Whether the folder holds files named as MNIST's are."""
    return _file(folder, "train-images-idx3-ubyte") is not None


def read(folder: Path, *, split: Literal["train", "test"]) -> Idx:
    """One split. Raises `FileNotFoundError` for a missing file and `ValueError` for one that is not what it says."""
    total = hashlib.sha256()
    parts = {}
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        file = _file(folder, f"{name}-ubyte")
        if file is None:
            raise FileNotFoundError(f"{folder.name} has no {name}-ubyte file.")
        content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        total.update(hashlib.sha256(content).digest())
        parts[name] = content
    start = "train" if split == "train" else "t10k"
    pixels, labels = _array(parts[f"{start}-images-idx3"]), _array(parts[f"{start}-labels-idx1"])
    if len(pixels) != len(labels):
        raise ValueError(f"{folder.name} has {len(pixels)} pictures but {len(labels)} labels.")
    fashion = hashlib.sha256(parts["t10k-labels-idx1"]).hexdigest() == _FASHION_LABELS
    classes = FASHION if fashion else DIGITS
    if labels.max() >= len(classes):
        raise ValueError(f"{folder.name} has a label {labels.max()}; IDX labels 0 to 9 are known.")
    return Idx(pixels=pixels, labels=labels, classes=classes, digest=total.hexdigest())


def resized(pixels: NDArray[np.uint8], *, size: int, channels: Literal[1, 3]) -> Tensor:
    """uint8 [N, H, W] to uint8 [N, channels, size, size], as a PNG of each would be decoded."""
    height, width = pixels.shape[1:]
    if (height, width) != (size, size):
        as_png = (images.encode(one.tobytes(), width=width, height=height, channels=1, format="png") for one in pixels)
        squares = b"".join(images.decode(png, size=size, channels=1) for png in as_png)
        pixels = np.frombuffer(squares, np.uint8).reshape(len(pixels), size, size).copy()
    return torch.from_numpy(pixels)[:, None].expand(-1, channels, -1, -1).contiguous()


def _file(folder: Path, name: str) -> Path | None:
    return next((file for file in (folder / name, folder / f"{name}.gz") if file.is_file()), None)


def _array(content: bytes) -> NDArray[np.uint8]:
    """Two zero bytes, the type (8 is uint8), the number of axes, each axis' big-endian int32 length, the data."""
    if len(content) < 4 or content[:3] != b"\0\0\x08":
        raise ValueError("This is not an IDX file of bytes.")
    axes = content[3]
    shape = np.frombuffer(content, ">u4", count=axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape([int(length) for length in shape]).copy()
