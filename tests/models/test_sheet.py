import io

import numpy as np
from PIL import Image

from models import sheet


def test_pictures_stand_in_rows_and_the_rest_is_white(tmp_path):  # type: ignore[no-untyped-def]
    pixels = np.arange(3, dtype=np.uint8)[:, None, None, None] * np.ones((3, 4, 5, 3), np.uint8) * 50
    sheet.write(tmp_path / "deep" / "sheet.png", pixels, columns=2)
    whole = np.asarray(Image.open(io.BytesIO((tmp_path / "deep" / "sheet.png").read_bytes())))
    assert whole.shape == (8, 10, 3)
    assert [whole[0, 0, 0], whole[0, 5, 0], whole[4, 0, 0], whole[4, 5, 0]] == [0, 50, 100, 255]
