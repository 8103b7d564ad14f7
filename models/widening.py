"""A generator that draws more varied pictures: its styles spread further around their mean.

    w' = mean + s (w - mean)

An averaged generator (EMA) draws less varied pictures than those it learnt from; a factor s a little above 1 gives some
of it back, at the cost of odd ones. It is truncation with psi above 1, but built into the layers that read styles, so
that a truncation of 1 stays the whole of what a generator can draw:

    A w' + b = (s A) w + (b + (1 - s) A mean)
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from models import checkpoint, distances
from models.features import Trunk
from models.gan import Generator
from models.latents import seed_latents
from models.levels import to_levels

FACTORS = (1.0, 1.1, 1.2, 1.3, 1.4, 1.5)
FIRST_SEED = 1_000_000  # of the pictures that choose a factor, beyond those of any card
COUNT = 2_000


def widened(loaded: checkpoint.Checkpoint, factor: float) -> checkpoint.Checkpoint:
    """The checkpoint with styles that spread `factor` times as far; named directions go as far as before.

    Raises `ValueError` for a factor that is not positive, and for a generator of classes, whose styles have no one
    mean.
    """
    if not factor > 0:
        raise ValueError("Styles are widened by a factor above 0.")
    generator = _without_classes(loaded)
    weights: dict[str, Tensor] = dict(loaded.weights)
    for name, layer in generator.named_modules():
        if isinstance(layer, nn.Linear) and not name.startswith("mapping."):
            moved = (1 - factor) * (layer.weight @ generator.w_average[0])
            weights[f"{name}.weight"], weights[f"{name}.bias"] = factor * layer.weight, layer.bias + moved
    directions = {key: value / factor for key, value in weights.items() if key.startswith(checkpoint.DIRECTION)}
    extras: Mapping[str, Any] = {**loaded.header.extras, "widened": loaded.header.extras.get("widened", 1.0) * factor}
    return checkpoint.Checkpoint(replace(loaded.header, extras=dict(extras)), weights | directions)


def best(loaded: checkpoint.Checkpoint, real: Tensor, trunk: Trunk, *, count: int = COUNT) -> float:
    """The factor of `FACTORS` with the least Frechet distance from features `real` [N, D] of training pictures.

    Raises `ValueError` for a generator of classes.
    """
    generator = _without_classes(loaded)

    def drawing(factor: float) -> Callable[[int, int], Tensor]:
        @torch.no_grad()
        def draw(start: int, stop: int) -> Tensor:
            seeds = range(FIRST_SEED + start, FIRST_SEED + stop)
            z = torch.from_numpy(seed_latents(seeds, generator.config.latent_size))
            return to_levels(generator.sample(z, None, torch.full((len(z),), factor)))

        return draw

    def apart(factor: float) -> float:
        return distances.frechet(distances.embed_drawn(drawing(factor), trunk, count=count), real)

    return min(FACTORS, key=apart)


def _without_classes(loaded: checkpoint.Checkpoint) -> Generator:
    generator = checkpoint.build(loaded)
    assert isinstance(generator, Generator)
    if generator.config.classes:
        raise ValueError("Styles are widened for generators without classes.")
    return generator
