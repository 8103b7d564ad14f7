"""Augmentation of a whole batch on its device: flip, translate, cutout, mixup.

Every random number comes from the generator that is handed in, on the CPU, so that a seed means the same batch on every
device. Pictures are float [N, C, H, W] in 0..1, targets are rows of class probabilities, float [N, classes].
"""

from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor


@dataclass(frozen=True)
class AugmentConfig:
    """How training pictures are varied. Zero or false turns a part off."""

    flip: bool = field(default=True, metadata={"description": "mirror every second picture, left to right"})
    alternate: bool = field(
        default=False, metadata={"description": "mirror a picture in every second epoch rather than by chance"}
    )
    translate: int = field(
        default=2, metadata={"description": "shift by at most so many pixels", "minimum": 0, "maximum": 64}
    )
    cutout: int = field(default=8, metadata={"description": "side of the square blanked out, pixels", "minimum": 0})
    mixup: float = field(
        default=0.0, metadata={"description": "Beta(a, a) blending of pairs of pictures", "minimum": 0, "maximum": 2}
    )


def augment(
    x: Tensor, targets: Tensor, config: AugmentConfig, *, generator: Generator, turn: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Apply what `config` turns on, in that order.

    `turn`, bool [N], says which pictures `alternate` mirrors now; where it is missing, chance does.
    """
    if config.flip:
        x = flip(x, generator) if turn is None or not config.alternate else mirror(x, turn.to(x.device))
    if config.translate:
        x = translate(x, config.translate, generator)
    if config.cutout:
        x = cutout(x, config.cutout, generator)
    if config.mixup:
        x, targets = mixup(x, targets, strength=config.mixup, generator=generator)
    return x, targets


def flip(x: Tensor, generator: Generator) -> Tensor:
    """Mirror each picture with a chance of one half."""
    return mirror(x, torch.rand(len(x), generator=generator).to(x.device) < 0.5)


def mirror(x: Tensor, chosen: Tensor) -> Tensor:
    """Mirror the pictures that are chosen, bool [N]."""
    return torch.where(chosen[:, None, None, None], x.flip(3), x)


def turns(indices: Tensor, epochs: Tensor) -> Tensor:
    """Which pictures, int64 [N], are mirrored in their epoch, int64 [N]: each in every second one, and half of them in
    each, so that no picture is seen the same way twice running (Jordan 2024)."""
    return (indices + epochs) % 2 == 1


def translate(x: Tensor, most: int, generator: Generator) -> Tensor:
    """Shift each picture by up to `most` pixels in both directions; what moves in is zero."""
    n, _, height, width = x.shape
    padded = F.pad(x, (most, most, most, most))
    shifts = torch.randint(0, 2 * most + 1, (2, n), generator=generator).to(x.device)
    rows = shifts[0][:, None] + torch.arange(height, device=x.device)  # [N, H]
    columns = shifts[1][:, None] + torch.arange(width, device=x.device)  # [N, W]
    batch = torch.arange(n, device=x.device)[:, None, None]
    # The channel axis comes last when index arrays surround a slice.
    return padded[batch, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def cutout(x: Tensor, side: int, generator: Generator) -> Tensor:
    """Blank a square per picture to the picture's own mean (DeVries and Taylor 2017). It may hang over the border."""
    n, _, height, width = x.shape
    centres = torch.rand(2, n, generator=generator).to(x.device)
    top = (centres[0] * height).floor() - side // 2
    left = (centres[1] * width).floor() - side // 2
    rows = torch.arange(height, device=x.device)[None, :, None]
    columns = torch.arange(width, device=x.device)[None, None, :]
    inside = (
        (rows >= top[:, None, None])
        & (rows < top[:, None, None] + side)
        & (columns >= left[:, None, None])
        & (columns < left[:, None, None] + side)
    )
    return torch.where(inside[:, None], x.mean((2, 3), keepdim=True), x)


def mixup(x: Tensor, targets: Tensor, *, strength: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """x' = l x + (1 - l) x[p], the same for targets, with l from Beta(strength, strength) per pair (Zhang et al.
    2018)."""
    seed = int(torch.randint(0, 2**31 - 1, (), generator=generator))  # torch has no Beta that takes a generator
    share = torch.from_numpy(np.random.default_rng(seed).beta(strength, strength, len(x)).astype(np.float32)).to(
        x.device
    )
    partner = torch.randperm(len(x), generator=generator).to(x.device)
    pictures = share[:, None, None, None] * x + (1 - share[:, None, None, None]) * x[partner]
    return pictures, share[:, None] * targets + (1 - share[:, None]) * targets[partner]
