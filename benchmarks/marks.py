"""What it costs that a picture says of itself what it is: milliseconds of CPU and bytes, for metadata and for C2PA.

    python -m benchmarks.marks [PICTURE]

PICTURE is any photograph; without one, a stand-in is drawn. Prints a table in Markdown: medians of `ROUNDS` calls.
"""

import platform
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

from app.contract.messages import Drawing
from app.contract.registry import Version
from app.contract.schemas.generate import CONTENT_TYPES
from app.drawing import certificate, identicon, marks, portrait
from app.drawing.credentials import Credentials
from app.drawing.portrait import Raster
from models import images

ROUNDS = 15
SIZES = (96, 256)

VERSION = Version(
    model="faces",
    digest="0" * 64,
    kind="generator",
    header={"input": {"size": 64, "channels": 3}, "labels": [], "extras": {}},
    card="",
    source="bundled",
    size_bytes=0,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)
DRAWING = Drawing(seed="ada", truncation=0.7)


def main() -> None:
    """Print the table."""
    source = picture(Path(sys.argv[1])) if len(sys.argv) > 1 else identicon.draw("wavatar", "ada", size=max(SIZES))
    identity = certificate.make()
    credentials = Credentials(lambda: identity)
    print(f"{platform.machine()}, Python {platform.python_version()}, c2pa-python {version('c2pa-python')}\n")
    print("| size | format | encode | + metadata | + C2PA | read and check C2PA |")
    print("|---|---|---|---|---|---|")
    for size in SIZES:
        raster = portrait.frame(source, portrait.PLAIN, size=size)
        for format in get_args(images.Format):
            print(f"| {size} | {format} | {' | '.join(costs(raster, format, credentials))} |")


def costs(raster: Raster, format: images.Format, credentials: Credentials) -> tuple[str, str, str, str]:
    """Encoding a picture; what metadata add to that, and what a signature adds; and checking the signature."""
    kind, told, facts = CONTENT_TYPES[format], marks.metadata(VERSION, DRAWING), marks.parameters(VERSION, DRAWING)
    plain, plain_ms = timed(lambda: portrait.encode(raster, format=format, metadata={}))
    marked, marked_ms = timed(lambda: portrait.encode(raster, format=format, metadata=told))
    signed, signed_ms = timed(lambda: credentials.sign(marked, content_type=kind, title="ada", parameters=facts))
    _, read_ms = timed(lambda: credentials.read(signed, content_type=kind))
    return (
        f"{plain_ms:.1f} ms, {len(plain)} B",
        f"{marked_ms - plain_ms:+.1f} ms, +{len(marked) - len(plain)} B",
        f"+{signed_ms:.1f} ms, +{len(signed) - len(marked)} B",
        f"{read_ms:.1f} ms",
    )


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """The result of `work`, and the median CPU time of a call in milliseconds."""
    result, spent = work(), []
    for _ in range(ROUNDS):
        began = time.process_time()
        result = work()
        spent.append(1000 * (time.process_time() - began))
    return result, statistics.median(spent)


def picture(path: Path) -> Raster:
    """The photograph at `path`, cut to a square."""
    side = max(SIZES)
    return Raster(images.decode(path.read_bytes(), size=side, channels=3), side, side, 3)


if __name__ == "__main__":
    main()
