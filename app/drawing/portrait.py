"""An avatar's frame: how a drawn picture is turned, mirrored, greyed, rounded and backed before it is encoded.

Everything happens at the size that is asked for, so a round edge is smooth at 16 pixels and at 1024. A picture whose
frame changes nothing passes through with its own pixels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageOps

from models import images

LARGEST_RADIUS = 50  # per cent of the side: a circle
LARGEST_TURN = 360  # degrees
SMALLEST_SCALE, LARGEST_SCALE = 10, 200  # per cent

_OVERSAMPLING = 4  # a mask is drawn this many times larger and reduced, which smooths its edge


@dataclass(frozen=True)
class Portrait:
    """How a picture is framed. The defaults leave it as it is drawn."""

    radius: int = 0
    """Roundness of the corners in per cent of the side; 50 is a circle."""
    background: str | None = None
    """Colour behind the picture as six hexadecimal digits. None is transparent, and white in a JPEG."""
    grey: bool = False
    flip: bool = False
    """Mirror left and right."""
    rotate: int = 0
    """Clockwise turn in degrees, about the centre."""
    scale: int = 100
    """Size of the picture within its frame in per cent; above 100 it is cropped."""


PLAIN = Portrait()
"""The frame that changes nothing."""


@dataclass(frozen=True)
class Raster:
    """Pixels ready to be encoded: uint8 [height, width, channels]; four channels are RGB and opacity."""

    pixels: bytes
    width: int
    height: int
    channels: Literal[1, 3, 4]


def frame(raster: Raster, portrait: Portrait, *, size: int | None = None, opaque: bool = False) -> Raster:
    """Frame a picture of one or three channels at `size` pixels (its own when None).

    Args:
        raster: the picture as it was drawn.
        portrait: what to do with it.
        size: longer side of the result, in pixels; the picture is resampled with Lanczos.
        opaque: lay the result on the background (white when there is none), for a format without opacity.
    """
    image = Image.frombytes("L" if raster.channels == 1 else "RGB", (raster.width, raster.height), raster.pixels)
    if size is not None and size != max(image.size):
        scale = size / max(image.size)
        wanted = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        image = image.resize(wanted, Image.Resampling.LANCZOS)
    if portrait.flip:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if portrait.grey:
        image = image.convert("L")
    if portrait.scale != 100 or portrait.rotate % LARGEST_TURN:
        image = _placed(image, portrait)
        if portrait.background is not None:
            image = _laid_on(image, portrait.background)
    if portrait.radius:
        image = _rounded(image, portrait.radius)
    if opaque and image.mode == "RGBA":
        image = _laid_on(image, portrait.background or "ffffff")
    channels: dict[str, Literal[1, 3, 4]] = {"L": 1, "RGB": 3, "RGBA": 4}
    return Raster(image.tobytes(), image.width, image.height, channels[image.mode])


def encode(raster: Raster, *, format: images.Format, metadata: Mapping[str, str], quality: int | None = None) -> bytes:
    """The file of a picture that has its size and frame already; `quality` as for `models.images.encode`."""
    return images.encode(
        raster.pixels,
        width=raster.width,
        height=raster.height,
        channels=raster.channels,
        format=format,
        metadata=metadata,
        quality=quality,
    )


def _placed(image: Image.Image, portrait: Portrait) -> Image.Image:
    """The picture turned and scaled about the centre of its frame; what lies outside of it is transparent."""
    canvas = Image.new("RGBA", image.size)
    # One transparent pixel around it lets the turned edge fade out smoothly.
    image = ImageOps.expand(image.convert("RGBA"), border=1)
    if portrait.scale != 100:
        wanted = max(3, round(image.width * portrait.scale / 100)), max(3, round(image.height * portrait.scale / 100))
        image = image.resize(wanted, Image.Resampling.LANCZOS)
    image = image.rotate(-portrait.rotate, Image.Resampling.BICUBIC, expand=True)
    canvas.paste(image, ((canvas.width - image.width) // 2, (canvas.height - image.height) // 2))
    return canvas


def _laid_on(image: Image.Image, background: str) -> Image.Image:
    backing = Image.new("RGBA", image.size, ImageColor.getrgb(f"#{background}"))
    return Image.alpha_composite(backing, image).convert("RGB")


def _rounded(image: Image.Image, radius: int) -> Image.Image:
    """The picture with corners rounded by `radius` per cent of its shorter side."""
    image = image.convert("RGBA")
    image.putalpha(ImageChops.multiply(image.getchannel("A"), _mask(image.size, radius)))
    return image


@lru_cache(maxsize=16)  # a page shows many avatars of one shape; the largest mask has a megabyte
def _mask(size: tuple[int, int], radius: int) -> Image.Image:
    width, height = size[0] * _OVERSAMPLING, size[1] * _OVERSAMPLING
    mask = Image.new("L", (width, height))
    corner = min(width, height) * radius / 100
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, width - 1, height - 1), corner, fill=255)
    return mask.resize(size, Image.Resampling.BOX)
