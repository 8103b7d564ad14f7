"""Measure a checkpoint on data it was not trained on.

    python -m models.evaluate CHECKPOINT --data DIR [--tta] [--count N] [--mistakes SHEET.png] [--json]

A classifier is asked about the test part: accuracy, likelihood, calibration, confusion and its worst mistakes. A
generator's pictures are compared with the test part in a named feature network, beside what real pictures score
against each other.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from models import calibration, checkpoint, data, distances, metrics, sheet
from models.features import load_trunk
from models.latents import seed_latent
from models.predict import predict

DRAWN = 10_000  # pictures of a generator, as many as the held-out part has at most


def main(arguments: list[str] | None = None) -> int:
    """The command. 0: measured; 2: wrong usage."""
    options = _parse(arguments)
    console = Console(stderr=options.json, highlight=False)
    try:
        loaded = checkpoint.load(options.checkpoint)
        if loaded.header.kind == "classifier":
            found = classifier(loaded, options.data, tta=options.tta, mistakes=options.mistakes)
        else:
            found = generator(loaded, options.data, count=options.count)
    except (ValueError, FileNotFoundError) as error:
        Console(stderr=True).print(f"[red]{error}")
        return 2
    found = {"checkpoint": checkpoint.digest(options.checkpoint), "kind": loaded.header.kind, **found}
    if options.json:
        print(json.dumps(found, indent=1))
    elif loaded.header.kind == "classifier":
        _print_classifier(found, loaded.header.labels, console)
    else:
        _print_generator(found, console)
    return 0


def classifier(
    loaded: checkpoint.Checkpoint, folder: Path, *, tta: bool = False, mistakes: Path | None = None
) -> dict[str, Any]:
    """Figures of a classifier on the test part of its data, as JSON-able values.

    `mistakes` names a PNG to write the most confident mistakes to. Raises `ValueError` if the data has other classes.
    """
    header = loaded.header
    pictures = _pictures(header, folder, "test")
    if pictures.labels is None or pictures.classes != header.labels:
        raise ValueError(f"The data has the classes {pictures.classes}, the checkpoint {header.labels}.")
    temperature = header.calibration.get("temperature", 1.0)
    logits = predict(checkpoint.build(loaded), pictures.images, tta=tta) / temperature
    report = metrics.report(logits, pictures.labels)
    if mistakes is not None and report.worst:
        shown = pictures.images[torch.tensor([entry.index for entry in report.worst])]
        sheet.write(mistakes, shown.permute(0, 2, 3, 1).contiguous().numpy(), columns=8)
    confidence = logits.softmax(1).amax(1)
    answered = confidence >= header.calibration.get("abstain", 0.0)
    right = logits.argmax(1) == pictures.labels
    return {
        **asdict(report),
        "data": pictures.digest,
        "test_time_augmentation": tta,
        "answered": answered.float().mean().item(),
        "accuracy_answered": right[answered].float().mean().item() if answered.any() else None,
        "beyond_energy": (calibration.energy(logits) > header.calibration.get("energy", float("inf")))
        .float()
        .mean()
        .item(),
        "worst_names": [pictures.names[entry.index] for entry in report.worst],
    }


def generator(loaded: checkpoint.Checkpoint, folder: Path, *, count: int | None = None) -> dict[str, Any]:
    """Distances of a generator's untruncated pictures (seeds 0, 1, 2, ...) from the test part of its data."""
    header = loaded.header
    real, held_out = (_pictures(header, folder, split) for split in ("train", "test"))
    count = min(count or DRAWN, len(held_out))
    network: Any = checkpoint.build(loaded)
    latent_size, classes = header.network["latent_size"], header.network["classes"]

    @torch.no_grad()
    def draw(start: int, stop: int) -> torch.Tensor:
        z = torch.stack([torch.from_numpy(seed_latent(seed, latent_size)) for seed in range(start, stop)])
        labels = torch.arange(start, stop) % classes if classes else None
        return ((network.sample(z, labels) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)

    trunk = load_trunk()
    drawn = distances.embed_drawn(draw, trunk, count=count)
    report = distances.report(
        drawn, distances.embed(real.images, trunk), distances.embed(held_out.images[:count], trunk)
    )
    return asdict(report)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m models.evaluate", description="Measure a checkpoint on data it was not trained on."
    )
    parser.add_argument("checkpoint", type=Path)
    folder = os.environ.get("LIKENESS_DATA")
    parser.add_argument(
        "--data", type=Path, default=Path(folder) if folder else None, required=not folder, metavar="DIR"
    )
    parser.add_argument("--tta", action="store_true", help="classifiers: average over ten views of each picture")
    parser.add_argument("--mistakes", type=Path, metavar="PNG", help="classifiers: write the most confident mistakes")
    parser.add_argument("--count", type=int, help="generators: pictures to draw")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser.parse_args(arguments)


def _pictures(header: checkpoint.Header, folder: Path, split: data.Split) -> data.Pictures:
    named = folder / header.provenance.get("data", "")
    source = named if named.exists() else folder
    return data.load(source, split=split, size=header.input["size"], channels=1 if header.input["channels"] == 1 else 3)


def _print_classifier(found: dict[str, Any], labels: tuple[str, ...], console: Console) -> None:
    views = "ten views of each picture" if found["test_time_augmentation"] else "one view of each picture"
    console.print(f"accuracy {found['accuracy']:.2%} of {found['count']} test pictures, {views}")
    console.print(f"negative log-likelihood {found['nll']:.4f} nats, expected calibration error {found['ece']:.2%}")
    if found["accuracy_answered"] is not None:
        told = f"answered {found['answered']:.1%} when abstaining below the checkpoint's threshold"
        console.print(f"{told}, of which {found['accuracy_answered']:.2%} right")
    table = Table("true \\ called", *labels, title="confusion")
    for label, row in zip(labels, found["confusion"], strict=True):
        table.add_row(label, *(str(value) if value else "" for value in row))
    console.print(table)
    for entry, name in zip(found["worst"], found["worst_names"], strict=True):
        told = f"{labels[entry['label']]} called {labels[entry['predicted']]} with {entry['confidence']:.1%}"
        console.print(f"  {name}: {told}")


def _print_generator(found: dict[str, Any], console: Console) -> None:
    table = Table(
        "figure", "generated", "real against real", title=f"{found['count']} pictures each, {found['network']}"
    )
    for name, value in found["generated"].items():
        table.add_row(name, f"{value:.4g}", f"{found['floor'][name]:.4g}")
    console.print(table)
    console.print("  ".join(f"{name} {value:.4g}" for name, value in found["memorisation"].items()))


if __name__ == "__main__":
    sys.exit(main())
