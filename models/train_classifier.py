"""The training loop of classifiers: a generator of events that the caller prints, stores and stops.

Recipe: SGD with Nesterov momentum under a one-cycle schedule (Smith and Topin 2018), beside it Muon for the filters
where the configuration says so, label smoothing, augmentation on the device, and a running average (EMA) of the
weights, which is what gets validated, calibrated and served.

Every random number of a step follows from (seed, rank, images seen before it) and nothing else, so a run that was
killed and resumed computes what an uninterrupted one does, bit for bit on one CPU.
"""

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from models import calibrated, checkpoint, data, devices, metrics, resume
from models.classifier import Classifier, NetworkConfig
from models.classifier_augment import augment
from models.classifier_config import ClassifierConfig
from models.muon import Muon
from models.progress import Event, Metrics, Progress, Snapshot

RESUME = "resume.safetensors"
CHECKPOINT = "checkpoint.safetensors"


def train(
    config: ClassifierConfig,
    pictures: data.Pictures,
    *,
    out: Path,
    resume: bool,
    stop: Callable[[], bool],
    initial: Path | None = None,
) -> Iterator[Event]:
    """Train on `pictures` and keep `resume.safetensors` and `checkpoint.safetensors` under `out`.

    With `resume` a run found under `out` goes on; `images` may have changed since, nothing else. `initial` is a
    checkpoint to start from: its weights are taken wherever name and shape fit, so another number of classes gets a
    fresh head. Raises `ValueError` for data that cannot be trained on and `FloatingPointError` when the loss is no
    longer a number.
    """
    run = Run(config, pictures, out=out, place=devices.place())
    if initial is not None:
        run.start_from(initial)
    if resume:
        run.restore()
    run.restart_clock()
    losses: list[Tensor] = []
    while run.images < config.images and not run.place.agree(stop()):
        before = run.images
        losses.append(run.step())
        if _passed(before, run.images, config.report_images) or run.images >= config.images:
            loss = torch.stack(losses).mean().item()
            losses.clear()
            if not math.isfinite(loss):
                raise FloatingPointError(
                    f"The loss is {loss} after {run.images} pictures; a lower learning rate may help."
                )
            yield run.progress()
            yield Metrics(run.images, {"loss": loss, "learning_rate": config.learning_rate * _cycle(config, before)})
        if _passed(before, run.images, config.snapshot_images) and run.images < config.images:
            yield from run.snapshot()
    yield from run.snapshot()


