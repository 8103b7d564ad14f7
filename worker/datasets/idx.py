"""IDX files, the format of MNIST: arrays of bytes with their shape in front. Read here into pictures with classes.

No file is ever in memory as a whole: what it claims to hold is checked first, and then one picture is read at a time.
"""

import gzip
import math
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, cast

from app.contract.errors import BadArchive
from models import images
from worker.datasets.archives import LIMITS, Limits, Member, check_total

SPLITS = {"train": "train", "t10k": "test", "test": "test"}

_PICTURES, _LABELS = "images-idx3-ubyte", "labels-idx1-ubyte"
_NAMES = frozenset(f"{start}-{what}" for start in SPLITS for what in (_PICTURES, _LABELS))


def is_idx(name: str) -> bool:
    """Whether a file is named as MNIST's files are, such as `train-images-idx3-ubyte.gz`."""
    return plain(name) in _NAMES


def plain(name: str) -> str:
    """A file's name as MNIST has it, wherever it lies and however it is packed."""
    return name.rsplit("/", 1)[-1].removesuffix(".gz").replace(".", "-")


def pictures(files: Mapping[str, IO[bytes]], *, classes: Sequence[str], limits: Limits = LIMITS) -> Iterator[Member]:
    """The pictures of IDX files, as PNG in `split/class/number.png`.

    Args:
        files: name to an open file, gzip or not, which is read from its start.
        classes: names of the labels 0, 1, 2 ...; the numbers themselves when there are none.
        limits: those of archives, for all files together; each picture counts as a file.

    Raises:
        BadArchive: a file is damaged, has no counterpart, or has labels without a name; or there is too much of it.
            Pictures before the fault may have been yielded.
    """
    arrays = {plain(name): _opened(file) for name, file in files.items()}
    pairs = {
        split: _pair(start, arrays) for start, split in SPLITS.items() if any(name in arrays for name in _of(start))
    }
    if sum(pixels.shape[0] for pixels, _ in pairs.values()) > limits.members:
        raise BadArchive(reason=f"it holds more than {limits.members} pictures")
    for pixels, _ in pairs.values():
        if math.prod(pixels.shape[1:]) > limits.member_bytes:
            raise BadArchive(reason=f"a picture of an IDX file has more than {limits.member_bytes} bytes")
    packed_bytes = sum(array.packed_bytes for array in arrays.values())
    check_total(sum(math.prod(array.shape) for array in arrays.values()), packed_bytes=packed_bytes, limits=limits)
    for split, (pixels, labels) in pairs.items():
        yield from _members(split, pixels, labels, classes=classes)


@dataclass(frozen=True)
class _Array:
    """A file whose head was read: its shape, and what follows, unpacked."""

    shape: tuple[int, ...]
    values: IO[bytes]
    packed_bytes: int


def _of(start: str) -> tuple[str, str]:
    return f"{start}-{_PICTURES}", f"{start}-{_LABELS}"


def _pair(start: str, arrays: Mapping[str, _Array]) -> tuple[_Array, _Array]:
    """Pictures [N, H, W] and labels [N]."""
    pixels, labels = (arrays.get(name) for name in _of(start))
    if pixels is None or labels is None:
        raise BadArchive(reason=f"the {start} pictures and labels come as two IDX files, and one is missing")
    if len(pixels.shape) != 3 or len(labels.shape) != 1 or pixels.shape[0] != labels.shape[0]:
        raise BadArchive(reason=f"the {start} pictures and labels do not fit together")
    if 0 in pixels.shape[1:]:
        raise BadArchive(reason=f"the {start} pictures have no pixels")
    return pixels, labels


def _opened(file: IO[bytes]) -> _Array:
    """Two zero bytes, the type (8 is uint8), the number of axes, each length as a big-endian uint32, the values."""
    packed_bytes = file.seek(0, 2)
    file.seek(0)
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    values = cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if packed else file
    start = _read(values, 4)
    if start[:3] != b"\0\0\x08" or start[3] not in (1, 3):
        raise BadArchive(reason="an IDX file does not begin as one of bytes does")
    shape = struct.unpack(f">{start[3]}I", _read(values, 4 * start[3]))
    return _Array(shape=shape, values=values, packed_bytes=packed_bytes)


def _members(split: str, pixels: _Array, labels: _Array, *, classes: Sequence[str]) -> Iterator[Member]:
    count, height, width = pixels.shape
    named = _read(labels.values, count)
    _end(labels.values)
    if classes and max(named, default=0) >= len(classes):
        raise BadArchive(reason=f"there is a label {max(named)} and only {len(classes)} names of classes")
    for number, label in enumerate(named):
        picture = _read(pixels.values, height * width)
        data = images.encode(picture, width=width, height=height, channels=1, format="png")
        folder = classes[label].replace("/", "-") if classes else str(label)
        yield Member(f"{split}/{folder}/{number:06d}.png", data)
    _end(pixels.values)


def _read(file: IO[bytes], count: int) -> bytes:
    """The next `count` bytes. Raises `BadArchive` where there are fewer."""
    data = _up_to(file, count)
    if len(data) < count:
        raise BadArchive(reason="an IDX file is cut short")
    return data


def _end(file: IO[bytes]) -> None:
    """Raise `BadArchive` unless all was read; a packed file proves then that it is whole."""
    if _up_to(file, 1):
        raise BadArchive(reason="an IDX file has more values than it says")


def _up_to(file: IO[bytes], count: int) -> bytes:
    try:
        return file.read(count)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BadArchive(reason="a compressed file inside is damaged") from error
