"""Depthwise convolutions whose way back in bf16 on a CPU is as fast as that of fp32.

On a CPU that multiplies bf16 a forward pass in bf16 takes a third of one in fp32, and PyTorch's way back through
everything but depthwise convolutions likewise. Through those it takes several times as long, because oneDNN has
fast kernels only for the gradient of the pictures at a stride of one; the rest falls to plain loops. So the others are
computed in fp32 here, from the same bf16 pictures. docs/performance.md tells what it brings.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def depthwise(x: Tensor, weight: Tensor, bias: Tensor | None, *, stride: int, padding: int) -> Tensor:
    """Convolve each channel of x [N, C, H, W] with its own filter, weight [C, 1, k, k] and bias [C]."""
    if x.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
        y: Tensor = _MixedPrecision.apply(x.to(torch.bfloat16), weight, bias, stride, padding)
        return y
    return F.conv2d(x, weight, bias, stride, padding, groups=x.shape[1])


class _MixedPrecision(torch.autograd.Function):
    """Pictures in bf16, filters in fp32. What the way back consists of can be differentiated itself, as a penalty on
    gradients needs."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.shape, ctx.biased = (stride, padding), bias is not None
        with torch.autocast("cpu", enabled=False):
            half = None if bias is None else bias.to(x.dtype)
            return F.conv2d(x, weight.to(x.dtype), half, stride, padding, groups=x.shape[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        stride, padding = ctx.shape
        of_x, of_weight, of_bias = ctx.needs_input_grad[:3]
        to_x = to_weight = to_bias = None
        if of_x:
            kind = gradient.dtype if stride == 1 else torch.float32
            to_x = _way_back(gradient.to(kind), x.to(kind), weight.to(kind), stride, padding, (True, False, False))[0]
            to_x = to_x.to(x.dtype)
        if of_weight or of_bias:
            wanted = (False, of_weight, of_bias)
            _, to_weight, to_bias = _way_back(gradient.float(), x.float(), weight, stride, padding, wanted)
        return to_x, to_weight, to_bias, None, None


def _way_back(
    gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int, wanted: tuple[bool, bool, bool]
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, weight and bias, of which those that are not wanted are None."""
    return torch.ops.aten.convolution_backward(
        gradient,
        x,
        weight,
        [len(weight)],
        [stride, stride],
        [padding, padding],
        [1, 1],
        False,
        [0, 0],
        len(weight),
        list(wanted),
    )
