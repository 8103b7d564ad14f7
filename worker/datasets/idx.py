"""IDX files, the format of MNIST: arrays of bytes with their shape in front. Read here into pictures with classes."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from app.contract.errors import BadArchive
from models import images
from worker.datasets.archives import LIMITS, Limits, Member, inflate

SPLITS = {"train": "train", "t10k": "test", "test": "test"}
LARGEST_BYTES = 2_000_000_000
"""Of one file, unpacked: it is read into memory whole."""


def is_idx(name: str) -> bool:
    """Whether a file is named as MNIST's files are, such as `train-images-idx3-ubyte.gz`."""
    base = name.rsplit("/", 1)[-1].removesuffix(".gz")
    return base.endswith(("-idx3-ubyte", "-idx1-ubyte", ".idx3-ubyte", ".idx1-ubyte"))


def pictures(files: Mapping[str, bytes], *, classes: Sequence[str], limits: Limits = LIMITS) -> Iterator[Member]:
    """The pictures of IDX files, as PNG in `split/class/number.png`.

    Args:
        files: name to bytes, gzip or not.
        classes: names of the labels 0, 1, 2 ...; the numbers themselves when there are none.
        limits: those of archives; each picture counts as a file.

    Raises:
        BadArchive: a file is damaged, has no counterpart, or has labels without a name; or there is too much of it.
    """
    arrays = {_plain(name): _array(data, limits) for name, data in files.items()}
    if sum(len(array) for array in arrays.values() if array.ndim == 3) > limits.members:
        raise BadArchive(reason=f"it holds more than {limits.members} pictures")
    for start, split in SPLITS.items():
        pixels, labels = arrays.get(f"{start}-images-idx3-ubyte"), arrays.get(f"{start}-labels-idx1-ubyte")
        if pixels is None and labels is None:
            continue
        if pixels is None or labels is None:
            raise BadArchive(reason=f"the {start} pictures and labels come as two IDX files, and one is missing")
        if pixels.ndim != 3 or labels.ndim != 1 or len(pixels) != len(labels):
            raise BadArchive(reason=f"the {start} pictures and labels do not fit together")
        if classes and len(labels) and int(labels.max()) >= len(classes):
            raise BadArchive(reason=f"there is a label {int(labels.max())} and only {len(classes)} names of classes")
        for number, (picture, label) in enumerate(zip(pixels, labels.tolist(), strict=True)):
            height, width = picture.shape
            data = images.encode(picture.tobytes(), width=width, height=height, channels=1, format="png")
            folder = classes[label].replace("/", "-") if classes else str(label)
            yield Member(f"{split}/{folder}/{number:06d}.png", data)


def _plain(name: str) -> str:
    """A file's name as MNIST has it, wherever it lies and however it is packed."""
    return name.rsplit("/", 1)[-1].removesuffix(".gz").replace(".", "-")


def _array(data: bytes, limits: Limits) -> NDArray[np.uint8]:
    """Two zero bytes, the type (8 is uint8), the number of axes, each length as a big-endian uint32, the values."""
    if data.startswith(b"\x1f\x8b"):
        unpacked = max(limits.unsuspicious_bytes, limits.expansion * len(data))
        data = inflate(data, limit=min(LARGEST_BYTES, unpacked))
    if len(data) > LARGEST_BYTES:
        raise BadArchive(reason=f"an IDX file has more than {LARGEST_BYTES} bytes")
    if data[:3] != b"\0\0\x08" or len(data) < 4 or data[3] not in (1, 3) or len(data) < 4 + 4 * data[3]:
        raise BadArchive(reason="an IDX file does not begin as one of bytes does")
    shape = [int(length) for length in np.frombuffer(data, ">u4", count=data[3], offset=4)]
    values = np.frombuffer(data, np.uint8, offset=4 + 4 * data[3])
    expected = 1
    for length in shape:
        expected *= length
    if len(values) != expected or (len(shape) == 3 and 0 in shape[1:]):
        raise BadArchive(reason="an IDX file has more or fewer values than it says")
    return values.reshape(shape)
