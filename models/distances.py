"""How far generated pictures are from real ones, in the space of a frozen network.

Figures of this kind compare only within one feature network and one sample count, so both stand in the result, and
beside every figure stands its floor: what real pictures score against other real pictures.

- Frechet distance: |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), Heusel et al., 2017 (arXiv:1706.08500);
- kernel distance: unbiased squared MMD with k(x, y) = (x.y / d + 1)^3, Binkowski et al., 2018 (arXiv:1801.01401);
- precision and recall: the share of one set inside the nearest-neighbour balls of the other, Kynkaanniemi et al.,
  2019 (arXiv:1904.06991); density and coverage: the same, counted so that outliers weigh little, Naeem et al., 2020
  (arXiv:2002.09797);
- memorisation: how near generated pictures come to what was trained on, against how near held-out pictures come.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from models.features import EMBEDDING_PIXELS, NAME, Trunk
from models.levels import from_levels

LEAST = 50  # pictures in each set
NEIGHBOURS = 5
COMPARED_AT_ONCE = 1_000  # pictures, each with all training pictures
COPY_QUANTILE = 0.01  # a generated picture nearer than this quantile of held-out pictures counts as a suspected copy


@dataclass(frozen=True)
class Distances:
    """Figures of one set of pictures against real ones."""

    frechet: float
    kernel: float
    precision: float
    recall: float
    density: float
    coverage: float


@dataclass(frozen=True)
class Memorisation:
    """How near the training pictures are. Distances are Euclidean between unit-length features, so lie in [0, 2]."""

    generated_median: float
    held_out_median: float
    suspected_copies: float  # share of generated pictures nearer than 99% of held-out ones; 0.01 is chance


@dataclass(frozen=True)
class Report:
    """Distances of generated pictures, and of training against held-out pictures as the floor."""

    network: str
    count: int  # pictures in each set
    generated: Distances
    floor: Distances
    memorisation: Memorisation


def report(generated: Tensor, real: Tensor, held_out: Tensor, *, network: str = NAME) -> Report:
    """Compare features [N, D] of generated, training and held-out pictures; the sets are cut to the smallest count.

    `network` is the name of the trunk that gave the features. `real` may be larger than the others: all of it is
    searched for copies. Raises `ValueError` for fewer than 50 pictures.
    """
    count = enough(min(len(generated), len(real), len(held_out)))
    # Pictures often lie in the order of their sources, so the first ones stand for one source and not for all.
    few, held_out = _shuffled(real)[:count], _shuffled(held_out)[:count]
    return Report(
        network=f"{network} at {EMBEDDING_PIXELS} pixels",
        count=count,
        generated=distances(generated[:count], held_out),
        floor=distances(few, held_out),
        memorisation=memorisation(generated[:count], real, held_out),
    )


def enough(count: int) -> int:
    """`count`, if so many pictures in each set are enough. Raises `ValueError` if not."""
    if count < LEAST:
        raise ValueError(f"Distances need at least {LEAST} pictures in each set; here are {count}.")
    return count


def distances(pictures: Tensor, real: Tensor) -> Distances:
    """All figures of features `pictures` [N, D] against `real` [M, D]."""
    precision, density, coverage = _inside(real, pictures)
    recall, _, _ = _inside(pictures, real)
    return Distances(
        frechet=frechet(pictures, real),
        kernel=kernel(pictures, real),
        precision=precision,
        recall=recall,
        density=density,
        coverage=coverage,
    )


def frechet(a: Tensor, b: Tensor) -> float:
    """Frechet distance between Gaussians fitted to features [N, D] and [M, D]; biased upwards by small N."""
    a, b = a.double(), b.double()
    mean_a, mean_b = a.mean(0), b.mean(0)
    # With A and B the centred sets over sqrt(N), the eigenvalues of S1 S2 are the squared singular values of A B^T.
    centred_a, centred_b = (a - mean_a) / len(a) ** 0.5, (b - mean_b) / len(b) ** 0.5
    # With A = Q R the singular values of A B^T are those of R B^T, which is smaller where pictures outnumber numbers.
    tall_a, tall_b = (torch.linalg.qr(x, mode="r").R if len(x) > x.shape[1] else x for x in (centred_a, centred_b))
    root = torch.linalg.svdvals(tall_a @ tall_b.T).sum()
    spread = centred_a.square().sum() + centred_b.square().sum() - 2 * root
    return float((mean_a - mean_b).square().sum() + spread)


def kernel(a: Tensor, b: Tensor) -> float:
    """Unbiased squared maximum mean discrepancy with the cubic kernel, times 1,000; may be a little below zero."""
    a, b = a.double(), b.double()
    dimensions = a.shape[1]

    def k(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.T / dimensions + 1) ** 3

    def within(x: Tensor) -> Tensor:
        matrix, n = k(x, x), len(x)
        return (matrix.sum() - matrix.diagonal().sum()) / (n * (n - 1))

    return float(within(a) + within(b) - 2 * k(a, b).mean()) * 1000


def memorisation(generated: Tensor, real: Tensor, held_out: Tensor) -> Memorisation:
    """Nearest training pictures of generated and of held-out pictures, features [N, D]."""
    real = F.normalize(real)
    near_generated, near_held_out = (_nearest(F.normalize(x), real) for x in (generated, held_out))
    threshold = torch.quantile(near_held_out, COPY_QUANTILE)
    return Memorisation(
        generated_median=float(near_generated.median()),
        held_out_median=float(near_held_out.median()),
        suspected_copies=float((near_generated < threshold).float().mean()),
    )


@torch.no_grad()
def embed(pictures: Tensor, trunk: Trunk, *, batch: int = 64) -> Tensor:
    """Features [N, D] of uint8 pictures [N, C, H, W]; grey ones are shown to the trunk as colour."""
    return torch.cat([trunk.embed(_as_input(part)) for part in pictures.split(batch)])


def embed_drawn(draw: Callable[[int, int], Tensor], trunk: Trunk, *, count: int, batch: int = 64) -> Tensor:
    """Features [count, D] of pictures that `draw(start, stop)` makes, uint8 [stop - start, C, H, W]."""
    starts = range(0, count, batch)
    return torch.cat([embed(draw(start, min(start + batch, count)), trunk) for start in starts])


def _nearest(pictures: Tensor, real: Tensor) -> Tensor:
    """Distances [N] of features [N, D] from the nearest of [M, D]."""
    return torch.cat([torch.cdist(part, real).amin(1) for part in pictures.split(COMPARED_AT_ONCE)])


def _shuffled(features: Tensor) -> Tensor:
    return features[torch.randperm(len(features), generator=torch.Generator().manual_seed(0))]


def _as_input(pictures: Tensor) -> Tensor:
    return from_levels(pictures).expand(-1, 3, -1, -1)


def _inside(real: Tensor, pictures: Tensor) -> tuple[float, float, float]:
    """Precision, density and coverage of `pictures` in the balls around `real` that reach its NEIGHBOURS-th
    neighbour."""
    itself = torch.cdist(real, real)
    radii = itself.kthvalue(NEIGHBOURS + 1, dim=1).values  # the nearest is the picture itself
    hits = torch.cdist(real, pictures) < radii[:, None]  # [real, pictures]
    precision = float(hits.any(0).float().mean())
    density = float(hits.float().sum(0).mean() / NEIGHBOURS)
    return precision, density, float(hits.any(1).float().mean())
