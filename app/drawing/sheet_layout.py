"""Equal pictures in rows: where each one stands, and the sheet of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageColor

from app.drawing.portrait import Raster


@dataclass(frozen=True)
class Layout:
    """Where equal pictures stand on a sheet. All lengths are in pixels."""

    count: int
    columns: int
    side: int
    """Width and height of one picture."""
    gap: int

    @property
    def width(self) -> int:
        """Width of the sheet."""
        return self.columns * (self.side + self.gap) - self.gap

    @property
    def height(self) -> int:
        """Height of the sheet."""
        return -(-self.count // self.columns) * (self.side + self.gap) - self.gap

    def place(self, number: int) -> tuple[int, int]:
        """Left upper corner of a picture, counted along the rows from 0."""
        row, column = divmod(number, self.columns)
        return column * (self.side + self.gap), row * (self.side + self.gap)


def compose(pictures: Sequence[Raster], layout: Layout, *, background: str) -> Raster:
    """The sheet of pictures of `layout.side` pixels, RGB, or grey when all of them are and so is the background."""
    colour = ImageColor.getrgb(f"#{background}")
    grey = all(picture.channels == 1 for picture in pictures) and len(set(colour)) == 1
    sheet = Image.new("RGB", (layout.width, layout.height), colour)
    for number, picture in enumerate(pictures):
        modes = {1: "L", 3: "RGB", 4: "RGBA"}
        image = Image.frombytes(modes[picture.channels], (picture.width, picture.height), picture.pixels)
        sheet.paste(image, layout.place(number), image if image.mode == "RGBA" else None)
    channels: Literal[1, 3] = 1 if grey else 3
    return Raster(sheet.convert("L" if grey else "RGB").tobytes(), layout.width, layout.height, channels)
