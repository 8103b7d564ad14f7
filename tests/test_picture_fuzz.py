"""Damaged pictures and archives through decode and inspection: refused or read, in bounded time and memory.

FUZZ_PICTURES=50000 pytest tests/test_picture_fuzz.py
"""

import io
import os
import random
import resource
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from app.contract.errors import BadArchive
from models import images
from worker.datasets import archives

COUNT = int(os.environ.get("FUZZ_PICTURES", "400"))
MOST_SECONDS = 5.0
MOST_GROWTH_BYTES = 200_000_000
MAX_PIXELS = 1_000_000

pytestmark = pytest.mark.timeout(60 + COUNT)


def picture(format: str) -> bytes:
    noise = Image.effect_noise((40, 30), 60).convert("RGB")
    out = io.BytesIO()
    noise.save(out, format)
    return out.getvalue()


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Flip, cut, repeat or overwrite bytes; headers, which say how large everything is, more often than the rest."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        reach = min(len(changed), 64) if chance.random() < 0.5 else len(changed)
        at = chance.randrange(max(1, reach))
        match chance.randrange(5):
            case 0:
                changed[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                changed[at : at + 4] = chance.choice(
                    [b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4), b"\0\0\x40\0"]
                )
            case 2:
                del changed[at : at + chance.randint(1, 200)]
            case 3:
                changed[at:at] = changed[at : at + chance.randint(1, 200)]
            case _:
                changed[at:at] = chance.randbytes(chance.randint(1, 20))
    return bytes(changed)


def held(
    what: Callable[[bytes], object], samples: list[bytes], allowed: tuple[type[Exception], ...]
) -> tuple[int, int]:
    """Give `what` mutated samples; how many were read and how many refused. Anything but `allowed` is a failure."""
    chance = random.Random(f"{COUNT}")
    read = refused = 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(COUNT):
        data = mutate(samples[number % len(samples)], chance)
        began = time.process_time()
        try:
            what(data)
        except allowed:
            refused += 1
        else:
            read += 1
        assert time.process_time() - began < MOST_SECONDS, data[:64].hex()
    assert 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) < MOST_GROWTH_BYTES
    return read, refused


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
def test_damaged_pictures_are_read_or_refused() -> None:
    samples = [picture(format) for format in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")]
    read, refused = held(
        lambda data: images.decode(data, size=28, channels=3, max_pixels=MAX_PIXELS),
        samples,
        (images.NotAPicture, images.TooManyPixels, images.Undecodable),
    )
    assert read
    assert refused


def zipped(method: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for number, format in enumerate(("PNG", "JPEG", "WEBP")):
            archive.writestr(f"cats/{number}.{format.lower()}", picture(format))
    return out.getvalue()


def tarred(mode: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for number, format in enumerate(("PNG", "JPEG", "WEBP")):
            data, info = picture(format), tarfile.TarInfo(f"dogs/{number}.{format.lower()}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def test_damaged_archives_are_read_or_refused(tmp_path: Path) -> None:
    samples = [zipped(zipfile.ZIP_STORED), zipped(zipfile.ZIP_DEFLATED), zipped(zipfile.ZIP_LZMA)]
    samples += [tarred(mode) for mode in ("w", "w:gz", "w:bz2", "w:xz")]
    path = tmp_path / "archive"

    def unpack(data: bytes) -> None:
        path.write_bytes(data)
        for member in archives.members(path):
            assert len(member.data) <= archives.LIMITS.member_bytes

    read, refused = held(unpack, samples, (BadArchive,))
    assert read
    assert refused
