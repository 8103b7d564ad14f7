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

    `folder` is the data or holds it under the name in the checkpoint. Each class has the share of the pictures drawn
    that it has of the real ones they are held against, or else shares would count as a distance. With `truncation` the
    result holds those of truncated pictures as `truncated`; with `wide` it holds the Frechet distance of that many
    from all training pictures as `wide`. `network` is a name in `models.features.NETWORKS`, `cache` a folder that keeps
    the decoded pictures. Raises `ValueError` for fewer pictures than distances need, and if the data has other classes
    than the checkpoint.
    """
    header = loaded.header
    real, test = (part(header, folder, split, cache=cache) for split in _SPLITS)
    test = test.part(test.spread(DRAWN if count is None else count))
    count = distances.enough(len(test))
    generator = checkpoint.build(loaded)
    assert isinstance(generator, Generator)
    labels, training_labels = (_labels(header, pictures) for pictures in (test, real))

    trunk = load_trunk(network)
    known, held_out = distances.embed(real.images, trunk), distances.embed(test.images, trunk)
    drawn = distances.embed_drawn(_draw(generator, labels), trunk, count=count)
    found = asdict(distances.report(drawn, known, held_out, network=network))
    if truncation is not None:
        safer = distances.embed_drawn(_draw(generator, labels, truncation=truncation), trunk, count=count)
        found["truncated"] = {"truncation": truncation, **asdict(distances.distances(safer, held_out))}
    if wide:
        many = distances.embed_drawn(_draw(generator, training_labels), trunk, count=max(count, wide))
        found["wide"] = {
            "count": wide,
            "training": len(known),
            "frechet": distances.frechet(many[:wide], known),
            f"frechet_of_{count}": distances.frechet(many[:count], known),
            f"floor_of_{count}": distances.frechet(held_out, known),
        }
    return found


def _labels(header: checkpoint.Header, pictures: data.Pictures) -> Tensor | None:
    """What to draw, over and over: the labels of `pictures`, int64 [N], or each once where they have none. None for a
    generator without classes."""
    classes = header.network.get("classes", 0)
    if not classes:
        return None
    if pictures.labels is None:
        return torch.arange(classes)
    if pictures.classes != header.labels:
        raise ValueError(f"The data has the classes {pictures.classes}, the checkpoint {header.labels}.")
    # Shuffled, so that any number of the first ones stands for all: pictures often lie in the order of their classes.
    return pictures.labels[torch.randperm(len(pictures), generator=torch.Generator().manual_seed(0))]


def _draw(generator: Generator, labels: Tensor | None, *, truncation: float = 1.0) -> Draw:
    """A function that draws uint8 pictures [stop - start, C, H, W] of the seeds start .. stop - 1, and of `labels` over
    and over."""

    @torch.no_grad()
    def draw(start: int, stop: int) -> Tensor:
        z = torch.from_numpy(seed_latents(range(start, stop), generator.config.latent_size))
        chosen = None if labels is None else labels[torch.arange(start, stop) % len(labels)]
        return to_levels(generator.sample(z, chosen, torch.full((stop - start,), truncation)))

    return draw
