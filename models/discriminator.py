"""Two judges of a picture: one that learns from pixels, and one that looks through a frozen classifier.

`PixelDiscriminator` is a small strided network with "input skips": every resolution sees the picture shrunk to it,
which mirrors the generator's output skips and lets both grow. `FeatureDiscriminator` is Projected GANs (Sauer et al.,
2021, arXiv:2111.01007): maps of a frozen ImageNet trunk, mixed across channels and scales by fixed random
convolutions, judged by a small head each.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from models.features import STAGE_CHANNELS
from models.gan import LEAK

PROJECTED_CHANNELS = 64  # of each mixed feature map


class PixelDiscriminator(nn.Module):
    """Pictures [N, C, S, S] in [-1, 1] to logits [N]. `widths` are the channels at each resolution, coarse to fine."""

    def __init__(self, widths: Sequence[int], *, base: int, channels: int, classes: int = 0, grown: int = 0) -> None:
        super().__init__()
        self.base = base
        self.see = nn.ModuleList(_he(nn.Conv2d(channels, width, 1)) for width in widths)
        self.shrink = nn.ModuleList(
            _he(nn.Conv2d(fine, coarse, 4, stride=2, padding=1)) for coarse, fine in pairwise(widths)
        )
        for layer in self.shrink[len(widths) - 1 - grown :]:
            nn.init.zeros_(layer.weight)  # type: ignore[arg-type]  # a grown resolution is silent at first
        self.mix = _he(nn.Conv2d(widths[0] * 2, widths[0], 3, padding=1))
        self.gather = _he(nn.Conv2d(widths[0], widths[0], base))
        self.judge = nn.Linear(widths[0], 1)
        self.embedding = nn.Embedding(classes, widths[0]) if classes else None

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> Tensor:
        top = int(math.log2(pictures.shape[-1] // self.base))
        seen, x = pictures, self.see[top](pictures)
        for index in reversed(range(top)):
            seen = F.avg_pool2d(seen, 2)
            x = self.shrink[index](F.leaky_relu(x, LEAK)) + self.see[index](seen)
        x = F.leaky_relu(x, LEAK)
        x = F.leaky_relu(self.mix(torch.cat((x, _batch_deviation(x, labels)), dim=1)), LEAK)
        x = F.leaky_relu(self.gather(x), LEAK).flatten(1)
        logits = self.judge(x)[:, 0].float()
        if self.embedding is not None:
            logits = logits + (self.embedding(labels) * x.float()).sum(1) / math.sqrt(x.shape[1])
        return logits


class FeatureDiscriminator(nn.Module):
    """Maps of the frozen trunk to logits, a list of [N, h, w], one per scale.

    `standardise` sets each channel's mean and scale once, from real pictures, so that no channel drowns the others.
    """

    def __init__(self, *, classes: int = 0) -> None:
        super().__init__()
        self.project = nn.ModuleList(nn.Conv2d(channels, PROJECTED_CHANNELS, 1) for channels in STAGE_CHANNELS)
        self.smooth = nn.ModuleList(
            nn.Conv2d(PROJECTED_CHANNELS, PROJECTED_CHANNELS, 3, padding=1) for _ in STAGE_CHANNELS
        )
        for layer in (*self.project, *self.smooth):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
            nn.init.zeros_(layer.bias)
            layer.requires_grad_(False)  # fixed random projections: they only spread what the trunk sees
        self.heads = nn.ModuleList(_Head(shrinks=scale < 3, classes=classes) for scale in range(len(STAGE_CHANNELS)))
        for scale, channels in enumerate(STAGE_CHANNELS):
            self.register_buffer(f"mean_{scale}", torch.zeros(1, channels, 1, 1))
            self.register_buffer(f"scale_{scale}", torch.ones(1, channels, 1, 1))

    @torch.no_grad()
    def standardise(self, maps: Sequence[Tensor]) -> None:
        """Measure mean and spread of every channel on maps of real pictures."""
        for scale, features in enumerate(maps):
            getattr(self, f"mean_{scale}").copy_(features.mean((0, 2, 3), keepdim=True))
            getattr(self, f"scale_{scale}").copy_(features.std((0, 2, 3), keepdim=True).clamp_min(1e-3).reciprocal())

    def forward(self, maps: Sequence[Tensor], labels: Tensor | None = None) -> list[Tensor]:
        logits, coarser = [], None
        for scale in reversed(range(len(maps))):
            x = (maps[scale] - getattr(self, f"mean_{scale}")) * getattr(self, f"scale_{scale}")
            x = self.project[scale](x)
            if coarser is not None:
                x = (x + F.interpolate(coarser, size=x.shape[-2:], mode="bilinear", align_corners=False)) * math.sqrt(
                    0.5
                )
            coarser = self.smooth[scale](x)
            logits.append(self.heads[scale](coarser, labels))
        return logits


class _Head(nn.Module):
    def __init__(self, *, shrinks: bool, classes: int) -> None:
        super().__init__()
        kernel, stride = (4, 2) if shrinks else (3, 1)
        width = PROJECTED_CHANNELS
        self.first = spectral_norm(nn.Conv2d(width, width, kernel, stride=stride, padding=1))
        self.second = spectral_norm(nn.Conv2d(width * 2, width, 3, padding=1))
        self.judge = spectral_norm(nn.Conv2d(width, 1, 3, padding=1))
        self.embedding = spectral_norm(nn.Embedding(classes, width)) if classes else None

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        x = F.leaky_relu(self.first(x), LEAK)
        x = F.leaky_relu(self.second(torch.cat((x, _batch_deviation(x, labels)), dim=1)), LEAK)
        logits = self.judge(x)[:, 0].float()
        if self.embedding is not None:
            logits = logits + torch.einsum("nchw,nc->nhw", x.float(), self.embedding(labels))
        return logits


def _batch_deviation(x: Tensor, labels: Tensor | None) -> Tensor:
    """How much pictures differ within a batch: each channel's deviation, as more channels, [N, C, H, W].

    Karras et al., 2018, average it to one number, which a generator satisfies by varying the light alone; a number a
    channel shows the judge what exactly does not vary. Real and generated pictures must be passed apart. With labels it
    is the deviation among pictures of the same class, for among all of them a trouser and a boot differ enough to hide
    that two boots are one.
    """
    n, c, h, w = x.shape
    variance = _variance_in_groups(x.float()) if labels is None else _variance_in_classes(x.float(), labels)
    return variance.add(1e-8).sqrt().mean((2, 3))[:, :, None, None].expand(n, c, h, w).to(x.dtype)


def _variance_in_groups(x: Tensor, group: int = 8) -> Tensor:
    group = math.gcd(group, len(x))
    return x.unflatten(0, (group, len(x) // group)).var(0, unbiased=False).repeat(group, 1, 1, 1)


def _variance_in_classes(x: Tensor, labels: Tensor) -> Tensor:
    """Of each picture's class; 0 for one that is alone in its class."""
    same = (labels[:, None] == labels).float()
    share = same / same.sum(1, keepdim=True)
    mean = torch.einsum("nm,mchw->nchw", share, x)
    return torch.einsum("nm,mchw->nchw", share, (x - mean).square())


def _he(layer: nn.Conv2d) -> nn.Conv2d:
    nn.init.kaiming_normal_(layer.weight, a=LEAK)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer
