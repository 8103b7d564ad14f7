"""The training pictures of a generator, in the order in which its run sees them."""

import torch
import torch.nn.functional as F
from torch import Tensor

from models.data import Pictures
from models.levels import from_levels
from models.streams import stream


class Batches:
    """A new order each epoch, which follows from (seed, epoch) alone: where a run stands is a count of pictures."""

    def __init__(self, pictures: Pictures, *, seed: int, device: torch.device) -> None:
        self.pictures, self._seed, self._device = pictures, seed, device
        self._order: tuple[int, Tensor] = (-1, torch.empty(0))  # the last epoch that was asked for

    def indices(self, start: int, count: int) -> Tensor:
        """Which pictures, int64 [count], come after `start` pictures; batches run across the border of epochs."""
        at = torch.arange(start, start + count)
        epochs = at // len(self.pictures)
        parts = [self._epoch(int(epoch))[at[epochs == epoch] % len(self.pictures)] for epoch in epochs.unique()]
        return torch.cat(parts)

    def real(self, indices: Tensor, *, size: int) -> Tensor:
        """Pictures as float [N, C, size, size] in [-1, 1] on the device."""
        real = from_levels(self.pictures.images[indices].to(self._device))
        return real if real.shape[-1] == size else F.avg_pool2d(real, real.shape[-1] // size)

    def labels(self, indices: Tensor) -> Tensor:
        """The classes of pictures, int64 [N] on the device. The pictures must have them."""
        assert self.pictures.labels is not None
        return self.pictures.labels[indices].to(self._device)

    def _epoch(self, epoch: int) -> Tensor:
        if self._order[0] != epoch:
            self._order = (epoch, torch.randperm(len(self.pictures), generator=stream(self._seed, epoch)))
        return self._order[1]
