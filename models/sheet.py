"""Pictures laid out in rows, as a PNG file."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models import images


def write(path: Path, pixels: NDArray[np.uint8], *, columns: int) -> None:
    """Write uint8 [N, H, W, C] in rows of `columns`, without gaps; places left over in the last row are white."""
    count, height, width, channels = pixels.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    cells = np.full((rows * columns, height, width, channels), 255, np.uint8)
    cells[:count] = pixels
    whole = cells.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    whole = np.ascontiguousarray(whole.reshape(rows * height, columns * width, channels))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        images.encode(
            whole.tobytes(),
            width=columns * width,
            height=rows * height,
            channels=1 if channels == 1 else 3,
            format="png",
        )
    )
