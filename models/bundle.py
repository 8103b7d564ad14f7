"""A trained generator as the service ships it: measured, of half the size, with its graph and a card.

    python -m models.bundle CHECKPOINT --name faces --data DIR --out DIR [--widen auto] [--truncation 0.7]
                            [--wide 10000] [--directions OTHER]

Under `--out` appear NAME.safetensors, whose weights are rounded to what float16 holds and whose header tells the
figures, NAME.onnx, which computes the same, and the figures in the card NAME.md, between two marks; everything else in
the card is written by hand. Figures are of the rounded weights. `--widen` spreads the styles first (`models.widening`),
by a factor or by the one of least Frechet distance from training pictures. `--truncation` becomes what the service uses
where nobody asks for another; figures are told for it and for whole variety. `--directions` takes the named directions
of another checkpoint with the same styles, such as the one that this one has grown from.
"""

import argparse
import math
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from models import checkpoint, distances, evaluate_generator, export, features, own_data, widening

BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
FIGURES = {
    "frechet": "Frechet distance",
    "kernel": "kernel distance x 1,000",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
}


def bundle(
    path: Path,
    data: Path,
    *,
    name: str,
    out: Path,
    widen: float | None = None,
    truncation: float | None = None,
    directions: Path | None = None,
    **measuring: Any,
) -> dict[str, Any]:
    """Write the three files and return the figures. `measuring` goes to `evaluate_generator.evaluate`.

    A `widen` of 0 stands for the factor that `widening.best` finds. Raises `ValueError` if the checkpoint is no
    generator, one of classes that was to be widened, or one with other styles than the checkpoint `directions`, and
    `ExportDiffers` if its graph computes something else.
    """
    trained = checkpoint.load(path)
    if trained.header.kind != "generator":
        raise ValueError(f"{path.name} is a {trained.header.kind}; generators alone are bundled so.")
    if directions is not None:
        trained = _with_directions(trained, checkpoint.load(directions))
    if widen is not None:
        trained = widening.widened(trained, widen or _best(trained, data, cache=measuring.get("cache")))
    rounded = {name: value.half() if value.is_floating_point() else value for name, value in trained.weights.items()}
    loaded = checkpoint.Checkpoint(header=trained.header, weights={key: v.float() for key, v in rounded.items()})
    figures = evaluate_generator.evaluate(loaded, data, truncation=truncation, **measuring)
    measuring = {key: value for key, value in measuring.items() if key != "wide"}
    figures["independent"] = evaluate_generator.evaluate(
        loaded, data, truncation=truncation, network=features.INDEPENDENT, **measuring
    )
    header = asdict(trained.header) | {"metrics": figures}
    header["extras"].pop("truncation", None)
    if truncation is not None:
        header["extras"]["truncation"] = truncation
    network = header.pop("network")
    for fixed in ("kind", "format"):
        header.pop(fixed)
    served = out / f"{name}.safetensors"
    checkpoint.save(served, kind="generator", network=network, weights=rounded, header=header)
    export.export(served, served.with_suffix(".onnx"))
    card = served.with_suffix(".md")
    text = card.read_text(encoding="utf-8") if card.exists() else _empty_card(name, trained.header)
    card.write_text(with_figures(text, figures), encoding="utf-8")
    return figures


def with_figures(card: str, figures: Mapping[str, Any]) -> str:
    """The card's text with `figures` between its two marks, or at its end where it has none."""
    told = f"{BEGIN}\n{table(figures)}\n{END}"
    if BEGIN in card and END in card:
        return re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: told, card, flags=re.DOTALL)
    return f"{card.rstrip()}\n\n{told}\n"


def table(figures: Mapping[str, Any]) -> str:
    """Figures of `evaluate_generator.evaluate` in Markdown."""
    near, count = figures["memorisation"], figures["count"]
    text = [
        f"{count:,} pictures (seeds 0 to {count - 1:,}) against as many held-out photographs, in the space of",
        f"{figures['network']}. Beside them as many training photographs against the same held-out ones.",
        "",
        *_lines(figures),
        "",
        f"Nearest training photograph: median distance {near['generated_median']:.2f} for generated pictures,",
        f"{near['held_out_median']:.2f} for held-out photographs;",
        f"{near['suspected_copies']:.1%} of the generated ones come nearer than the nearest 1% of held-out ones do.",
    ]
    if wide := figures.get("wide"):
        text += [
            "",
            f"Frechet distance of {wide['count']:,} pictures from all {wide['training']:,} training photographs: "
            f"{wide['frechet']:.1f};",
            f"of {count:,} pictures {wide[f'frechet_of_{count}']:.1f}, where {count:,} held-out photographs have "
            f"{wide[f'floor_of_{count}']:.1f}.",
        ]
    if independent := figures.get("independent"):
        text += [
            "",
            f"The same pictures in the space of {independent['network']}, a network that trains nothing:",
            "",
            *_lines(independent),
        ]
    return "\n".join(text)


