"""What ImageNet is worth to a classifier of few pictures.

    python -m benchmarks.few_pictures --data DIR [--each 20 100] [--seeds 1] [--test 2000]

Draws `--each` pictures of every class from CIFAR-10's training part and trains on them from scratch, by
`pictures-tiny-colour`, and from ImageNet's weights, by `pictures-pretrained`; both see pictures of 32 pixels. The
accuracy is that on `--test` test pictures, which nothing else looks at. One of the two takes 30,000 training pictures
and the other 6,000, which dear as they are cost several times the CPU time: it is printed.
"""

import argparse
import platform
import statistics
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.synthetic import accuracy
from models import presets
from models.data import Pictures

RIVALS = {
    "from scratch": ("pictures-tiny-colour", {"images": 30_000, "snapshot_images": 30_000}),
    "from ImageNet": ("pictures-pretrained", {"images": 6_000, "snapshot_images": 6_000, "network.size": 32}),
}


def main() -> None:
    """Train, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--each", type=int, nargs="+", default=(20, 100), help="pictures of a class")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--test", type=int, default=2_000)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{platform.machine()}, torch {torch.__version__}, {options.test} test pictures")
    cifar = presets.configure("cifar10")
    pictures, held_out = (presets.load(cifar, options.data, split=split) for split in ("train", "test"))
    test = held_out.part(held_out.spread(options.test))
    for each in options.each:
        for name, (preset, changes) in RIVALS.items():
            found, began = [], time.process_time()
            for seed in range(options.seeds):
                config: Any = presets.configure(preset, changes | {"seed": seed})
                found.append(accuracy(config, few(pictures, each, seed=seed), test))
            told = f"{statistics.mean(found):.1%}" + f" ({min(found):.1%} to {max(found):.1%})" * (len(found) > 1)
            minutes = (time.process_time() - began) / 60 / options.seeds
            print(f"{each} pictures a class, {name}: {told}, {minutes:.1f} CPU minutes", flush=True)


def few(pictures: Pictures, each: int, *, seed: int) -> Pictures:
    """`each` pictures of every class, which follow from the seed."""
    assert pictures.labels is not None
    order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(seed))
    labels = pictures.labels[order]
    return pictures.part(torch.cat([order[labels == label][:each] for label in range(len(pictures.classes))]))


if __name__ == "__main__":
    main()
