"""A small world for tests: grey pictures of stripes that lie or stand, as files."""

from pathlib import Path

import numpy as np

from models import images


def write_folder(folder: Path, *, count: int, size: int = 28) -> Path:
    """Write `count` pictures for training and a quarter as many for testing, in a folder per class."""
    random = np.random.default_rng(0)
    for split, number in (("train", count), ("test", count // 4)):
        for index in range(number):
            pixels = random.integers(0, 150, (size, size), dtype=np.uint8)
            name = "lying" if index % 2 else "standing"
            if name == "lying":
                pixels[::2] += 100
            else:
                pixels[:, ::2] += 100
            png = images.encode(pixels.tobytes(), width=size, height=size, channels=1, format="png")
            path = folder / split / name / f"{index:04d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png)
    return folder
