"""Classifiers: a residual CNN, the textbook CNN and one that has seen ImageNet, all built from one configuration.

They take pictures as float [N, C, H, W] in 0..1 and return logits [N, classes]. The input's normalisation is part of
the network, so that no caller can forget it. `features` and `head` are apart because a heat-map needs the maps in
between.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from models import features

Activation = Literal["relu", "leaky_relu", "prelu"]
Pooling = Literal["max", "average"]

_ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.1),
    "prelu": nn.PReLU,
}
_POOLINGS: Mapping[str, Callable[[], nn.Module]] = {"max": lambda: nn.MaxPool2d(2), "average": lambda: nn.AvgPool2d(2)}


@dataclass(frozen=True)
class NetworkConfig:
    """A classifier's shape. Stages run at the input's size, then at a half of it, a quarter and so on."""

    family: Literal["residual", "plain", "efficientnet-lite0"] = field(
        default="residual",
        metadata={
            "description": "residual blocks with batch normalisation, convolutions alone, or a network that begins "
            "with what it learnt of ImageNet; the last has stages of its own"
        },
    )
    widths: tuple[int, ...] = field(
        default=(32, 64, 128), metadata={"description": "channels of each stage", "minimum": 1}
    )
    blocks: tuple[int, ...] = field(
        default=(0, 1, 1),
        metadata={"description": "residual blocks (or plain convolutions) in each stage", "minimum": 0},
    )
    activation: Activation = "relu"
    pooling: Pooling = field(default="max", metadata={"description": "how a stage halves the picture"})
    head: tuple[int, ...] = field(
        default=(), metadata={"description": "hidden fully connected layers before the logits", "minimum": 1}
    )
    dropout: float = field(
        default=0.0, metadata={"description": "before each layer of the head", "minimum": 0, "maximum": 0.9}
    )
    size: int = field(default=28, metadata={"description": "pixels of the square input", "minimum": 8, "maximum": 512})
    enlarged: int = field(
        default=features.EMBEDDING_PIXELS,
        metadata={
            "description": "side to which a network that begins with ImageNet enlarges smaller pictures",
            "minimum": 32,
            "maximum": 256,
        },
    )
    channels: Literal[1, 3] = 1
    classes: int = field(default=10, metadata={"description": "known from the data", "minimum": 2})
    mean: tuple[float, ...] = field(default=(0.5,), metadata={"description": "of each channel, known from the data"})
    std: tuple[float, ...] = field(default=(0.5,), metadata={"description": "of each channel, known from the data"})

    def to_dict(self) -> dict[str, Any]:
        """For a checkpoint's header."""
        told = asdict(self)
        if self.enlarged == features.EMBEDDING_PIXELS:  # a version that knows of no other side can build the network
            del told["enlarged"]
        return told


def build(network: Mapping[str, Any]) -> "Classifier":
    """A freshly initialised network from a configuration as JSON keeps it, where tuples are lists."""
    settings: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in network.items()}
    return Classifier(NetworkConfig(**settings))


