from PIL import Image

from app.drawing import sheet_layout
from app.drawing.portrait import Raster

RED, BLUE = (Raster(bytes(colour) * 16, 4, 4, 3) for colour in ((255, 0, 0), (0, 0, 255)))


def test_pictures_stand_in_rows_with_gaps() -> None:
    layout = sheet_layout.Layout(count=3, columns=2, side=4, gap=2)

    raster = sheet_layout.compose([RED, BLUE, RED], layout, background="00ff00")

    image = Image.frombytes("RGB", (raster.width, raster.height), raster.pixels)
    assert image.size == (10, 10)
    assert [layout.place(number) for number in range(3)] == [(0, 0), (6, 0), (0, 6)]
    assert image.getpixel((0, 0)) == (255, 0, 0)
    assert image.getpixel((6, 0)) == (0, 0, 255)
    assert image.getpixel((3, 9)) == (255, 0, 0)
    assert image.getpixel((4, 0)) == (0, 255, 0)
    assert image.getpixel((9, 9)) == (0, 255, 0)


def test_grey_pictures_make_a_grey_sheet() -> None:
    layout = sheet_layout.Layout(count=2, columns=2, side=4, gap=0)

    raster = sheet_layout.compose([Raster(bytes(16), 4, 4, 1)] * 2, layout, background="ffffff")

    assert raster == Raster(bytes(32), 8, 4, 1)


def test_round_pictures_show_the_background_in_their_corners() -> None:
    transparent = Raster(bytes(64), 4, 4, 4)

    raster = sheet_layout.compose(
        [transparent], sheet_layout.Layout(count=1, columns=1, side=4, gap=0), background="0000ff"
    )

    assert raster.pixels == bytes((0, 0, 255)) * 16
