"""The textbook GAN beside ours: DCGAN on the same pictures for the same compute, and the distances of both.

    python -m benchmarks.gan_baseline --data DIR --out FOLDER [--marks 30 60 120 216]
                                      [--against models/checkpoints/faces.safetensors...]

The baseline trains until the last of the marks, CPU minutes of its steps, which other processes disturb less than wall
time. At each mark its pictures are measured as the card of ours tells: as many as the test part has against the test
part, in two feature networks, and 10,000 against the training pictures. FOLDER keeps the run, a grid of pictures and
the figures of each mark. The command may be interrupted: SIGTERM saves, anything else costs three minutes at most, and
the same command goes on. At the end each generator of ours is held against the mark whose operations are nearest to
those that its own training took.
"""

import argparse
import json
import math
import platform
import signal
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.dcgan import BATCH, Dcgan
from benchmarks.operations import Operations
from models import checkpoint, data, devices, distances, features, presets, settings, sheet
from models.gan import GeneratorConfig
from models.gan_presets import GanConfig
from models.gan_run import GanRun

MARKS = (30.0, 60.0, 120.0, 216.0)
WIDE = 10_000
SAVED_EVERY_SECONDS = 180.0
COUNTED_PICTURES = 64  # that a run of ours is made with, only to count its operations
FIGURES = ("frechet", "kernel", "precision", "recall", "density", "coverage")


