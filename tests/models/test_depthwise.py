"""Depthwise convolutions in bf16 have the gradients of fp32, up to bf16's rounding, and can be differentiated twice."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from models.depthwise import depthwise

SHAPES = [(3, 1, 1), (3, 2, 0), (5, 1, 2), (5, 2, 0)]  # kernel, stride, padding


def _parts(kernel: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(kernel)
    # What bf16 can tell, so that it loses nothing.
    x = torch.randn(4, 8, 11, 11, generator=generator).bfloat16().float()
    weight = torch.randn(8, 1, kernel, kernel, generator=generator).bfloat16().float()
    bias = torch.randn(8, generator=generator).bfloat16().float()
    return x.requires_grad_(), weight.requires_grad_(), bias.requires_grad_()


@pytest.mark.parametrize(("kernel", "stride", "padding"), SHAPES)
def test_values_and_gradients_are_those_of_fp32(kernel: int, stride: int, padding: int):
    ours, theirs = _parts(kernel), _parts(kernel)
    with torch.autocast("cpu", torch.bfloat16):
        y = depthwise(*ours, stride=stride, padding=padding)
    wanted = F.conv2d(*theirs, stride, padding, groups=8)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), wanted, rtol=1e-2, atol=1e-2)
    with torch.no_grad():
        slope = torch.randn_like(wanted).bfloat16().float()
    (y.float() * slope).sum().backward()
    (wanted * slope).sum().backward()
    for got, right in zip(ours, theirs, strict=True):
        assert got.grad is not None
        assert got.grad.dtype == torch.float32
        torch.testing.assert_close(got.grad, right.grad, rtol=1e-2, atol=2e-2)


@pytest.mark.parametrize(("kernel", "stride", "padding"), SHAPES)
def test_a_penalty_on_gradients_has_gradients(kernel: int, stride: int, padding: int):
    def penalty(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        y = depthwise(x, weight, bias, stride=stride, padding=padding).float().square().sum()
        (slope,) = torch.autograd.grad(y, x, create_graph=True)
        return slope.square().sum()

    ours, theirs = _parts(kernel), _parts(kernel)
    with torch.autocast("cpu", torch.bfloat16):
        penalty(*ours).backward()
    penalty(*theirs).backward()
    for got, right in zip(ours[:2], theirs[:2], strict=True):
        assert got.grad is not None
        assert right.grad is not None
        assert (got.grad - right.grad).norm() < 0.02 * right.grad.norm()


def test_frozen_filters_get_no_gradient():
    x, weight, bias = _parts(5)
    with torch.autocast("cpu", torch.bfloat16):
        depthwise(x, weight.requires_grad_(False), bias.requires_grad_(False), stride=1, padding=2).sum().backward()
    assert x.grad is not None
    assert weight.grad is None
    assert bias.grad is None


def test_without_mixed_precision_nothing_is_rounded():
    x, weight, bias = _parts(3)
    assert torch.equal(depthwise(x, weight, bias, stride=1, padding=1), F.conv2d(x, weight, bias, 1, 1, groups=8))
