import pytest
from PIL import Image

from app.drawing.portrait import Portrait, Raster, frame


def halves(side: int = 32) -> Raster:
    """A square that is red on the left and blue on the right."""
    image = Image.new("RGB", (side, side), (255, 0, 0))
    image.paste((0, 0, 255), (side // 2, 0, side, side))
    return Raster(image.tobytes(), side, side, 3)


def picture(raster: Raster) -> Image.Image:
    return Image.frombytes({1: "L", 3: "RGB", 4: "RGBA"}[raster.channels], (raster.width, raster.height), raster.pixels)


def test_a_plain_frame_leaves_every_pixel_alone() -> None:
    assert frame(halves(), Portrait()) == halves()


def test_the_longer_side_becomes_the_size() -> None:
    wide = Raster(bytes(40 * 20 * 3), 40, 20, 3)

    result = frame(wide, Portrait(), size=80)

    assert (result.width, result.height) == (80, 40)


def test_half_of_the_side_as_radius_is_a_circle() -> None:
    opacity = picture(frame(halves(100), Portrait(radius=50))).getchannel("A")

    covered = sum(opacity.tobytes()) / 255 / 100**2
    assert covered == pytest.approx(3.14159 / 4, abs=0.005)
    assert opacity.getpixel((0, 0)) == 0
    assert opacity.getpixel((50, 50)) == 255


def test_the_edge_of_a_circle_is_smooth_even_at_sixteen_pixels() -> None:
    opacity = picture(frame(halves(), Portrait(radius=50), size=16)).getchannel("A")

    assert sum(0 < value < 255 for value in opacity.tobytes()) > 12


def test_a_background_shows_beside_a_smaller_picture_and_is_rounded_with_it() -> None:
    result = picture(frame(halves(), Portrait(radius=25, background="00ff00", scale=50)))

    assert result.getpixel((16, 3)) == (0, 255, 0, 255)
    assert result.getpixel((12, 16)) == (255, 0, 0, 255)
    assert result.getpixel((0, 0))[3] == 0  # type: ignore[index]


@pytest.mark.parametrize(("background", "corner"), [(None, (255, 255, 255)), ("0000ff", (0, 0, 255))])
def test_a_format_without_opacity_gets_the_background_or_white(background: str, corner: tuple[int, ...]) -> None:
    result = frame(halves(), Portrait(radius=50, background=background), opaque=True)

    assert result.channels == 3
    assert picture(result).getpixel((0, 0)) == corner


def test_flip_mirrors_left_and_right() -> None:
    assert picture(frame(halves(), Portrait(flip=True))).getpixel((0, 0)) == (0, 0, 255)


def test_grey_needs_one_channel() -> None:
    result = frame(halves(), Portrait(grey=True))

    assert result.channels == 1
    assert picture(result).getpixel((0, 0)) == 76  # ITU-R 601 luma of pure red


def test_a_turn_is_clockwise() -> None:
    result = picture(frame(halves(), Portrait(rotate=90))).convert("RGB")

    assert result.getpixel((16, 4)) == (255, 0, 0)
    assert result.getpixel((16, 28)) == (0, 0, 255)


def test_a_small_picture_keeps_its_corners_when_it_is_turned() -> None:
    result = picture(frame(halves(100), Portrait(scale=60, rotate=45)))

    assert result.getpixel((50, 12))[3] == 255  # type: ignore[index]
    assert result.getpixel((12, 12))[3] == 0  # type: ignore[index]


def test_a_scale_above_a_hundred_crops() -> None:
    result = frame(halves(), Portrait(scale=200), opaque=True)

    assert (result.width, result.height, result.channels) == (32, 32, 3)
    assert picture(result).getpixel((2, 2)) == (255, 0, 0)
