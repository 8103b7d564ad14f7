"""The training loop of a classifier: a generator of events that the caller prints, stores and stops.

`models.classifier_run` says what a step is and `models.classifier_snapshot` what is left behind. Under torchrun the
same loop runs on every process, and the first one writes.
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from models import classifier_snapshot, data, devices
from models.classifier_config import ClassifierConfig
from models.classifier_run import ClassifierRun, height
from models.health import validation_seen
from models.progress import Event, Metrics


def train(
    config: ClassifierConfig,
    pictures: data.Pictures,
    *,
    out: Path,
    resume: bool,
    stop: Callable[[], bool],
    initial: Path | None = None,
) -> Iterator[Event]:
    """Train on `pictures` and keep `resume.safetensors` and `checkpoint.safetensors` under `out`.

    With `resume` a run found under `out` goes on; `images` may have changed since, nothing else. `initial` is a
    checkpoint to start from: its weights are taken wherever name and shape fit, so another number of classes gets a
    fresh head; a finding tells if it may have learnt from pictures that are held out now. A run that is told to stop
    yields its state before it calibrates. Raises `ValueError` for data that cannot be trained on and
    `FloatingPointError` when the loss or a weight is no longer a number.
    """
    run = ClassifierRun(config, pictures, out=out, place=devices.place())
    begun_with = None if initial is None else classifier_snapshot.start_from(run, initial)
    if resume:
        classifier_snapshot.restore(run)
    if begun_with is not None and (share := classifier_snapshot.share_seen(run, begun_with)):
        yield validation_seen(run.images, share)
    run.restart_clock()
    losses: list[Tensor] = []
    while run.images < config.images and not run.place.agree(stop()):
        before = run.images
        losses.append(run.step())
        if _passed(before, run.images, config.report_images) or run.images >= config.images:
            loss = torch.stack(losses).mean().item()
            losses.clear()
            if not math.isfinite(loss):
                raise FloatingPointError(
                    f"The loss is {loss} after {run.images} pictures; a lower learning rate may help."
                )
            yield run.progress()
            yield Metrics(run.images, {"loss": loss, "learning_rate": config.learning_rate * height(config, before)})
        if _passed(before, run.images, config.snapshot_images) and run.images < config.images:
            yield from classifier_snapshot.write(run)
    yield from classifier_snapshot.write(run, stopped=run.images_before < run.images < config.images)


def _passed(before: int, after: int, every: int) -> bool:
    return before // every != after // every
