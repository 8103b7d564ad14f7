"""What asks a generator for variety: the energy distance between its pictures and real ones, in a frozen space.

    D(P, Q) = 2 E|x - y| - E|x - x'| - E|y - y'|        x, x' generated, y, y' real

It is zero for equal distributions and for no others (Szekely and Rizzo, 2013; as a GAN's objective Bellemare et al.,
2017, arXiv:1705.10743). A judge of single pictures is content with a dozen faces drawn well. This distance is not: the
first term pulls a picture to what is real, the second pushes it away from what is drawn already, and the two cancel
only where as much is drawn as there is.

A few pictures tell little about a distribution, so the expectations run over many real pictures and over the last
generated ones, which are remembered as MoCo remembers keys (He et al., 2020, arXiv:1911.05722). What is remembered has
no gradient: half of that of D with respect to x is that of

    E_y|x - y| - E_x'|x - x'|.

Unlike the judges it sees pictures as they are. Augmentation would drown the variety of faces in its own.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.features import EMBEDDING_SIZE, STAGE_CHANNELS, Trunk, as_seen

REMEMBERED = 256  # generated pictures: more would come from another generator, whose drift would pass for variety
KNOWN = 2048  # real pictures
GRID = 2  # fine maps are pooled to 2 x 2, so that hair above and hair below are two things
LENGTHS = (*(channels * GRID**2 for channels in STAGE_CHANNELS[:-1]), EMBEDDING_SIZE)


class EnergyDistance(nn.Module):
    """The distance over all scales of the trunk, each counting alike, from the real pictures it was told to match."""

    mean: Tensor
    scale: Tensor
    real: Tensor
    fake: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name, shape in (("mean", (1,)), ("scale", (1,)), ("real", (0,))):
            self.register_buffer(name, torch.zeros(*shape, sum(LENGTHS)), persistent=False)
        self.register_buffer("fake", torch.zeros(REMEMBERED, sum(LENGTHS)))

    @torch.no_grad()
    def match(self, described: Tensor, *, anew: bool = False) -> None:
        """Take real pictures, described [M, sum(LENGTHS)], as the ones to match; their deviations are the units.

        Until it remembers generated pictures it takes these for them, so that pull and push nearly cancel. `anew`
        forgets those that it remembers, which are in the units of pictures of another size.
        """
        self.mean = described.mean(0, keepdim=True)
        self.scale = described.std(0, keepdim=True).clamp_min(1e-3).reciprocal()
        self.real = self._standardised(described)
        if anew or not self.fake.any():
            self.fake = self.real[torch.arange(REMEMBERED) % len(self.real)]

    def forward(self, described: Tensor) -> Tensor:
        """E_y|x - y| - E_x'|x - x'| for generated pictures x, described [N, sum(LENGTHS)]."""
        scales = zip(*(_scales(each) for each in (self._standardised(described), self.real, self.fake)), strict=True)
        return torch.stack([_apart(x, y) - _apart(x, other) for x, y, other in scales]).mean()

    @torch.no_grad()
    def remember(self, described: Tensor) -> None:
        """Put generated pictures, described [N, sum(LENGTHS)], in the place of the oldest."""
        # A new tensor, because a loss whose gradient is still to be asked for looks at the old one.
        self.fake = torch.cat((self.fake, self._standardised(described)))[-REMEMBERED:]

    @torch.no_grad()
    def spread(self) -> float:
        """How far generated pictures lie apart, over how far real ones do: 1 is right, less is a lack of variety."""
        ratios = [_apart(x, x) / _apart(y, y) for x, y in zip(_scales(self.fake), _scales(self.real), strict=True)]
        return float(torch.stack(ratios).mean())

    def _standardised(self, described: Tensor) -> Tensor:
        return (described - self.mean) * self.scale


def describe(pictures: Tensor, trunk: Trunk, *, side: int) -> Tensor:
    """Descriptions [N, sum(LENGTHS)] of pictures [N, C, S, S], which the trunk sees `side` pixels wide: its fine maps,
    pooled, beside its summary."""
    *fine, last = trunk(as_seen(pictures, side))
    pooled = [F.adaptive_avg_pool2d(each, GRID).flatten(1) for each in fine]
    return torch.cat((*pooled, trunk.summary(last)), dim=1)


def _scales(described: Tensor) -> tuple[Tensor, ...]:
    return described.split(LENGTHS, dim=1)


def _apart(x: Tensor, others: Tensor) -> Tensor:
    """The mean distance of x [N, D] and `others` [M, D], in standard deviations."""
    return torch.cdist(x, others).mean() / x.shape[1] ** 0.5
