"""The generator: a mapping network, and a synthesis network that its styles modulate stage by stage.

    w = mapping(z, label)         z ~ N(0, I) [N, latent_size]  ->  w [N, style_size]
    picture = synthesis(w)        w [N, style_size] or [N, stages, style_size]  ->  [N, C, size, size] in [-1, 1]

Between the two lives everything that edits a face: truncation, interpolation, style mixing (another w per stage) and
directions are arithmetic on w. The scheme is Karras et al., 2020 (arXiv:1912.04958) with changes that make it cheap
to run and quick to train: two mapping layers; no noise inputs, so that a seed is one picture; a first map that is a
dense function of the style in place of a learnt constant, without which every early face had the same layout; and
modulation applied to activations rather than to weights, which is the same function without a convolution per
picture:

    conv(x; W diag(s)) / |W diag(s)|  =  conv(x * s; W) * d,    d_o = 1 / sqrt(sum_i s_i^2 |W_oi|^2)

Each stage adds its colours to the upsampled colours of the stage before ("output skips"). The last stages start from
zero colours, so a generator may be trained at a lower size first and grown without a jump. Behind the last stage an
enlarger may stand (`models.enlarger`), which no style reaches.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.enlarger import Enlarger, double
from models.settings import about

LEAK = 0.2
# Keeps the variance of a signal through a leaky rectifier: sqrt(2 / (1 + LEAK^2)).
GAIN = math.sqrt(2 / (1 + LEAK**2))


@dataclass(frozen=True)
class GeneratorConfig:
    """What a generator is, kept in its checkpoint. Its stages draw `base * 2 ** (len(widths) - 1)` pixels a side."""

    widths: tuple[int, ...] = field(
        metadata={"description": "channels of each stage, coarse to fine", "minimum": 1, "maximum": 4096}
    )
    base: int = about(4, "side of the first stage, pixels", minimum=1, maximum=64)
    channels: Literal[1, 3] = about(3, "colours of a picture")
    latent_size: int = about(128, "numbers of noise", minimum=1, maximum=4096)
    style_size: int = about(256, "numbers of a style", minimum=1, maximum=4096)
    classes: int = about(0, "known from the data; 0 for none", minimum=0)
    grown: int = about(0, "stages at the end that start from zero colours", minimum=0)
    enlarger_width: int = about(
        0, "channels of the enlarger, which doubles the side; 0 for none", minimum=0, maximum=4096
    )
    enlarger_blocks: int = about(4, "of the enlarger, if there is one", minimum=1, maximum=64)

    @property
    def staged_size(self) -> int:
        """Side in pixels of what the last stage draws."""
        return self.base * 2 ** (len(self.widths) - 1)

    @property
    def size(self) -> int:
        """The picture's side in pixels."""
        return self.staged_size * (2 if self.enlarger_width else 1)

    def stages_up_to(self, size: int) -> int:
        """How many stages draw a picture of `size` pixels. Raises `ValueError` if none ends there, nor the enlarger."""
        if size == self.size:
            return len(self.widths)
        for count in range(1, len(self.widths) + 1):
            if self.base * 2 ** (count - 1) == size:
                return count
        raise ValueError(f"A generator of {self.size} pixels has no stage of {size} pixels.")

    def without_enlarger(self) -> "GeneratorConfig":
        """The generator of half the side that the enlarger stands behind, or this one."""
        return replace(self, enlarger_width=0, enlarger_blocks=GeneratorConfig.enlarger_blocks)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able, for a checkpoint's header."""
        told = {**asdict(self), "widths": list(self.widths)}
        if not self.enlarger_width:  # a version that knows of no enlarger can build the others
            del told["enlarger_width"], told["enlarger_blocks"]
        return told


