"""The enlarger: it interpolates until it has learnt, and what it adds is gone when the picture shrinks."""

import torch
import torch.nn.functional as F

from models.enlarger import Enlarger, double


def random_enlarger(*, channels: int = 3) -> Enlarger:
    torch.manual_seed(0)
    enlarger = Enlarger(channels, width=8, blocks=2)
    for parameter in enlarger.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return enlarger


def test_a_fresh_one_interpolates():
    small = torch.rand(2, 3, 16, 16) * 2 - 1
    doubled = Enlarger(3, width=8, blocks=2)(small)
    assert doubled.shape == (2, 3, 32, 32)
    assert (F.avg_pool2d(doubled, 2) - small).abs().mean() < (F.avg_pool2d(double(small), 2) - small).abs().mean() / 4
    flat = torch.full((1, 1, 8, 8), 0.3)
    torch.testing.assert_close(Enlarger(1, width=8, blocks=1)(flat), torch.full((1, 1, 16, 16), 0.3))


def test_what_it_adds_is_gone_when_the_picture_shrinks():
    small = torch.rand(2, 3, 16, 16) * 2 - 1
    large = random_enlarger()(small)
    lost = (F.avg_pool2d(large, 2) - small).abs().mean()
    assert (large - double(small)).abs().mean() > 3 * lost


def test_a_picture_does_not_depend_on_its_batch():
    small = torch.rand(5, 1, 8, 8) * 2 - 1
    enlarger = random_enlarger(channels=1)
    torch.testing.assert_close(enlarger(small)[3:4], enlarger(small[3:4]))
