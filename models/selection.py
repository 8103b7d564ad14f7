"""Which pictures a generator learns from.

A small generator spends capacity on every odd picture it is shown. Leaving out the pictures that lie furthest from
the crowd in a feature space makes what it draws better for the same work (DeVries et al., 2020, arXiv:2007.15255);
blurred ones teach it blur. Both cuts look at the picture alone and never at who is in it, but a rare look is by
definition far from the crowd, so keep the cut shallow and look at what it removes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from models.features import Trunk
from models.levels import from_levels

_MARGIN = 1 / 8  # of the side, left out on each edge: a sharp background does not make a sharp face
_PLAIN = 1e-6  # variance: pictures that are all alike have none
_RIDGE = 1e-2  # of the mean variance, added to the covariance's diagonal


def sharpness(pictures: Tensor, *, batch: int = 1_000) -> Tensor:
    """Mean absolute Laplacian of the middle of uint8 pictures [N, C, S, S] over their contrast, float [N]."""
    return torch.cat([_sharpness(part) for part in pictures.split(batch)])


def _sharpness(pictures: Tensor) -> Tensor:
    grey = pictures.float().mean(1, keepdim=True)
    edge = round(pictures.shape[-1] * _MARGIN)
    grey = grey[:, :, edge:-edge, edge:-edge]
    kernel = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])[None, None]
    return F.conv2d(grey, kernel).abs().mean((1, 2, 3)) / (grey.std((1, 2, 3)) + 8)


@torch.no_grad()
def typicality(pictures: Tensor, trunk: Trunk, *, batch: int = 64) -> Tensor:
    """Log-likelihood (up to a constant) of uint8 pictures [N, C, S, S] under one Gaussian in the trunk's space, float
    [N]."""
    maps = []
    device = next(trunk.parameters()).device
    for part in pictures.split(batch):
        maps.append(trunk(from_levels(part.to(device)).expand(-1, 3, -1, -1))[2].mean((2, 3)).cpu())
    features = torch.cat(maps).double()
    centred = features - features.mean(0)
    covariance = centred.T @ centred / len(centred)
    ridge = covariance.diagonal().mean().clamp_min(_PLAIN) * _RIDGE
    covariance += torch.eye(len(covariance), dtype=torch.float64) * ridge
    return -(torch.linalg.solve(covariance, centred.T).T * centred).sum(1).float()


def select(pictures: Tensor, trunk: Trunk, *, keep_sharp: float, keep_typical: float) -> Tensor:
    """Indices, int64 [M] in ascending order, of the sharpest part and of the most typical part of that."""
    kept = torch.arange(len(pictures))
    if keep_sharp < 1:
        kept = _best(sharpness(pictures), keep_sharp)
    if keep_typical < 1:
        kept = kept[_best(typicality(pictures[kept], trunk), keep_typical)]
    return kept.sort().values


def _best(scores: Tensor, part: float) -> Tensor:
    return scores.topk(max(1, round(len(scores) * part))).indices
