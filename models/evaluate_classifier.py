"""A classifier's figures on pictures that it was not trained on."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models import calibrated, checkpoint, devices, metrics, sheet
from models.own_data import part
from models.predict import predict
from models.strangers import energy


def evaluate(
    loaded: checkpoint.Checkpoint,
    folder: Path,
    *,
    tta: bool = False,
    precision: devices.Precision = "fp32",
    mistakes: Path | None = None,
    strangers: Path | None = None,
) -> dict[str, Any]:
    """Figures on the test part of the checkpoint's data, as JSON-able values.

    `folder` is the data or holds it under the name in the checkpoint. `mistakes` names a PNG to write the most
    confident mistakes to, `strangers` data whose pictures belong to none of the classes; energies are always those of
    one view. `precision` is that of the network's forward pass: checkpoints are served in fp32, and bf16 is quicker
    where the processor multiplies it. Raises `ValueError` if the data has other classes than the checkpoint.
    """
    header = loaded.header
    pictures = part(header, folder, "test")
    if pictures.labels is None or pictures.classes != header.labels:
        raise ValueError(f"The data has the classes {pictures.classes}, the checkpoint {header.labels}.")
    network = calibrated.build(loaded)
    logits = predict(network, pictures.images, precision=precision)
    energies = energy(logits)
    if tta:
        views = predict(network.network, pictures.images, tta=True, precision=precision)
        logits = network.fitted.apply(views)
    report = metrics.report(logits, pictures.labels)
    if mistakes is not None and report.worst:
        shown = pictures.images[torch.tensor([entry.index for entry in report.worst])]
        sheet.write(mistakes, shown.permute(0, 2, 3, 1).contiguous().numpy(), columns=8)
    answered = logits.softmax(1).amax(1) >= header.calibration.get("abstain", 0.0)
    right = logits.argmax(1) == pictures.labels
    limit = header.calibration.get("energy", float("inf"))
    found = {
        **asdict(report),
        "data": pictures.digest,
        "test_time_augmentation": tta,
        "precision": precision,
        "answered": _share(answered),
        "accuracy_answered": _share(right[answered]) if answered.any() else None,
        "beyond_energy": _share(energies > limit),
        "worst_names": [pictures.names[entry.index] for entry in report.worst],
    }
    if strangers is not None:
        strange = energy(predict(network, part(header, strangers, "test").images, precision=precision))
        found["strangers"] = {
            "count": len(strange),
            "auroc": metrics.auroc(energies, strange),
            "beyond_energy": _share(strange > limit),
        }
    return found


def _share(chosen: Tensor) -> float:
    return chosen.float().mean().item()
