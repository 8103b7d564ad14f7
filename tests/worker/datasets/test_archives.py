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


def folder(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = tarfile.DIRTYPE
    return info


def noted(info: tarfile.TarInfo, note: str) -> tarfile.TarInfo:
    info.pax_headers = {"comment": note}
    return info


def header(kind: bytes, size: int = 0) -> bytes:
    info = tarfile.TarInfo("a.png")
    info.type, info.size = kind, size
    return info.tobuf(tarfile.USTAR_FORMAT)


def extended(records: bytes) -> bytes:
    """A tar file of one picture behind an extended header."""
    whole = len(records) + -len(records) % tarfile.BLOCKSIZE
    return header(tarfile.XHDTYPE, len(records)) + records.ljust(whole, b"\0") + header(tarfile.REGTYPE)


def sparse() -> bytes:
    """A tar file of one sparse member, the map of whose holes goes on over 400 blocks."""
    start = bytearray(header(tarfile.GNUTYPE_SPARSE))
    start[482] = 1
    start[148:156] = b"%06o\0 " % tarfile.calc_chksums(bytes(start))[0]  # type: ignore[attr-defined]
    return bytes(start) + (b"00000000001\0" * 42 + b"\1").ljust(tarfile.BLOCKSIZE, b"\0") * 400


def skipping() -> bytes:
    """A tar file whose member has gigabytes to be skipped, and none to be read: a header for all members says so."""
    records = b"10 size=0\n"
    return header(tarfile.XGLTYPE, len(records)) + records.ljust(512, b"\0") + header(tarfile.REGTYPE, 2_000_000_000)


def located(path: Path, files: dict[str, bytes], *, entries: int, away: int = 0) -> Path:
    """A zip with the larger end record, `away` from where the locator points; its small one tells of `entries`."""
    data = zipped(path, files).read_bytes()
    at = data.rfind(b"PK\x05\x06")
    end = bytearray(data[at:])
    count, size, start = struct.unpack_from("<HII", end, 10)
    struct.pack_into("<HH", end, 8, entries, entries)
    record = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, at - away, 1)
    return written(path, data[:at] + record + locator + bytes(end))


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
    "tar folders": (lambda path: tarred(path, *((folder(f"{n}"), b"") for n in range(101))), "more than 100 files"),
    "tar folder bomb": (
        lambda path: tarred(path, *((noted(folder(f"{n}"), "x" * 50_000), b"") for n in range(40)), mode="w:bz2"),
        "as bombs do",
    ),
    "tar header": (lambda path: written(path, header(tarfile.XHDTYPE, 2_000_000_000) + bytes(4096)), "far too large"),
    "tar headers": (lambda path: written(path, header(tarfile.XHDTYPE) * 900), "far too large"),
    "tar sparse": (lambda path: written(path, sparse()), "far too large"),
    "tar skipping": (lambda path: written(path, skipping()), "far too large"),
    "tar negative": (lambda path: written(path, extended(b"11 size=-1\n") + bytes(1024)), "headers is damaged"),
    "tar number": (lambda path: written(path, extended(b"1" * 8192)), "headers is damaged"),
    "tar records": (lambda path: written(path, extended(b"2 " * 4000 + b"a=")), "headers is damaged"),
    "zip folders": (lambda path: zipped(path, {f"{n}/": b"" for n in range(101)}), "more than 100 files"),
    "zip locator": (lambda path: located(path, {"x.png": b""}, entries=1, away=9), "not where it says"),
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


def test_folders_and_headers_as_tar_programs_write_them_are_passed_over(tmp_path: Path) -> None:
    longest = f"{'猫' * 80}/" * 6 + "1.png"
    for format in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        with tarfile.open(tmp_path / "a.tar", "w", format=format, pax_headers={"comment": "of all"}) as archive:
            for info in (folder("cat"), noted(tarfile.TarInfo("cat/1.png"), "x" * 60_000), tarfile.TarInfo(longest)):
                archive.addfile(info)
        assert names(tmp_path / "a.tar") == ["cat/1.png", longest]


def test_headers_that_unpack_to_more_than_the_pictures_make_no_bomb(tmp_path: Path) -> None:
    infos = [noted(tarfile.TarInfo(f"{number}.png"), "the same of each") for number in range(200)]
    path = tarred(tmp_path / "a.tar", *((info, PICTURE) for info in infos), mode="w:bz2")
    assert len(names(path, archives.Limits(unsuspicious_bytes=10_000))) == 200


@pytest.mark.parametrize("name", ["cat/", "cat/.1.png"])
def test_members_that_are_not_yielded_can_be_stopped_at(name: str, tmp_path: Path) -> None:
    told: list[str] = []
    infos = [folder(name) if name.endswith("/") else tarfile.TarInfo(name), tarfile.TarInfo("1.png")]
    list(archives.members(tarred(tmp_path / "a.tar", *((info, b"") for info in infos)), check=lambda: told.append("")))
    assert len(told) == 2


@pytest.mark.parametrize("entries", [3, 0xFFFF])
def test_a_zip_with_the_larger_end_record_is_read(entries: int, tmp_path: Path) -> None:
    files = {"cat/": b"", "cat/1.png": PICTURE, "2.png": b""}
    assert names(located(tmp_path / "a.zip", files, entries=entries), SMALL) == ["cat/1.png", "2.png"]


def test_a_zip_whose_small_end_record_hides_the_larger_one_is_refused_before_its_directory_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = located(tmp_path / "a.zip", {f"{n}.png": b"" for n in range(101)}, entries=1)
    monkeypatch.setattr(zipfile, "ZipFile", lambda _: pytest.fail("the directory is read"))
    with pytest.raises(BadArchive, match="more than 100 files"):
        names(path, SMALL)


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
