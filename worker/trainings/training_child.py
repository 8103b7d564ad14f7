"""The process that trains: `python -m worker.trainings.training_child FOLDER DESCRIPTOR PARENT`.

The request names a preset, its settings, the pictures (a zip), the budget, and perhaps a state to go on from.
"""

import os
import time
import uuid
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from models import data, devices, presets, progress, sheet
from worker.trainings import child, reports

OUT = "out"
KEPT = "snapshots"
SAMPLES = "samples"
LONGEST_SHARE = 0.9
"""A budget of minutes is planned to be used up to this share, so that the schedule ends before the time does."""


def train(request: dict[str, Any], folder: Path, pipe: reports.Pipe) -> None:
    """Run the loop and report what it yields, until it ends, the budget is used up, or SIGTERM comes.

    Raises:
        ValueError, FileNotFoundError: the settings or the pictures do not fit.
        FloatingPointError: the loss is no longer a number.
    """
    stop = child.StopFlag()
    config = presets.configure(request["preset"], request["settings"])
    pictures = presets.load(config, folder / request["pictures"], split="train")
    config = planned(config, pictures, request)
    pipe.tell(
        reports.Resolved(
            settings=asdict(config), pictures=len(pictures), device=devices.place().device.type, images=config.images
        )
    )
    budget = _Budget(request["minutes"], spent=request["seconds_spent"])
    initial = folder / request["initial"] if request["initial"] else None
    events = presets.train(
        config,
        pictures,
        out=folder / OUT,
        resume=request["resume"],
        stop=lambda: stop.asked or budget.over(),
        initial=initial,
    )
    for event in events:
        final = budget.over() or event.images >= config.images
        pipe.tell(_told(event, folder, seconds=budget.spent(), final=final))


def planned(config: presets.Config, pictures: data.Pictures, request: dict[str, Any]) -> presets.Config:
    """The configuration with what the data set and the budget decide."""
    # What a preset says of its own pictures is not true of these.
    licence, credit = (str(request["settings"].get(name, "")) for name in ("licence", "credit"))
    config = replace(config, data=request["dataset_name"], licence=licence, credit=credit)
    config = presets.fitted(config, pictures)
    if request["images"]:
        # What an earlier attempt has planned stands, and so does a budget of images.
        return replace(config, images=request["images"])
    if request["minutes"]:
        rate = presets.probe(config, pictures)
        planned_images = int(rate * 60 * request["minutes"] * LONGEST_SHARE)
        return replace(config, images=max(planned_images, config.batch))
    return config


class _Budget:
    """Minutes that may be spent training, over all attempts."""

    def __init__(self, minutes: float | None, *, spent: float) -> None:
        self._began = time.monotonic() - spent
        self._most_seconds = 60 * minutes if minutes else float("inf")

    def spent(self) -> float:
        return time.monotonic() - self._began

    def over(self) -> bool:
        return self.spent() > self._most_seconds


def _told(event: progress.Event, folder: Path, *, seconds: float, final: bool) -> Any:
    match event:
        case progress.Progress():
            return reports.Progress(**asdict(event))
        case progress.Metrics():
            return reports.Metrics(images=event.images, values={key: _finite(v) for key, v in event.values.items()})
        case progress.Finding():
            return reports.Finding(**{**asdict(event), "value": _finite(event.value)})
        case progress.Sample():
            file = f"{SAMPLES}/{event.images:012d}.png"
            sheet.write(folder / file, event.pixels, columns=event.columns)
            return reports.Sample(images=event.images, file=file)
        case progress.Snapshot():
            return reports.Snapshot(
                images=event.images,
                resume=_kept(event.path, folder),
                checkpoint=_kept(event.checkpoint, folder) if event.checkpoint else None,
                seconds=seconds,
                final=final and event.checkpoint is not None,  # what ends a run is published
            )


def _kept(path: Path, folder: Path) -> str:
    """A second name for a file of the loop, which replaces its files while the owner may still read them, and removes
    this one."""
    target = folder / KEPT / f"{uuid.uuid4().hex}-{path.name}"
    target.parent.mkdir(exist_ok=True)
    os.link(path, target)
    return str(target.relative_to(folder))


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None  # JSON knows no other numbers


if __name__ == "__main__":
    child.run(train)
