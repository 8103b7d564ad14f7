"""One classifier from several snapshots of a run: `python -m models.average CHECKPOINT... --data DIR --out FILE`.

The mean of weights that lie in one valley of the loss is often better than each of them, and costs nothing to serve
(Izmailov et al. 2018; Wortsman et al. 2022). Its batch normalisation sees other activations than any of them did and is
measured anew, on training pictures; it is calibrated anew on the validation part that the run held out, and its header
names the snapshots.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from models import calibrated, checkpoint, classifier, data, metrics
from models.own_data import part

MEASURED = 10_000  # training pictures behind the statistics of batch normalisation
BATCH = 200


def average(paths: Sequence[Path], folder: Path, *, out: Path) -> metrics.Report:
    """Write the mean of the checkpoints at `paths` to `out`; its figures on the validation part.

    The last checkpoint gives the header, its training settings tell which pictures were held out. Raises `ValueError`
    if the networks differ or are no classifiers, or if the pictures are not those of the run, of which another part
    would be held out.
    """
    loaded = [checkpoint.load(path) for path in paths]
    header = loaded[-1].header
    if header.kind != "classifier" or any(entry.header.network != header.network for entry in loaded):
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
    """Set the running means and variances of batch normalisation to those of uint8 pictures [N, C, H, W]."""
    layers = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # every batch counts alike
        layer.train()
    for batch in pictures.split(BATCH):
        network(batch.float() / 255)
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


def _mean(tensors: Sequence[Tensor]) -> Tensor:
    """The mean of floating-point tensors; counters are those of the last."""
    if not tensors[-1].is_floating_point():
        return tensors[-1]
    return torch.stack([tensor.double() for tensor in tensors]).mean(0).to(tensors[-1].dtype)


if __name__ == "__main__":
    sys.exit(main())
