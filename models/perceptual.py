"""How far two pictures lie apart to a network that has seen the world: a perceptual loss (Johnson et al., 2016,
arXiv:1603.08155).

Pixels that differ by a shift look alike, and their mean is a blur; maps of a trained classifier tell edges and textures
from blur.
"""

import torch
from torch import Tensor, nn

from models.features import STAGE_CHANNELS, Trunk, as_seen

SCALES = 3  # the finest maps of the trunk; the last one names things


class PerceptualDistance(nn.Module):
    """The mean absolute difference between a frozen trunk's maps, each channel in units of its deviation."""

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self._trunk = trunk
        for scale, channels in enumerate(STAGE_CHANNELS[:SCALES]):
            self.register_buffer(f"scale_{scale}", torch.ones(1, channels, 1, 1))

    @torch.no_grad()
    def standardise(self, pictures: Tensor) -> None:
        """Measure the channels' deviations on pictures [N, C, S, S]."""
        for scale, seen in enumerate(self._maps(pictures)):
            deviation = seen.std((0, 2, 3), keepdim=True).clamp_min(1e-3)
            setattr(self, f"scale_{scale}", deviation.reciprocal())

    def forward(self, pictures: Tensor, wanted: Tensor) -> Tensor:
        """The distance of pictures from wanted ones, both [N, C, S, S] in [-1, 1], a number."""
        with torch.no_grad():
            known = self._maps(wanted)
        pairs = enumerate(zip(self._maps(pictures), known, strict=True))
        apart = [((x - y) * getattr(self, f"scale_{scale}")).abs().mean() for scale, (x, y) in pairs]
        return torch.stack(apart).mean()

    def _maps(self, pictures: Tensor) -> list[Tensor]:
        return self._trunk(as_seen(pictures, pictures.shape[-1]))[:SCALES]
