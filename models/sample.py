"""Pictures from a generator's checkpoint.

    python -m models.sample models/checkpoints/faces.safetensors --seeds 0:16 --out faces.png
    python -m models.sample CHECKPOINT --seeds ada grace --truncation 0.8 --edit age=2 --separate --out folder

`--seeds` takes texts and whole numbers; `A:B` stands for the numbers A to B - 1. The same seed is the same picture
alone, in a grid and through the service.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models import checkpoint, sheet, styles
from models.levels import to_levels

WHOLE = 1.0  # truncation where the checkpoint names none, as in the service


def draw(network: nn.Module, rows: NDArray[np.float32], *, batch: int = 32) -> NDArray[np.uint8]:
    """Pictures uint8 [N, H, W, C] of styles float32 [N, stages, style_size]."""
    with torch.no_grad():
        parts = [network.synthesis(part) for part in torch.from_numpy(rows).split(batch)]  # type: ignore[operator]
    return to_levels(torch.cat(parts)).permute(0, 2, 3, 1).contiguous().numpy()


def seeds(texts: Sequence[str]) -> list[str]:
    """Seeds as given, with each `A:B` spelled out."""
    spelled: list[str] = []
    for text in texts:
        first, colon, last = text.partition(":")
        if colon and first.isdecimal() and last.isdecimal():
            spelled.extend(str(number) for number in range(int(first), int(last)))
        else:
            spelled.append(text)
    return spelled


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of `python -m models.sample`."""
    parser = argparse.ArgumentParser(prog="python -m models.sample", description="Draw pictures with a generator.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--seeds", nargs="+", default=["0:64"], metavar="SEED", help="texts, numbers or ranges A:B")
    parser.add_argument("--label", help="the class to draw, by name; without it each seed decides")
    parser.add_argument(
        "--truncation", type=float, help="1 is everything, 0 the average; the checkpoint names a default"
    )
    parser.add_argument("--edit", action="append", default=[], metavar="NAME=STRENGTH", help="go along a direction")
    parser.add_argument("--mix", metavar="SEED", help="take the finer half of the stages from this seed")
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--separate", action="store_true", help="one file a picture, in the folder --out")
    parser.add_argument("--out", type=Path, default=Path("samples.png"))
    options = parser.parse_args(arguments)

    try:
        loaded = checkpoint.load(options.checkpoint)
    except (checkpoint.NotACheckpoint, FileNotFoundError) as error:
        parser.error(str(error))
    if loaded.header.kind != "generator":
        parser.error(f"{options.checkpoint.name} is a {loaded.header.kind}, which draws nothing.")
    truncation = options.truncation
    if truncation is None:
        truncation = loaded.header.extras.get("truncation", WHOLE)
    source = styles.read(options.checkpoint)
    try:
        label = None if options.label is None else loaded.header.labels.index(options.label)
    except ValueError:
        parser.error(f"--label: known are {', '.join(loaded.header.labels) or 'none'}.")
    edits = []
    for text in options.edit:
        name, _, strength = text.partition("=")
        if name not in source.directions:
            parser.error(f"--edit: known are {', '.join(sorted(source.directions)) or 'none'}.")
        try:
            edits.append((name, float(strength)))
        except ValueError:
            parser.error(f"--edit: {text} is not NAME=STRENGTH with a number.")
    names = seeds(options.seeds)
    rows = [source.draw(s, label=label, truncation=truncation, edits=edits, mix=options.mix) for s in names]
    pictures = draw(checkpoint.build(loaded), np.stack(rows))
    if options.separate:
        for index, picture in enumerate(pictures):
            sheet.write(options.out / f"{index:05d}.png", picture[None], columns=1)
    else:
        sheet.write(options.out, pictures, columns=options.columns)
    print(f"Drew {len(pictures)} pictures into {options.out}.")


if __name__ == "__main__":
    main()
