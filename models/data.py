"""Training pictures: from a folder, a zip or IDX files to one uint8 tensor in memory.

Held decoded and whole, pictures never starve a network: 12,500 colour faces at 64 pixels are 154 MB. Augmentation
happens later, on the device, a batch at a time. Pictures are decoded by `models.images`, exactly as the service
decodes a request.

What is read, and how it is split:

- IDX files (`train-images-idx3-ubyte`, `.gz` or not, and their labels) in one folder, as MNIST and Fashion-MNIST
  come;
- a folder or a zip of pictures, flat or with one folder per class. `train/` and `test/` at the top give the split;
  else a CSV with the zip's stem beside it and the columns `name,split`; else a tenth is held out, chosen by the hash of
  each file's bytes, so that a picture keeps its side however its neighbours change and copies never straddle the split.
"""

import csv
import hashlib
import os
import zipfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models import idx, images

Split = Literal["train", "test"]

HELD_OUT = 0.1  # of the pictures, where the data does not say
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif", ".tif", ".tiff"})


@dataclass(frozen=True, eq=False)
class Pictures:
    """One split of a data set in memory."""

    images: Tensor  # uint8 [N, C, H, W]
    labels: Tensor | None  # int64 [N], None where the pictures have no classes
    classes: tuple[str, ...]
    names: tuple[str, ...]  # the pictures' names within the source
    digest: str  # SHA-256 of the whole source's content, both splits

    def __len__(self) -> int:
        return len(self.images)

    def spread(self, count: int) -> Tensor:
        """Indices, int64 [count at most], in even distances: pictures lie in the order of their classes or sources, and
        the first ones stand for one of them."""
        count = min(count, len(self))
        return torch.arange(count) * len(self) // max(count, 1)

    def part(self, indices: Tensor) -> "Pictures":
        """The pictures at `indices` (int64 [M]), in that order."""
        return Pictures(
            images=self.images[indices],
            labels=None if self.labels is None else self.labels[indices],
            classes=self.classes,
            names=tuple(self.names[index] for index in indices.tolist()),
            digest=self.digest,
        )


@dataclass(frozen=True)
class _File:
    name: str  # relative, with forward slashes
    read: Callable[[], bytes]


def load(path: Path | str, *, split: Split, size: int, channels: Literal[1, 3], cache: Path | None = None) -> Pictures:
    """Read one split of the data at `path` as squares of `size` pixels.

    With `cache` a folder, decoded pixels are kept there as `.npy` under the source's digest and found again; nothing
    is written elsewhere. Raises `FileNotFoundError`, `ValueError` where the layout makes no sense or the split is
    empty, and what `models.images.decode` raises, with the picture's name added.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no data at {path.name}.")
    if path.is_dir() and idx.is_folder(path):
        read = idx.read(path, split=split)
        return Pictures(
            images=idx.resized(read.pixels, size=size, channels=channels),
            labels=torch.from_numpy(read.labels.astype(np.int64)),
            classes=read.classes,
            names=tuple(f"{split}/{index:05d}" for index in range(len(read.pixels))),
            digest=read.digest,
        )
    if path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path) as archive:
            return _load_files(
                _zip_files(archive),
                path=path,
                digest=_zip_digest(path),
                split=split,
                size=size,
                channels=channels,
                cache=cache,
            )
    if path.is_dir():
        files = _folder_files(path)
        digest = _folder_digest(files)
        return _load_files(files, path=path, digest=digest, split=split, size=size, channels=channels, cache=cache)
    raise ValueError(f"{path.name} is neither a folder, a zip nor a folder of IDX files.")


def holdout(pictures: Pictures, *, fraction: float, seed: int) -> tuple[Pictures, Pictures]:
    """Split off a validation part: (the rest, the part), the part drawn at random but the same for the same seed."""
    order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(seed))
    count = round(len(pictures) * fraction)
    return pictures.part(order[count:].sort().values), pictures.part(order[:count].sort().values)


def _load_files(
    files: Sequence[_File],
    *,
    path: Path,
    digest: str,
    split: Split,
    size: int,
    channels: Literal[1, 3],
    cache: Path | None,
) -> Pictures:
    parts = _split(files, path=path)
    chosen = parts[split]
    if not chosen:
        raise ValueError(f"{path.name} has no pictures for the {split} split.")
    classes = _classes(parts["train"], parts["test"])
    index = {name: position for position, name in enumerate(classes)}
    stored = cache / f"{digest[:32]}-{split}-{size}x{size}x{channels}.npy" if cache else None
    if stored and stored.exists():
        pixels = np.load(stored, allow_pickle=False)
    else:
        pixels = _decode(list(chosen.values()), size=size, channels=channels)
        if stored:
            _keep(stored, pixels)
    return Pictures(
        images=torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(),
        labels=torch.tensor([index[name.partition("/")[0]] for name in chosen]) if classes else None,
        classes=classes,
        names=tuple(file.name for file in chosen.values()),
        digest=digest,
    )


def _keep(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write a file that another process finds whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with open(partial, "wb") as file:
        np.save(file, pixels, allow_pickle=False)
    os.replace(partial, path)


def _decode(files: Sequence[_File], *, size: int, channels: Literal[1, 3]) -> NDArray[np.uint8]:
    pixels = np.empty((len(files), size, size, channels), np.uint8)

    def one(position: int) -> None:
        file = files[position]
        try:
            raw = images.decode(file.read(), size=size, channels=channels)
        except (images.NotAPicture, images.Undecodable, images.TooManyPixels) as error:
            raise type(error)(f"{file.name}: {error}") from error
        pixels[position] = np.frombuffer(raw, np.uint8).reshape(size, size, channels)

    with ThreadPoolExecutor() as pool:  # Pillow lets go of the interpreter lock while it decodes
        for _ in pool.map(one, range(len(files)), chunksize=64):
            pass
    return pixels


def _split(files: Sequence[_File], *, path: Path) -> dict[Split, dict[str, _File]]:
    """Each split's files by their names without the folder that names the split."""
    parts: dict[Split, dict[str, _File]] = {"train": {}, "test": {}}
    if files and all(file.name.startswith(("train/", "test/")) for file in files):
        for file in files:
            side, _, inside = file.name.partition("/")
            parts["train" if side == "train" else "test"][inside] = file
        return parts
    table = _table(path)
    if path.is_file() and table.exists():
        with open(table, newline="", encoding="utf-8") as text:
            rows = csv.DictReader(text)
            if not {"name", "split"}.issubset(rows.fieldnames or []):
                raise ValueError(f"{table.name} beside {path.name} has no columns name and split.")
            sides = {row["name"]: row["split"] for row in rows}
        for split in parts:
            parts[split] = {file.name: file for file in files if sides.get(file.name) == split}
    else:
        for file in files:
            parts["test" if _held_out(file.read()) else "train"][file.name] = file
    return parts


