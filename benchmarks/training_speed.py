"""Our training loops beside plain ones around the same networks, and the rate that the machine's convolutions allow.

    python -m benchmarks.training_speed [--seconds 20] [--threads 1]
    python -m benchmarks.training_speed --metrics RUN/metrics.jsonl

A plain loop is forward, loss, backward and the optimiser's step on pictures that lie ready, in the same batches and
the same precision. What ours does besides is told as a share of its step. Part of that is mathematics: turned filters,
a penalty, an energy distance. The rest keeps the network fed and its figures known, and is told part by part: loading,
augmenting (for a generator forward twice and back once), averaging weights, and what comes once in thousands of
pictures. All take turns of a few steps each, so that what else happens on the machine hits all alike, and what counts
is CPU time.

The operations of a step are counted as PyTorch runs it forward and backward (a multiply-add is two), and held against
one convolution of 128 channels, forward and backward, on this machine at this moment.

`--metrics` tells when a run that `models.train` has written down passed 94% on its validation pictures.
"""

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.operations import Operations
from models import classifier_augment, data, devices, gan_snapshot, losses
from models.augment import augment, mirror
from models.classifier_presets import PRESETS as CLASSIFIERS
from models.classifier_run import ClassifierRun
from models.features import as_seen
from models.gan_presets import PRESETS as GENERATORS
from models.gan_run import GanRun

TARGET = 0.94
TURN_SECONDS = 1.0

Step = Callable[[], object]


@dataclass(frozen=True)
class Beside:
    """Work beside the mathematics of a step: how it is done once, and for how many pictures that is."""

    name: str
    once: Step
    pictures: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="for each of the two networks")
    parser.add_argument("--threads", type=int, default=1, help="compute threads")
    parser.add_argument("--metrics", type=Path, help="what a run has written down; tell when it passed 94%%")
    options = parser.parse_args()
    if options.metrics:
        print(passed(options.metrics))
        return
    torch.set_num_threads(options.threads)
    print(f"{platform.machine()}, {options.threads} threads, torch {torch.__version__}, bf16\n")
    with tempfile.TemporaryDirectory() as folder:
        classifier("clothing-cnn", Path(folder), options.seconds)
        generator("faces-64", Path(folder), options.seconds)


def classifier(name: str, folder: Path, seconds: float) -> None:
    """Print what a classifier's step costs."""
    config = CLASSIFIERS[name]
    run = ClassifierRun(config, _pictures(4096, config.network.channels, config.network.size), out=folder, place=_PLACE)
    network = run.network
    x = (run.training.images[: config.batch].float() / 255).contiguous(memory_format=torch.channels_last)
    assert run.training.labels is not None
    labels = run.training.labels[: config.batch]
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=config.momentum, nesterov=True)

    def forward_and_back() -> None:
        with _PLACE.autocast(config.precision):
            logits = network(x)
        network.zero_grad(set_to_none=True)
        F.cross_entropy(logits.float(), labels).backward()

    def plain() -> None:
        forward_and_back()
        optimizer.step()

    run.restart_clock()
    chosen, epochs = run.batch()
    targets = F.one_hot(labels, config.network.classes).float()
    seed = torch.Generator()

    def log() -> None:
        json.dumps(asdict(run.progress()) | {"loss": torch.stack([x.mean()] * 100).mean().item()})

    beside = [
        Beside("loading", lambda: run.load(run.batch()[0]), config.batch),
        Beside(
            "augmentation",
            lambda: classifier_augment.augment(
                x, targets, config.augment, generator=seed, turn=classifier_augment.turns(chosen, epochs)
            ),
            config.batch,
        ),
        Beside("averaging", run.follow, config.batch),
        Beside("logging", log, config.report_images),
    ]
    tell(name, config.batch, seconds, ours=run.step, plain=plain, network=forward_and_back, beside=beside)


def generator(name: str, folder: Path, seconds: float) -> None:
    """Print what the step of a generator and its judges costs, at the full side."""
    config = replace(GENERATORS[name], start_size=0, keep_sharp=1.0, keep_typical=1.0)
    run = GanRun(config, _pictures(256, config.channels, config.size), out=folder, place=_PLACE)
    real = run.batches.real(torch.arange(config.batch), size=config.size).contiguous(memory_format=torch.channels_last)
    z = torch.randn(config.batch, config.generator.latent_size)
    adams = [torch.optim.Adam(run.generator.parameters(), lr=1e-5), torch.optim.Adam(run.judges, lr=1e-5)]

    def forward_and_back() -> None:
        with _PLACE.autocast(config.precision):
            fake = run.generator(z, None, size=config.size)
        drawn = fake.detach().requires_grad_()
        with torch.no_grad():
            real_maps = run.trunk(as_seen(real, config.feature_pixels))
        fake_maps = run.trunk(as_seen(drawn, config.feature_pixels))
        with _PLACE.autocast(config.precision):
            real_pixels, fake_pixels = run.pixels(real, None), run.pixels(drawn, None)
            real_features, fake_features = run.features(real_maps, None), run.features(fake_maps, None)
        judging = losses.relativistic_discriminator(real_pixels, fake_pixels)
        judging = judging + losses.hinge_discriminator(real_features, fake_features)
        gradients = torch.autograd.grad(judging, run.judges, retain_graph=True)
        drawing = losses.relativistic_generator(real_pixels, fake_pixels) + losses.hinge_generator(fake_features)
        (slope,) = torch.autograd.grad(drawing, drawn)
        run.generator.zero_grad(set_to_none=True)
        fake.backward(slope)
        for parameter, gradient in zip(run.judges, gradients, strict=True):
            parameter.grad = gradient

    def plain() -> None:
        forward_and_back()
        for adam in adams:
            adam.step()

    seed = torch.Generator()

    def load() -> None:
        mirror(run.batches.real(run.batches.indices(run.images, config.batch), size=config.size), generator=seed)

    def augment_both() -> None:
        augment(real, probability=config.augment, generator=seed)
        drawn = real.detach().requires_grad_()
        augment(drawn, probability=config.augment, generator=seed).backward(real)

    def look_after() -> None:
        list(run.check({}))

    beside = [
        Beside("loading", load, config.batch),
        Beside("augmentation", augment_both, config.batch),
        Beside("averaging", run.follow, config.batch),
        Beside("logging and health", look_after, config.report_every),
        Beside("sampling", run.sample, config.sample_every),
        Beside("snapshots", lambda: gan_snapshot.write(run), config.snapshot_every),
    ]
    tell(name, config.batch, seconds, ours=run.step, plain=plain, network=forward_and_back, beside=beside)


