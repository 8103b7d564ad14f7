"""Reads what strangers pack: zip and tar files are taken for hostile until every rule below was kept.

Nothing is ever unpacked to disk. Members are handed out one at a time, as bytes, in their order, none before its name
and size are known to be in order. Refused are absolute names and `..`, links and devices, encrypted members,
archives within archives, members that share bytes, and archives that unpack to far more than they hold.
"""

import bz2
import gzip
import itertools
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, cast

from app.contract.errors import BadArchive
from worker.datasets.tar_sips import TarSips


@dataclass(frozen=True)
class Limits:
    """What one archive may hold."""

    members: int = 250_000
    member_bytes: int = 50_000_000
    total_bytes: int = 8_000_000_000
    expansion: int = 100
    """Unpacked bytes per byte of the archive. Pictures are packed already: even blank ones stay far below."""
    unsuspicious_bytes: int = 100_000_000
    """Below this many unpacked bytes nobody asks for the expansion."""


@dataclass(frozen=True)
class Member:
    """One file of an archive: its bytes, or why they cannot be read. `upload` counts the archives of one data set."""

    name: str
    data: bytes
    fault: str = ""
    upload: int = 0


LIMITS = Limits()

_NESTED = (
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\x00",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!",
    b"\x28\xb5\x2f\xfd",
)
_PACKED_IDX = "-ubyte.gz"
_JUNK = frozenset({"thumbs.db", "desktop.ini"})
# What the standard library raises on damaged archives, found by damaging archives.
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    struct.error,
    KeyError,
    IndexError,
    NotImplementedError,  # a version or a way of packing that zipfile does not know
    RecursionError,  # `tarfile` goes one call deeper for each header that speaks of the next one
)


def members(path: Path, limits: Limits = LIMITS, *, check: Callable[[], None] = lambda: None) -> Iterator[Member]:
    """The files of the archive at `path`, without directories and the leftovers of file managers.

    Args:
        check: called at each member, those too that are not yielded. What it raises ends the reading.

    Raises:
        BadArchive: it breaks a rule, or is no zip or tar file at all. Members before the fault may have been yielded.
    """
    with open(path, "rb") as file:
        start = file.read(8)
    try:
        if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            yield from _zip(path, limits, check)
        else:
            yield from _tar(path, start, limits, check)
    except _DAMAGE as error:
        raise BadArchive(reason="it is damaged, or is neither a zip nor a tar file") from error


def check_total(total: int, *, packed_bytes: int, limits: Limits) -> None:
    """Raise `BadArchive` when `packed_bytes` become more than they may."""
    if total > limits.total_bytes:
        raise BadArchive(reason=f"it unpacks to more than {limits.total_bytes} bytes")
    if total > limits.unsuspicious_bytes and total > limits.expansion * packed_bytes:
        raise BadArchive(reason=f"it unpacks to more than {limits.expansion} times its size, as bombs do")


def _zip(path: Path, limits: Limits, check: Callable[[], None]) -> Iterator[Member]:
    _check_directory(path, limits)
    with zipfile.ZipFile(path) as archive:
        _check_count(len(archive.infolist()), limits)
        infos = [info for info in archive.infolist() if not info.is_dir()]
        _check_names([info.filename for info in infos])
        total = sum(info.file_size for info in infos)
        check_total(total, packed_bytes=path.stat().st_size, limits=limits)
        _check_overlap(infos)
        for info in infos:
            mode = info.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                raise BadArchive(reason=f"{_shown(info.filename)} is a link or a device")
            if info.flag_bits & 0x1:
                raise BadArchive(reason="it is encrypted")
            _check_member(info.filename, info.file_size, limits)
        for info in infos:
            check()
            if not _is_junk(info.filename):
                yield _read_zipped(archive, info)


def _read_zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    try:
        data = archive.read(info)  # never more than `file_size` bytes, whatever was packed
    except NotImplementedError as error:
        raise BadArchive(reason=f"{_shown(info.filename)} is packed in a way that is not read here") from error
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError) as error:
        return Member(info.filename, b"", f"damaged in the archive ({type(error).__name__})")
    return _member(info.filename, data)


