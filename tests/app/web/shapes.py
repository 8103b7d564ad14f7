"""Pictures to train on that anybody can draw: light circles, squares and triangles on a dark ground, 28 pixels."""

import io
import random
import zipfile

from PIL import Image, ImageDraw

CLASSES = ("circle", "square", "triangle")


def draw(name: str, chance: random.Random) -> Image.Image:
    """One shape at a place, of a size and of a shade that `chance` decides."""
    picture = Image.new("L", (28, 28), chance.randint(0, 60))
    pen, shade = ImageDraw.Draw(picture), chance.randint(150, 255)
    x, y, half = chance.randint(9, 18), chance.randint(9, 18), chance.randint(5, 8)
    match name:
        case "circle":
            pen.ellipse((x - half, y - half, x + half, y + half), fill=shade)
        case "square":
            pen.rectangle((x - half, y - half, x + half, y + half), fill=shade)
        case _:
            pen.polygon([(x, y - half), (x - half, y + half), (x + half, y + half)], fill=shade)
    return picture


def png(name: str, *, seed: int) -> bytes:
    """One shape as a file."""
    out = io.BytesIO()
    draw(name, random.Random(seed)).save(out, "PNG")
    return out.getvalue()


def archive(*, per_class: int) -> bytes:
    """A zip with a folder for each shape, and a file that is no picture."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for at, name in enumerate(CLASSES):
            for number in range(per_class):
                packed.writestr(f"{name}/{number:03d}.png", png(name, seed=at * 100_000 + number))
        packed.writestr("circle/note.png", b"no picture")
    return out.getvalue()
