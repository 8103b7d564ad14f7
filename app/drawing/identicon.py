"""Pictures that need no network: what stands in for a face while no worker is ready, by the names Gravatar gave them.

Each is drawn from the SHA-256 of its seed with plain shapes on a unit square, so the same seed has the same picture at
every size and on every machine.
"""

import colorsys
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from PIL import Image, ImageDraw

from app.drawing.portrait import Raster

Kind = Literal["mp", "identicon", "monsterid", "wavatar", "retro", "robohash", "blank"]

Colour = tuple[int, int, int]

_OVERSAMPLING = 4  # shapes are drawn this many times larger and reduced, which smooths their edges
_SMALLEST_CANVAS = 64  # pixels a side; with fewer, some shapes would have no pixel at all
_LARGEST_CANVAS = 2048  # what is larger than half of this is smooth enough with less
_INK: Colour = (38, 42, 56)
_WHITE: Colour = (255, 255, 255)


def draw(kind: Kind, seed: str, *, size: int) -> Raster:
    """The picture of `seed` with `size` pixels a side, RGB; `blank` alone has opacity, and none of it."""
    if kind == "blank":
        return Raster(bytes(size * size * 4), size, size, 4)
    canvas = _Canvas(max(_SMALLEST_CANVAS, size, min(size * _OVERSAMPLING, _LARGEST_CANVAS)))
    _PAINTERS[kind](canvas, hashlib.sha256(seed.encode()).digest())
    image = canvas.image.resize((size, size), Image.Resampling.BOX)
    return Raster(image.tobytes(), size, size, 3)


