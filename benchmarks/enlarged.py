"""What an enlarger is worth: its pictures beside those that it was given, doubled by interpolation.

    python -m benchmarks.enlarged --data DIR --generator FILE [--truncation 1] [--count 1375]

Both come from the same seeds, and from the same halved photographs. Interpolated ones are doubled by a bicubic filter
and rounded to levels, as a page would show them. Distances are from held-out photographs at the generator's full side,
in the feature networks of `models.features` (at 128 pixels), beside those of as many training photographs.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from models import checkpoint, distances, features, own_data
from models.gan import Generator
from models.latents import seed_latents
from models.levels import from_levels, to_levels

Enlarge = Callable[[Tensor], Tensor]  # [N, C, S, S] -> [N, C, 2 S, 2 S]


def main() -> None:
    """Draw, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--generator", type=Path, required=True)
    parser.add_argument("--truncation", type=float, default=1.0)
    parser.add_argument("--count", type=int, default=1_375)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    loaded = checkpoint.load(options.generator)
    generator = checkpoint.build(loaded)
    assert isinstance(generator, Generator)
    training, held_out = (own_data.part(loaded.header, options.data, split) for split in ("train", "test"))
    chosen, few = held_out.spread(options.count), training.spread(options.count)
    if generator.enlarger is None:
        parser.error(f"{options.generator.name} has no enlarger.")
    ways: dict[str, Enlarge] = {"interpolated": interpolated, "enlarged": generator.enlarger}
    print(f"{options.generator.name}, {len(chosen)} pictures, truncation {options.truncation:g}")
    for name in features.NETWORKS:
        trunk = features.load_trunk(name)
        real = distances.embed(held_out.images[chosen], trunk)
        print(f"{name}:\n  {'photographs':32} {told(distances.embed(training.images[few], trunk), real)}", flush=True)
        for label, enlarge in ways.items():
            known = distances.embed(again(training.images[few], enlarge), trunk)
            print(f"  {f'photographs halved and {label}':32} {told(known, real)}", flush=True)
            drawn = distances.embed_drawn(drawing(generator, options.truncation, enlarge), trunk, count=len(chosen))
            print(f"  {f'drawn and {label}':32} {told(drawn, real)}", flush=True)


def interpolated(small: Tensor) -> Tensor:
    """Pictures [N, C, S, S] at twice the side."""
    return F.interpolate(small, scale_factor=2.0, mode="bicubic", align_corners=False)


@torch.no_grad()
def again(photographs: Tensor, enlarge: Enlarge, *, batch: int = 64) -> Tensor:
    """Photographs uint8 [N, C, S, S], halved and enlarged again."""
    halves = (F.avg_pool2d(from_levels(part), 2) for part in photographs.split(batch))
    return torch.cat([to_levels(enlarge(half)) for half in halves])


def drawing(generator: Generator, truncation: float, enlarge: Enlarge) -> Callable[[int, int], Tensor]:
    """A function that draws uint8 pictures [stop - start, C, S, S] of the seeds start .. stop - 1."""
    config = generator.config

    @torch.no_grad()
    def draw(start: int, stop: int) -> Tensor:
        z = torch.from_numpy(seed_latents(range(start, stop), config.latent_size))
        styles = generator.truncate(generator.mapping(z), torch.full((stop - start,), truncation))
        return to_levels(enlarge(generator.synthesis(styles, size=config.staged_size)))

    return draw


def told(drawn: Tensor, real: Tensor) -> str:
    """Distances of features [N, D] in words."""
    found = distances.distances(drawn, real)
    return f"Frechet {found.frechet:.1f}  precision {found.precision:.2f}  recall {found.recall:.2f}"


if __name__ == "__main__":
    main()