def _held_out(content: bytes) -> bool:
    return int.from_bytes(hashlib.sha256(content).digest()[:4]) < HELD_OUT * 2**32


def _classes(training: Iterable[str], test: Iterable[str]) -> tuple[str, ...]:
    """The class folders of the training part; none where all pictures lie flat."""
    folders = {
        split: {name.partition("/")[0] if "/" in name else None for name in names}
        for split, names in (("train", training), ("test", test))
    }
    everywhere = folders["train"] | folders["test"]
    if everywhere <= {None}:
        return ()
    if None in everywhere:
        raise ValueError("Some pictures lie in a class folder and some do not; put all or none into class folders.")
    if strangers := folders["test"] - folders["train"]:
        named = ", ".join(sorted(str(name) for name in strangers))
        raise ValueError(f"The test part has classes that the training part lacks: {named}.")
    return tuple(sorted(str(name) for name in folders["train"]))


def _zip_files(archive: zipfile.ZipFile) -> list[_File]:
    names = sorted(info.filename for info in archive.infolist() if not info.is_dir() and _is_picture(info.filename))
    return [_File(name=name, read=lambda name=name: archive.read(name)) for name in names]  # type: ignore[misc]


def _zip_digest(path: Path) -> str:
    """Of the archive, and of the table beside it if there is one, which says what belongs to which split."""
    with open(path, "rb") as file:
        total = hashlib.file_digest(file, "sha256")
    table = _table(path)
    if table.exists():
        total.update(table.read_bytes())
    return total.hexdigest()


def _table(path: Path) -> Path:
    return path.with_suffix(".csv")


def _folder_files(folder: Path) -> list[_File]:
    found = sorted(entry for entry in folder.rglob("*") if entry.is_file() and _is_picture(entry.name))
    return [_File(name=entry.relative_to(folder).as_posix(), read=entry.read_bytes) for entry in found]


def _folder_digest(files: Sequence[_File]) -> str:
    total = hashlib.sha256()
    for file in files:
        total.update(f"{file.name}\0{hashlib.sha256(file.read()).hexdigest()}\n".encode())
    return total.hexdigest()


def _is_picture(name: str) -> bool:
    path = PurePosixPath(name)
    # Names that start with a dot or `__MACOSX` are leftovers of file managers.
    return path.suffix.lower() in SUFFIXES and not any(part.startswith((".", "__MACOSX")) for part in path.parts)