def _tar(path: Path, start: bytes, limits: Limits, check: Callable[[], None]) -> Iterator[Member]:
    with _unpacked(path, start) as raw:
        check_size = partial(check_total, packed_bytes=path.stat().st_size, limits=limits)
        sips = TarSips(raw, check_total=check_size)
        with tarfile.open(fileobj=cast("IO[bytes]", sips), mode="r:") as archive:
            seen: set[str] = set()
            for count, info in enumerate(archive, start=1):
                check()
                # What was passed is not needed again, nor what a header said of all that follow: both would pile up.
                archive.members, archive.pax_headers = [], {}  # type: ignore[attr-defined]
                _check_count(count, limits)
                if info.isdir():
                    sips.data(0)
                    continue
                if not info.isreg() or info.issparse():
                    raise BadArchive(reason=f"{_shown(info.name)} is a link or a device")
                if info.name in seen:
                    raise BadArchive(reason=f"{_shown(info.name)} is in it twice")
                seen.add(info.name)
                _check_names([info.name])
                _check_member(info.name, info.size, limits)
                data = sips.data(info.size)
                if not _is_junk(info.name):
                    yield _member(info.name, data)


def _unpacked(path: Path, start: bytes) -> IO[bytes]:
    match start:
        case _ if start.startswith(b"\x1f\x8b"):
            return cast("IO[bytes]", gzip.open(path))
        case _ if start.startswith(b"BZh"):
            return cast("IO[bytes]", bz2.open(path))
        case _ if start.startswith(b"\xfd7zXZ\x00"):
            return cast("IO[bytes]", lzma.open(path))
        case _:
            return open(path, "rb")


def _member(name: str, data: bytes) -> Member:
    packed_idx = name.endswith(_PACKED_IDX) and data.startswith(b"\x1f\x8b")
    if (data.startswith(_NESTED) or data[257:262] == b"ustar") and not packed_idx:
        raise BadArchive(reason=f"{_shown(name)} is an archive within the archive; pack the pictures alone")
    return Member(name, data)


def _check_directory(path: Path, limits: Limits) -> None:
    """Look at the size of a zip's directory before `zipfile` reads it whole: an entry takes 46 bytes and its name.

    Behind a locator, the larger end record counts, whatever the small one says. Some versions of `zipfile` look for it
    right before the locator and others first where the locator points, so that must be the same place.
    """
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        start = file.seek(max(0, size - 65_558 - 76))  # the end record, its comment, the larger record and its locator
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise BadArchive(reason="it is cut short")
    entries, directory = struct.unpack_from("<HI", tail, at + 10)
    locator, record = at - 20, at - 76
    if locator >= 0 and tail.startswith(b"PK\x06\x07", locator):
        pointed = struct.unpack_from("<Q", tail, locator + 8)[0]
        if record < 0 or pointed != start + record or not tail.startswith(b"PK\x06\x06", record):
            raise BadArchive(reason="its directory is not where it says")
        entries, directory = struct.unpack_from("<QQ", tail, record + 32)
    if directory > limits.members * 512:
        raise BadArchive(reason=f"it holds more than {limits.members} files")
    _check_count(entries, limits)


def _check_count(count: int, limits: Limits) -> None:
    """Directories count, too: without bytes of their own, they would meet no other limit."""
    if count > limits.members:
        raise BadArchive(reason=f"it holds more than {limits.members} files")


def _check_names(names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise BadArchive(reason=f"{_shown(name)} is in it twice")
        seen.add(name)
        path, windows = PurePosixPath(name), PureWindowsPath(name)
        if path.is_absolute() or windows.is_absolute() or windows.drive or "\\" in name:
            raise BadArchive(reason=f"{_shown(name)} is an absolute name, or one of another system")
        if ".." in path.parts or "\0" in name or len(name) > 512 or not path.parts:
            raise BadArchive(reason=f"{_shown(name)} is no name for a file")
        if any("\ud800" <= letter <= "\udfff" for letter in name):  # so `tarfile` keeps bytes that it cannot read
            raise BadArchive(reason=f"{_shown(name)} is not written in UTF-8")


def _check_member(name: str, size: int, limits: Limits) -> None:
    if size > limits.member_bytes:
        raise BadArchive(reason=f"{_shown(name)} has more than {limits.member_bytes} bytes")


def _check_overlap(infos: list[zipfile.ZipInfo]) -> None:
    """Members that share bytes make an archive that grows without end: each must end before the next begins."""
    ordered = sorted(infos, key=lambda info: info.header_offset)
    for one, following in itertools.pairwise(ordered):
        if one.header_offset + 30 + one.compress_size > following.header_offset:
            raise BadArchive(reason=f"{_shown(one.filename)} and {_shown(following.filename)} share bytes, as in bombs")


def _is_junk(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return any(part.startswith((".", "__MACOSX")) for part in parts) or parts[-1].lower() in _JUNK


def _shown(name: str) -> str:
    """The name as it may stand in a message."""
    return repr(name if len(name) <= 80 else f"{name[:77]}...")
