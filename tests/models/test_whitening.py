import torch
import torch.nn.functional as F
from torch import nn

from models.whitening import whiten


def smooth(count: int = 60) -> torch.Tensor:
    """Pictures whose neighbouring pixels are alike."""
    random = torch.Generator().manual_seed(0)
    return F.interpolate(torch.randn(count, 3, 6, 6, generator=random), (24, 24), mode="bilinear")


def outputs(convolution: nn.Conv2d, pictures: torch.Tensor) -> torch.Tensor:
    found = F.conv2d(pictures, convolution.weight)
    return found.permute(1, 0, 2, 3).flatten(1)


def test_outputs_are_uncorrelated_and_of_one_size() -> None:
    convolution = nn.Conv2d(3, 12, 3, bias=False)
    before = torch.corrcoef(outputs(convolution, smooth())).fill_diagonal_(0).abs().max()
    whiten(convolution, smooth())
    found = outputs(convolution, smooth())
    one_sign = torch.corrcoef(found)[::2, ::2].fill_diagonal_(0)
    assert before > 0.3
    assert one_sign.abs().max() < 0.01
    assert found.std(1).min() > 0.9
    assert found.std(1).max() < 1.1


def test_each_filter_is_there_with_both_signs() -> None:
    convolution = nn.Conv2d(3, 12, 3, bias=False)
    whiten(convolution, smooth())
    torch.testing.assert_close(convolution.weight[::2], -convolution.weight[1::2])


def test_filters_beyond_those_that_a_patch_can_have_stay() -> None:
    convolution = nn.Conv2d(1, 30, 3, bias=False)
    before = convolution.weight.detach().clone()
    whiten(convolution, smooth()[:, :1])
    assert torch.equal(convolution.weight[18:], before[18:])
    assert not torch.equal(convolution.weight[:18], before[:18])


def test_pictures_that_are_all_flat_give_numbers() -> None:
    convolution = nn.Conv2d(1, 6, 3, bias=False)
    whiten(convolution, torch.zeros(4, 1, 8, 8))
    assert torch.isfinite(convolution.weight).all()
