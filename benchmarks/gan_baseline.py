"""The textbook GAN beside ours: DCGAN on the same pictures for the same CPU time, and the distances of both.

    python -m benchmarks.gan_baseline --data DIR --minutes 30 [--out GRID.png]
    python -m benchmarks.gan_baseline --data DIR --minutes 0 --against models/checkpoints/faces.safetensors

DCGAN as published (Radford et al., 2016, arXiv:1511.06434): transposed and strided convolutions, batch normalisation,
the saturating game's non-saturating loss, Adam with a beta1 of 0.5. No augmentation but mirroring, no averaged
weights. It counts CPU seconds of this process, which other processes disturb less than wall time. Every figure is
printed beside what real pictures score against real ones.
"""

import argparse
import itertools
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models import checkpoint, data, distances, images, latents, presets
from models.augment import mirror
from models.features import load_trunk
from models.gan import Generator
from models.sample import grid

LATENT_SIZE = 100
WIDTH = 32  # channels at the full side; about as many operations a picture as our generator
BATCH = 64


def main() -> None:
    """Train, draw, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=30.0, help="CPU minutes for the baseline, 0 to leave it out")
    parser.add_argument("--against", type=Path, help="a generator's checkpoint to measure as well")
    parser.add_argument("--count", type=int, default=1_000, help="pictures of each kind")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="where to put a grid of the baseline's pictures")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    config = presets.configure("faces-64")
    training, held_out = (presets.load(config, options.data, split=split) for split in ("train", "test"))
    count = min(options.count, len(held_out))
    trunk = load_trunk()
    few = training.images[torch.randperm(len(training), generator=torch.Generator().manual_seed(0))[:count]]
    real, held = distances.embed(few, trunk), distances.embed(held_out.images[:count], trunk)

    drawn: dict[str, Callable[[int, int], Tensor]] = {}
    if options.minutes:
        generator = dcgan(training, minutes=options.minutes)
        drawn[f"DCGAN, {options.minutes:g} CPU minutes"] = lambda start, stop: draw(generator, start, stop)
        if options.out:
            write(options.out, draw(generator, 0, 64))
    if options.against:
        ours = checkpoint.build(checkpoint.load(options.against))
        assert isinstance(ours, Generator)
        size = ours.config.latent_size
        drawn[options.against.name] = lambda start, stop: as_bytes(
            ours(torch.from_numpy(latents.seed_latents(range(start, stop), size)))
        )
    for name, pictures in drawn.items():
        found = distances.report(distances.embed_drawn(pictures, trunk, count=count), real, held)
        print(f"{name}: {found.count} pictures each, {found.network}")
        for figure, value in asdict(found.generated).items():
            print(f"  {figure:10} {value:9.3f}   real against real {asdict(found.floor)[figure]:9.3f}")


def dcgan(pictures: data.Pictures, *, minutes: float, seed: int = 0) -> nn.Module:
    """A generator of 64-pixel colour pictures, trained for so many CPU minutes of this process."""
    torch.manual_seed(seed)
    generator, judge = textbook_generator(), textbook_discriminator()
    steps = [torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999)) for network in (generator, judge)]
    random = torch.Generator().manual_seed(seed)
    seen, end = 0, time.process_time() + minutes * 60
    while time.process_time() < end:
        chosen = torch.randint(len(pictures), (BATCH,), generator=random)
        real = mirror(pictures.images[chosen].float().div(127.5).sub(1), generator=random)
        real = real.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            fake = generator(torch.randn(BATCH, LATENT_SIZE, 1, 1, generator=random))
            verdict_real, verdict_fake = judge(real).float(), judge(fake.detach()).float()
        steps[1].zero_grad()
        (F.softplus(-verdict_real) + F.softplus(verdict_fake)).mean().backward()
        steps[1].step()
        with torch.autocast("cpu", torch.bfloat16):
            verdict = judge(fake).float()
        steps[0].zero_grad()
        F.softplus(-verdict).mean().backward()
        steps[0].step()
        seen += BATCH
    print(f"DCGAN saw {seen} pictures in {minutes:g} CPU minutes")
    return generator.eval()


def textbook_generator() -> nn.Sequential:
    """Five transposed convolutions from 1 to 64 pixels."""
    widths = (WIDTH * 8, WIDTH * 4, WIDTH * 2, WIDTH)
    layers: list[nn.Module] = [nn.ConvTranspose2d(LATENT_SIZE, widths[0], 4, bias=False)]
    for inputs, outputs in zip(widths, (*widths[1:], 3), strict=True):
        layers += [nn.BatchNorm2d(inputs), nn.ReLU()]
        layers.append(nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=outputs == 3))
    return _initialised(nn.Sequential(*layers, nn.Tanh()))


def textbook_discriminator() -> nn.Sequential:
    """Five strided convolutions from 64 pixels to one verdict."""
    widths = (WIDTH, WIDTH * 2, WIDTH * 4, WIDTH * 8)
    layers: list[nn.Module] = [nn.Conv2d(3, WIDTH, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
    for inputs, outputs in itertools.pairwise(widths):
        layers += [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(outputs)]
        layers.append(nn.LeakyReLU(0.2))
    return _initialised(nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4), nn.Flatten()))


@torch.no_grad()
def draw(generator: nn.Module, start: int, stop: int) -> Tensor:
    """Pictures of the seeds start .. stop - 1, uint8 [stop - start, 3, 64, 64]."""
    z = torch.from_numpy(latents.seed_latents(range(start, stop), LATENT_SIZE))
    return as_bytes(generator(z[:, :, None, None]))


def as_bytes(pictures: Tensor) -> Tensor:
    """Float [N, C, H, W] in [-1, 1] as uint8."""
    return pictures.add(1).mul(127.5).round().clamp(0, 255).byte()


def write(path: Path, pictures: Tensor) -> None:
    """A grid of uint8 pictures [N, 3, H, W] as a PNG."""
    sheet = grid(np.ascontiguousarray(pictures.permute(0, 2, 3, 1).numpy()), columns=8)
    height, width, _ = sheet.shape
    path.write_bytes(images.encode(sheet.tobytes(), width=width, height=height, channels=3, format="png"))


def _initialised(network: nn.Sequential) -> nn.Sequential:
    for layer in network:
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, std=0.02)
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, mean=1.0, std=0.02)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


if __name__ == "__main__":
    main()
