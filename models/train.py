"""Train a network by the name of its preset.

    python -m models.train clothing-cnn --data DIR --out DIR [--minutes M | --images N] [--resume] [--dry-run]
                           [--set network.widths=16,32,64]... [--tensorboard]

DIR of `--data` may be left out where LIKENESS_DATA names it. Under `--out` appear the resume state, the checkpoint
that can be served, `config.json`, `metrics.jsonl` and, for generators, `samples/`. SIGTERM and Ctrl-C save and exit
with 0. Several GPUs, or several CPU processes: `torchrun --nproc-per-node N -m models.train ...`.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TextIO

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from models import data, devices, presets, progress, settings, sheet

RESOLVED = "config.json"
METRICS = "metrics.jsonl"


def main(arguments: list[str] | None = None) -> int:
    """The command. 0: done or saved on request; 1: the run failed; 2: wrong usage."""
    options = _parse(arguments)
    console = Console(stderr=True, soft_wrap=True, quiet=int(os.environ.get("RANK", "0")) > 0)
    try:
        changes = dict(options.set) | ({} if options.images is None else {"images": options.images})
        config = presets.configure(options.preset, changes)
        if options.threads:
            torch.set_num_threads(options.threads)
        pictures = presets.load(config, options.data, split="train")
        config = presets.fitted(presets.true_of(config, options.data, preset=options.preset), pictures)
        speed = presets.probe(config, pictures) if options.dry_run or _needs_speed(options) else 0.0
        if _needs_speed(options):
            pace = devices.place().least(speed)  # one schedule for all processes
            config = replace(config, images=max(config.batch, int(pace * 60 * options.minutes)))
        elif options.resume and "images" not in changes:
            config = replace(config, images=_resolved_images(options.out, otherwise=config.images))
        _announce(console, config, pictures=len(pictures), speed=speed)
        if options.dry_run:
            return 0
        return _run(config, pictures, options, console)
    except (ValueError, FileNotFoundError) as error:
        console.print(f"[red]{error}")
        return 2
    except FloatingPointError as error:
        console.print(f"[red]{error}")
        return 1


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m models.train", description="Train a classifier or a generator by the name of its preset."
    )
    parser.add_argument("preset", choices=sorted(presets.PRESETS))
    given = os.environ.get("LIKENESS_DATA")
    parser.add_argument("--data", type=Path, default=Path(given) if given else None, required=not given, metavar="DIR")
    parser.add_argument("--out", type=Path, required="--dry-run" not in (arguments or sys.argv), metavar="DIR")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=float, help="the schedule is fitted to them by some timed steps")
    budget.add_argument("--images", type=int, help="training pictures to see in all")
    parser.add_argument(
        "--initial",
        type=Path,
        metavar="CHECKPOINT",
        help="start from the weights of this checkpoint; for a generator also a run's resume state, judges and all",
    )
    parser.add_argument("--resume", action="store_true", help="go on from the last snapshot under --out, if any")
    parser.add_argument(
        "--dry-run", action="store_true", help="print the resolved settings and the cost, train nothing"
    )
    parser.add_argument("--set", action="append", default=[], type=_setting, metavar="NAME=VALUE")
    parser.add_argument("--threads", type=int, help="CPU threads; one is fastest on a busy machine")
    parser.add_argument("--tensorboard", action="store_true", help="also write TensorBoard logs under --out")
    options = parser.parse_args(arguments)
    for name in ("minutes", "threads"):
        if (value := getattr(options, name)) is not None and not value > 0:
            parser.error(f"argument --{name}: {value:g} is not above 0")
    return options


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _needs_speed(options: argparse.Namespace) -> bool:
    """Whether minutes must become pictures first: a learning-rate schedule has to know its end."""
    fresh = not (options.resume and options.out and (options.out / RESOLVED).exists())
    return bool(options.minutes) and fresh


def _resolved_images(out: Path, *, otherwise: int) -> int:
    stored = out / RESOLVED
    return int(json.loads(stored.read_text())["images"]) if stored.exists() else otherwise


def _announce(console: Console, config: presets.Config, *, pictures: int, speed: float) -> None:
    """The resolved settings and what they will cost."""
    for name, value in settings.flat(config).items():
        console.print(f"[dim]{name:>28}[/] {value}", highlight=False)
    told = f"{config.images} images, {config.images / max(pictures, 1):.1f} times {pictures} pictures"
    told += "".join(f", {value:.1f} {name.replace('_', ' ')}" for name, value in presets.cost(config).items())
    if speed:
        told += f", {speed:.0f} images/s here, about {config.images / speed / 60:.1f} minutes"
    console.print(told, highlight=False)


def _run(config: presets.Config, pictures: data.Pictures, options: argparse.Namespace, console: Console) -> int:
    leads = int(os.environ.get("RANK", "0")) == 0
    options.out.mkdir(parents=True, exist_ok=True)
    resolved = json.dumps(asdict(config), indent=1) if leads else None
    stop = _stopper(options.minutes)
    events = presets.train(config, pictures, out=options.out, resume=options.resume, stop=stop, initial=options.initial)
    board = _board(options.out) if options.tensorboard and leads else None
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        open(options.out / METRICS if leads else os.devnull, "a", encoding="utf-8") as log,
        Progress(*columns, TextColumn("{task.fields[told]}"), console=console) as bar,
    ):
        task = bar.add_task(options.preset, total=config.images, told="")
        last: progress.Snapshot | None = None
        for event in events:
            if resolved is not None:  # only now: a run of other networks, whose folder this is, is refused before
                (options.out / RESOLVED).write_text(resolved)
                resolved = None
            _write(event, log, board)
            match event:
                case progress.Progress():
                    bar.update(task, completed=event.images)
                case progress.Metrics():
                    bar.update(task, told=" ".join(f"{name} {value:.4g}" for name, value in event.values.items()))
                case progress.Sample() if leads:
                    sheet.write(
                        options.out / "samples" / f"{event.images:09d}.png", event.pixels, columns=event.columns
                    )
                case progress.Finding():
                    bar.console.print(f"[yellow]{event.code}[/] ({event.value:.3g}): {event.suggestion}")
                case progress.Snapshot():
                    last = event
    devices.leave()
    if last is not None and last.checkpoint is not None:
        console.print(f"{last.checkpoint} after {last.images} images", highlight=False)
    return 0


def _stopper(minutes: float | None) -> Callable[[], bool]:
    """A function that answers True after SIGTERM, after Ctrl-C, or when the minutes are over."""
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: asked.append(received))
    end = time.monotonic() + 60 * minutes if minutes else float("inf")
    return lambda: bool(asked) or time.monotonic() > end


def _board(out: Path) -> Any:
    from torch.utils.tensorboard import SummaryWriter  # in the extra `train`

    return SummaryWriter(out / "tensorboard")


def _write(event: progress.Event, log: TextIO, board: Any) -> None:
    """One line of JSON per event; pictures go to files of their own."""
    match event:
        case progress.Metrics():
            values = event.values
        case progress.Progress():
            values = {"images_per_second": event.images_per_second, "seconds": event.seconds}
        case progress.Finding():
            values = {event.code: event.value}
        case progress.Sample() | progress.Snapshot():
            return
    print(json.dumps({"event": type(event).__name__.lower(), "images": event.images, **values}), file=log, flush=True)
    if board is not None:
        for name, value in values.items():
            board.add_scalar(name, value, event.images)


if __name__ == "__main__":
    sys.exit(main())