def main() -> None:
    """Train, measure at the marks, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--marks", type=float, nargs="+", default=MARKS, help="CPU minutes at which to measure")
    parser.add_argument(
        "--against", type=Path, nargs="+", default=(), help="generators of ours, whose headers tell their figures"
    )
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{platform.machine()}, torch {torch.__version__}, {options.threads} threads", flush=True)
    config: Any = presets.configure("faces-64")
    real, held_out = (presets.load(config, options.data, split=split) for split in ("train", "test"))
    run, state, told = Dcgan(real.images), options.out / "dcgan.safetensors", options.out / "marks.json"
    if state.exists():
        run.restore(state)
    curve: list[dict[str, Any]] = json.loads(told.read_text()) if told.exists() else []
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: asked.append(received))
    yardstick = Yardstick(real.images, held_out.images)
    for minutes in sorted(options.marks):
        if any(entry["mark"] == minutes for entry in curve):
            continue
        saved = run.seconds
        while run.seconds < 60 * minutes and not asked:
            run.step()
            if run.seconds - saved > SAVED_EVERY_SECONDS:
                run.save(state)
                saved = run.seconds
        run.save(state)
        if asked:
            print(f"stopped after {run.seconds / 60:.1f} CPU minutes and {run.images} pictures")
            return
        drawn = run.draw(0, 64).permute(0, 2, 3, 1).contiguous().numpy()
        sheet.write(options.out / f"{minutes:g}.png", drawn, columns=8)
        curve.append({"mark": minutes, "minutes": run.seconds / 60, "images": run.images, **yardstick.measure(run)})
        told.write_text(json.dumps(curve, indent=1))
        print(line(f"DCGAN, {curve[-1]['minutes']:.0f} CPU minutes, {run.images} pictures", curve[-1]), flush=True)
    compare(real, curve, against=options.against)


class Yardstick:
    """Measures pictures of a generator. What it needs of real ones it computes when it is first asked."""

    def __init__(self, real: Tensor, held_out: Tensor, *, wide: int = WIDE) -> None:
        """`wide` pictures are held against all of `real`; both are uint8 [N, 3, 64, 64]."""
        self._pictures, self._wide = (real, held_out), wide
        self._seen: dict[str, tuple[features.Trunk, Tensor, Tensor]] = {}

    def measure(self, run: Dcgan) -> dict[str, Any]:
        """Figures as `models.evaluate_generator` tells them."""
        trunk, real, held_out = self._real(features.NAME)
        drawn = distances.embed_drawn(run.draw, trunk, count=self._wide)
        found = asdict(distances.report(drawn[: len(held_out)], real, held_out))
        found["wide"] = {"count": self._wide, "training": len(real), "frechet": distances.frechet(drawn, real)}
        trunk, real, held_out = self._real(features.INDEPENDENT)
        drawn = distances.embed_drawn(run.draw, trunk, count=len(held_out))
        found["independent"] = asdict(distances.report(drawn, real, held_out, network=features.INDEPENDENT))
        return found

    def _real(self, name: str) -> tuple[features.Trunk, Tensor, Tensor]:
        if name not in self._seen:
            trunk = features.load_trunk(name)
            real, held_out = (distances.embed(pictures, trunk) for pictures in self._pictures)
            self._seen[name] = trunk, real, held_out
        return self._seen[name]


def compare(real: data.Pictures, curve: list[dict[str, Any]], *, against: Sequence[Path]) -> None:
    """Print the curve, the figures and operations of ours, and how far apart they are where operations are alike."""
    theirs = operations(Dcgan(real.images).step) / BATCH
    for entry in curve:
        print(line(f"DCGAN, {entry['minutes']:.0f} CPU minutes, {entry['images']} pictures", entry))
        print(f"  {theirs * entry['images'] / 1e15:.2f} PFLOP in all")
    print(line("real against real", {"generated": curve[-1]["floor"]}))
    for path in against:
        header = checkpoint.read_header(path)
        mine = ours_in_all(header, real)
        print(line(f"{path.name}, {header.training['images_seen']} pictures", header.metrics))
        print(f"  at most {mine / 1e15:.2f} PFLOP in all, as DCGAN after {mine / theirs:.0f} pictures")
        nearest = min(curve, key=lambda entry: abs(math.log(theirs * entry["images"] / mine)))
        print(f"  beside DCGAN with {theirs * nearest['images'] / mine:.2f} of these operations, a Frechet distance")
        for space, figures in spaces(header.metrics).items():
            other = spaces(nearest)[space]
            print(f"    {space:30} {1 - figures['frechet'] / other['frechet']:.1%} lower")


def ours_in_all(header: checkpoint.Header, real: data.Pictures) -> float:
    """Operations that the training of a generator took, at most: settings that changed on the way count as they were
    at its end, and the costliest of them came last."""
    known = {entry.name for entry in fields(GanConfig)}
    told = {name: value for name, value in header.training.items() if name in known}
    config = settings.override(GanConfig(GeneratorConfig(widths=()), discriminator_widths=()), told)
    seen = header.training["images_seen"]
    before = min(config.grow_at, seen) if config.start_size else 0
    small = before * ours_per_picture(config, real) if before else 0.0
    return small + (seen - before) * ours_per_picture(replace(config, start_size=0), real)


def ours_per_picture(config: GanConfig, real: data.Pictures) -> float:
    """Operations of a training picture at the side trained first: the mean over steps with the penalty and without."""
    few = real.part(torch.arange(COUNTED_PICTURES))
    whole = replace(config, keep_sharp=1.0, keep_typical=1.0, judges_first=0)
    run = GanRun(whole, few, out=Path(), place=devices.place())
    with_penalty, without = operations(run.step), operations(run.step)
    return (with_penalty + (config.penalty_every - 1) * without) / config.penalty_every / config.batch


def operations(step: Callable[[], object]) -> int:
    """Floating-point operations of convolutions and matrices in a call, a multiply-add counted as two."""
    with Operations() as counted:
        step()
    return counted.total


def line(name: str, figures: dict[str, Any]) -> str:
    """Distances of one generator."""
    text = [name]
    for space, found in spaces(figures).items():
        text.append(f"  {space:30}" + "  ".join(f"{key} {found[key]:.4g}" for key in FIGURES if key in found))
    return "\n".join(text)


def spaces(figures: dict[str, Any]) -> dict[str, dict[str, float]]:
    """The distances that there are, by what they are from."""
    found = {"held-out": figures["generated"]}
    if "independent" in figures:
        found[f"held-out, {features.INDEPENDENT}"] = figures["independent"]["generated"]
    if "wide" in figures:
        found["training, of many"] = figures["wide"]
    return found


if __name__ == "__main__":
    main()
