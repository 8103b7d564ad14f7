"""A generator's distances from pictures that it was not trained on."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models import checkpoint, data, distances
from models.features import NAME, load_trunk
from models.gan import Generator
from models.latents import seed_latents
from models.levels import to_levels
from models.own_data import part

DRAWN = 10_000  # pictures, or as many as the test part has
Draw = Callable[[int, int], Tensor]

_SPLITS: tuple[data.Split, data.Split] = ("train", "test")


def evaluate(
    loaded: checkpoint.Checkpoint,
    folder: Path,
    *,
    count: int | None = None,
    truncation: float | None = None,
    wide: int = 0,
    network: str = NAME,
    cache: Path | None = None,
) -> dict[str, Any]:
    """Distances of untruncated pictures (seeds 0, 1, 2, ...) from the test part of the data, as JSON-able values.

    `folder` is the data or holds it under the name in the checkpoint. Classes are drawn in turn. With `truncation` the
    result holds those of truncated pictures as `truncated`; with `wide` it holds the Frechet distance of that many
    from all training pictures as `wide`. `network` is a name in `models.features.NETWORKS`, `cache` a folder that keeps
    the decoded pictures. Raises `ValueError` for fewer pictures than distances need.
    """
    header = loaded.header
    real, test = (part(header, folder, split, cache=cache) for split in _SPLITS)
    chosen = test.spread(DRAWN if count is None else count)
    count = distances.enough(len(chosen))
    generator = checkpoint.build(loaded)
    assert isinstance(generator, Generator)

    trunk = load_trunk(network)
    known, held_out = distances.embed(real.images, trunk), distances.embed(test.images[chosen], trunk)
    drawn = distances.embed_drawn(_draw(generator), trunk, count=max(count, wide))
    found = asdict(distances.report(drawn[:count], known, held_out, network=network))
    if truncation is not None:
        safer = distances.embed_drawn(_draw(generator, truncation), trunk, count=count)
        found["truncated"] = {"truncation": truncation, **asdict(distances.distances(safer, held_out))}
    if wide:
        found["wide"] = {
            "count": wide,
            "training": len(known),
            "frechet": distances.frechet(drawn[:wide], known),
            f"frechet_of_{count}": distances.frechet(drawn[:count], known),
            f"floor_of_{count}": distances.frechet(held_out, known),
        }
    return found


def _draw(generator: Generator, truncation: float = 1.0) -> Draw:
    """A function that draws uint8 pictures [stop - start, C, H, W] of the seeds start .. stop - 1."""
    config = generator.config

    @torch.no_grad()
    def draw(start: int, stop: int) -> Tensor:
        z = torch.from_numpy(seed_latents(range(start, stop), config.latent_size))
        labels = torch.arange(start, stop) % config.classes if config.classes else None
        return to_levels(generator.sample(z, labels, torch.full((stop - start,), truncation)))

    return draw
