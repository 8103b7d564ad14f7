"""Pictures to pixels and back, with Pillow alone.

The service and the training code both decode through this module, so a network meets the same pixels in both. Pixels
are plain bytes in rows of interleaved channels, uint8 [H, W, C].

A picture becomes a square by resizing its shorter side to `size` (Lanczos) and cutting the centre: squeezing would
change the shapes a classifier has learnt, padding would add bars it has never seen. A picture that is `size` already
keeps its exact pixels.
"""

import io
import struct
import zlib
from collections.abc import Mapping
from typing import Literal

from PIL import Image, PngImagePlugin, UnidentifiedImageError

Format = Literal["png", "jpeg", "webp", "avif"]

READABLE = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "AVIF", "TIFF")
MAX_PIXELS = 50_000_000
DEFAULT_QUALITY: Mapping[Format, int] = {"png": 100, "jpeg": 90, "webp": 90, "avif": 75}

XMP = "XML:com.adobe.xmp"
"""The metadata entry that is an XMP packet; the name is that of its chunk in a PNG."""

DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""What Pillow raises on damaged pictures, found by damaging pictures; a RuntimeError is what its AVIF decoder says."""

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_HEAD = _PNG + b"\0\0\0\rIHDR"
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
_PLAIN_HEAD = struct.Struct(">IIBB3s")  # width, height, bits a channel, kind of colour, three bytes that are mostly 0
_PLAIN_MODES: Mapping[int, str] = {0: "L", 2: "RGB"}
_PLAIN_BYTES = 57  # a file with an empty chunk of pixels
_SMALL_BYTES = 8192
_SMALL_PIXELS = 64 * 64

_MODES: Mapping[int, str] = {1: "L", 3: "RGB", 4: "RGBA"}
_ORIENTATION = 0x0112  # the EXIF tag that says how the camera was held
_DESCRIPTION = 0x010E  # the EXIF tag that carries text in formats without text chunks of their own
_UPRIGHT: Mapping[int, tuple[Image.Transpose, ...]] = {
    2: (Image.Transpose.FLIP_LEFT_RIGHT,),
    3: (Image.Transpose.ROTATE_180,),
    4: (Image.Transpose.FLIP_TOP_BOTTOM,),
    5: (Image.Transpose.TRANSPOSE,),
    6: (Image.Transpose.ROTATE_270,),
    7: (Image.Transpose.TRANSVERSE,),
    8: (Image.Transpose.ROTATE_90,),
}


class NotAPicture(ValueError):
    """The bytes are in no picture format that is read here."""


class Undecodable(ValueError):
    """The bytes begin like a picture but cannot be decoded, for example because the file is cut short."""


class TooManyPixels(ValueError):
    """The picture is larger than the caller allows. It was not decoded."""


def decode(data: bytes, *, size: int, channels: Literal[1, 3], max_pixels: int = MAX_PIXELS) -> bytes:
    """Decode `data` to the uint8 pixels [size, size, channels] of a square picture.

    The first frame of an animation is taken, EXIF orientation applied, transparency laid on white, and palette, CMYK,
    16-bit and one-bit pictures converted. Raises `NotAPicture`, `Undecodable` or `TooManyPixels`.
    """
    mode = "L" if channels == 1 else "RGB"
    plain = _plain(data, max_pixels=max_pixels)
    if plain is not None:
        return _fit(_flat(plain, mode), size=size).tobytes()
    image = _open(data, max_pixels=max_pixels)
    try:
        if image.format == "JPEG" and image.mode == "RGB":
            # The decoder scales by an eighth to a half for nearly nothing. Twice the target keeps Lanczos faithful.
            image.draft(mode, (2 * size, 2 * size))
        turns = _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1), ())
        image = _fit(_flat(image, mode), size=size)
        for turn in turns:  # after the resize, because turning a small square costs little
            image = image.transpose(turn)
    except DAMAGE as error:
        raise Undecodable("The picture cannot be decoded; the file may be cut short or damaged.") from error
    return image.tobytes()


def is_small(data: bytes) -> bool:
    """Whether `data` begins like a small PNG file, which takes less to decode than to hand to another thread."""
    # A second header would count, too, and could make the picture large after all.
    if len(data) > _SMALL_BYTES or data[:8] != _PNG or data[12:16] != b"IHDR" or data.count(b"IHDR") > 1:
        return False
    return int.from_bytes(data[16:20], "big") * int.from_bytes(data[20:24], "big") <= _SMALL_PIXELS


def dimensions(data: bytes, *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Width and height as stored, without decoding. Raises as `decode` does."""
    return _open(data, max_pixels=max_pixels).size


