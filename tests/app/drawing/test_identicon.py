from typing import get_args

import pytest
from PIL import Image

from app.drawing import identicon

KINDS = get_args(identicon.Kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 16, 80, 1024])
def test_every_kind_has_a_picture_of_every_size(kind: identicon.Kind, size: int) -> None:
    raster = identicon.draw(kind, "ada", size=size)

    assert (raster.width, raster.height) == (size, size)
    assert len(raster.pixels) == size * size * raster.channels


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_has_one_picture(kind: identicon.Kind) -> None:
    assert identicon.draw(kind, "ada", size=80) == identicon.draw(kind, "ada", size=80)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"mp", "blank"}))
def test_seeds_have_different_pictures(kind: identicon.Kind) -> None:
    pictures = {identicon.draw(kind, f"seed {number}", size=32).pixels for number in range(64)}

    assert len(pictures) >= 62


def test_the_mystery_person_is_nobody_in_particular() -> None:
    assert identicon.draw("mp", "ada", size=80) == identicon.draw("mp", "bob", size=80)


def test_blank_is_transparent() -> None:
    raster = identicon.draw("blank", "ada", size=16)

    assert raster.channels == 4
    assert not any(raster.pixels)


def test_an_identicon_looks_the_same_after_a_quarter_turn() -> None:
    raster = identicon.draw("identicon", "ada", size=120)
    image = Image.frombytes("RGB", (120, 120), raster.pixels)

    turned = image.transpose(Image.Transpose.ROTATE_90)
    unlike = sum(abs(a - b) > 32 for a, b in zip(image.tobytes(), turned.tobytes(), strict=True))
    assert unlike < 0.05 * len(raster.pixels)  # edges may round to the neighbouring pixel
