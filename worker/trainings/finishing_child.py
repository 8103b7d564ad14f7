"""Judges and exports what was trained: `python -m worker.trainings.finishing_child FOLDER DESCRIPTOR PARENT`.

The candidate is loaded from the very file that will be served and asked about the held-out pictures; so is its rival,
the version in production, when one is given. An export is checked against torch before anyone is served from it.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from models import calibrated, checkpoint, evaluate_classifier, export
from models.predict import predict
from worker.trainings import child, reports

MOST_DRAWN = 2_000  # of a generator, which is judged by pictures that it draws
GRAPH = "checkpoint.onnx"


def finish(request: dict[str, Any], folder: Path, pipe: reports.Pipe) -> None:
    """Report `{"test": figures, "rival": figures or None, "onnx": file or None, "why": reasons}`.

    Raises:
        ValueError: the checkpoint's output is not sane.
    """
    found: dict[str, Any] = {"test": None, "rival": None, "onnx": None, "why": []}
    pictures = folder / request["pictures"]
    candidate = checkpoint.load(folder / request["checkpoint"])
    for name, loaded in (("test", candidate), ("rival", _rival(request, folder))):
        if loaded is not None:
            try:
                found[name] = judge(loaded, pictures)
            except ValueError as error:  # no held-out pictures, or other classes: then there is no figure
                found["why"].append(str(error).rstrip("."))
    if request["export"]:
        try:
            found["apart"] = export.export(folder / request["checkpoint"], folder / GRAPH)
            found["onnx"] = GRAPH
        except export.ExportDiffers as error:
            found["why"].append(f"{str(error).rstrip('.')}; it is served by torch instead")
    check_sanity(candidate)
    pipe.tell(reports.Result(values=found))


def judge(loaded: checkpoint.Checkpoint, pictures: Path) -> dict[str, float]:
    """Figures on the held-out pictures. Raises `ValueError` where there can be none."""
    # What a checkpoint calls its data was written by a stranger, and must not be looked for on this machine.
    nameless = {**loaded.header.provenance, "data": ""}
    loaded = replace(loaded, header=replace(loaded.header, provenance=nameless))
    if loaded.header.kind == "classifier":
        found = evaluate_classifier.evaluate(loaded, pictures)
        return {name: float(found[name]) for name in ("accuracy", "nll", "ece", "count")}
    from models import evaluate_generator  # needs the feature network, which classifiers do without

    found = evaluate_generator.evaluate(loaded, pictures, count=MOST_DRAWN)
    figures = {name: float(value) for name, value in found["generated"].items()}
    return {**figures, "frechet_floor": float(found["floor"]["frechet"]), "count": float(found["count"])}


def check_sanity(loaded: checkpoint.Checkpoint) -> None:
    """Raise `ValueError` unless the network answers random input with finite and differing values."""
    out = _answers(loaded).float()
    if not torch.isfinite(out).all():
        raise ValueError("the network's output is not a number")
    if bool((out == out.flatten()[0]).all()):
        raise ValueError("the network answers everything with one value")


@torch.no_grad()
def _answers(loaded: checkpoint.Checkpoint) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    if loaded.header.kind == "classifier":
        side, channels = loaded.header.input["size"], loaded.header.input["channels"]
        return predict(
            calibrated.build(loaded), torch.randint(0, 256, (4, channels, side, side), generator=random).to(torch.uint8)
        )
    network: Any = checkpoint.build(loaded)
    latents = torch.randn(4, loaded.header.network["latent_size"], generator=random)
    drawn: torch.Tensor = network.sample(latents, torch.zeros(4).long() if loaded.header.labels else None)
    return drawn


def _rival(request: dict[str, Any], folder: Path) -> checkpoint.Checkpoint | None:
    return checkpoint.load(folder / request["rival"]) if request["rival"] else None


if __name__ == "__main__":
    child.run(finish)
