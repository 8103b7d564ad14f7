"""A training job as clients see it."""

import csv
import io
from collections.abc import Sequence

from app.contract.events import Event
from app.contract.jobs import Job
from app.contract.schemas.training import (
    MetricsPoint,
    SampleView,
    TrainingJobView,
    TrainingProgress,
    TrainingResult,
    TrainingUrls,
    Transition,
)
from app.contract.training import Stage, TrainingRequest


def view(job: Job, *, transitions: Sequence[Event], queue_position: int | None) -> TrainingJobView:
    """The record of a training job; `transitions` are its events of the type `status`."""
    request = TrainingRequest.model_validate(job.request)
    base = f"/v1/training-jobs/{job.id}"
    return TrainingJobView(
        id=job.id,
        status=job.state,
        stage=Stage(job.stage) if job.stage else None,
        queue_position=queue_position,
        preset=request.preset,
        dataset=request.dataset,
        model=request.model,
        settings=request.settings,
        resume_from=request.resume_from,
        promote=request.promote,
        progress=TrainingProgress.model_validate(job.progress),
        metrics=job.metrics,
        attempt=job.attempt,
        result=TrainingResult.model_validate(job.output) if job.output else None,
        error=job.error,
        transitions=[
            Transition(status=event.data["status"], at=event.at, why=event.data["why"]) for event in transitions
        ],
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        urls=TrainingUrls(
            self=base,
            events=f"{base}/events",
            metrics=f"{base}/metrics",
            samples=f"{base}/samples",
            checkpoints=f"{base}/checkpoints",
            cancel=f"{base}/cancel",
            pause=f"{base}/pause",
            resume=f"{base}/resume",
        ),
    )


def points(events: Sequence[Event]) -> list[MetricsPoint]:
    """Events of the type `metrics`, in order."""
    return [
        MetricsPoint(
            images=event.data["images"],
            at=event.at,
            values={name: value for name, value in event.data.items() if name != "images"},
        )
        for event in events
    ]


def table(found: Sequence[MetricsPoint]) -> str:
    """The same as CSV, with a column for every figure and nothing where it was not measured."""
    names = sorted({name for point in found for name in point.values})
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["images", "at", *names])
    for point in found:
        values = [point.values.get(name) for name in names]
        writer.writerow([point.images, point.at.isoformat(), *("" if value is None else value for value in values)])
    return out.getvalue()


def samples(job: Job, events: Sequence[Event]) -> list[SampleView]:
    """Events of the type `sample`; of several at the same place, because the run went back there, the last."""
    newest = {event.data["images"]: event for event in events}
    return [
        SampleView(images=images, url=f"/v1/training-jobs/{job.id}/samples/{images}.png", at=newest[images].at)
        for images in sorted(newest)
    ]