class Generator(nn.Module):
    """Latents to pictures. `w_average` [max(classes, 1), style_size] is the mean style that truncation pulls
    towards."""

    w_average: Tensor

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.mapping = StyleMapping(config)
        self.start = _dense(config.style_size, config.widths[0] * config.base**2)
        narrower = (config.widths[0], *config.widths[:-1])
        self.stages = nn.ModuleList(
            _Stage(inputs, outputs, config=config, index=index)
            for index, (inputs, outputs) in enumerate(zip(narrower, config.widths, strict=True))
        )
        width, blocks = config.enlarger_width, config.enlarger_blocks
        self.enlarger = Enlarger(config.channels, width=width, blocks=blocks) if width else None
        self.register_buffer("w_average", torch.zeros(max(config.classes, 1), config.style_size))

    def forward(self, z: Tensor, labels: Tensor | None = None, *, size: int | None = None) -> Tensor:
        """Untruncated pictures [N, C, size, size] of latents [N, latent_size]; `size` None means the full size."""
        return self.synthesis(self.mapping(z, labels), size=size)

    def sample(self, z: Tensor, labels: Tensor | None = None, truncation: Tensor | None = None) -> Tensor:
        """Pictures of latents, with `truncation` float [N]: 1 leaves a style alone, 0 is the average picture of its
        class."""
        return self.synthesis(self.truncate(self.mapping(z, labels), truncation, labels))

    def truncate(self, w: Tensor, truncation: Tensor | None, labels: Tensor | None = None) -> Tensor:
        """w' = mean + psi (w - mean), for w [N, style_size] and psi float [N]."""
        if truncation is None:
            return w
        mean = self.w_average[labels] if labels is not None and self.config.classes else self.w_average[:1]
        return mean + truncation[:, None] * (w - mean)

    def synthesis(self, w: Tensor, *, size: int | None = None) -> Tensor:
        """Pictures of styles w [N, style_size], or [N, stages, style_size] where every stage has its own."""
        size = size or self.config.size
        count = self.config.stages_up_to(size)
        x = self.start(w if w.dim() == 2 else w[:, 0]).view(
            -1, self.config.widths[0], self.config.base, self.config.base
        )
        x, picture = x.contiguous(memory_format=torch.channels_last), None
        for index, stage in enumerate(self.stages[:count]):
            x, picture = stage(x, picture, w if w.dim() == 2 else w[:, index])
        assert picture is not None
        return self.enlarger(picture) if self.enlarger is not None and size == self.config.size else picture


def build(network: Mapping[str, Any]) -> Generator:
    """The generator that a checkpoint's `network` describes, with fresh weights. Raises `TypeError` on unknown
    fields."""
    return Generator(GeneratorConfig(**{**network, "widths": tuple(network["widths"])}))


class StyleMapping(nn.Module):
    """Two dense layers from a latent, scaled to length sqrt(latent_size), and a class to a style."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.classes, config.latent_size) if config.classes else None
        inputs = config.latent_size * (2 if config.classes else 1)
        self.first = _dense(inputs, config.style_size)
        self.second = _dense(config.style_size, config.style_size)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        z = _unit_variance(z)
        if self.embedding is not None:
            if labels is None:
                raise ValueError("This generator draws classes and needs a label for each latent.")
            z = torch.cat((z, _unit_variance(self.embedding(labels))), dim=1)
        return _activate(self.second(_activate(self.first(z))))


class _Stage(nn.Module):
    """x -> modulated convolution, upsampling, modulated convolution; and the colours that this stage adds."""

    def __init__(self, inputs: int, outputs: int, *, config: GeneratorConfig, index: int) -> None:
        super().__init__()
        grown = len(config.widths) - index <= config.grown
        # Channels shrink before the upsampling: a quarter of the work of doing so after it.
        self.enter = _ModulatedConv(inputs, outputs, style_size=config.style_size) if index else None
        self.refine = _ModulatedConv(outputs, outputs, style_size=config.style_size)
        self.colour_style = _affine(config.style_size, outputs)
        self.colour = nn.Conv2d(outputs, config.channels, 1)
        nn.init.normal_(self.colour.weight, std=0.0 if grown else 0.3 * outputs**-0.5)
        nn.init.zeros_(self.colour.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, picture: Tensor | None, w: Tensor) -> tuple[Tensor, Tensor]:
        if self.enter is not None:
            x = double(self.enter(x, w))
        x = self.refine(x, w)
        added = self.colour(x * _per_channel(self.colour_style(w), x)).float()
        return x, added if picture is None else double(picture) + added


class _ModulatedConv(nn.Module):
    """3x3 convolution whose inputs are scaled by a style and whose outputs are scaled back to unit variance."""

    def __init__(self, inputs: int, outputs: int, *, style_size: int) -> None:
        super().__init__()
        self.style = _affine(style_size, inputs)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3) / math.sqrt(inputs * 9))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style = self.style(w)
        energy = style.float().square() @ self.weight.float().square().sum((2, 3)).T  # [N, outputs]
        y = F.conv2d(x * _per_channel(style, x), self.weight, padding=1)
        return _activate(y * _per_channel(torch.rsqrt(energy + 1e-8), y) + _per_channel(self.bias[None], y))


def _affine(style_size: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(style_size, outputs)
    nn.init.normal_(layer.weight, std=style_size**-0.5)
    nn.init.ones_(layer.bias)
    return layer


def _dense(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=inputs**-0.5)
    nn.init.zeros_(layer.bias)
    return layer


def _unit_variance(x: Tensor) -> Tensor:
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)


def _activate(x: Tensor) -> Tensor:
    return F.leaky_relu(x, LEAK) * GAIN


def _per_channel(values: Tensor, like: Tensor) -> Tensor:
    # In the type of the activations, because a float32 factor would promote bfloat16 ones.
    return values[:, :, None, None].to(like.dtype)
