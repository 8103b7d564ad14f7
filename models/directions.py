"""Named ways to change a picture: unit vectors in the space of styles, added to a style with a strength.

    python -m models.directions CHECKPOINT --out FILE --principal 8
    python -m models.directions CHECKPOINT --out FILE --data DIR/faces-128.zip --column age=age_band

Two sources, neither of which leaves a model of people behind:

- `principal`: the changes of a style that the synthesis network answers most to, in closed form (Shen and Zhou, 2021,
  arXiv:2007.06600): the leading eigenvectors of A^T A, with A the affine layers that read the style, stacked. What
  one does is found by looking at it, and then it is named.
- `towards`: a ridge regression from styles to a score of the drawn pictures, such as sharpness or brightness measured
  on pixels, or how like the training pictures with a high number in a column of their table they are in the frozen
  trunk's space. Only the direction is kept.

Each has the length of one standard deviation of the styles along it, so that a strength of 1 is a usual amount.
"""

import argparse
import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from models import checkpoint, data, distances
from models.features import load_trunk
from models.gan import Generator
from models.levels import to_levels
from models.selection import sharpness

RIDGE = 0.1  # of the mean variance of the styles or features
PICTURES = 2_048  # drawn, and read from a table, to find a direction

# Scores that pixels alone give, of uint8 pictures [N, C, H, W].
MEASURED: Mapping[str, Callable[[Tensor], Tensor]] = {
    "brightness": lambda pictures: pictures.float().mean((1, 2, 3)),
    "warmth": lambda pictures: pictures[:, 0].float().mean((1, 2)) - pictures[:, -1].float().mean((1, 2)),
    "sharpness": sharpness,
}


@torch.no_grad()
def principal(generator: Generator, count: int, *, stages: Sequence[int] | None = None) -> Tensor:
    """The `count` style changes of unit length that move the network most, [count, style_size], strongest first.

    `stages` restricts them to what some stages read: the first ones carry layout and pose, the last ones colour.
    """
    chosen = range(len(generator.stages)) if stages is None else stages
    layers = [m for index in chosen for m in generator.stages[index].modules() if isinstance(m, nn.Linear)]
    if 0 in chosen:
        layers.append(generator.start)
    # Each layer counts alike: the dense first map has many times more rows than a modulation.
    stacked = torch.cat([layer.weight / layer.weight.norm() for layer in layers])
    _, vectors = torch.linalg.eigh(stacked.T @ stacked)
    return _signed(vectors.flip(1)[:, :count].T)


def towards(styles: Tensor, scores: Tensor) -> Tensor:
    """The unit style change [style_size] along which `scores` [N] of pictures with `styles` [N, style_size] grow.

    Ridge regression. Raises `ValueError` where the scores do not differ.
    """
    centred, wanted = (styles - styles.mean(0)).double(), (scores - scores.mean()).double()
    if wanted.abs().max() == 0:
        raise ValueError("All pictures have the same score; there is nothing to go towards.")
    direction = _ridge(centred, wanted)
    return (direction / direction.norm()).to(styles.dtype)


def without(direction: Tensor, others: Sequence[Tensor]) -> Tensor:
    """`direction` less its part along `others` (all [style_size]), of unit length: it changes what they do as little
    as it can."""
    if others:
        basis, _ = torch.linalg.qr(torch.stack(list(others), dim=1))
        direction = direction - basis @ (basis.T @ direction)
    return direction / direction.norm()


def scaled(direction: Tensor, styles: Tensor) -> Tensor:
    """`direction` [style_size] with the length of one standard deviation of `styles` [N, style_size] along it."""
    direction = direction / direction.norm()
    return direction * (styles @ direction).std()


def agreement(styles: Tensor, scores: Tensor, direction: Tensor) -> float:
    """Correlation of held-out `scores` [N] with the styles' position along the direction, in [-1, 1]."""
    return float(torch.corrcoef(torch.stack((styles @ direction, scores.to(styles.dtype))))[0, 1])


