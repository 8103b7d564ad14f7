"""Do generated pictures help a classifier that has few real ones?

    python -m benchmarks.synthetic --data DIR --generator FILE [--real 1000] [--generated 5000] [--seeds 3]

For each seed three classifiers of the same preset see the same number of training pictures. One draws them from
`--real` real pictures, one from those and `--generated` ones of a class-conditional generator, and one, for
comparison, from those and as many further real ones. All are measured on the whole real test part, and compared seed
by seed. The generator has seen all real training pictures, so this asks what a generator can give back, and not whether
it makes something out of nothing. Ten CPU minutes as the options stand.
"""

import argparse
import platform
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models import checkpoint, metrics, presets
from models.data import Pictures
from models.latents import seed_latents
from models.predict import predict

BATCH = 100
FEW, MADE, MANY = "real", "real and generated", "real and further real"


def main() -> None:
    """Train, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--generator", type=Path, required=True)
    parser.add_argument("--preset", default="clothing-small")
    parser.add_argument("--real", type=int, default=1000)
    parser.add_argument("--generated", type=int, default=5000)
    parser.add_argument("--images", type=int, default=60_000, help="training pictures each classifier sees")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    changes = {"images": options.images, "batch": 64, "learning_rate": 0.1, "ema_images": 5_000, "validation": 0.1}
    config: Any = presets.configure(options.preset, {**changes, "snapshot_images": options.images})
    pictures, test = (presets.load(config, options.data, split=split) for split in ("train", "test"))
    made = generated(options.generator, count=options.generated, like=pictures)
    print(f"{platform.machine()}, torch {torch.__version__}, {options.preset}, {options.images} pictures seen each")
    results: dict[str, list[float]] = {FEW: [], MADE: [], MANY: []}
    for seed in range(options.seeds):
        order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(seed))
        real = pictures.part(order[: options.real])
        many = pictures.part(order[: options.real + options.generated])
        for name, training in ((FEW, real), (MADE, joined(real, made)), (MANY, many)):
            results[name].append(accuracy(replace(config, seed=seed), training, test))
            print(f"  seed {seed}, {len(training)} {name} pictures: {results[name][-1]:.2%}", flush=True)
    for name, values in results.items():
        print(f"{name}: mean {statistics.mean(values):.2%}, from {min(values):.2%} to {max(values):.2%}")
    for name in (MADE, MANY):
        gains = [100 * (value - few) for value, few in zip(results[name], results[FEW], strict=True)]
        told = ", ".join(f"{gain:+.2f}" for gain in gains)
        print(f"{name} beside {FEW}: {statistics.mean(gains):+.2f} points; by seed {told}")
    print(f"{time.process_time() / 60:.1f} CPU minutes")


@torch.no_grad()
def generated(path: Path, *, count: int, like: Pictures) -> Pictures:
    """Pictures of a class-conditional generator, classes in turn. Raises `ValueError` if its classes are others."""
    loaded = checkpoint.load(path)
    if loaded.header.labels != like.classes:
        raise ValueError(f"The generator draws {loaded.header.labels}, the data has {like.classes}.")
    network: Any = checkpoint.build(loaded)
    labels = torch.arange(count) % len(like.classes)
    parts: list[Tensor] = []
    for start in range(0, count, BATCH):
        seeds = range(start, min(start + BATCH, count))
        latents = torch.from_numpy(seed_latents(seeds, loaded.header.network["latent_size"]))
        drawn = network.sample(latents, labels[start : start + BATCH])
        parts.append(((drawn + 1) * 127.5).round().clamp(0, 255).to(torch.uint8))
    names = tuple(f"generated/{index}" for index in range(count))
    return replace(like, images=torch.cat(parts), labels=labels, names=names)


def joined(one: Pictures, other: Pictures) -> Pictures:
    """Both sets as one."""
    assert one.labels is not None
    assert other.labels is not None
    labels = torch.cat((one.labels, other.labels))
    return replace(one, images=torch.cat((one.images, other.images)), labels=labels, names=one.names + other.names)


def accuracy(config: Any, training: Pictures, test: Pictures) -> float:
    """Accuracy on `test` of a classifier trained on `training`."""
    assert test.labels is not None
    with tempfile.TemporaryDirectory() as scratch:
        for _ in presets.train(config, training, out=Path(scratch), resume=False, stop=lambda: False):
            pass
        loaded = checkpoint.load(Path(scratch) / "checkpoint.safetensors")
    return metrics.accuracy(predict(checkpoint.build(loaded), test.images), test.labels)


if __name__ == "__main__":
    main()
