"""The training loop of a generator: a generator of events; the caller prints, stores and stops.

`models.gan_run` says what a step is and `models.gan_snapshot` what is left behind. Under torchrun the same loop runs on
every process, and the first one writes.
"""

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from models import devices, gan_snapshot
from models.data import Pictures
from models.gan_presets import GanConfig
from models.gan_run import GanRun
from models.health import not_finite
from models.progress import Event, Metrics, Progress


def train(
    config: GanConfig,
    pictures: Pictures,
    *,
    out: Path,
    resume: bool = False,
    stop: Callable[[], bool] = lambda: False,
    initial: Path | None = None,
) -> Iterator[Event]:
    """Train until `config.images` pictures have been seen or `stop()` is true; the last event is a `Snapshot`.

    Files go to `out`. With `resume` the run goes on from the last snapshot there, if there is one. `initial` is a
    served checkpoint or a resume state to begin with (`gan_snapshot.begin_with`). Raises `ValueError` if either belongs
    to other networks, or if a generator of classes is given pictures without them, and `FloatingPointError` if losses
    stop being numbers before there is a snapshot to go back to, or again and again after it.
    """
    run = GanRun(config, pictures, out=out, place=devices.place())
    if initial is not None:
        gan_snapshot.begin_with(run, initial)
    if resume:
        gan_snapshot.restore(run)
    yield from events(run, stop)


def events(run: GanRun, stop: Callable[[], bool]) -> Iterator[Event]:
    """Steps until the end or until told to stop, with what happened on the way.

    A snapshot holds numbers alone. After a step that does not, the run goes back to its last one.
    """
    config = run.config
    measured: dict[str, list[float]] = {}  # a penalty in some steps alone
    started, first = time.monotonic(), run.images
    while run.images < config.images and not run.place.agree(stop()):
        before = run.images
        values = run.step()
        snapshot = _passed(before, run.images, config.snapshot_every) or run.images >= config.images
        lost = not all(map(math.isfinite, values.values())) or (snapshot and not run.sound())
        if run.place.agree(lost):
            yield not_finite(run.images, values)
            gan_snapshot.roll_back(run)
            measured, started, first = {}, time.monotonic(), run.images
            continue
        for name, value in values.items():
            measured.setdefault(name, []).append(value)
        if _passed(before, run.images, config.report_every) or run.images >= config.images:
            passed = time.monotonic() - started
            run.seconds += passed
            yield Progress(run.images, config.images, (run.images - first) / passed, run.seconds)
            means = {name: sum(found) / len(found) for name, found in measured.items()}
            if run.energy is not None:
                means["spread"] = run.energy.spread()
            yield Metrics(run.images, means)
            yield from run.check(means)
            measured, started, first = {}, time.monotonic(), run.images
        if _passed(before, run.images, config.sample_every):
            yield run.sample()
        if snapshot and run.images < config.images:
            yield gan_snapshot.write(run)
    run.seconds += time.monotonic() - started
    if run.place.agree(not run.sound()):  # told to stop right after the step that spoilt it
        gan_snapshot.roll_back(run)
    yield run.sample()
    yield gan_snapshot.write(run)


def _passed(before: int, now: int, every: int) -> bool:
    return before // every != now // every