@torch.no_grad()
def find(
    generator: Generator, *, table: Path | None, columns: Mapping[str, str], count: int, cache: Path | None = None
) -> dict[str, Tensor]:
    """Directions by name: `count` principal ones, the measured ones, and one for each column of the pictures' table.

    `columns` maps names to columns of the CSV beside the pictures at `table`. Prints how well each agrees on pictures
    that were not used to find it. Raises `ValueError` for a generator of classes, whose styles have no one centre, and
    for a table that lacks a column.
    """
    if generator.config.classes:
        raise ValueError("Directions are found for generators without classes.")
    cells = _cells(table, columns) if table is not None else {}
    z = torch.randn(2 * PICTURES, generator.config.latent_size, generator=torch.Generator().manual_seed(0))
    styles = generator.mapping(z)
    drawn = to_levels(torch.cat([generator.synthesis(part) for part in styles.split(64)]))
    scores = {name: MEASURED[name](drawn) for name in _measured(generator)}
    if table is not None and cells:
        scores |= _like(drawn, table, cells, size=generator.config.size, cache=cache)
    found = {f"principal-{index + 1}": direction for index, direction in enumerate(principal(generator, count))}
    for name, score in scores.items():
        found[name] = towards(styles[:PICTURES], score[:PICTURES])
        print(
            f"{name}: correlation {agreement(styles[PICTURES:], score[PICTURES:], found[name]):.2f} on fresh pictures"
        )
    return {name: scaled(direction, styles) for name, direction in found.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of `python -m models.directions`: a copy of the checkpoint with directions in it."""
    parser = argparse.ArgumentParser(prog="python -m models.directions", description="Find directions in styles.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--principal", type=int, default=0, metavar="COUNT")
    parser.add_argument("--data", type=Path, help="pictures with a CSV of the same stem beside them")
    parser.add_argument("--cache", type=Path, help="a folder that keeps the decoded pictures")
    parser.add_argument("--column", action="append", default=[], type=_column, metavar="NAME=COLUMN")
    parser.add_argument(
        "--keep",
        nargs="+",
        type=_kept,
        metavar="NAME",
        help="write these alone; NAME=NEW*2 renames one and makes a strength of 1 go twice as far",
    )
    options = parser.parse_args(arguments)

    try:
        loaded = checkpoint.load(options.checkpoint)
    except (checkpoint.NotACheckpoint, FileNotFoundError) as error:
        parser.error(str(error))
    if loaded.header.kind != "generator":
        parser.error(f"{options.checkpoint.name} is a {loaded.header.kind}, which has no styles.")
    columns = dict(options.column)
    generator = checkpoint.build(loaded)
    assert isinstance(generator, Generator)
    known = [f"principal-{index + 1}" for index in range(options.principal)] + [*_measured(generator), *columns]
    for kept in options.keep or []:
        if kept.name not in known:
            parser.error(f"argument --keep: there is no {kept.name!r} among {', '.join(known)}")
    try:
        found = find(generator, table=options.data, columns=columns, count=options.principal, cache=options.cache)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    if options.keep:
        found = {kept.new: found[kept.name] * kept.factor for kept in options.keep}
    others = {name: value for name, value in loaded.weights.items() if not name.startswith(checkpoint.DIRECTION)}
    header = asdict(loaded.header)
    header["extras"] |= {"directions": sorted(found)}
    network = header.pop("network")
    for fixed in ("kind", "format"):
        header.pop(fixed)
    named = {checkpoint.DIRECTION + name: value for name, value in found.items()}
    digest = checkpoint.save(options.out, kind="generator", network=network, weights=others | named, header=header)
    print(f"Wrote {len(found)} directions into {options.out.name} ({digest[:12]}).")


def _measured(generator: Generator) -> list[str]:
    """The scores that pixels of its pictures have; warmth is a balance of colours."""
    return [name for name in MEASURED if name != "warmth" or generator.config.channels > 1]


def _cells(table: Path, columns: Mapping[str, str]) -> dict[str, dict[str, float | None]]:
    """By name, the numbers that each picture has in its column."""
    path = table.with_suffix(".csv")
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        given = reader.fieldnames or []
        if lacking := sorted({"name", *columns.values()}.difference(given)):
            raise ValueError(f"{path.name} has no column {', '.join(lacking)}; it has {', '.join(given)}.")
        rows = list(reader)
    return {name: {row["name"]: _number(row[column] or "") for row in rows} for name, column in columns.items()}


def _like(
    drawn: Tensor, table: Path, cells: Mapping[str, Mapping[str, float | None]], *, size: int, cache: Path | None
) -> dict[str, Tensor]:
    """How like training pictures with a high value in a column the drawn ones are, by ridge regression on features."""
    pictures = data.load(table, split="train", size=size, channels=3, cache=cache)
    trunk = load_trunk()
    of_drawn = distances.embed(drawn, trunk).double()
    scores = {}
    for name, of_picture in cells.items():
        values = [of_picture.get(picture) for picture in pictures.names]
        known = torch.tensor([index for index, value in enumerate(values) if value is not None])
        if not len(known):
            raise ValueError(f"No training picture has a number for {name}.")
        # Every k-th, so that no source of the table is left out.
        chosen = known[:: max(1, len(known) // PICTURES)]
        wanted = torch.tensor([values[index] for index in chosen.tolist()], dtype=torch.float64)
        features = distances.embed(pictures.images[chosen], trunk).double()
        middle = features.mean(0)
        scores[name] = (of_drawn - middle) @ _ridge(features - middle, wanted - wanted.mean())
    return scores


class _Kept(NamedTuple):
    name: str
    new: str
    factor: float


def _kept(text: str) -> _Kept:
    """What `NAME`, `NAME=NEW`, `NAME*FACTOR` or `NAME=NEW*FACTOR` asks for."""
    rest, _, factor = text.partition("*")
    name, _, new = rest.partition("=")
    try:
        return _Kept(name, new or name, float(factor or 1))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{factor!r} of {text!r} is not a number") from None


def _column(text: str) -> tuple[str, str]:
    name, equals, column = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=COLUMN")
    return name, column


def _number(text: str) -> float | None:
    """The number that a cell begins with: 20 of `20-29`, 60 of `60+`, none of an empty cell."""
    found = re.match(r"-?\d+(\.\d+)?", text)
    return float(found.group()) if found else None


def _ridge(centred: Tensor, wanted: Tensor) -> Tensor:
    covariance = centred.T @ centred / len(centred)
    covariance += torch.eye(len(covariance), dtype=covariance.dtype) * covariance.diagonal().mean() * RIDGE
    return torch.linalg.solve(covariance, centred.T @ wanted / len(centred))


def _signed(vectors: Tensor) -> Tensor:
    """The same directions with their largest number positive, because an eigenvector's sign is arbitrary."""
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))
    return vectors * largest.sign()


if __name__ == "__main__":
    main()
