"""Do generated pictures help a classifier that has few real ones?

    python -m benchmarks.synthetic --data DIR --generator FILE --out RESULTS.json [--real 1000] [--generated 5000]
                                   [--seeds 3]

For each seed three classifiers of the same preset see the same number of training pictures. One draws them from
`--real` real pictures, one from those and `--generated` ones of a class-conditional generator, and one, for
comparison, from those and as many further real ones. All are measured on the whole real test part, and compared seed
by seed. The generator has seen all real training pictures, so this asks what a generator can give back, and not whether
it makes something out of nothing.

Each accuracy is kept in RESULTS.json as soon as it is known. The same command goes on from there: a classifier that
was interrupted is trained anew, and one that is there is not. About two CPU minutes a seed.
"""

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Mapping
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
    parser.add_argument("--out", type=Path, required=True, help="a JSON file, begun or to be begun")
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
    asked = {**changes, "preset": options.preset, "real": options.real, "generated": options.generated}
    kept = Kept(options.out, asked | {"generator": checkpoint.digest(options.generator)})
    pictures, test = (presets.load(config, options.data, split=split) for split in ("train", "test"))
    made = generated(options.generator, count=options.generated, like=pictures)
    print(f"{platform.machine()}, torch {torch.__version__}, {options.preset}, {options.images} pictures seen each")
    results: dict[str, list[float]] = {FEW: [], MADE: [], MANY: []}
    for seed in range(options.seeds):
        order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(seed))
        real = pictures.part(order[: options.real])
        many = pictures.part(order[: options.real + options.generated])
        for name, training in ((FEW, real), (MADE, joined(real, made)), (MANY, many)):
            found = kept.found(name, seed)
            if found is None:
                found = accuracy(replace(config, seed=seed), training, test)
                kept.keep(name, seed, found)
            results[name].append(found)
            print(f"  seed {seed}, {len(training)} {name} pictures: {found:.2%}", flush=True)
    for name, values in results.items():
        print(f"{name}: mean {statistics.mean(values):.2%}, from {min(values):.2%} to {max(values):.2%}")
    for name in (MADE, MANY):
        gains = [100 * (value - few) for value, few in zip(results[name], results[FEW], strict=True)]
        told = ", ".join(f"{gain:+.2f}" for gain in gains)
        print(f"{name} beside {FEW}: {statistics.mean(gains):+.2f} points; by seed {told}")
    print(f"{time.process_time() / 60:.1f} CPU minutes")


class Kept:
    """Accuracies that are known already, in a file. Raises `ValueError` if those there were asked for otherwise."""

    def __init__(self, path: Path, asked: Mapping[str, Any]) -> None:
        self._path = path
        self._all: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"asked": asked, "found": {}}
        if self._all["asked"] != asked:
            raise ValueError(f"{path.name} holds results of other options: {self._all['asked']}.")

    def found(self, name: str, seed: int) -> float | None:
        """The accuracy of one classifier, if it has been trained."""
        return self._all["found"].get(f"{name}, seed {seed}")

    def keep(self, name: str, seed: int, accuracy: float) -> None:
        """Write it down."""
        self._all["found"][f"{name}, seed {seed}"] = accuracy
        partial = self._path.with_name(f".{self._path.name}.partial")
        partial.write_text(json.dumps(self._all, indent=1))
        partial.replace(self._path)


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
