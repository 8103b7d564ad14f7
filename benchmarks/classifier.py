"""What a classifier's training step costs, part by part, beside this machine's convolution rate; what serving costs.

    python -m benchmarks.classifier --data DIR [--preset clothing-cnn] [--threads 1] [--steps 20] [--graph FILE.onnx]

Parts are timed by themselves in CPU seconds of this process, which other processes disturb less than wall time. The
figure in brackets is the spread: the median absolute deviation.
"""

import argparse
import functools
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F

from models import classifier, devices, presets
from models.classifier_augment import augment
from models.classifier_config import ClassifierConfig
from models.classifier_run import ClassifierRun

BATCHES = (1, 8, 64)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--preset", default="clothing-cnn")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--graph", type=Path, help="an exported graph to time, too")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(
        f"{platform.machine()} {_processor()}, {options.threads} threads, torch {torch.__version__},"
        f" onnxruntime {version('onnxruntime')}, {options.steps} steps each"
    )
    config = presets.configure(options.preset)
    if not isinstance(config, ClassifierConfig):
        parser.error(f"{options.preset} is no classifier")
    training(config, options.data, steps=options.steps)
    if options.graph:
        serving(options.graph, threads=options.threads, repeats=options.steps)


def training(config: ClassifierConfig, data: Path, *, steps: int) -> None:
    """The whole step, and everything in it that is not the network."""
    pictures = presets.load(config, data, split="train")
    with tempfile.TemporaryDirectory() as scratch:
        run = ClassifierRun(config, pictures, out=Path(scratch), place=devices.place())
        whole, spread = _seconds(run.step, steps)
        x = run.training.images[: config.batch].float() / 255
        targets = F.one_hot(torch.zeros(config.batch, dtype=torch.int64), run.config.network.classes).float()
        generator = torch.Generator().manual_seed(0)
        parts = {
            "fetching the batch": _seconds(lambda: run.training.images[run.batch()[0]].float() / 255, steps)[0],
            "augmentation": _seconds(lambda: augment(x, targets, config.augment, generator=generator), steps)[0],
            "averaging weights": _seconds(run.follow, steps)[0],
        }
        if run.muon is not None:
            parts["turning filters"] = _seconds(run.muon.step, steps)[0]
    operations = classifier.operations(run.config.network)
    rate = config.batch / whole
    told = f"{1e3 * whole:.1f} ms [{1e3 * spread:.1f}] a step of {config.batch}"
    print(f"training: {rate:.0f} pictures a CPU second, {told}")
    for name, seconds in parts.items():
        print(f"  {name}: {seconds / whole:.1%}")
    print(f"  the network, its gradients and the rest of the optimiser: {1 - sum(parts.values()) / whole:.1%}")
    # A backward pass costs two forward passes: one for the gradient of the input, one for that of the weights.
    reached_here = 3 * operations * rate / 1e9
    print(f"  {operations / 1e6:.1f} MFLOP forward, so {reached_here:.0f} GFLOP a CPU second while training")
    reached, _ = _seconds(_convolutions(config.batch), steps)
    flop = 2 * config.batch * 14 * 14 * 128 * 128 * 9
    print(f"  one convolution, 128 to 128 channels at 14 pixels in bf16: {flop / reached / 1e9:.0f} GFLOP a CPU second")


def serving(path: Path, *, threads: int, repeats: int) -> None:
    """Images a second of an exported graph."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    for batch in BATCHES:
        pixels = np.random.default_rng(0).integers(0, 256, (batch, *entry.shape[1:]), dtype=np.uint8)
        seconds, spread = _seconds(functools.partial(session.run, None, {entry.name: pixels}), repeats)
        print(f"serving {path.name}, batch {batch}: {batch / seconds:.0f} images a CPU second [{spread / seconds:.0%}]")


def _seconds(call: Callable[[], object], times: int) -> tuple[float, float]:
    """Median CPU seconds of `call` and their median absolute deviation."""
    call()
    taken = []
    for _ in range(times):
        began = time.process_time()
        call()
        taken.append(time.process_time() - began)
    middle = statistics.median(taken)
    return middle, statistics.median(abs(value - middle) for value in taken)


def _convolutions(batch: int) -> Callable[[], object]:
    x = torch.randn(batch, 128, 14, 14).bfloat16().contiguous(memory_format=torch.channels_last)
    weight = torch.randn(128, 128, 3, 3).bfloat16().contiguous(memory_format=torch.channels_last)

    @torch.no_grad()
    def convolve() -> object:
        return F.conv2d(x, weight, padding=1)

    return convolve


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


if __name__ == "__main__":
    main()