def tell(
    name: str, batch: int, seconds: float, *, ours: Step, plain: Step, network: Step, beside: Sequence[Beside]
) -> None:
    """Take turns for so many seconds, and print."""
    with Operations() as counted:
        network()
    operations = counted.total / batch
    loops = {"our loop": ours, "plain loop": plain, "network": network, "convolution": _convolution()}
    steps = loops | {part.name: part.once for part in beside}
    for step in steps.values():
        step()
    cpu, wall, done = (dict.fromkeys(steps, 0.0) for _ in range(3))
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        for part, step in steps.items():
            began, spent = time.perf_counter(), time.process_time()
            while time.perf_counter() - began < (TURN_SECONDS if part in loops else TURN_SECONDS / 4):
                step()
                done[part] += 1
            cpu[part] += time.process_time() - spent
            wall[part] += time.perf_counter() - began
    rate = CONVOLUTION_OPERATIONS * done["convolution"] / cpu["convolution"]  # operations a CPU second
    ms = {part: 1000 * cpu[part] / done[part] / batch for part in loops}
    print(f"{name}: {operations / 1e6:.0f} million operations a picture, forward and back; batches of {batch}")
    print(f"one convolution: {rate / 1e9:.0f} thousand million operations a CPU second")
    for part in ("our loop", "plain loop", "network"):
        print(
            f"  {part:<19}{done[part] * batch / wall[part]:8.1f} images/s {ms[part]:9.3f} CPU ms an image"
            f"   {operations / rate * 1000 / ms[part]:5.2f} of the convolution's rate"
        )
    costs = {part.name: 1000 * cpu[part.name] / done[part.name] / part.pictures for part in beside}
    for part, cost in costs.items():
        print(f"  {part:<19}{cost:27.4f} CPU ms an image   {cost / ms['our loop']:6.1%} of our loop's step")
    outside = 1 - ms["network"] / ms["our loop"]
    print(
        f"  ours is {ms['plain loop'] / ms['our loop']:.2f} of the plain loop; {outside:.0%} of its step is outside of"
    )
    print(f"  the network, {sum(costs.values()) / ms['our loop']:.1%} are the parts above\n", flush=True)


def passed(metrics: Path) -> str:
    """When the averaged weights were first right about `TARGET` of the validation pictures."""
    seconds = 0.0
    for line in metrics.read_text().splitlines():
        event = json.loads(line)
        seconds = event.get("seconds", seconds)
        if event.get("validation_accuracy", 0.0) >= TARGET:
            return f"{event['validation_accuracy']:.4f} after {event['images']} pictures, {seconds:.0f} s of training"
    return f"{TARGET} was not reached"


_PLACE = devices.Place(torch.device("cpu"))
_WIDTH, _SIDE, _BATCH = 128, 14, 128
CONVOLUTION_OPERATIONS = 3 * 2 * _BATCH * _SIDE**2 * _WIDTH**2 * 9
"""Of a 3x3 convolution, the gradient of its input and that of its filters."""


def _convolution() -> Step:
    layer = nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1, bias=False).to(memory_format=torch.channels_last)
    x = torch.randn(_BATCH, _WIDTH, _SIDE, _SIDE).contiguous(memory_format=torch.channels_last).requires_grad_()
    slope = torch.randn_like(x).bfloat16()

    def step() -> None:
        with _PLACE.autocast("bf16"):
            y = layer(x)
        y.backward(slope)

    return step


def _pictures(count: int, channels: int, size: int) -> data.Pictures:
    """Noise in ten classes: what it shows makes no difference to the time it takes."""
    drawn = torch.randint(0, 256, (count, channels, size, size), dtype=torch.uint8)
    names = tuple(str(number) for number in range(count))
    return data.Pictures(drawn, torch.arange(count) % 10, tuple("0123456789"), names, digest="0" * 64)


if __name__ == "__main__":
    main()