class _Canvas:
    """Draws shapes whose coordinates run from 0 to 1, from the upper left corner."""

    def __init__(self, side: int) -> None:
        self.image = Image.new("RGB", (side, side), _WHITE)
        self._draw = ImageDraw.Draw(self.image)
        self._side = side

    def fill(self, colour: Colour) -> None:
        self.image.paste(colour, (0, 0, self._side, self._side))

    def box(self, x: float, y: float, width: float, height: float, colour: Colour, *, corner: float = 0.0) -> None:
        area = (*self._at(x, y), self._at(x + width, 0)[0] - 1, self._at(0, y + height)[1] - 1)
        self._draw.rounded_rectangle(area, corner * self._side, fill=colour)

    def disc(self, x: float, y: float, radius: float, colour: Colour, *, flat: float = 1.0) -> None:
        self._draw.ellipse(
            (*self._at(x - radius, y - radius * flat), *self._at(x + radius, y + radius * flat)), fill=colour
        )

    def polygon(self, points: Sequence[tuple[float, float]], colour: Colour) -> None:
        self._draw.polygon([self._at(x, y) for x, y in points], fill=colour)

    def arc(self, x: float, y: float, radius: float, *, start: int, end: int, colour: Colour) -> None:
        area = (*self._at(x - radius, y - radius), *self._at(x + radius, y + radius))
        self._draw.arc(area, start, end, fill=colour, width=max(1, self._side // 32))

    def _at(self, x: float, y: float) -> tuple[int, int]:
        return round(x * self._side), round(y * self._side)


def _mystery_person(canvas: _Canvas, _digest: bytes) -> None:
    canvas.fill((203, 208, 216))
    canvas.disc(0.5, 0.4, 0.19, _WHITE)
    canvas.disc(0.5, 1.0, 0.36, _WHITE, flat=1.05)


def _identicon(canvas: _Canvas, digest: bytes) -> None:
    """Sixteen tiles of triangles and squares that look the same after a quarter turn."""
    canvas.fill((244, 245, 247))
    colour = _colour(digest[0], lightness=0.45)
    for ring, (x, y) in enumerate(((0, 0), (1, 0), (2, 0), (1, 1))):
        shape, cell = _TILES[digest[1 + ring] % len(_TILES)], (x, y)
        for _ in range(4):
            canvas.polygon([(0.1 + 0.2 * (cell[0] + u), 0.1 + 0.2 * (cell[1] + v)) for u, v in shape], colour)
            cell = (3 - cell[1], cell[0])
            shape = [(1 - v, u) for u, v in shape]


_TILES: tuple[list[tuple[float, float]], ...] = (
    [(0, 0), (1, 0), (1, 1), (0, 1)],
    [(0, 0), (1, 0), (0, 1)],
    [(0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5)],
    [(0, 1), (0.5, 0), (1, 1)],
    [(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)],
    [(0, 0), (1, 1), (0, 1)],
    [(0, 0), (1, 0), (0.5, 0.5), (1, 1), (0, 1)],
    [(0, 0.5), (1, 0), (1, 1)],
)


def _retro(canvas: _Canvas, digest: bytes) -> None:
    """A little invader of eight times eight cells, the same left and right."""
    canvas.fill(_colour(digest[0], lightness=0.14, saturation=0.4))
    bright, second = _colour(digest[1], lightness=0.62), _colour(digest[1], lightness=0.8)
    for row in range(8):
        for column in range(4):
            # Cells near the middle are likelier, which gives the figure a body.
            level = digest[4 + (row * 4 + column) % 28] ^ digest[row]
            if level < 70 + 45 * column:
                colour = second if level % 5 == 0 else bright
                for mirrored in (column, 7 - column):
                    canvas.box(0.1 + 0.1 * mirrored, 0.1 + 0.1 * row, 0.1, 0.1, colour)


def _wavatar(canvas: _Canvas, digest: bytes) -> None:
    """A round face."""
    canvas.fill(_colour(digest[0], lightness=0.85, saturation=0.5))
    canvas.disc(0.5, 0.52, 0.4, _colour(digest[1], lightness=0.62), flat=0.9 + digest[2] / 1000)
    gap, height, eye = 0.1 + digest[3] / 3000, 0.42 + digest[4] / 4000, 0.07 + digest[5] / 8000
    look = (digest[6] / 255 - 0.5) * 0.05
    for side in (-1, 1):
        canvas.disc(0.5 + side * gap, height, eye, _WHITE)
        canvas.disc(0.5 + side * gap + look, height + 0.01, eye * 0.5, _INK)
    canvas.disc(0.5, 0.56, 0.035 + digest[7] / 9000, _colour(digest[1], lightness=0.5))
    smile = 30 + digest[8] // 6
    canvas.arc(0.5, 0.6, 0.13, start=90 - smile, end=90 + smile, colour=_INK)


def _monster(canvas: _Canvas, digest: bytes) -> None:
    """A creature with horns, feet, teeth and up to three eyes."""
    canvas.fill(_colour(digest[0], lightness=0.92, saturation=0.35))
    body, dark = _colour(digest[1], lightness=0.55), _colour(digest[1], lightness=0.4)
    spread = 0.14 + digest[2] / 2000
    for side in (-1, 1):
        foot = 0.5 + side * 0.16
        canvas.disc(foot, 0.9, 0.1, dark, flat=0.5)
        horn = 0.5 + side * spread
        canvas.polygon([(horn - 0.07, 0.32), (horn + 0.07, 0.32), (horn + side * 0.06, 0.08)], dark)
    canvas.box(0.2, 0.22, 0.6, 0.67, body, corner=0.16 + digest[3] / 2000)
    eyes = 1 + digest[4] % 3
    radius = 0.13 if eyes == 1 else 0.085
    for number in range(eyes):
        x = 0.5 + (number - (eyes - 1) / 2) * 0.19
        canvas.disc(x, 0.43, radius, _WHITE)
        canvas.disc(x + (digest[5] / 255 - 0.5) * radius, 0.44, radius * 0.45, _INK)
    canvas.box(0.32, 0.64, 0.36, 0.1, _INK, corner=0.04)
    teeth = 2 + digest[6] % 4
    for number in range(teeth):
        x = 0.34 + 0.32 * number / teeth
        canvas.polygon([(x, 0.64), (x + 0.32 / teeth, 0.64), (x + 0.16 / teeth, 0.7)], _WHITE)


def _robot(canvas: _Canvas, digest: bytes) -> None:
    """A robot's head with an aerial, and shoulders."""
    canvas.fill(_colour(digest[0], lightness=0.88, saturation=0.4))
    metal, dark = _colour(digest[1], lightness=0.6, saturation=0.3), _colour(digest[1], lightness=0.36, saturation=0.35)
    lamp = _colour(digest[2], lightness=0.6, saturation=0.95)
    canvas.box(0.485, 0.1, 0.03, 0.16, dark)
    canvas.disc(0.5, 0.1, 0.045, lamp)
    canvas.box(0.42, 0.68, 0.16, 0.14, dark)
    canvas.box(0.14, 0.8, 0.72, 0.3, metal, corner=0.1)
    for side in (-1, 1):
        canvas.box(0.5 + side * 0.31 - 0.04, 0.4, 0.08, 0.16, dark, corner=0.02)
    canvas.box(0.22, 0.22, 0.56, 0.5, metal, corner=0.03 + digest[3] / 1800)
    if digest[4] % 2:
        canvas.box(0.29, 0.34, 0.42, 0.14, _INK, corner=0.07)
    for side in (-1, 1):
        canvas.disc(0.5 + side * 0.11, 0.41, 0.055, _INK if not digest[4] % 2 else lamp, flat=0.85)
        canvas.disc(0.5 + side * 0.11, 0.41, 0.025, lamp if not digest[4] % 2 else _WHITE)
    bars = 3 + digest[5] % 4
    for number in range(bars):
        canvas.box(0.34 + 0.32 * number / bars, 0.57, 0.32 / bars * 0.7, 0.05 + (digest[6 + number] % 5) / 80, dark)


def _colour(value: int, *, lightness: float, saturation: float = 0.62) -> Colour:
    """A colour whose hue is `value` of 256 around the circle."""
    red, green, blue = colorsys.hls_to_rgb(value / 256, lightness, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)


_PAINTERS: Mapping[str, Callable[[_Canvas, bytes], None]] = {
    "mp": _mystery_person,
    "identicon": _identicon,
    "monsterid": _monster,
    "wavatar": _wavatar,
    "retro": _retro,
    "robohash": _robot,
}
