"""What the last stage of a generator is worth: its pictures beside those of the stage before, enlarged.

    python -m benchmarks.enlarged --data DIR --generator FILE [--truncation 1] [--count 1375]

Both draw the same seeds. Pictures of the stage before are doubled by a bicubic filter and rounded to levels, as a page
would show them. Distances are from held-out photographs at the generator's full side, in the feature networks of
`models.features` (at 128 pixels), beside those of as many training photographs.
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
from models.levels import to_levels


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
    print(f"{options.generator.name}, {len(chosen)} pictures, truncation {options.truncation:g}")
    for name in features.NETWORKS:
        trunk = features.load_trunk(name)
        real = distances.embed(held_out.images[chosen], trunk)
        print(f"{name}:\n  photographs  {told(distances.embed(training.images[few], trunk), real)}")
        for label, draw in (
            ("whole", drawing(generator, options.truncation)),
            ("enlarged", drawing(generator, options.truncation, enlarged=True)),
        ):
            drawn = distances.embed_drawn(draw, trunk, count=len(chosen))
            print(f"  {label:12} {told(drawn, real)}", flush=True)


def drawing(generator: Generator, truncation: float, *, enlarged: bool = False) -> Callable[[int, int], Tensor]:
    """A function that draws uint8 pictures [stop - start, C, S, S] of the seeds start .. stop - 1."""
    config = generator.config
    side = config.size // 2 if enlarged else config.size

    @torch.no_grad()
    def draw(start: int, stop: int) -> Tensor:
        z = torch.from_numpy(seed_latents(range(start, stop), config.latent_size))
        styles = generator.truncate(generator.mapping(z), torch.full((stop - start,), truncation))
        pictures = generator.synthesis(styles, size=side)
        if enlarged:
            pictures = F.interpolate(pictures, scale_factor=2.0, mode="bicubic", align_corners=False)
        return to_levels(pictures)

    return draw


def told(drawn: Tensor, real: Tensor) -> str:
    """Distances of features [N, D] in words."""
    found = distances.distances(drawn, real)
    return f"Frechet {found.frechet:.1f}  precision {found.precision:.2f}  recall {found.recall:.2f}"


if __name__ == "__main__":
    main()
