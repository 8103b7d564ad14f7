"""Between the numbers a generator draws, in [-1, 1], and the levels 0 to 255 of a picture."""

import torch
from torch import Tensor


def to_levels(pictures: Tensor) -> Tensor:
    """Float pictures in [-1, 1] as uint8 of the same shape; what lies outside is cut off."""
    return ((pictures + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def from_levels(levels: Tensor) -> Tensor:
    """Uint8 pictures as float of the same shape in [-1, 1]."""
    return levels.float().div(127.5).sub(1)
