"""The training loop of a generator against its two discriminators. A generator of events; the caller prints, stores and stops.

A step draws one batch of pictures and one of latents, and uses every forward pass twice: the discriminators' gradients and
the generator's come from the same graph, before either moves (simultaneous descent, the setting in which relativistic
pairing with both penalties is shown to converge). That saves a third of the work of taking turns.

Everything random in a step comes from one generator seeded by (seed, rank, images seen), so a resumed run equals an
uninterrupted one. Under torchrun the same loop runs on every process: gradients are averaged, the first process writes.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from models import checkpoint, latents, losses
from models.augment import augment, mirror
from models.data import Pictures
from models.discriminator import FeatureDiscriminator, PixelDiscriminator
from models.features import Trunk, load_trunk
from models.gan import Generator
from models.gan_presets import GanConfig
from models.health import Health
from models.progress import Event, Metrics, Progress, Sample, Snapshot
from models.resume import flatten, load_state, module_tensors, restore_module, save_state, unflatten
from models.selection import select

STATE_FILE = "resume.safetensors"
CHECKPOINT_FILE = "generator.safetensors"
AVERAGED_LATENTS = 4096  # behind the mean style of a class


def train(
    config: GanConfig, pictures: Pictures, *, out: Path, resume: bool = False, stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """Train until `config.images` pictures have been seen or `stop()` is true, and yield events.

    Snapshots go to `out`. With `resume`, goes on from the state found there; raises `FileNotFoundError` without one and
    `ValueError` if it belongs to other networks.
    """
    yield from GanRun(config, pictures, out=out, resuming=resume).events(stop)


class GanRun:
    """The networks, optimisers and pictures of one run on one process."""

    def __init__(self, config: GanConfig, pictures: Pictures, *, out: Path, resuming: bool) -> None:
        self.config, self.out = config, out
        self.rank, self.world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        self.device = torch.device("cuda", self.rank % torch.cuda.device_count()) if torch.cuda.is_available() else torch.device("cpu")
        self.trunk = load_trunk()
        kept = select(pictures.images, self.trunk, keep_sharp=config.keep_sharp, keep_typical=config.keep_typical)
        self.digest, self.classes = pictures.digest, pictures.classes
        self.pictures = pictures.images[kept]
        self.labels = pictures.labels[kept] if pictures.labels is not None and config.generator.classes else None

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            networks = _build(config)
        self.trunk = self._place(self.trunk)
        self.generator, self.pixels, self.features = (self._place(network) for network in networks)
        self.average = deepcopy(self.generator).eval().requires_grad_(False)
        self.judges = [p for judge in (self.pixels, self.features) for p in judge.parameters() if p.requires_grad]
        rates = {"lr": config.learning_rate, "betas": (0.0, config.beta2)}
        self.generator_steps = torch.optim.Adam(self.generator.parameters(), **rates)  # type: ignore[arg-type]
        self.judge_steps = torch.optim.Adam(self.judges, **rates)  # type: ignore[arg-type]
        self.images, self.seconds = 0, 0.0
        if resuming:
            self._restore()
        else:
            self.features.standardise(self.trunk(self._seen(self._reals(torch.arange(min(512, len(self.pictures)))), config.size)))

    def events(self, stop: Callable[[], bool]) -> Iterator[Event]:
        """Steps until the end or until told to stop; the last event is a `Snapshot`."""
        config = self.config
        health = Health(self._resized(self._reals(torch.arange(min(512, len(self.pictures)))), config.size_at(self.images)))
        totals: dict[str, float] = {}
        steps, started, reported = 0, time.monotonic(), self.images
        while self.images < config.images and not stop():
            before = self.images
            for name, value in self.step().items():
                totals[name] = totals.get(name, 0.0) + value
            steps += 1
            if _passed(before, self.images, config.report_every):
                passed = time.monotonic() - started
                self.seconds += passed
                rate = (self.images - reported) / passed
                yield Progress(images=self.images, of=config.images, images_per_second=rate, seconds=self.seconds)
                means = {name: total / steps for name, total in totals.items()}
                yield Metrics(images=self.images, values=means)
                yield from health.check(self.images, means, self.draw(min(config.samples, 32)))
                totals, steps, started, reported = {}, 0, time.monotonic(), self.images
            if _passed(before, self.images, config.sample_every):
                yield self.sample()
            if _passed(before, self.images, config.snapshot_every):
                yield self.snapshot()
        self.seconds += time.monotonic() - started
        yield self.sample()
        yield self.snapshot()

    def step(self) -> dict[str, float]:
        """One update of every network on `config.batch` pictures per process; returns the losses."""
        config = self.config
        generator = torch.Generator().manual_seed(_seed(config.seed, self.rank, self.images))
        size = config.size_at(self.images)
        batch = self._batch()
        real, labels = self._resized(self._reals(batch), size), None if self.labels is None else self.labels[batch].to(self.device)
        if config.mirror:
            real = mirror(real, generator=generator)
        z = torch.randn(len(batch), config.generator.latent_size, generator=generator).to(self.device)

        with self._mixed():
            fake = self.generator(z, labels, size=size)
        judged = fake.detach().requires_grad_()
        real_seen = augment(real, probability=config.augment, generator=generator)
        fake_seen = augment(judged, probability=config.augment, generator=generator)
        real_seen, fake_seen = (x.to(memory_format=torch.channels_last) for x in (real_seen, fake_seen))
        with torch.no_grad():
            real_maps = self.trunk(self._seen(real_seen, size))
        fake_maps = self.trunk(self._seen(fake_seen, size))
        with self._mixed():
            real_pixels, fake_pixels = self.pixels(real_seen, labels), self.pixels(fake_seen, labels)
            real_features, fake_features = self.features(real_maps, labels), self.features(fake_maps, labels)

        judge_loss = config.pixel_weight * losses.relativistic_discriminator(real_pixels, fake_pixels)
        judge_loss = judge_loss + config.feature_weight * losses.hinge_discriminator(real_features, fake_features)
        # At the start size the judge of the full size is not asked, and has no gradient.
        judge_gradients = torch.autograd.grad(judge_loss, self.judges, retain_graph=True, allow_unused=True)
        pixel_loss = losses.relativistic_generator(real_pixels, fake_pixels)
        feature_loss = losses.hinge_generator(fake_features)
        (slope,) = torch.autograd.grad(config.pixel_weight * pixel_loss + config.feature_weight * feature_loss, judged)
        self.generator_steps.zero_grad(set_to_none=True)
        fake.backward(slope)
        for parameter, gradient in zip(self.judges, judge_gradients, strict=True):
            parameter.grad = gradient
        values = {
            "loss_judges": judge_loss, "loss_pixels": pixel_loss, "loss_features": feature_loss,
            "pixel_margin": (real_pixels - fake_pixels).mean(),
            "feature_margin": torch.stack([(r.mean() - f.mean()) for r, f in zip(real_features, fake_features, strict=True)]).mean(),
            "slope": slope.flatten(1).norm(dim=1).mean() * len(batch),
        }  # fmt: skip
        if (self.images // (config.batch * self.world)) % config.penalty_every == 0:
            values["penalty"] = self._penalise(real_seen, fake_seen, labels)
        self._update()
        self.images += config.batch * self.world
        return {name: float(value.detach()) for name, value in values.items()}

    @torch.no_grad()
    def draw(self, count: int) -> Tensor:
        """Pictures of the fixed seeds 0 .. count - 1 by the averaged generator, uint8 [count, H, W, C] on the CPU."""
        z = torch.from_numpy(latents.seed_latents(range(count), self.config.generator.latent_size)).to(self.device)
        labels = torch.arange(count, device=self.device) % len(self.classes) if self.labels is not None else None
        size = self.config.size_at(self.images)
        parts = zip(z.split(16), labels.split(16) if labels is not None else [None] * len(z), strict=False)
        pictures = torch.cat([self.average(part, label, size=size) for part, label in parts])
        return pictures.add(1).mul(127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu()

    def sample(self) -> Sample:
        """The grid of fixed seeds."""
        columns = len(self.classes) if self.labels is not None else 8
        return Sample(images=self.images, pixels=self.draw(self.config.samples).numpy(), columns=columns)

    def snapshot(self) -> Snapshot:
        """Write the resume state and the served checkpoint; only the first process writes."""
        state, served = self.out / STATE_FILE, self.out / CHECKPOINT_FILE
        self._measure_average_style()
        if self.rank == 0:
            tensors, meta = self._state()
            save_state(state, tensors, meta)
            checkpoint.save(served, kind="generator", network=self.config.generator.to_dict(), weights=self.average.state_dict(), header=self._header())
        return Snapshot(images=self.images, path=state, checkpoint=served)

    def _reals(self, indices: Tensor) -> Tensor:
        """Training pictures, float [N, C, size, size] in [-1, 1] on the device."""
        return self.pictures[indices].to(self.device, torch.float32).div(127.5).sub(1)

    def _batch(self) -> Tensor:
        """Indices of this process's next pictures: an epoch is a permutation drawn from (seed, epoch)."""
        config, total = self.config, len(self.pictures)
        wanted = torch.arange(config.batch) + self.images + self.rank * config.batch
        epochs = wanted // total
        orders = {
            int(epoch): torch.randperm(total, generator=torch.Generator().manual_seed(_seed(config.seed, "epoch", int(epoch))))
            for epoch in epochs.unique()
        }
        return torch.stack([orders[int(epoch)][int(place) % total] for epoch, place in zip(epochs, wanted, strict=True)])

    def _seen(self, pictures: Tensor, size: int) -> Tensor:
        """Pictures as the trunk looks at them: three channels, `feature_pixels` wide."""
        side = self.config.feature_pixels
        if pictures.shape[-1] != side:
            pictures = F.interpolate(pictures, size=(side, side), mode="bilinear", align_corners=False)
        return pictures.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)

    def _resized(self, pictures: Tensor, size: int) -> Tensor:
        return pictures if pictures.shape[-1] == size else F.avg_pool2d(pictures, pictures.shape[-1] // size)

    def _penalise(self, real: Tensor, fake: Tensor, labels: Tensor | None) -> Tensor:
        """Add the gradients of R1 and R2, in float32, to the pixel discriminator's."""
        def judge(pictures: Tensor) -> Tensor:
            return self.pixels(pictures, labels)
        penalty = losses.gradient_penalty(judge, real) + losses.gradient_penalty(judge, fake)
        (penalty * self.config.penalty * self.config.penalty_every).backward()
        return penalty

    def _update(self) -> None:
        config = self.config
        if self.world > 1:
            _average_gradients([*self.generator.parameters(), *self.judges], self.world)
        self.generator_steps.step()
        self.judge_steps.step()
        half_life = min(config.ema, max(config.ema_ramp * self.images, 1.0))
        keep = 0.5 ** (config.batch * self.world / half_life)
        with torch.no_grad():
            averaged = list(self.average.parameters())
            torch._foreach_lerp_(averaged, list(self.generator.parameters()), 1 - keep)

    def _measure_average_style(self) -> None:
        """Set the averaged generator's mean style of each class from fixed latents."""
        config = self.config.generator
        z = torch.randn(AVERAGED_LATENTS, config.latent_size, generator=torch.Generator().manual_seed(0)).to(self.device)
        with torch.no_grad():
            for label in range(max(config.classes, 1)):
                labels = torch.full((len(z),), label, device=self.device) if config.classes else None
                self.average.w_average[label] = self.average.mapping(z, labels).mean(0)

    def _state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors, meta = {}, {"images": self.images, "seconds": self.seconds, "networks": _shape(self.config)}
        for name, network in self._networks().items():
            tensors |= module_tensors(name, network)
        for name, optimiser in self._optimisers().items():
            found, meta[name] = flatten(name, optimiser.state_dict())
            tensors |= found
        return tensors, meta

    def _restore(self) -> None:
        tensors, meta = load_state(self.out / STATE_FILE)
        if meta["networks"] != _shape(self.config):
            raise ValueError(f"{self.out.name} holds a run of other networks than {self.config.name} has now.")
        self.images, self.seconds = meta["images"], meta["seconds"]
        for name, network in self._networks().items():
            restore_module(name, network, tensors)
        for name, optimiser in self._optimisers().items():
            rates = [group["lr"] for group in optimiser.param_groups]
            optimiser.load_state_dict(unflatten(tensors, meta[name]))
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate  # an override counts from here on

    def _networks(self) -> dict[str, nn.Module]:
        return {"generator": self.generator, "average": self.average, "pixels": self.pixels, "features": self.features}

    def _optimisers(self) -> dict[str, torch.optim.Optimizer]:
        return {"generator_steps": self.generator_steps, "judge_steps": self.judge_steps}

    def _header(self) -> dict[str, Any]:
        config = self.config
        return {
            "input": {"size": config.size, "channels": config.channels, "latent_size": config.generator.latent_size},
            "labels": self.classes if self.labels is not None else (),
            "training": {**asdict(config), "images_seen": self.images, "seconds": round(self.seconds), "pictures": len(self.pictures)},
            "provenance": {"data": config.data, "digest": self.digest, "licence": config.licence, "credit": config.credit},
        }

    def _place(self, network: nn.Module) -> nn.Module:
        return network.to(self.device, memory_format=torch.channels_last)

    def _mixed(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.bfloat16)


def _build(config: GanConfig) -> tuple[Generator, PixelDiscriminator, FeatureDiscriminator]:
    network = config.generator
    pixels = PixelDiscriminator(
        config.discriminator_widths, base=network.base, channels=network.channels, classes=network.classes, grown=network.grown
    )
    return Generator(network), pixels, FeatureDiscriminator(classes=network.classes)


def _shape(config: GanConfig) -> dict[str, Any]:
    return {"generator": config.generator.to_dict(), "pixels": list(config.discriminator_widths)}


def _seed(*parts: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "little") >> 1


def _passed(before: int, now: int, every: int) -> bool:
    return before // every != now // every


def _average_gradients(parameters: list[nn.Parameter], world: int) -> None:
    """Sum gradients over the processes in one message and divide; every process lacks the same ones, if any."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    flat /= world
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))
