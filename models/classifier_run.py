"""One run of a classifier on one process: network, average, optimisers, pictures, and what a step is.

SGD with Nesterov momentum or AdamW under a one-cycle schedule (Smith and Topin 2018), beside it Muon for the filters
where the configuration says so, label smoothing, augmentation on the device, and a running average (EMA) of the
weights, which is what gets validated, calibrated and served.

Every random number of a step follows from (seed, rank, images seen before it) and nothing else, so a run that was
killed and resumed computes what an uninterrupted one does, bit for bit on one CPU.
"""

import copy
import math
import time
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from models import data, devices, features
from models.classifier import Classifier, NetworkConfig
from models.classifier_augment import augment, turns
from models.classifier_config import ClassifierConfig
from models.muon import Muon
from models.progress import Progress
from models.streams import stream
from models.whitening import PIXELS, whiten

MEASURED = 40_000_000  # numbers of which mean and deviation are taken
BETA2 = 0.999  # of AdamW, as published (Loshchilov and Hutter 2019)


class ClassifierRun:
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
        if config.network.family == features.NAME:
            network.features.load_state_dict(features.layers(features.load_trunk()).state_dict())
        if config.whiten:
            if config.network.family == features.NAME:
                raise ValueError(f"whiten is for a network that begins without weights, not for {features.NAME}.")
            few = self.training.images[:: max(1, self.training.images[:, 0].numel() // PIXELS)].to(place.device)
            first = next(module for module in network.features.modules() if isinstance(module, nn.Conv2d))
            whiten(first, (few.float() / 255 - network.mean) / network.std)
        if config.frozen_stages:
            freeze(network, config.frozen_stages)
        self.network: nn.Module = network
        self.average = copy.deepcopy(network).requires_grad_(False)
        self.parallel = DistributedDataParallel(network) if place.world > 1 else network
        turned = _filters(network) if config.filter_rate else []
        self.muon = Muon(turned, lr=config.filter_rate, momentum=config.momentum) if turned else None
        self.optimizer = _optimizer(config, _groups(network, config.weight_decay, without=turned))
        self.seconds_before, self.began = 0.0, time.monotonic()
        self.order: tuple[int, Tensor] = (-1, torch.empty(0, dtype=torch.int64))
        self.initial: str | None = None  # digest of the checkpoint that the weights came from

    def step(self) -> Tensor:
        """One optimiser step; the loss, a scalar that is not waited for."""
        config = self.config
        generator = stream(config.seed, self.place.rank, self.images)
        torch.manual_seed(generator.initial_seed())  # dropout draws from the global generator
        chosen, epochs = (part[self.place.rank :: self.place.world] for part in self.batch())
        x, targets = self.load(chosen)
        x, targets = augment(x, targets, config.augment, generator=generator, turn=turns(chosen, epochs))
        targets = targets * (1 - config.label_smoothing) + config.label_smoothing / targets.shape[1]
        share = height(config, self.images)
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * share
        self.parallel.train()
        with self.place.autocast(config.precision):
            logits = self.parallel(x.contiguous(memory_format=torch.channels_last))
        loss = F.cross_entropy(logits.float(), targets)
        self.network.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        if self.muon is not None:
            for group in self.muon.param_groups:
                group["lr"] = config.filter_rate * share
            self.muon.step()
        self.images += config.batch
        self.follow()
        return loss.detach()

    def batch(self) -> tuple[Tensor, Tensor]:
        """Indices and epochs of the next batch: the pictures in a new order each epoch, batches running across the
        border."""
        count, batch = len(self.training), self.config.batch
        at = torch.arange(self.images, self.images + batch)
        epochs = at // count
        chosen = [self._epoch(int(epoch))[at[epochs == epoch] % count] for epoch in epochs.unique()]
        return torch.cat(chosen), epochs

    def load(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures by their indices, float [N, C, H, W] in [0, 1], and one-hot labels [N, classes], on the device."""
        assert self.training.labels is not None
        device = self.place.device
        labels = self.training.labels[chosen].to(device)
        x = self.training.images[chosen].to(device, non_blocking=True).float() / 255
        return x, F.one_hot(labels, self.config.network.classes).float()

    def _epoch(self, epoch: int) -> Tensor:
        if self.order[0] != epoch:
            self.order = (epoch, torch.randperm(len(self.training), generator=stream(self.config.seed, epoch)))
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


def height(config: ClassifierConfig, images: int) -> float:
    """The learning rates as shares of their tops: up in a straight line, then down along a half cosine to a
    thousandth."""
    done = min(images / config.images, 1.0)
    if done < config.warm_up:
        return 0.05 + 0.95 * done / config.warm_up
    fall = (done - config.warm_up) / max(1 - config.warm_up, 1e-9)
    return 0.001 + 0.999 * (1 + math.cos(math.pi * fall)) / 2


def freeze(network: Classifier, stages: int) -> None:
    """Keep the layers up to the end of that many stages as they are. Without gradients they need no way back, of which
    the first stages, at the largest maps, are a large part.

    Raises `ValueError` for a network that begins with random weights.
    """
    if network.config.family != features.NAME:
        raise ValueError(f"frozen_stages is for {features.NAME}, which has learnt something already.")
    for layer in network.features:
        layer.requires_grad_(False)
        if isinstance(layer, features.Stage):
            stages -= 1
            if not stages:
                return


def _fitted(network: NetworkConfig, pictures: data.Pictures) -> NetworkConfig:
    """The network's configuration with what the pictures decide."""
    n, channels, size, _ = pictures.images.shape
    if network.family == features.NAME:  # which knows pictures in [-1, 1], whatever they show
        mean, std = [0.5] * channels, [0.5] * channels
    else:
        x = pictures.images[:: max(1, n // 10_000, pictures.images.numel() // MEASURED)].double() / 255
        mean, std = x.mean((0, 2, 3)).tolist(), x.std((0, 2, 3)).tolist()
    return replace(
        network,
        size=size,
        channels=1 if channels == 1 else 3,
        classes=len(pictures.classes),
        mean=tuple(round(value, 4) for value in mean),
        std=tuple(max(round(value, 4), 0.01) for value in std),
    )


def _filters(network: Classifier) -> list[Tensor]:
    """What Muon turns: the filters of convolutions, each with a batch normalisation behind it.

    Those that look at the picture itself are left out; they see one or three channels, and few directions matter.
    Raises `ValueError` for a network without normalisation, in which a filter's length means something.
    """
    if network.config.family != "residual":
        raise ValueError("filter_rate is for the residual family; set it to 0 for a plain network.")
    return [module.weight for module in network.features.modules() if isinstance(module, nn.Conv2d)][1:]


def _optimizer(config: ClassifierConfig, groups: list[dict[str, object]]) -> torch.optim.Optimizer:
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, betas=(config.momentum, BETA2))
    return torch.optim.SGD(groups, momentum=config.momentum, nesterov=True)


def _groups(network: nn.Module, weight_decay: float, *, without: list[Tensor]) -> list[dict[str, object]]:
    """Weights decay; biases, normalisation and PReLU slopes do not."""
    left_out = {id(parameter) for parameter in without}
    free = [parameter for parameter in network.parameters() if parameter.requires_grad]
    parameters = [parameter for parameter in free if id(parameter) not in left_out]
    weights = [parameter for parameter in parameters if parameter.ndim > 1]
    others = [parameter for parameter in parameters if parameter.ndim <= 1]
    return [{"params": weights, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
