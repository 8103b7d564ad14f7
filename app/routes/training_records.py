"""What a training has told until now: events, figures, samples, checkpoints."""

import asyncio
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response

from app import errors, openapi
from app.contract import training
from app.contract.errors import NothingYet, Unauthenticated, UnknownJob
from app.contract.schemas.jobs import EventList
from app.contract.schemas.training import CheckpointList, CheckpointView, MetricsList, SampleList
from app.contract.training import Snapshot
from app.dependencies import CodecPart, DurablePart, JobId, StorePart, Trainer, TrainingsPart
from app.jobs import job_events, timelapse, training_view
from app.jobs.job_events import WantedEvents
from app.jobs.trainings import ROUTE

router = APIRouter(prefix=ROUTE, tags=["training"])


@router.get(
    "/{job_id}/events",
    operation_id="listTrainingJobEvents",
    summary="What happened to a training",
    response_model=EventList,
    responses=job_events.RESPONSES,
)
async def list_events(
    job_id: JobId, wanted: WantedEvents, trainings: TrainingsPart, durable: DurablePart, caller: Trainer
) -> Response | EventList:
    """Progress, figures, samples, snapshots, findings and changes of status, in order and without a gap."""
    return await job_events.answer(await asyncio.to_thread(trainings.get, job_id, caller), wanted, durable)


@router.get(
    "/{job_id}/metrics",
    operation_id="getTrainingJobMetrics",
    summary="All figures of a training",
    response_model=MetricsList,
    responses={
        200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "As JSON, or as CSV."},
        **errors.declared(Unauthenticated, UnknownJob),
    },
)
async def get_metrics(
    job_id: JobId,
    trainings: TrainingsPart,
    caller: Trainer,
    format: Annotated[Literal["json", "csv"], Query(description="json or csv.")] = "json",
) -> Response | MetricsList:
    """Losses, accuracies and distances, in order."""
    job = await asyncio.to_thread(trainings.get, job_id, caller)
    found = training_view.points(await asyncio.to_thread(trainings.events, job, "metrics"))
    if format == "json":
        return MetricsList(data=found)
    headers = {"Content-Disposition": f'attachment; filename="{job.id}.csv"'}
    return Response(training_view.table(found), media_type="text/csv", headers=headers)


@router.get(
    "/{job_id}/samples",
    operation_id="listTrainingJobSamples",
    summary="Pictures that show a generator learning",
    responses=errors.declared(Unauthenticated, UnknownJob),
)
async def list_samples(job_id: JobId, trainings: TrainingsPart, caller: Trainer) -> SampleList:
    """The same seeds at different times."""
    job = await asyncio.to_thread(trainings.get, job_id, caller)
    return SampleList(data=training_view.samples(job, await asyncio.to_thread(trainings.events, job, "sample")))


@router.get(
    "/{job_id}/samples/timelapse.webp",
    operation_id="getTrainingJobTimelapse",
    summary="All samples as one moving picture",
    response_class=Response,
    responses={
        200: {"content": openapi.files("image/webp"), "description": "An animated WebP."},
        **errors.declared(Unauthenticated, UnknownJob, NothingYet),
    },
)
async def get_timelapse(
    job_id: JobId, trainings: TrainingsPart, store: StorePart, codec: CodecPart, caller: Trainer
) -> Response:
    """At most 120 frames, evenly spread over the run."""
    job = await asyncio.to_thread(trainings.get, job_id, caller)
    found = training_view.samples(job, await asyncio.to_thread(trainings.events, job, "sample"))
    if not found:
        raise NothingYet(what="sample")
    paths = [training.sample_path(job.id, images=found[at].images) for at in timelapse.chosen(len(found))]
    sheets = await asyncio.to_thread(lambda: [store.get(path) for path in paths])
    data = await codec.run(partial(timelapse.webp, sheets))
    return Response(data, media_type="image/webp", headers={"Cache-Control": "no-cache"})


@router.get(
    "/{job_id}/samples/{name}.png",
    operation_id="getTrainingJobSample",
    summary="Pictures of the same seeds at one moment",
    response_class=Response,
    responses={
        200: {"content": openapi.files("image/png"), "description": "A grid of pictures."},
        **errors.declared(Unauthenticated, UnknownJob, NothingYet),
    },
)
async def get_sample(
    job_id: JobId,
    name: Annotated[str, Path(pattern=r"^(latest|[0-9]{1,12})$", examples=["latest"])],
    trainings: TrainingsPart,
    store: StorePart,
    caller: Trainer,
) -> Response:
    """`latest`, or the number of training pictures seen until then."""
    job = await asyncio.to_thread(trainings.get, job_id, caller)
    images = name
    if name == "latest":
        events = await asyncio.to_thread(trainings.events, job, "sample")
        if not events:
            raise NothingYet(what="sample")
        images = events[-1].data["images"]
    try:
        data = await asyncio.to_thread(store.get, training.sample_path(job.id, images=int(images)))
    except FileNotFoundError:
        raise NothingYet(what="such sample") from None
    return Response(data, media_type="image/png", headers={"Cache-Control": "no-cache"})


@router.get(
    "/{job_id}/checkpoints",
    operation_id="listTrainingJobCheckpoints",
    summary="Versions that a training made on its way",
    responses=errors.declared(Unauthenticated, UnknownJob),
)
async def list_checkpoints(job_id: JobId, trainings: TrainingsPart, caller: Trainer) -> CheckpointList:
    """Each can be used at once for generate or classify. The newest five stay, and some more for a minute.

    Once the run has ended they stay as long as other jobs do, and as long as an alias refers to them.
    """
    job = await asyncio.to_thread(trainings.get, job_id, caller)
    events = await asyncio.to_thread(trainings.events, job, "snapshot")
    usable = await asyncio.to_thread(trainings.usable, job)
    found = [(event.at, Snapshot.model_validate(event.data)) for event in events]
    data = [
        CheckpointView(model=snapshot.model, images=snapshot.images, at=at, final=snapshot.final)
        for at, snapshot in found
        if snapshot.model is not None and snapshot.model in usable
    ]
    return CheckpointList(data=data)
