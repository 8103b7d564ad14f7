"""One picture of many: a row for each class, or a plain grid."""

import io
from collections.abc import Mapping, Sequence

from PIL import Image

TILE = 64
COLUMNS = 12
ROWS = 12


def sheet(pictures: Mapping[str, Sequence[bytes]]) -> bytes:
    """A PNG of RGB tiles (uint8 [TILE, TILE, 3] as bytes) by class; one class without a name fills a grid."""
    rows = [list(tiles)[:COLUMNS] for tiles in pictures.values() if tiles][:ROWS]
    if len(pictures) == 1:
        tiles = next(iter(pictures.values()))
        rows = [list(tiles[start : start + COLUMNS]) for start in range(0, min(len(tiles), ROWS * COLUMNS), COLUMNS)]
    width = max((len(row) for row in rows), default=1)
    image = Image.new("RGB", (width * TILE, max(len(rows), 1) * TILE), "white")
    for y, row in enumerate(rows):
        for x, tile in enumerate(row):
            image.paste(Image.frombytes("RGB", (TILE, TILE), tile), (x * TILE, y * TILE))
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()
