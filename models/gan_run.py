"""One run of a generator against its two judges on one process: networks, optimisers, pictures, and what a step is.

A step draws one batch of pictures and one of latents, and uses every forward pass twice: the judges' gradients and
the generator's come from the same graph, before either moves. This is simultaneous descent, the setting in which
relativistic pairing with both penalties is shown to converge (Huang et al., 2024), and it saves a third of the work
of taking turns.

Where the generator has an enlarger, that alone learns: what it makes of halved photographs stands in the place of drawn
pictures, and is held against the photographs themselves as well.

Everything random in a step follows from (seed, rank, images seen before it), so a resumed run equals an uninterrupted
one, bit for bit on one CPU. Under torchrun every process has such a run, and gradients are averaged.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from models import devices, latents, losses
from models.augment import augment, mirror
from models.data import Pictures
from models.discriminator import FeatureDiscriminator, PixelDiscriminator
from models.energy import KNOWN, EnergyDistance, describe
from models.features import as_seen, load_trunk
from models.gan import Generator
from models.gan_batches import Batches
from models.gan_presets import GanConfig
from models.health import Health
from models.levels import to_levels
from models.perceptual import PerceptualDistance
from models.progress import Finding, Sample
from models.selection import select
from models.streams import stream

STANDARDISED = (
    512  # real pictures that set the scale of the frozen features, and that the health of a run is held against
)
DRAWN_AT_ONCE = 16
HEALTH_SAMPLES = 32  # pictures that a run's health is judged by, at least
HEALTH_OF_A_CLASS = 8  # of them, at least, since collapse is told within each class
HEALTH_CLASSES = 32  # that are looked at, at most: with hundreds, a run would spend much of its time drawing


class GanRun:
    """The networks, optimisers and pictures of one run on one process."""

    def __init__(self, config: GanConfig, pictures: Pictures, *, out: Path, place: devices.Place) -> None:
        config.check()
        if config.batch % (2 * place.world):
            raise ValueError(f"A batch of {config.batch} has no even number of pictures for {place.world} processes.")
        if config.generator.classes != (len(pictures.classes) if config.generator.classes else 0):
            raise ValueError(
                f"The generator draws {config.generator.classes} classes and the pictures have {len(pictures.classes)}."
            )
        self.config, self.out, self.place = config, out, place
        self.trunk = load_trunk().to(place.device, memory_format=torch.channels_last)
        kept = select(pictures.images, self.trunk, keep_sharp=config.keep_sharp, keep_typical=config.keep_typical)
        self.pictures = pictures.part(kept)
        self.generator, self.pixels, self.features = _networks(config, place.device)
        self.average = deepcopy(self.generator).eval().requires_grad_(False)
        self.perceptual = PerceptualDistance(self.trunk) if config.enlarges else None
        self.energy = EnergyDistance().to(place.device) if config.energy_weight else None
        self.judges = [p for judge in (self.pixels, self.features) for p in judge.parameters() if p.requires_grad]
        betas = (0.0, config.beta2)
        self.generator_steps = torch.optim.Adam(self.generator.parameters(), lr=config.learning_rate, betas=betas)
        self.judge_steps = torch.optim.Adam(self.judges, lr=config.judge_learning_rate, betas=betas)
        self.images, self.seconds = 0, 0.0
        self.slowed = 1.0  # what both learning rates are multiplied by since the run went back to a snapshot
        self.initial: str | None = None  # digest of the file that the weights came from
        self.new = True  # whether any part of the generator began with the weights of the seed
        self.batches = Batches(self.pictures, seed=config.seed, device=place.device)
        chosen = self.pictures.spread(STANDARDISED)
        few = self.batches.real(chosen, size=config.size)
        self.health = Health(few, self.batches.labels(chosen) if config.generator.classes else None)
        self.features.standardise(self.trunk(as_seen(few, config.feature_pixels)))
        if self.perceptual is not None:
            self.perceptual.standardise(few)
        self._matched = 0  # the side of the pictures that the energy distance matches

    def step(self) -> dict[str, float]:
        """One update of every network on `config.batch` pictures; the losses and margins.

        Judges that must first learn what the generator knows already have it stand still meanwhile.
        """
        config, place = self.config, self.place
        learns = self.images >= config.judges_first
        generator = stream(config.seed, place.rank, self.images)
        size = config.size_at(self.images)
        chosen = self.batches.indices(self.images, config.batch)[place.rank :: place.world]
        labels = self.batches.labels(chosen) if config.generator.classes else None
        real = self.batches.real(chosen, size=size)
        if config.mirror:
            real = mirror(real, generator=generator)
        z = torch.randn(len(chosen), config.generator.latent_size, generator=generator).to(place.device)

        photographs = real
        with place.autocast(config.precision), torch.set_grad_enabled(learns):
            enlarger = self.generator.enlarger
            fake = enlarger(F.avg_pool2d(real, 2)) if enlarger is not None else self.generator(z, labels, size=size)
        drawn = fake.detach().requires_grad_(learns)
        real = augment(real, probability=config.augment, generator=generator)
        judged = augment(drawn, probability=config.augment, generator=generator)
        real, judged = (x.contiguous(memory_format=torch.channels_last) for x in (real, judged))
        with place.autocast(config.precision):
            real_pixels, fake_pixels = self.pixels(real, labels), self.pixels(judged, labels)
        judge_loss = config.pixel_weight * losses.relativistic_discriminator(real_pixels, fake_pixels)
        pixel_loss = losses.relativistic_generator(real_pixels, fake_pixels)
        loss = config.pixel_weight * pixel_loss
        values = {"loss_pixels": pixel_loss, "margin_pixels": (real_pixels - fake_pixels).mean()}
        if config.feature_weight:
            real_features, fake_features = self._look(real, judged, labels)
            judge_loss = judge_loss + config.feature_weight * losses.hinge_discriminator(real_features, fake_features)
            values["loss_features"] = losses.hinge_generator(fake_features)
            values["margin_features"] = losses.margin(real_features, fake_features)
            loss = loss + config.feature_weight * values["loss_features"]
        values["loss_judges"] = judge_loss
        if self.perceptual is not None:
            values["difference"] = (drawn - photographs).abs().mean()
            values["perceptual"] = self.perceptual(drawn, photographs)
            loss = loss + config.difference_weight * values["difference"]
            loss = loss + config.perceptual_weight * values["perceptual"]
        # Before it has grown, a run does not ask the judge's finest layers, which then have no gradient.
        gradients = torch.autograd.grad(judge_loss, self.judges, retain_graph=True, allow_unused=True)
        if self.energy is not None:
            self._match(self.energy, size)
            few = drawn[: max(1, config.energy_pictures // place.world)]
            described = describe(few, self.trunk, side=config.energy_pixels)
            values["loss_energy"] = self.energy(described)
            loss = loss + config.energy_weight * values["loss_energy"]
            self.energy.remember(place.gather(described.detach()))
        self.generator_steps.zero_grad(set_to_none=True)
        if learns:
            (slope,) = torch.autograd.grad(loss, drawn)
            fake.backward(slope)
        for parameter, gradient in zip(self.judges, gradients, strict=True):
            parameter.grad = gradient
        if self.images // config.batch % config.penalty_every == 0:
            values["penalty"] = self._penalise(real, judged, labels)
        self._update()
        self.images += config.batch
        return {name: float(value.detach()) for name, value in values.items()}

    def sound(self) -> bool:
        """Whether every weight is a number."""
        return all(bool(p.isfinite().all()) for p in (*self.generator.parameters(), *self.judges))

    @torch.no_grad()
    def draw(self, count: int, labels: Tensor | None = None) -> Tensor:
        """Pictures of the seeds 0 .. count - 1 by the averaged generator, uint8 [count, H, W, C] on the CPU. One of
        classes needs `labels`, int64 [count]."""
        device, size = self.place.device, self.config.size_at(self.images)
        z = torch.from_numpy(latents.seed_latents(range(count), self.config.generator.latent_size)).to(device)
        labels = None if labels is None else labels.to(device)
        pictures = [
            self.average(z[at], None if labels is None else labels[at], size=size)
            for at in torch.arange(count, device=device).split(DRAWN_AT_ONCE)
        ]
        return to_levels(torch.cat(pictures)).permute(0, 2, 3, 1).cpu()

    def sample(self) -> Sample:
        """The grid of fixed seeds, a column a class where there are classes."""
        count, classes = self.config.samples, self.config.generator.classes
        return Sample(self.images, self.draw(count, _in_turn(count, classes)).numpy(), classes or 8)

    def check(self, means: Mapping[str, float]) -> Iterator[Finding]:
        """What is wrong with the run's health, by mean losses since the last report and by samples."""
        classes = min(self.config.generator.classes, HEALTH_CLASSES)
        count = max(HEALTH_SAMPLES, HEALTH_OF_A_CLASS * classes)
        labels = _in_turn(count, classes)
        return self.health.check(self.images, means, self.draw(count, labels), labels=labels)

    def _look(self, real: Tensor, drawn: Tensor, labels: Tensor | None) -> tuple[list[Tensor], list[Tensor]]:
        """What the heads on frozen features say of real and of drawn pictures [N, C, S, S]."""
        side = self.config.feature_pixels
        with torch.no_grad():
            real_maps = self.trunk(as_seen(real, side))
        # In fp32: no generator has been trained with eyes in bf16 yet.
        drawn_maps = self.trunk(as_seen(drawn, side))
        with self.place.autocast(self.config.precision):
            return self.features(real_maps, labels), self.features(drawn_maps, labels)

    @torch.no_grad()
    def _match(self, energy: EnergyDistance, size: int) -> None:
        """Have the energy distance match real pictures of `size` pixels, which follow from the pictures alone."""
        if self._matched == size:
            return
        described = []
        for chosen in self.pictures.spread(KNOWN).split(DRAWN_AT_ONCE):
            real = self.batches.real(chosen, size=size)
            if self.config.mirror:
                real[::2] = real[::2].flip(3)
            described.append(describe(real, self.trunk, side=self.config.energy_pixels))
        has_grown = self.images > 0 and self.config.size_at(self.images - self.config.batch) != size
        energy.match(torch.cat(described), anew=has_grown)
        self._matched = size

    def _penalise(self, real: Tensor, fake: Tensor, labels: Tensor | None) -> Tensor:
        """Add the gradients of R1 and R2, in fp32, to those of the pixel judge; returns the penalty before its
        weights."""

        def judge(pictures: Tensor) -> Tensor:
            return self.pixels(pictures, labels)

        penalty = losses.gradient_penalty(judge, real) + losses.gradient_penalty(judge, fake)
        (penalty * self.config.penalty * self.config.penalty_every).backward()
        return penalty

    @torch.no_grad()
    def _update(self) -> None:
        config = self.config
        self.place.average_gradients([*self.generator.parameters(), *self.judges])
        heat = config.heat_at(self.images) * self.slowed
        for optimiser, rate in (
            (self.generator_steps, config.learning_rate),
            (self.judge_steps, config.judge_learning_rate),
        ):
            for group in optimiser.param_groups:
                group["lr"] = rate * heat
            optimiser.step()
        self.follow()

    @torch.no_grad()
    def follow(self) -> None:
        """average <- average + (1 - 2^(-batch / half-life)) (generator - average), with a shorter half-life at first
        where what the average began with is to be forgotten."""
        config = self.config
        half_life = min(config.ema, max(config.ema_ramp * self.images, 1.0)) if self.new else config.ema
        share = 1 - 0.5 ** (config.batch / half_life)
        for mean, now in zip(self.average.parameters(), self.generator.parameters(), strict=True):
            mean.lerp_(now, share)


def _in_turn(count: int, classes: int) -> Tensor | None:
    """Labels of all classes in turn, int64 [count]; none without classes."""
    return torch.arange(count) % classes if classes else None


def _networks(config: GanConfig, device: torch.device) -> tuple[Generator, PixelDiscriminator, FeatureDiscriminator]:
    """The trained networks with the weights that the seed gives them."""
    network = config.generator
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        generator = Generator(network)
        pixels = PixelDiscriminator(
            config.discriminator_widths,
            base=network.base,
            channels=network.channels,
            classes=network.classes,
            grown=network.grown,
        )
        features = FeatureDiscriminator(classes=network.classes)
    if generator.enlarger is not None:
        generator.requires_grad_(False).enlarger.requires_grad_()  # type: ignore[union-attr]
    for module in (generator, pixels, features):
        module.to(device, memory_format=torch.channels_last)
    return generator, pixels, features