def encode(
    pixels: bytes,
    *,
    width: int,
    height: int,
    channels: Literal[1, 3, 4],
    format: Format,
    size: int | None = None,
    metadata: Mapping[str, str] | None = None,
    quality: int | None = None,
) -> bytes:
    """Encode uint8 pixels [height, width, channels]; the same arguments give the same bytes.

    Four channels are RGB and opacity, which a JPEG does not have: `OSError`. `size` resamples the longer side to that
    many pixels with Lanczos. `metadata` becomes text chunks in a PNG and one EXIF description of `key: value` lines
    elsewhere; its entry `XMP` is an XMP packet, which every format carries in its own place. `quality` (1 to 100) has
    no meaning for PNG.
    """
    image = Image.frombytes(_MODES[channels], (width, height), pixels)
    if size is not None and size != max(width, height):
        scale = size / max(width, height)
        image = image.resize((max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.LANCZOS)
    # A mapping has no order, and one that was in a database has lost the order it was made in.
    text = dict(sorted((metadata or {}).items()))
    described = {key: value for key, value in text.items() if key != XMP}
    hidden = {"exif": _exif(described)} | ({"xmp": text[XMP].encode()} if XMP in text else {})
    if quality is None:
        quality = DEFAULT_QUALITY[format]
    out = io.BytesIO()
    match format:
        case "png":
            # Level 1 takes a fifth of the time of the default for a tenth more bytes on generated faces.
            image.save(out, "PNG", compress_level=1, pnginfo=_chunks(text))
        case "jpeg":
            image.save(out, "JPEG", quality=quality, **hidden)
        case "webp":
            image.save(out, "WEBP", quality=quality, method=0, **hidden)
        case "avif":
            # One thread, because the encoder's tiling, and so its bytes, would otherwise follow the machine's cores.
            image.save(out, "AVIF", quality=quality, speed=9, max_threads=1, **hidden)
    return out.getvalue()


def _plain(data: bytes, *, max_pixels: int) -> Image.Image | None:
    """The picture of a small PNG file that holds nothing but 8-bit grey or RGB pixels in one piece; None of any other.

    Looking for a reader and for everything else that a file may hold takes longer than such pixels do. What is not
    exactly as expected is left to Pillow's own reader, which says what is wrong with it.
    """
    if len(data) < _PLAIN_BYTES or not data.startswith(_PNG_HEAD) or not data.endswith(_PNG_END):
        return None
    width, height, depth, colours, rest = _PLAIN_HEAD.unpack_from(data, len(_PNG_HEAD))
    mode = _PLAIN_MODES.get(colours)
    if mode is None or depth != 8 or rest != b"\0\0\0" or not 0 < width * height <= min(_SMALL_PIXELS, max_pixels):
        return None
    # The chunk of the pixels reaches from behind the head's check sum to its own, in front of the end.
    head_end, pixels_end = 33, len(data) - len(_PNG_END) - 4
    length, kind = struct.unpack_from(">I4s", data, head_end)
    if kind != b"IDAT" or length != pixels_end - head_end - 8:
        return None
    sums = struct.unpack_from(">I", data, head_end - 4) + struct.unpack_from(">I", data, pixels_end)
    if sums != (zlib.crc32(data[12 : head_end - 4]), zlib.crc32(data[head_end + 4 : pixels_end])):
        return None
    try:
        return Image.frombytes(mode, (width, height), data[head_end + 8 : pixels_end], "zip", mode, 0)
    except DAMAGE:
        return None


def _open(data: bytes, *, max_pixels: int) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data), formats=READABLE)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooManyPixels(f"The picture has more than {max_pixels} pixels.") from error
    except UnidentifiedImageError as error:
        raise NotAPicture("The bytes are not a picture in a format that is read here.") from error
    except DAMAGE as error:
        raise Undecodable("The picture cannot be decoded; the file may be cut short or damaged.") from error
    if image.width * image.height > max_pixels:
        raise TooManyPixels(f"The picture has {image.width} x {image.height} pixels; at most {max_pixels} are read.")
    return image


def _flat(image: Image.Image, mode: str) -> Image.Image:
    """The opaque 8-bit picture in `mode`."""
    if image.mode.startswith("I"):
        # 16-bit greys. Pillow would clip them at 255, which turns most of such a picture white.
        image = image.convert("I").point(lambda value: value * (1 / 257) + 0.5, "L")
    elif image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == mode else image.convert(mode)


def _fit(image: Image.Image, *, size: int) -> Image.Image:
    if image.size == (size, size):
        image.load()
        return image
    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    return image.resize((size, size), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side))


def _chunks(text: Mapping[str, str]) -> PngImagePlugin.PngInfo | None:
    if not text:
        return None
    chunks = PngImagePlugin.PngInfo()
    for key, value in text.items():
        chunks.add_itxt(key, value)
    return chunks


def _exif(text: Mapping[str, str]) -> bytes:
    if not text:
        return b""
    exif = Image.Exif()
    exif[_DESCRIPTION] = "\n".join(f"{key}: {value}" for key, value in text.items())
    return exif.tobytes()
