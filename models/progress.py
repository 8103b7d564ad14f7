"""What a training loop yields.

A loop is a generator of these events. It takes `stop: Callable[[], bool]`, asks it once a step, and when it answers
True yields a last `Snapshot` and returns; one without a checkpoint may come just before. The caller prints, stores and
stops; the loop does none of that. `images` always counts the training pictures seen since the very first step, also
after a resume.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Progress:
    """Where the run stands."""

    images: int
    of: int  # images the whole run will see
    images_per_second: float
    seconds: float  # spent training since the first step, earlier sessions of a resumed run included


@dataclass(frozen=True)
class Metrics:
    """Named figures measured at one moment: losses, accuracies, distances."""

    images: int
    values: dict[str, float]


@dataclass(frozen=True, eq=False)
class Sample:
    """Pictures to look at, meant to be laid out in rows of `columns`."""

    images: int
    pixels: NDArray[np.uint8]  # [N, H, W, C]
    columns: int


@dataclass(frozen=True)
class Finding:
    """Something about the health of the run that a person should know, with the figure behind it."""

    images: int
    code: str
    value: float
    threshold: float
    suggestion: str


@dataclass(frozen=True)
class Snapshot:
    """Files were written: `path` resumes the run, `checkpoint` can be served (None where there is none yet)."""

    images: int
    path: Path
    checkpoint: Path | None


Event = Progress | Metrics | Sample | Finding | Snapshot
