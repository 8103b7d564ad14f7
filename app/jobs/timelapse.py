"""The samples of a training as one moving picture."""

import io
from collections.abc import Sequence

from PIL import Image

FRAME_MS = 250
LAST_FRAME_MS = 2500
MOST_FRAMES = 120


def chosen(count: int) -> list[int]:
    """Which of `count` samples are shown: all, or evenly spread ones with the first and the last."""
    if count <= MOST_FRAMES:
        return list(range(count))
    return sorted({round(step * (count - 1) / (MOST_FRAMES - 1)) for step in range(MOST_FRAMES)})


def webp(sheets: Sequence[bytes]) -> bytes:
    """An animated WebP of PNG files, which is brought to the size of the last of them."""
    pictures = [Image.open(io.BytesIO(sheet)).convert("RGB") for sheet in sheets]
    size = pictures[-1].size
    frames = [each if each.size == size else each.resize(size, Image.Resampling.NEAREST) for each in pictures]
    out = io.BytesIO()
    frames[0].save(
        out,
        "WEBP",
        save_all=True,
        append_images=frames[1:],
        duration=[FRAME_MS] * (len(frames) - 1) + [LAST_FRAME_MS],
        loop=0,
        quality=85,
        method=0,
    )
    return out.getvalue()
