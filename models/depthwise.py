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
        ctx.stride, ctx.padding = stride, padding
        with torch.autocast("cpu", enabled=False):
            half = None if bias is None else bias.to(x.dtype)
            return F.conv2d(x, weight.to(x.dtype), half, stride, padding, groups=x.shape[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (g,) = gradients
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad[:3]
        dx = dw = db = None
        if needs_x:
            kind = g.dtype if ctx.stride == 1 else torch.float32
            wanted = (True, False, False)
            dx, _, _ = _gradients(g.to(kind), x.to(kind), weight.to(kind), ctx.stride, ctx.padding, wanted)
            dx = dx.to(x.dtype)
        if needs_weight or needs_bias:
            wanted = (False, needs_weight, needs_bias)
            _, dw, db = _gradients(g.float(), x.float(), weight, ctx.stride, ctx.padding, wanted)
        return dx, dw, db, None, None


def _gradients(
    g: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int, wanted: tuple[bool, bool, bool]
) -> tuple[Tensor, Tensor, Tensor]:
    """Those of x, weight and bias for the gradient `g` of what came out; what is not wanted is None."""
    groups = len(weight)
    return torch.ops.aten.convolution_backward(
        g, x, weight, [groups], [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], groups, list(wanted)
    )
