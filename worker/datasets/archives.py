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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any, cast

from app.contract.errors import BadArchive


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
)


def members(path: Path, limits: Limits = LIMITS) -> Iterator[Member]:
    """The files of the archive at `path`, without directories and the leftovers of file managers.

    Raises:
        BadArchive: it breaks a rule, or is no zip or tar file at all. Members before the fault may have been yielded.
    """
    with open(path, "rb") as file:
        start = file.read(8)
    try:
        if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            yield from _zip(path, limits)
        else:
            yield from _tar(path, start, limits)
    except _DAMAGE as error:
        raise BadArchive(reason="it is damaged, or is neither a zip nor a tar file") from error


def check_total(total: int, *, packed_bytes: int, limits: Limits) -> None:
    """Raise `BadArchive` when `packed_bytes` become more than they may."""
    if total > limits.total_bytes:
        raise BadArchive(reason=f"it unpacks to more than {limits.total_bytes} bytes")
    if total > limits.unsuspicious_bytes and total > limits.expansion * packed_bytes:
        raise BadArchive(reason=f"it unpacks to more than {limits.expansion} times its size, as bombs do")


def _zip(path: Path, limits: Limits) -> Iterator[Member]:
    _check_directory(path, limits)
    with zipfile.ZipFile(path) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        _check_names([info.filename for info in infos], limits)
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


def _tar(path: Path, start: bytes, limits: Limits) -> Iterator[Member]:
    # A header of a tar file may itself claim gigabytes, which `tarfile` would read in one go.
    with (
        _unpacked(path, start) as raw,
        tarfile.open(fileobj=cast("IO[bytes]", _Sips(raw, limits.member_bytes)), mode="r:") as archive,
    ):
        seen: set[str] = set()
        total, packed_bytes = 0, path.stat().st_size
        for info in archive:
            archive.members = []  # type: ignore[attr-defined]  # what was passed is not needed again
            if info.isdir():
                continue
            if not info.isreg() or info.issparse():
                raise BadArchive(reason=f"{_shown(info.name)} is a link or a device")
            if info.name in seen:
                raise BadArchive(reason=f"{_shown(info.name)} is in it twice")
            seen.add(info.name)
            _check_names([info.name], limits)
            _check_member(info.name, info.size, limits)
            total += info.size
            if len(seen) > limits.members:
                raise BadArchive(reason=f"it holds more than {limits.members} files")
            check_total(total, packed_bytes=packed_bytes, limits=limits)
            source = archive.extractfile(info)
            assert source is not None
            data = source.read()
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


class _Sips:
    """A file that refuses to be read in gulps of more than `most` bytes."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file, self._most = file, most

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self._most:
            raise BadArchive(reason="one of its headers is far too large")
        return self._file.read(size)

    def seek(self, position: int, whence: int = 0) -> int:
        return self._file.seek(position, whence)

    def tell(self) -> int:
        return self._file.tell()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _member(name: str, data: bytes) -> Member:
    packed_idx = name.endswith(_PACKED_IDX) and data.startswith(b"\x1f\x8b")
    if (data.startswith(_NESTED) or data[257:262] == b"ustar") and not packed_idx:
        raise BadArchive(reason=f"{_shown(name)} is an archive within the archive; pack the pictures alone")
    return Member(name, data)


def _check_directory(path: Path, limits: Limits) -> None:
    """Look at the size of a zip's directory before `zipfile` reads it whole: an entry takes 46 bytes and its name."""
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 65_557 - 20))  # the end record, its comment, and the locator of the larger end record
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise BadArchive(reason="it is cut short")
    directory, entries = struct.unpack_from("<I", tail, at + 12)[0], struct.unpack_from("<H", tail, at + 10)[0]
    if entries == 0xFFFF or directory == 0xFFFFFFFF:
        locator = tail.rfind(b"PK\x06\x07", 0, at)
        if locator >= 0:
            with open(path, "rb") as file:
                file.seek(struct.unpack_from("<Q", tail, locator + 8)[0])
                record = file.read(56)
            if len(record) == 56 and record.startswith(b"PK\x06\x06"):
                entries, directory = struct.unpack_from("<Q", record, 32)[0], struct.unpack_from("<Q", record, 40)[0]
    if entries > limits.members or directory > limits.members * 512:
        raise BadArchive(reason=f"it holds more than {limits.members} files")


def _check_names(names: list[str], limits: Limits) -> None:
    if len(names) > limits.members:
        raise BadArchive(reason=f"it holds more than {limits.members} files")
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
