import io
import struct
import zlib
from typing import Literal

import pytest
from PIL import Image, ImageOps

from models import images


def written(image: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def gradient(width: int, height: int) -> Image.Image:
    """A colour picture in which every pixel is different."""
    image = Image.new("RGB", (width, height))
    image.putdata(
        [(x * 255 // width, y * 255 // height, (x * 7 + y * 3) % 256) for y in range(height) for x in range(width)]
    )
    return image


def test_a_picture_of_the_asked_size_keeps_its_exact_pixels() -> None:
    grey = gradient(28, 28).convert("L")
    assert images.decode(written(grey, "PNG"), size=28, channels=1) == grey.tobytes()


def test_a_small_plain_png_is_read_as_pillow_reads_it_whatever_is_wrong_with_it(monkeypatch) -> None:
    def outcome(data: bytes, channels: Literal[1, 3]) -> object:
        try:
            return images.decode(data, size=9, channels=channels)
        except (images.NotAPicture, images.Undecodable, images.TooManyPixels) as error:
            return type(error)

    def with_right_sums(data: bytes) -> bytes:
        sums = [struct.pack(">I", zlib.crc32(chunk)) for chunk in (data[12:29], data[37:-16])]
        return data[:29] + sums[0] + data[33:-16] + sums[1] + data[-12:]

    colour, grey = written(gradient(12, 9), "PNG"), written(gradient(9, 9).convert("L"), "PNG")
    whole = [(colour, 3), (colour, 1), (grey, 3), (grey, 1)]
    assert all(images._plain(data, max_pixels=108) for data, _ in whole)
    cases: list[tuple[bytes, Literal[1, 3]]] = [(data, channels) for data, channels in whole]
    for data in (colour, grey):
        cases += [(data[:end], 1) for end in range(len(data))] + [(data + b"more", 1)]
        for position in range(len(data)):
            damaged = data[:position] + bytes((data[position] ^ 1 << position % 8,)) + data[position + 1 :]
            cases += [(damaged, 1), (with_right_sums(damaged), 1)]
    short = [outcome(data, channels) for data, channels in cases]
    monkeypatch.setattr(images, "_plain", lambda data, max_pixels: None)
    assert short == [outcome(data, channels) for data, channels in cases]


def test_the_centre_of_a_wide_picture_is_kept() -> None:
    image = Image.new("RGB", (300, 100), "red")
    image.paste("blue", (100, 0, 200, 100))
    rows = images.decode(written(image, "PNG"), size=10, channels=3)
    # The outer columns mix in a little of what was cut away, as the whole picture made smaller would.
    assert rows[3 * 3 : 3 * 7] == bytes((0, 0, 255)) * 4
    assert all(rows[at + 2] > 200 for at in range(0, len(rows), 3))


def test_an_orientation_in_exif_is_applied() -> None:
    image = gradient(40, 20)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        turned = ImageOps.exif_transpose(Image.open(io.BytesIO(written(image, "PNG", exif=exif))))
        expected = images.decode(written(turned, "PNG"), size=20, channels=3)
        assert images.decode(written(image, "PNG", exif=exif), size=20, channels=3) == expected, orientation


def test_transparency_is_laid_on_white() -> None:
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert images.decode(written(clear, "PNG"), size=8, channels=3) == b"\xff" * 8 * 8 * 3


def test_a_transparent_palette_entry_is_laid_on_white() -> None:
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([10, 20, 30] + [0] * 765)
    assert images.decode(written(palette, "PNG", transparency=0), size=8, channels=3) == b"\xff" * 8 * 8 * 3


def test_a_16_bit_grey_is_scaled_and_not_clipped() -> None:
    deep = Image.new("I;16", (8, 8), 32768)
    assert images.decode(written(deep, "PNG"), size=8, channels=1) == bytes([128]) * 64


def test_a_cmyk_jpeg_becomes_colour() -> None:
    pixels = images.decode(written(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG"), size=16, channels=3)
    assert pixels[0] > 200
    assert max(pixels[1:3]) < 60


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    gif = written(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert images.decode(gif, size=8, channels=3) == bytes((255, 0, 0)) * 64


@pytest.mark.parametrize("format", images.READABLE)
def test_every_readable_format_is_read(format: str) -> None:
    assert len(images.decode(written(gradient(32, 32), format), size=16, channels=3)) == 16 * 16 * 3


def test_a_large_jpeg_read_in_draft_mode_is_close_to_the_plain_way() -> None:
    image = gradient(640, 640).resize((1280, 1280), Image.Resampling.BICUBIC)
    data = written(image, "JPEG", quality=95)
    plain = Image.open(io.BytesIO(data)).resize((64, 64), Image.Resampling.LANCZOS).tobytes()
    drafted = images.decode(data, size=64, channels=3)
    assert sum(abs(a - b) for a, b in zip(plain, drafted, strict=True)) / len(plain) < 2


@pytest.mark.parametrize("data", [b"", b"hello, I am a text", b"%PDF-1.7 ..."])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(images.NotAPicture):
        images.decode(data, size=8, channels=3)


def test_a_format_outside_the_list_is_refused_even_if_it_could_be_read() -> None:
    with pytest.raises(images.NotAPicture):
        images.decode(written(gradient(8, 8), "PPM"), size=8, channels=3)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_file_cut_short_is_an_error(format: str) -> None:
    data = written(gradient(64, 64), format)
    with pytest.raises((images.Undecodable, images.NotAPicture)):
        images.decode(data[: len(data) * 2 // 3], size=16, channels=3)


@pytest.mark.parametrize("side", [1_001, 12_000, 50_000])
def test_a_picture_with_too_many_pixels_is_refused_before_it_is_decoded(side: int) -> None:
    bomb = bytearray(written(Image.new("1", (8, 8)), "PNG"))
    bomb[16:24] = side.to_bytes(4, "big") * 2
    bomb[29:33] = __import__("zlib").crc32(bytes(bomb[12:29])).to_bytes(4, "big")
    with pytest.raises(images.TooManyPixels):
        images.decode(bytes(bomb), size=8, channels=3, max_pixels=1_000_000)


@pytest.mark.parametrize("format", ["png", "jpeg", "webp", "avif"])
def test_encoding_is_deterministic_and_can_be_read_back(format: images.Format) -> None:
    pixels = gradient(16, 16).tobytes()
    options = {
        "width": 16,
        "height": 16,
        "channels": 3,
        "format": format,
        "size": 48,
    }
    told = {"Software": "Likeness", "Description": "drawn"}
    first = images.encode(pixels, **options, metadata=told)  # type: ignore[arg-type]
    turned = dict(reversed(told.items()))
    assert images.encode(pixels, **options, metadata=turned) == first  # type: ignore[arg-type]
    again = Image.open(io.BytesIO(first))
    assert again.size == (48, 48)
    assert again.format == format.upper()


def test_a_png_gives_back_the_same_pixels_and_the_text() -> None:
    grey = gradient(28, 28).convert("L")
    png = images.encode(
        grey.tobytes(), width=28, height=28, channels=1, format="png", metadata={"Comment": "künstlich"}
    )
    assert images.decode(png, size=28, channels=1) == grey.tobytes()
    assert Image.open(io.BytesIO(png)).info["Comment"] == "künstlich"  # type: ignore[attr-defined]