class Classifier(nn.Module):
    """logits = head(features((x - mean) / std))."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        if len(config.widths) != len(config.blocks) or not config.widths:
            raise ValueError("widths and blocks must name the same number of stages, at least one.")
        # A plain network halves behind its last stage, too.
        smallest = 2 ** (len(config.widths) - (config.family != "plain"))
        if config.size < smallest:
            raise ValueError(f"{len(config.widths)} stages need pictures of at least {smallest} pixels.")
        self.config = config
        self.register_buffer("mean", torch.tensor(config.mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config.std).view(1, -1, 1, 1), persistent=False)
        match config.family:
            case "residual":
                self.features, self.head = _residual_features(config), _residual_head(config)
            case "plain":
                self.features, self.head = _plain_features(config), _plain_head(config)
            case "efficientnet-lite0":
                self.features = features.layers(features.Trunk(config.family), enlarged=config.enlarged)
                self.head = nn.Sequential(GlobalAverage(), *_dense(features.EMBEDDING_SIZE, config))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:  # [N, C, H, W] in 0..1 -> [N, classes]
        logits: Tensor = self.head(self.features((x - self.mean) / self.std))
        return logits

    def stages(self, x: Tensor) -> list[Tensor]:
        """The maps [N, C, H, W] that each stage hands on; the last are those of `features`."""
        maps, y = [], (x - self.mean) / self.std
        for layer in self.features:
            y = layer(y)
            if isinstance(layer, nn.MaxPool2d | nn.AvgPool2d | features.Stage):
                maps.append(y)
        return maps if self.config.family == "plain" else [*maps, y]


class Residual(nn.Module):
    """y = act(skip(x) + bn(conv(act(bn(conv(x)))))), He et al. 2016, with a 1x1 convolution where the width changes.

    The normalisation follows each convolution directly, so that an inference engine folds the two into one.
    """

    def __init__(self, in_channels: int, out_channels: int, activation: Activation) -> None:
        super().__init__()
        self.one = _convolution(in_channels, out_channels)
        self.two = _convolution(out_channels, out_channels)
        # A block starts as its skip path alone (Goyal et al. 2017), which lets the learning rate warm up fast.
        nn.init.zeros_(self.two[1].weight)  # type: ignore[arg-type]
        self.skip = nn.Identity() if in_channels == out_channels else _convolution(in_channels, out_channels, kernel=1)
        self.between, self.after = _ACTIVATIONS[activation](), _ACTIVATIONS[activation]()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.after(self.skip(x) + self.two(self.between(self.one(x))))
        return y


def operations(config: NetworkConfig) -> int:
    """Floating-point operations of one picture's forward pass, a multiply-add counted as two; convolutions and
    matrices only."""
    total = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d | nn.Linear):
            total += 2 * module.weight[0].numel() * output[0].numel()

    network = Classifier(config).eval()
    for module in network.modules():
        module.register_forward_hook(count)
    with torch.no_grad():
        network(torch.zeros(1, config.channels, config.size, config.size))
    return total


class GlobalAverage(nn.Module):
    """[N, C, H, W] -> [N, C]."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


def _convolution(in_channels: int, out_channels: int, kernel: int = 3) -> nn.Sequential:
    convolution = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(out_channels))


def _residual_features(config: NetworkConfig) -> nn.Sequential:
    layers: list[nn.Module] = [_convolution(config.channels, config.widths[0]), _ACTIVATIONS[config.activation]()]
    width = config.widths[0]
    for stage, (out, count) in enumerate(zip(config.widths, config.blocks, strict=True)):
        if stage:
            layers.append(_POOLINGS[config.pooling]())
        for _ in range(count):
            layers.append(Residual(width, out, config.activation))
            width = out
    return nn.Sequential(*layers)


def _residual_head(config: NetworkConfig) -> nn.Sequential:
    width = next(
        (w for w, count in zip(config.widths[::-1], config.blocks[::-1], strict=True) if count), config.widths[0]
    )
    return nn.Sequential(GlobalAverage(), *_dense(width, config))


def _plain_features(config: NetworkConfig) -> nn.Sequential:
    layers: list[nn.Module] = []
    width: int = config.channels
    for out, count in zip(config.widths, config.blocks, strict=True):
        for _ in range(count):
            layers += [nn.Conv2d(width, out, 3, padding=1), _ACTIVATIONS[config.activation]()]
            width = out
        layers.append(_POOLINGS[config.pooling]())
    return nn.Sequential(*layers)


def _plain_head(config: NetworkConfig) -> nn.Sequential:
    with torch.no_grad():
        example = _plain_features(config)(torch.zeros(1, config.channels, config.size, config.size))
    return nn.Sequential(nn.Flatten(), *_dense(example.numel(), config))


def _dense(width: int, config: NetworkConfig) -> list[nn.Module]:
    """Fully connected layers down to the logits."""
    layers: list[nn.Module] = []
    widths = (width, *config.head, config.classes)
    for position, (into, out) in enumerate(pairwise(widths)):
        if position:
            layers.append(_ACTIVATIONS[config.activation]())
        if config.dropout:
            layers.append(nn.Dropout(config.dropout))
        layers.append(nn.Linear(into, out))
    return layers
