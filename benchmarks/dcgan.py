"""The textbook GAN of 64-pixel colour pictures, and a run of it that can be interrupted.

DCGAN as published (Radford et al., 2016, arXiv:1511.06434): transposed and strided convolutions, batch normalisation,
the saturating game's non-saturating loss, Adam with a beta1 of 0.5. No augmentation but mirroring, no averaged
weights.
"""

import itertools
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models import latents, resume
from models.augment import mirror
from models.levels import from_levels, to_levels

LATENT_SIZE = 100
WIDTH = 32  # channels at the full side; about as many operations a picture as our generator
BATCH = 64


class Dcgan:
    """Both networks, their optimisers, and how far they are. A step follows from the seed and the pictures seen."""

    def __init__(self, pictures: Tensor, *, seed: int = 0) -> None:
        """Pictures are uint8 [N, 3, 64, 64]."""
        torch.manual_seed(seed)
        self.pictures, self.seed = pictures, seed
        self.generator, self.judge = textbook_generator(), textbook_discriminator()
        self.generator_steps, self.judge_steps = (
            torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999))
            for network in (self.generator, self.judge)
        )
        self.images, self.seconds = 0, 0.0  # seen, and CPU seconds of this process that steps have taken

    def step(self) -> None:
        """One update of both networks."""
        began = time.process_time()
        random = torch.Generator().manual_seed(self.seed * 1_000_003 + self.images)
        chosen = torch.randint(len(self.pictures), (BATCH,), generator=random)
        real = mirror(from_levels(self.pictures[chosen]), generator=random)
        real = real.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            fake = self.generator(torch.randn(BATCH, LATENT_SIZE, 1, 1, generator=random))
            verdict_real, verdict_fake = self.judge(real).float(), self.judge(fake.detach()).float()
        self.judge_steps.zero_grad()
        (F.softplus(-verdict_real) + F.softplus(verdict_fake)).mean().backward()
        self.judge_steps.step()
        with torch.autocast("cpu", torch.bfloat16):
            verdict = self.judge(fake).float()
        self.generator_steps.zero_grad()
        F.softplus(-verdict).mean().backward()
        self.generator_steps.step()
        self.images += BATCH
        self.seconds += time.process_time() - began

    @torch.no_grad()
    def draw(self, start: int, stop: int) -> Tensor:
        """Pictures of the seeds start .. stop - 1, uint8 [stop - start, 3, 64, 64]."""
        z = torch.from_numpy(latents.seed_latents(range(start, stop), LATENT_SIZE))
        self.generator.eval()
        drawn = to_levels(self.generator(z[:, :, None, None]))
        self.generator.train()
        return drawn

    def save(self, path: Path) -> None:
        """Write everything that the next step depends on."""
        tensors = resume.module_tensors("generator", self.generator) | resume.module_tensors("judge", self.judge)
        meta = {"images": self.images, "seconds": self.seconds, "seed": self.seed}
        for name, optimiser in self._optimisers().items():
            found, meta[name] = resume.flatten(name, optimiser.state_dict())
            tensors |= found
        resume.save_state(path, tensors, meta)

    def restore(self, path: Path) -> None:
        """Go on from what `save` wrote."""
        tensors, meta = resume.load_state(path)
        resume.restore_module("generator", self.generator, tensors)
        resume.restore_module("judge", self.judge, tensors)
        for name, optimiser in self._optimisers().items():
            optimiser.load_state_dict(resume.unflatten(tensors, meta[name]))
        self.images, self.seconds, self.seed = meta["images"], meta["seconds"], meta["seed"]

    def _optimisers(self) -> dict[str, torch.optim.Optimizer]:
        return {"generator_steps": self.generator_steps, "judge_steps": self.judge_steps}


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


def _initialised(network: nn.Sequential) -> nn.Sequential:
    for layer in network:
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, std=0.02)
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, mean=1.0, std=0.02)
    network.to(memory_format=torch.channels_last)
    return network
