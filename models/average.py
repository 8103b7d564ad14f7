"""One classifier from several snapshots of a run: `python -m models.average CHECKPOINT... --data DIR --out FILE`.

The mean of weights that lie in one valley of the loss is often better than each of them, and costs nothing to serve
(Izmailov et al. 2018; Wortsman et al. 2022). Its batch normalisation sees other activations than any of them did and is
measured anew, on training pictures; it is calibrated anew on the validation part that the run held out, and its header
names the snapshots.
"""

import argparse
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models import calibrated, checkpoint, classifier, data, metrics
from models.own_data import part

MEASURED = 10_000  # training pictures behind the statistics of batch normalisation
BATCH = 200


def average(paths: Sequence[Path], folder: Path, *, out: Path) -> metrics.Report:
    """Write the mean of the checkpoints at `paths` to `out`; its figures on the validation part.

    The last checkpoint gives the header, whose training settings tell which pictures all of them have held out. Raises
    `ValueError` if they have held out different ones, if the networks differ or are no classifiers, or if the pictures
    are not those of the run, of which another part would be held out.
    """
    loaded = [checkpoint.load(path) for path in paths]
    headers = [entry.header for entry in loaded]
    header = headers[-1]
    if any(other.kind != "classifier" for other in headers):
        raise ValueError("Only classifiers can be averaged.")
    # Before the networks, which often differ with the part held out: in the fourth decimal of their pictures' mean.
    if any(_held_out(other) != _held_out(header) for other in headers):
        raise ValueError(
            "These classifiers have held out different pictures, so none are sure to be new to all of them. "
            "Only those of the same data, seed and validation share can be averaged."
        )
    if any(other.network != header.network for other in headers):
        raise ValueError("Only classifiers of one and the same network can be averaged.")
    network = classifier.build(header.network)
    network.load_state_dict({name: _mean([entry.weights[name] for entry in loaded]) for name in network.state_dict()})
    pictures = part(header, folder, "train")
    if pictures.digest != header.provenance.get("digest"):
        raise ValueError("These are not the pictures that the run was trained on; which it held out cannot be told.")
    training, validation = data.holdout(pictures, fraction=header.training["validation"], seed=header.training["seed"])
    assert validation.labels is not None
    measure_statistics(network, training.images[training.spread(MEASURED)])
    served, logits = calibrated.fit(network, training, validation)
    found = metrics.report(logits, validation.labels)
    figures = {"count": found.count, "accuracy": found.accuracy, "nll": found.nll, "ece": found.ece}
    told = {
        **{name: value for name, value in asdict(header).items() if name not in ("kind", "network", "created")},
        "calibration": asdict(served.fitted),
        "metrics": {"validation": figures},
        "extras": {**header.extras, "averaged": [checkpoint.digest(path) for path in paths]},
    }
    checkpoint.save(out, kind="classifier", network=header.network, weights=served.tensors(), header=told)
    return found


@torch.no_grad()
def measure_statistics(network: nn.Module, pictures: Tensor) -> None:
    """Set the running means and variances of batch normalisation to those of uint8 pictures [N, C, H, W].

    Pictures often lie in the order of their classes, and a batch of one class varies less than all of them do, so they
    are shuffled.
    """
    layers = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # every batch counts alike, so all are of one size, or of one picture less
        layer.train()
    order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(0))
    for chosen in order.tensor_split(math.ceil(len(pictures) / BATCH)):
        network(pictures[chosen].float() / 255)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
        layer.eval()


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m models.average", description="Average snapshots of one run.")
    parser.add_argument("checkpoints", type=Path, nargs="+")
    set_by = os.environ.get("LIKENESS_DATA")
    parser.add_argument("--data", type=Path, default=Path(set_by) if set_by else None, required=not set_by)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        found = average(options.checkpoints, options.data, out=options.out)
    except (ValueError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 2
    told = f"accuracy {found.accuracy:.2%}, likelihood {found.nll:.4f} nats, calibration error {found.ece:.2%}"
    print(f"{options.out}: {told} on {found.count} validation pictures")
    return 0


def _held_out(header: checkpoint.Header) -> tuple[Any, ...]:
    """What decides which pictures a classifier was not trained on."""
    training = header.training
    return header.provenance.get("digest"), training.get("seed"), training.get("validation")


def _mean(tensors: Sequence[Tensor]) -> Tensor:
    """The mean of floating-point tensors; counters are those of the last."""
    if not tensors[-1].is_floating_point():
        return tensors[-1]
    return torch.stack([tensor.double() for tensor in tensors]).mean(0).to(tensors[-1].dtype)


if __name__ == "__main__":
    sys.exit(main())
