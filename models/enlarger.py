"""Twice the side: a small residual network draws what the smaller picture cannot show.

    large = shrinks_to(small, double(small) + network(small))

It learns from photographs and their halves, so it needs no generator (`models.gan_run`), and a generator that carries
one draws the same people as without it. Residual blocks without normalisation are those of Lim et al., 2017
(arXiv:1707.02921); the last convolutions run at half the side of what they draw and are laid out as pixels (Shi et al.,
2016, arXiv:1609.05158). Iterated back-projection (Irani and Peleg, 1991) holds the result to the picture it was given.
"""

import torch.nn.functional as F
from torch import Tensor, nn

LEAK = 0.2
FINE_CHANNELS = 32  # at the given side, behind the blocks
PROJECTIONS = 3  # leave a fifth of a level of difference in a face


class Enlarger(nn.Module):
    """Pictures [N, C, S, S] in [-1, 1] -> [N, C, 2 S, 2 S]; S is even. With fresh weights it interpolates.

    The blocks run at S / 2, where a pixel is four of the picture: a quarter of the work, and twice the sight.
    """

    def __init__(self, channels: int, *, width: int, blocks: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels * 4, width, 3, padding=1)
        self.blocks = nn.Sequential(*(_Block(width) for _ in range(blocks)))
        self.finer = _he(nn.Conv2d(width, FINE_CHANNELS * 4, 3, padding=1))
        self.colour = nn.Conv2d(FINE_CHANNELS, channels * 4, 3, padding=1)
        nn.init.zeros_(self.colour.weight)
        nn.init.zeros_(self.colour.bias)  # type: ignore[arg-type]

    def forward(self, small: Tensor) -> Tensor:
        x = self.blocks(self.first(F.pixel_unshuffle(small, 2)))
        x = F.pixel_shuffle(self.finer(F.leaky_relu(x, LEAK)), 2)
        added = F.pixel_shuffle(self.colour(F.leaky_relu(x, LEAK)), 2).float()
        return shrinks_to(small, double(small) + added)


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _he(nn.Conv2d(width, width, 3, padding=1))
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.leaky_relu(self.first(F.leaky_relu(x, LEAK)), LEAK))


def double(x: Tensor) -> Tensor:
    """Maps [N, C, S, S] at twice the side, by bilinear interpolation."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def shrinks_to(small: Tensor, large: Tensor) -> Tensor:
    """`large` [N, C, 2 S, 2 S], moved until the means of its 2 x 2 pixels are nearly `small` [N, C, S, S].

    One step would do with square blocks, but they show.
    """
    for _ in range(PROJECTIONS):
        large = large + double(small - F.avg_pool2d(large, 2))
    return large


def _he(layer: nn.Conv2d) -> nn.Conv2d:
    nn.init.kaiming_normal_(layer.weight, a=LEAK)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer
