"""Measure a checkpoint on data it was not trained on.

    python -m models.evaluate CHECKPOINT --data DIR [--tta] [--precision bf16] [--mistakes PNG]
                           [--strangers DATA] [--count N] [--network NAME] [--json]

A classifier is asked about the test part: accuracy, likelihood, calibration, confusion and its worst mistakes, and with
`--strangers` how well its energy score tells the test part from pictures that belong to none of its classes. A
generator's pictures are compared with the test part in a named feature network, beside what real pictures score
against each other.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from rich.table import Table

from models import checkpoint, devices, evaluate_classifier

OPTIONS = {"classifier": ("tta", "precision", "mistakes", "strangers"), "generator": ("count", "network")}


def main(arguments: list[str] | None = None) -> int:
    """The command. 0: measured; 2: wrong usage."""
    options = _parse(arguments)
    console = Console(stderr=options.json, highlight=False)
    try:
        loaded = checkpoint.load(options.checkpoint)
        _check(options, loaded.header.kind)
        if loaded.header.kind == "classifier":
            found = evaluate_classifier.evaluate(
                loaded,
                options.data,
                tta=options.tta,
                precision=options.precision or "fp32",
                mistakes=options.mistakes,
                strangers=options.strangers,
            )
        else:
            from models import evaluate_generator, features  # need the feature networks of the extra `train`

            found = evaluate_generator.evaluate(
                loaded, options.data, count=options.count, network=options.network or features.NAME
            )
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
    parser.add_argument(
        "--precision",
        choices=get_args(devices.Precision),
        help="classifiers: of the forward pass; fp32, as they are served, unless told otherwise",
    )
    parser.add_argument("--mistakes", type=Path, metavar="PNG", help="classifiers: write the most confident mistakes")
    parser.add_argument("--strangers", type=Path, metavar="DATA", help="classifiers: pictures that belong to no class")
    parser.add_argument("--count", type=int, help="generators: pictures to draw")
    parser.add_argument(
        "--network",
        choices=("efficientnet-lite0", "efficientnet-lite1"),
        help="generators: the network whose space it is",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser.parse_args(arguments)


def _check(options: argparse.Namespace, kind: checkpoint.Kind) -> None:
    """Raise `ValueError` for options that measure the other kind of network."""
    others = (name for other, names in OPTIONS.items() if other != kind for name in names)
    if idle := [f"--{name}" for name in others if getattr(options, name) not in (None, False)]:
        raise ValueError(f"{', '.join(idle)}: not for a {kind}.")


def _print_classifier(found: dict[str, Any], labels: tuple[str, ...], console: Console) -> None:
    views = "ten views of each picture" if found["test_time_augmentation"] else "one view of each picture"
    console.print(f"accuracy {found['accuracy']:.2%} of {found['count']} test pictures, {views}, {found['precision']}")
    console.print(f"negative log-likelihood {found['nll']:.4f} nats, expected calibration error {found['ece']:.2%}")
    if found["accuracy_answered"] is not None:
        told = f"answered {found['answered']:.1%} when abstaining below the checkpoint's threshold"
        console.print(f"{told}, of which {found['accuracy_answered']:.2%} right")
    if "strangers" in found:
        told = f"energy tells {found['strangers']['count']} strangers from the test part with an AUROC of"
        console.print(
            f"{told} {found['strangers']['auroc']:.3f}; {found['strangers']['beyond_energy']:.1%} of them and"
        )
        console.print(f"{found['beyond_energy']:.1%} of the test pictures lie beyond the checkpoint's threshold")
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
