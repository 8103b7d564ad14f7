"""Looks uploaded pictures through: keeps the good ones, and says what became of the others.

The good pictures go into a zip of their own, as they were, with `train/` and `test/` on top. Where the upload does not
say which side a picture is on, a tenth of each class is held out, chosen by the hash of the file's bytes: the same
pictures always divide in the same way, and copies never straddle the border.
"""

import hashlib
import statistics
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from app.contract.errors import BadDataset
from models import images
from worker.datasets import contact_sheet, layout, near
from worker.datasets.archives import Member

LEAST_SIDE = 8  # pixels: nothing can be learnt from less
HELD_OUT = 0.1
SHOWN_FAULTS = 100
FEW = 10  # a class with fewer pictures is worth a warning

_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif", ".tif", ".tiff"})
_EPOCH = (1980, 1, 1, 0, 0, 0)  # every member's time, so that equal pictures make an equal file


@dataclass(frozen=True)
class Inspected:
    """What a data set holds."""

    digest: str
    images: int
    classes: dict[str, int]
    report: dict[str, Any]
    sheet: bytes


@dataclass
class _Picture:
    name: str
    upload: int
    sha256: str
    view: bytes
    grey: bool
    size: tuple[int, int]
    stored: str
    side: str = ""
    label: str = ""


@dataclass
class _Faults:
    unreadable: list[dict[str, str]] = field(default_factory=list)
    unreadable_count: int = 0
    duplicates: int = 0
    too_small: int = 0

    def add(self, name: str, reason: str) -> None:
        self.unreadable_count += 1
        if len(self.unreadable) < SHOWN_FAULTS:
            self.unreadable.append({"name": name[:200], "reason": reason})


def inspect(members: Iterable[Member], *, target: Path, scratch: Path, seen: Callable[[int], None]) -> Inspected:
    """Read `members`, write the good pictures to `target`, a zip, and describe them.

    Args:
        scratch: a file that is written and read again on the way.
        seen: called with the number of files looked at, after each.

    Raises:
        BadDataset: no picture is left, or the folders make no sense.
        BadArchive: from `members`.
    """
    faults = _Faults()
    with zipfile.ZipFile(scratch, "w", zipfile.ZIP_STORED) as kept:
        pictures = list(_good(members, kept, faults, seen))
    if not pictures:
        why = f": {faults.unreadable[0]['name']} is {faults.unreadable[0]['reason']}" if faults.unreadable else ""
        raise BadDataset(reason=f"there is no picture in it that can be used{why}")
    places = layout.places([each.name for each in pictures], [each.upload for each in pictures])
    for picture, (side, label) in zip(pictures, places, strict=True):
        picture.side, picture.label = side, label
    given = bool(pictures[0].side)
    if not given:
        _divide(pictures)
    if not any(picture.side == "train" for picture in pictures):
        raise BadDataset(reason="every picture is in the test folder, and none is left to train on")
    _pack(pictures, scratch, target)
    classes = Counter(picture.label for picture in pictures if picture.label)
    return Inspected(
        digest=_digest(pictures),
        images=len(pictures),
        classes=dict(sorted(classes.items())),
        report=_report(pictures, faults, given=given),
        sheet=_sheet(pictures, scratch),
    )


def _good(
    members: Iterable[Member], kept: zipfile.ZipFile, faults: _Faults, seen: Callable[[int], None]
) -> Iterator[_Picture]:
    hashes: set[bytes] = set()
    for number, member in enumerate(members):
        seen(number + 1)
        if member.fault:
            faults.add(member.name, member.fault)
            continue
        try:
            size = images.dimensions(member.data)
            if min(size) < LEAST_SIDE:
                faults.too_small += 1
                continue
            view = images.decode(member.data, size=near.VIEW_SIDE, channels=3)
        except images.NotAPicture:
            faults.add(member.name, "not a picture of a known format")
            continue
        except (images.Undecodable, images.TooManyPixels) as error:
            faults.add(member.name, str(error).rstrip("."))
            continue
        sha = hashlib.sha256(member.data)
        if sha.digest() in hashes:
            faults.duplicates += 1
            continue
        hashes.add(sha.digest())
        stored = f"{number:07d}"
        kept.writestr(zipfile.ZipInfo(stored, _EPOCH), member.data)
        colours = np.frombuffer(view, np.uint8).reshape(-1, 3).astype(int)
        yield _Picture(
            name=member.name,
            upload=member.upload,
            sha256=sha.hexdigest(),
            view=colours.mean(1).astype(np.uint8).tobytes(),
            grey=bool((np.ptp(colours, axis=1) <= 2).all()),
            size=size,
            stored=stored,
        )


