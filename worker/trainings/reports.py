"""What a training child tells the worker that owns it: one line of JSON for each thing, over a pipe.

A child writes nothing anywhere else but in its own folder. Files are named relative to that folder, and a file that was
named never changes afterwards.
"""

import json
import os
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True)


class Resolved(_Report):
    """The run's settings, once everything that they depend on is known."""

    report: Literal["resolved"] = "resolved"
    settings: dict[str, Any]
    pictures: int
    device: str
    images: int = Field(description="Training pictures the whole run will see.")


class Progress(_Report):
    """How far the run is."""

    report: Literal["progress"] = "progress"
    images: int
    of: int
    images_per_second: float
    seconds: float = Field(description="Spent training since the very first step.")


class Metrics(_Report):
    """Figures measured at one moment."""

    report: Literal["metrics"] = "metrics"
    images: int
    values: dict[str, float | None]


class Sample(_Report):
    """Pictures of the same seeds as ever."""

    report: Literal["sample"] = "sample"
    images: int
    file: str


class Finding(_Report):
    """Something about the run's health."""

    report: Literal["finding"] = "finding"
    images: int
    code: str
    value: float | None
    threshold: float
    suggestion: str


class Snapshot(_Report):
    """From here the run can go on elsewhere."""

    report: Literal["snapshot"] = "snapshot"
    images: int
    resume: str
    checkpoint: str | None
    seconds: float = Field(description="Spent training since the very first step.")
    final: bool = Field(description="Whether there is nothing left to train.")


class Failed(_Report):
    """The run cannot go on, for a reason that its owner should know; trying again would not help."""

    report: Literal["failed"] = "failed"
    reason: str


class Result(_Report):
    """What a short child found."""

    report: Literal["result"] = "result"
    values: dict[str, Any]


Report = Annotated[
    Resolved | Progress | Metrics | Sample | Finding | Snapshot | Failed | Result, Field(discriminator="report")
]

_ADAPTER: TypeAdapter[Any] = TypeAdapter(Report)


def parse(line: str) -> Any:
    """The report in a line. Raises `ValueError` when it is none."""
    return _ADAPTER.validate_json(line)


class Pipe:
    """The child's end."""

    def __init__(self, descriptor: int) -> None:
        self._file = os.fdopen(descriptor, "w", encoding="utf-8", buffering=1)

    def tell(self, report: _Report) -> None:
        """Send a report. A child whose owner has gone dies of it, which is right."""
        self._file.write(json.dumps(report.model_dump(), allow_nan=False) + "\n")