class Run:
    """The moving parts of one run: network, average, optimiser and the count of pictures seen."""

    def __init__(self, config: ClassifierConfig, pictures: data.Pictures, *, out: Path, place: devices.Place) -> None:
        if pictures.labels is None or len(pictures.classes) < 2:
            raise ValueError("A classifier needs pictures in at least two classes.")
        if config.batch % place.world:
            raise ValueError(f"A batch of {config.batch} cannot be shared evenly by {place.world} processes.")
        self.out, self.place, self.images = out, place, 0
        self.training, self.validation = data.holdout(pictures, fraction=config.validation, seed=config.seed)
        if len(self.validation) < 2 or len(self.training) < config.batch:
            raise ValueError(
                f"{len(pictures)} pictures are too few for batches of {config.batch} and a validation part."
            )
        self.config = replace(config, network=_fitted(config.network, self.training))
        torch.manual_seed(config.seed)
        network = Classifier(self.config.network).to(place.device, memory_format=torch.channels_last)
        self.network: nn.Module = network
        self.average = copy.deepcopy(network).requires_grad_(False)
        self.parallel = DistributedDataParallel(network) if place.world > 1 else network
        turned = _filters(network) if config.filter_rate else []
        self.muon = Muon(turned, lr=config.filter_rate, momentum=config.momentum) if turned else None
        others = _groups(network, config.weight_decay, without=turned)
        self.optimizer = torch.optim.SGD(others, momentum=config.momentum, nesterov=True)
        self.seconds_before, self.began = 0.0, time.monotonic()
        self.order: tuple[int, Tensor] = (-1, torch.empty(0, dtype=torch.int64))
        self.initial: str | None = None  # digest of the checkpoint that the weights came from

    def start_from(self, path: Path) -> None:
        """Take the weights of a served classifier. Raises `ValueError` if none fits."""
        loaded = checkpoint.load(path)
        own = self.network.state_dict()
        fitting = {
            name: value for name, value in loaded.weights.items() if name in own and own[name].shape == value.shape
        }
        if not fitting:
            raise ValueError(
                f"No weight of {path.name} fits this network; choose the network's settings it was made with."
            )
        for network in (self.network, self.average):
            network.load_state_dict(fitting, strict=False)
        self.initial = checkpoint.digest(path)

    def step(self) -> Tensor:
        """One optimiser step; the loss, a scalar that is not waited for."""
        config, device = self.config, self.place.device
        # 1,000,003 is prime, so that neighbouring seeds, ranks and counts do not meet.
        generator = torch.Generator().manual_seed((config.seed * 1_000_003 + self.place.rank) * 1_000_003 + self.images)
        torch.manual_seed(generator.initial_seed())  # dropout draws from the global generator
        chosen = self.batch()[self.place.rank :: self.place.world]
        assert self.training.labels is not None
        x = self.training.images[chosen].to(device, non_blocking=True).float() / 255
        classes = config.network.classes
        targets = F.one_hot(self.training.labels[chosen].to(device), classes).float()
        x, targets = augment(x, targets, config.augment, generator=generator)
        targets = targets * (1 - config.label_smoothing) + config.label_smoothing / classes
        height = _cycle(config, self.images)
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * height
        self.parallel.train()
        with self.place.autocast(config.precision):
            logits = self.parallel(x.contiguous(memory_format=torch.channels_last))
        loss = F.cross_entropy(logits.float(), targets)
        self.network.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        if self.muon is not None:
            for group in self.muon.param_groups:
                group["lr"] = config.filter_rate * height
            self.muon.step()
        self.images += config.batch
        self.follow()
        return loss.detach()

    def batch(self) -> Tensor:
        """Indices of the next batch: the pictures in a new order each epoch, batches running across the border."""
        count, batch = len(self.training), self.config.batch
        at = torch.arange(self.images, self.images + batch)
        epochs = at // count
        return torch.cat([self._epoch(int(epoch))[at[epochs == epoch] % count] for epoch in epochs.unique()])

    def _epoch(self, epoch: int) -> Tensor:
        if self.order[0] != epoch:
            shuffle = torch.Generator().manual_seed(self.config.seed * 1_000_003 + epoch)
            self.order = (epoch, torch.randperm(len(self.training), generator=shuffle))
        return self.order[1]

    @torch.no_grad()
    def follow(self) -> None:
        """average <- average + (1 - 2^(-batch / half-life)) (network - average), with a shorter half-life at first."""
        half_life = min(self.config.ema_images, max(self.images // 10, 1))
        share = 1 - 0.5 ** (self.config.batch / half_life)
        for mean, now in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(now, share)
            else:
                mean.copy_(now)

    def progress(self) -> Progress:
        session = time.monotonic() - self.began
        rate = (self.images - self.images_before) / max(session, 1e-9)
        return Progress(self.images, self.config.images, rate, self.seconds_before + session)

    def restart_clock(self) -> None:
        """Count this session's speed from here."""
        self.images_before, self.began = self.images, time.monotonic()

    def snapshot(self) -> Iterator[Event]:
        """Validate and calibrate the average, and write both files. Only the leading process does."""
        if not self.place.leads:
            return
        assert self.validation.labels is not None
        served, logits = calibrated.fit(self.average, self.training, self.validation, device=self.place.device)
        found = metrics.report(logits, self.validation.labels)
        values = {"accuracy": found.accuracy, "nll": found.nll, "ece": found.ece}
        yield Metrics(self.images, {f"validation_{name}": value for name, value in values.items()})
        network = self.config.network
        checkpoint.save(
            self.out / CHECKPOINT,
            kind="classifier",
            network=asdict(network),
            weights=served.tensors(),
            header={
                "input": {"size": network.size, "channels": network.channels, "mean": network.mean, "std": network.std},
                "labels": self.training.classes,
                "calibration": asdict(served.fitted),
                "metrics": {"validation": {"count": found.count, **values}},
                "training": asdict(self.config) | {"images_seen": self.images, "initial": self.initial},
                "provenance": {
                    "data": self.config.data,
                    "digest": self.training.digest,
                    "licence": self.config.licence,
                    "credit": self.config.credit,
                },
            },
        )
        optimizer, skeleton = resume.flatten("optimizer", self.optimizer.state_dict())
        muon, muon_skeleton = resume.flatten("muon", self.muon.state_dict() if self.muon is not None else None)
        resume.save_state(
            self.out / RESUME,
            resume.module_tensors("network", self.network)
            | resume.module_tensors("average", self.average)
            | optimizer
            | muon,
            {
                "images": self.images,
                "seconds": self.progress().seconds,
                "optimizer": skeleton,
                "muon": muon_skeleton,
                "config": asdict(self.config),
                "digest": self.training.digest,
                "initial": self.initial,
            },
        )
        yield Snapshot(self.images, self.out / RESUME, self.out / CHECKPOINT)

    def restore(self) -> None:
        """Go on from the last snapshot under `out`, if there is one. Raises `ValueError` if it is of another run."""
        if not (self.out / RESUME).exists():
            return
        tensors, meta = resume.load_state(self.out / RESUME)
        here = resume.as_json(asdict(replace(self.config, images=meta["config"]["images"])))
        # A setting that is younger than the state had its default's effect then.
        there = resume.as_json(asdict(ClassifierConfig())) | meta["config"]
        changed = sorted(key for key, value in here.items() if there[key] != value)
        if changed or meta["digest"] != self.training.digest:
            what = ", ".join(changed) or "data"
            raise ValueError(f"The run in {self.out.name} was started with another {what}; use another folder.")
        resume.restore_module("network", self.network, tensors)
        resume.restore_module("average", self.average, tensors)
        self.optimizer.load_state_dict(resume.unflatten(tensors, meta["optimizer"]))
        if self.muon is not None:
            self.muon.load_state_dict(resume.unflatten(tensors, meta["muon"]))
        self.images, self.seconds_before, self.initial = meta["images"], meta["seconds"], meta.get("initial")


def _fitted(network: NetworkConfig, pictures: data.Pictures) -> NetworkConfig:
    """The network's configuration with what the pictures decide."""
    n, channels, size, _ = pictures.images.shape
    x = pictures.images[:: max(1, n // 10_000)].double() / 255
    return replace(
        network,
        size=size,
        channels=1 if channels == 1 else 3,
        classes=len(pictures.classes),
        mean=tuple(round(value, 4) for value in x.mean((0, 2, 3)).tolist()),
        std=tuple(max(round(value, 4), 0.01) for value in x.std((0, 2, 3)).tolist()),
    )


def _filters(network: Classifier) -> list[Tensor]:
    """What Muon turns: the filters of convolutions, each with a batch normalisation behind it.

    Those that look at the picture itself are left out; they see one or three channels, and few directions matter.
    Raises `ValueError` for a network without normalisation, in which a filter's length means something.
    """
    if network.config.family != "residual":
        raise ValueError("filter_rate is for the residual family; set it to 0 for a plain network.")
    return [module.weight for module in network.features.modules() if isinstance(module, nn.Conv2d)][1:]


def _groups(network: nn.Module, weight_decay: float, *, without: list[Tensor]) -> list[dict[str, object]]:
    """Weights decay; biases, normalisation and PReLU slopes do not."""
    left_out = {id(parameter) for parameter in without}
    parameters = [parameter for parameter in network.parameters() if id(parameter) not in left_out]
    weights = [parameter for parameter in parameters if parameter.ndim > 1]
    others = [parameter for parameter in parameters if parameter.ndim <= 1]
    return [{"params": weights, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def _cycle(config: ClassifierConfig, images: int) -> float:
    """The learning rates as shares of their tops: up in a straight line, then down along a half cosine to a
    thousandth."""
    done = min(images / config.images, 1.0)
    if done < config.warm_up:
        return 0.05 + 0.95 * done / config.warm_up
    fall = (done - config.warm_up) / max(1 - config.warm_up, 1e-9)
    return 0.001 + 0.999 * (1 + math.cos(math.pi * fall)) / 2


def _passed(before: int, after: int, every: int) -> bool:
    return before // every != after // every