def _divide(pictures: list[_Picture]) -> None:
    """Hold a tenth of each class out, at least one picture where there are five."""
    by_class: dict[str, list[_Picture]] = {}
    for picture in pictures:
        picture.side = "train"
        by_class.setdefault(picture.label, []).append(picture)
    for members in by_class.values():
        count = max(round(len(members) * HELD_OUT), 1 if len(members) >= 5 else 0)
        for picture in sorted(members, key=lambda each: each.sha256)[:count]:
            picture.side = "test"


def _pack(pictures: list[_Picture], scratch: Path, target: Path) -> None:
    with zipfile.ZipFile(scratch) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as packed:
        for picture in sorted(pictures, key=_where):
            packed.writestr(zipfile.ZipInfo(_where(picture), _EPOCH), source.read(picture.stored))


def _where(picture: _Picture) -> str:
    """Name within the packed zip: side, class, and a name that is unique and keeps what people called it."""
    base = PurePosixPath(picture.name).name
    if PurePosixPath(base).suffix.lower() not in _SUFFIXES:
        base += ".png"  # what it is called decides that it is read; what it is, is found in its bytes
    folder = f"{picture.side}/{picture.label}/" if picture.label else f"{picture.side}/"
    return f"{folder}{picture.sha256[:12]}-{base}"


def _digest(pictures: list[_Picture]) -> str:
    lines = sorted(f"{picture.side}\0{picture.label}\0{picture.sha256}\n" for picture in pictures)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _report(pictures: list[_Picture], faults: _Faults, *, given: bool) -> dict[str, Any]:
    views = {
        side: np.frombuffer(b"".join(each.view for each in pictures if each.side == side), np.uint8).reshape(
            -1, near.VIEW_SIDE**2
        )
        for side in ("train", "test")
    }
    leakage = int(near.leaked(views["train"], views["test"]).sum()) if len(views["test"]) else 0
    widths, heights = [each.size[0] for each in pictures], [each.size[1] for each in pictures]
    trained = Counter(each.label for each in pictures if each.side == "train" and each.label)
    tested = Counter(each.label for each in pictures if each.side == "test" and each.label)
    warnings = [
        f"Pictures of the class {label!r} to train on: only {count}."
        for label, count in sorted(trained.items())
        if count < FEW
    ]
    warnings += [
        f"The class {label!r} has pictures to test and none to train on."
        for label in sorted(set(tested) - set(trained))
    ]
    if leakage:
        warnings.append(
            f"{leakage} test pictures nearly equal a training picture, so that a test flatters the network."
        )
    return {
        "unreadable": faults.unreadable,
        "unreadable_count": faults.unreadable_count,
        "duplicates": faults.duplicates,
        "too_small": faults.too_small,
        "leakage": leakage,
        "sizes": {
            "smallest": [min(widths), min(heights)],
            "median": [int(statistics.median(widths)), int(statistics.median(heights))],
            "largest": [max(widths), max(heights)],
        },
        "grey": all(each.grey for each in pictures),
        "train": len(views["train"]),
        "test": len(views["test"]),
        "train_classes": dict(sorted(trained.items())),
        "split": "given" if given else "held out by content",
        "warnings": warnings,
    }


def _sheet(pictures: list[_Picture], scratch: Path) -> bytes:
    shown: dict[str, list[_Picture]] = {}
    for picture in pictures:
        shown.setdefault(picture.label, []).append(picture)
    most = contact_sheet.COLUMNS * (contact_sheet.ROWS if len(shown) == 1 else 1)
    with zipfile.ZipFile(scratch) as source:
        return contact_sheet.sheet(
            {
                label: [
                    images.decode(source.read(each.stored), size=contact_sheet.TILE, channels=3)
                    for each in shown[label][:: max(1, len(shown[label]) // most)][:most]
                ]
                for label in sorted(shown)[: contact_sheet.ROWS]
            }
        )
