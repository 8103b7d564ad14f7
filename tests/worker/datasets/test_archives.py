"""Archives that mean harm, and those that only look odd."""

import gzip
import io
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from app.contract.errors import BadArchive
from worker.datasets import archives

PICTURE = b"\x89PNG\r\n\x1a\n and so on"


def zipped(path: Path, files: dict[str, bytes], *, mode: int = 0, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = method
            archive.writestr(info, data)
    return path


def tarred(path: Path, *infos: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for info, data in infos:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def linked(kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo("cats/1.png")
    info.type, info.linkname = kind, "/etc/passwd"
    return info


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def names(path: Path, limits: archives.Limits = archives.LIMITS) -> list[str]:
    return [member.name for member in archives.members(path, limits)]


def overlapping(path: Path) -> Path:
    """A zip whose two directory entries point at the same bytes."""
    zipped(path, {"a.png": PICTURE, "b.png": PICTURE})
    data = bytearray(path.read_bytes())
    second = data.rfind(b"PK\x01\x02")
    struct.pack_into("<I", data, second + 42, 0)
    path.write_bytes(bytes(data))
    return path


def greedy(path: Path) -> Path:
    """A tar file whose first extended header claims two gigabytes."""
    info = tarfile.TarInfo("a.png")
    info.type, info.size = tarfile.XHDTYPE, 2_000_000_000
    path.write_bytes(info.tobuf(tarfile.USTAR_FORMAT) + b"\0" * 4096)
    return path


HOSTILE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "parent": (lambda path: zipped(path, {"../../up.png": PICTURE}), "no name for a file"),
    "absolute": (lambda path: zipped(path, {"/etc/passwd": PICTURE}), "absolute"),
    "drive": (lambda path: zipped(path, {"C:/x.png": PICTURE}), "absolute"),
    "backslash": (lambda path: zipped(path, {"..\\x.png": PICTURE}), "another system"),
    "link": (lambda path: zipped(path, {"x.png": b"/etc/passwd"}, mode=stat.S_IFLNK | 0o777), "a link"),
    "nested": (
        lambda path: zipped(path, {"more.png": zipped(path.with_suffix(".in"), {"x": b""}).read_bytes()}),
        "within",
    ),
    "nested gzip": (lambda path: zipped(path, {"more.png": gzip.compress(b"x")}), "within the archive"),
    "bomb": (lambda path: zipped(path, {"x.bmp": bytes(2_000_000)}), "as bombs do"),
    "large": (
        lambda path: zipped(path, {"x.bmp": bytes(9_000_000)}, method=zipfile.ZIP_STORED),
        "more than 8000000 bytes",
    ),
    "overlap": (overlapping, "share bytes"),
    "many": (lambda path: zipped(path, {f"{n}.png": b"" for n in range(101)}), "more than 100 files"),
    "not one": (
        lambda path: written(path, b"%PDF-1.7 and a lot more than eight bytes" * 99),
        "damaged",
    ),
    "cut": (
        lambda path: written(path, zipped(path, {"x.png": PICTURE}).read_bytes()[:-9]),
        "cut short",
    ),
    "empty": (lambda path: written(path, b""), "damaged"),
    "tar parent": (lambda path: tarred(path, (tarfile.TarInfo("../x.png"), PICTURE)), "no name for a file"),
    "tar absolute": (lambda path: tarred(path, (tarfile.TarInfo("/x.png"), PICTURE)), "absolute"),
    "tar latin-1": (lambda path: tarred(path, (tarfile.TarInfo("caf\udce9/1.png"), PICTURE)), "not written in UTF-8"),
    "tar symlink": (lambda path: tarred(path, (linked(tarfile.SYMTYPE), b"")), "a link or a device"),
    "tar hard link": (lambda path: tarred(path, (linked(tarfile.LNKTYPE), b"")), "a link or a device"),
    "tar device": (lambda path: tarred(path, (linked(tarfile.CHRTYPE), b"")), "a link or a device"),
    "tar twice": (lambda path: tarred(path, *((tarfile.TarInfo("x.png"), PICTURE),) * 2), "twice"),
    "tar bomb": (lambda path: tarred(path, (tarfile.TarInfo("x.bmp"), bytes(2_000_000)), mode="w:gz"), "as bombs do"),
    "tar header": (greedy, "far too large"),
}

SMALL = archives.Limits(members=100, member_bytes=8_000_000, total_bytes=8_000_000, unsuspicious_bytes=1_000_000)


@pytest.mark.parametrize(("make", "reason"), HOSTILE.values(), ids=HOSTILE.keys())
def test_an_archive_that_means_harm_is_refused_with_its_reason(
    make: Callable[[Path], Path], reason: str, tmp_path: Path
) -> None:
    path = make(tmp_path / "archive")
    with pytest.raises(BadArchive, match=reason):
        names(path, SMALL)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_every_kind_of_tar_is_read(mode: str, tmp_path: Path) -> None:
    path = tarred(
        tmp_path / "archive", (tarfile.TarInfo("cat/1.png"), PICTURE), (tarfile.TarInfo("2.png"), b""), mode=mode
    )
    assert [(each.name, each.data) for each in archives.members(path)] == [("cat/1.png", PICTURE), ("2.png", b"")]


def test_leftovers_of_file_managers_are_passed_over(tmp_path: Path) -> None:
    files = {"cat/1.png": PICTURE, "__MACOSX/cat/._1.png": b"x", ".DS_Store": b"x", "cat/Thumbs.db": b"x"}
    assert names(zipped(tmp_path / "a.zip", files)) == ["cat/1.png"]


def test_one_damaged_member_does_not_spoil_the_rest(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"1.png": PICTURE, "2.png": PICTURE + b"2"}, method=zipfile.ZIP_STORED)
    data = path.read_bytes()
    path.write_bytes(data.replace(PICTURE + b"2", PICTURE + b"3", 1))
    first, second = archives.members(path)
    assert (first.data, first.fault) == (PICTURE, "")
    assert second.fault.startswith("damaged")


def test_packed_idx_files_are_the_one_archive_within_an_archive(tmp_path: Path) -> None:
    packed = gzip.compress(b"\0\0\x08\x01\0\0\0\0")
    assert names(zipped(tmp_path / "a.zip", {"train-labels-idx1-ubyte.gz": packed})) == ["train-labels-idx1-ubyte.gz"]