def main(arguments: list[str] | None = None) -> int:
    """The command. 0: written; 1: the graph computes something else; 2: wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m models.bundle", description="Measure, halve, export and describe.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--name", required=True, help="of the model, as requests will name it")
    folder = os.environ.get("LIKENESS_DATA")
    parser.add_argument("--data", type=Path, default=Path(folder) if folder else None, required=not folder)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--widen", type=_factor, metavar="FACTOR|auto", help="how far to spread the styles")
    parser.add_argument("--truncation", type=float, help="what the service takes where a request leaves it out")
    parser.add_argument("--directions", type=Path, metavar="OTHER", help="a checkpoint to take directions from")
    parser.add_argument("--count", type=int, help="pictures to draw and to hold against as many held-out ones")
    parser.add_argument("--wide", type=int, default=0, help="pictures to hold against all training pictures")
    parser.add_argument("--cache", type=Path, help="a folder that keeps the decoded pictures")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        figures = bundle(
            options.checkpoint,
            options.data,
            name=options.name,
            out=options.out,
            widen=options.widen,
            truncation=options.truncation,
            directions=options.directions,
            count=options.count,
            wide=options.wide,
            cache=options.cache,
        )
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    except export.ExportDiffers as error:
        print(error, file=sys.stderr)
        return 1
    print(table(figures))
    return 0


def _factor(text: str) -> float:
    if text == "auto":
        return 0.0
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is neither auto nor a factor above 0")
    return factor


def _best(trained: checkpoint.Checkpoint, folder: Path, *, cache: Path | None) -> float:
    """The factor to widen by, for training pictures from all sources of the data."""
    pictures = own_data.part(trained.header, folder, "train", cache=cache).images
    every = max(1, len(pictures) // (2 * widening.COUNT))
    trunk = features.load_trunk()
    factor = widening.best(trained, distances.embed(pictures[::every], trunk), trunk, count=widening.COUNT)
    print(f"styles are widened by {factor:g}")
    return factor


def _with_directions(trained: checkpoint.Checkpoint, other: checkpoint.Checkpoint) -> checkpoint.Checkpoint:
    """`trained` with the directions of a checkpoint whose styles are, but for rounding, the same."""
    for name in (name for name in trained.weights if name.startswith("mapping.")):
        ours, theirs = trained.weights[name].float(), other.weights.get(name, torch.empty(0)).float()
        if theirs.shape != ours.shape or not torch.allclose(theirs, ours, atol=1e-3):
            raise ValueError("Directions can be taken from a checkpoint with the same styles alone.")
    found = {name: value for name, value in other.weights.items() if name.startswith(checkpoint.DIRECTION)}
    extras = trained.header.extras | {"directions": other.header.extras.get("directions", [])}
    return checkpoint.Checkpoint(replace(trained.header, extras=extras), trained.weights | found)


def _empty_card(name: str, header: checkpoint.Header) -> str:
    told = {key: header.provenance.get(key, "") for key in ("data", "licence", "credit")}
    rows = "\n".join(_row([key, value]) for key, value in told.items() if value)
    return f"# {name}\n\n| | |\n|---|---|\n{rows}\n\n## Figures\n"


def _lines(figures: Mapping[str, Any]) -> list[str]:
    safer = figures.get("truncated")
    heads = ["", "generated", *([f"truncated to {safer['truncation']:g}"] if safer else []), "real against real"]
    columns = [figures["generated"], *([safer] if safer else []), figures["floor"]]
    rows = [[told, *(_number(key, column[key]) for column in columns)] for key, told in FIGURES.items()]
    return [_row(cells) for cells in (heads, ["---"] * len(heads), *rows)]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _number(key: str, value: float) -> str:
    return f"{value:.1f}" if key in ("frechet", "kernel") else f"{value:.2f}"


if __name__ == "__main__":
    sys.exit(main())
