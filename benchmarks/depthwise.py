"""What a step of a network that begins with ImageNet takes: in fp32, in bf16 as PyTorch differentiates it, and in bf16
with the way back of `models.depthwise`.

    python -m benchmarks.depthwise [--rounds 5] [--batch 64] [--threads 1]

Pictures of 32 pixels go forward and back through `cifar10-pretrained` at several sides, with all stages learning or the
first ones frozen. The kinds take turns, a step each, so that what else happens on the machine hits all alike; told
is the quickest of the rounds. The last rows are the generator's judges' eyes: forward and back to the pictures,
without filters that learn.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor

from models import features
from models.classifier import Classifier
from models.classifier_presets import PRESETS
from models.classifier_run import freeze

SHAPES = ((128, 0), (128, 2), (192, 0), (192, 2))  # side and frozen stages
EYES = 128  # pixels at which a judge's frozen network looks

Step = Callable[[], object]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1, help="compute threads")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"pictures a second, torch {torch.__version__}, {options.threads} threads, batches of {options.batch}\n")
    print(f"{'':24} {'fp32':>8} {'bf16':>8} {'ours':>8}")
    for side, frozen in SHAPES:
        tell(f"{side} pixels, {frozen} frozen", _classifier(side, frozen, options.batch), options)
    tell(f"eyes at {EYES} pixels", _eyes(options.batch), options)


def tell(name: str, step: Step, options: argparse.Namespace) -> None:
    """Measure one step in the three ways and print a row."""
    ways = (_fp32, _bf16_of_torch, _bf16)
    quickest = [float("inf")] * len(ways)
    for way in ways:
        way(step)  # which finds its kernels and its memory
    for _ in range(options.rounds):
        for at, way in enumerate(ways):
            began = time.perf_counter()
            way(step)
            quickest[at] = min(quickest[at], time.perf_counter() - began)
    print(f"{name:24}", *(f"{options.batch / seconds:8.1f}" for seconds in quickest), flush=True)


def _fp32(step: Step) -> None:
    step()


def _bf16(step: Step) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        step()


def _bf16_of_torch(step: Step) -> None:
    def plain(x: Tensor, weight: Tensor, bias: Tensor | None, *, stride: int, padding: int) -> Tensor:
        return F.conv2d(x, weight, bias, stride, padding, groups=x.shape[1])

    with mock.patch.object(features, "depthwise", plain):
        _bf16(step)


def _classifier(side: int, frozen: int, batch: int) -> Step:
    config = replace(PRESETS["cifar10-pretrained"].network, enlarged=side)
    network = Classifier(config).to(memory_format=torch.channels_last)
    if frozen:
        freeze(network, frozen)
    x, labels = torch.rand(batch, 3, config.size, config.size), torch.arange(batch) % config.classes

    def step() -> None:
        logits = network(x)
        with torch.autocast("cpu", enabled=False):
            F.cross_entropy(logits.float(), labels).backward()
        network.zero_grad(set_to_none=True)

    return step


def _eyes(batch: int) -> Step:
    trunk = features.Trunk().requires_grad_(False).to(memory_format=torch.channels_last)
    pictures = torch.rand(batch, 3, EYES, EYES).to(memory_format=torch.channels_last).requires_grad_()

    def step() -> None:
        total = torch.stack([maps.float().square().mean() for maps in trunk(pictures)]).sum()
        torch.autograd.grad(total, pictures)

    return step


if __name__ == "__main__":
    main()
