"""Trainings: planned, started, followed, steered."""

import asyncio
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Path, Query, Request, Response

from app import errors, timelapse, training_view
from app.contract import training
from app.contract.errors import (
    BadDataset,
    BadOption,
    DatasetNotReady,
    Forbidden,
    IdempotencyConflict,
    JobFinished,
    NotAcceptable,
    NothingYet,
    NotNow,
    Unauthenticated,
    UnknownDataset,
    UnknownJob,
    UnknownModel,
    UnknownPreset,
    UnknownVersion,
    WebhookRefused,
    WrongKind,
)
from app.contract.jobs import Job
from app.contract.schemas.jobs import EventList
from app.contract.schemas.training import (
    CheckpointList,
    CheckpointView,
    DeliveryList,
    DeliveryView,
    MetricsList,
    SampleList,
    TrainingJobList,
    TrainingJobRequest,
    TrainingJobView,
    TrainingPlan,
)
from app.contract.states import JobState
from app.contract.training import Snapshot
from app.contract.webhooks import DeliveryState
from app.dependencies import CodecPart, DurablePart, IdempotencyKey, StorePart, Trainer, TrainingsPart
from app.durable import Durable
from app.idempotency import Claim
from app.routes.jobs import EVENT_STREAM, JobId, events_answer
from app.trainings import ROUTE, Trainings

router = APIRouter(prefix=ROUTE, tags=["training"])

_PNG = {"image/png": {"schema": {"type": "string", "format": "binary"}}}
_WEBP = {"image/webp": {"schema": {"type": "string", "format": "binary"}}}


@router.post(
    "",
    operation_id="createTrainingJob",
    summary="Train a network",
    status_code=202,
    response_model=TrainingJobView,
    responses={
        200: {"model": TrainingPlan, "description": "With `dry_run`: what the training would be and cost."},
        **errors.declared(
            Unauthenticated,
            BadOption,
            Forbidden,
            UnknownPreset,
            UnknownDataset,
            UnknownModel,
            UnknownVersion,
            WrongKind,
            DatasetNotReady,
            BadDataset,
            WebhookRefused,
            IdempotencyConflict,
        ),
    },
)
async def create_training_job(
    asked: TrainingJobRequest,
    trainings: TrainingsPart,
    durable: DurablePart,
    caller: Trainer,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Everything is checked before anything is queued. With `dry_run` nothing is queued at all."""
    request, preset = await trainings.check(asked, caller)
    if asked.dry_run:
        plan = await trainings.plan(request, preset, caller)
        return Response(plan.model_dump_json(), media_type="application/json")
    body = asked.model_dump_json().encode()
    claim = Claim.of(idempotency_key, owner=caller.key, route=ROUTE, body=body)
    job = await trainings.accept(request, asked, caller, claim)
    view = await _view(job, trainings, durable)
    headers = {"Location": view.urls.self, "Cache-Control": "no-store"}
    return Response(view.model_dump_json(), status_code=202, media_type="application/json", headers=headers)


@router.get(
    "",
    operation_id="listTrainingJobs",
    summary="Training jobs, newest first",
    responses=errors.declared(Unauthenticated),
)
async def list_training_jobs(
    trainings: TrainingsPart,
    durable: DurablePart,
    caller: Trainer,
    limit: Annotated[int, Query(ge=1, le=100, description="Most entries to return.")] = 20,
    after: Annotated[str | None, Query(max_length=60, description="The last id of the page before.")] = None,
) -> TrainingJobList:
    """The training jobs of the caller's key."""
    page = await asyncio.to_thread(trainings.page, caller, limit=limit + 1, after=after)
    data = [await _view(job, trainings, durable) for job in page[:limit]]
    return TrainingJobList(data=data, has_more=len(page) > limit, last_id=data[-1].id if data else None)


@router.get(
    "/{job_id}",
    operation_id="getTrainingJob",
    summary="One training job",
    responses=errors.declared(Unauthenticated, UnknownJob),
)
async def get_training_job(
    job_id: JobId, trainings: TrainingsPart, durable: DurablePart, caller: Trainer
) -> TrainingJobView:
    """Where it stands, its newest figures, and its result once it has succeeded."""
    return await _view(await asyncio.to_thread(trainings.get, job_id, caller), trainings, durable)


@router.post(
    "/{job_id}/cancel",
    operation_id="cancelTrainingJob",
    summary="Cancel a training",
    responses=errors.declared(Unauthenticated, UnknownJob, JobFinished, NotNow),
)
async def cancel(job_id: JobId, trainings: TrainingsPart, durable: DurablePart, caller: Trainer) -> TrainingJobView:
    """It ends within two seconds. Its checkpoints stay usable."""
    job = await trainings.steer(job_id, JobState.CANCELLED, "cancelled by its owner", caller)
    return await _view(job, trainings, durable)


@router.post(
    "/{job_id}/pause",
    operation_id="pauseTrainingJob",
    summary="Pause a training",
    responses=errors.declared(Unauthenticated, UnknownJob, JobFinished, NotNow),
)
async def pause(job_id: JobId, trainings: TrainingsPart, durable: DurablePart, caller: Trainer) -> TrainingJobView:
    """It saves what it has learnt and makes room for other jobs."""
    job = await trainings.steer(job_id, JobState.PAUSED, "paused by its owner", caller)
    return await _view(job, trainings, durable)


@router.post(
    "/{job_id}/resume",
    operation_id="resumeTrainingJob",
    summary="Go on with a paused training",
    responses=errors.declared(Unauthenticated, UnknownJob, JobFinished, NotNow),
)
async def resume(job_id: JobId, trainings: TrainingsPart, durable: DurablePart, caller: Trainer) -> TrainingJobView:
    """Any train worker goes on from where it was saved."""
    job = await trainings.steer(job_id, JobState.QUEUED, "resumed by its owner", caller)
    return await _view(job, trainings, durable)


@router.get(
    "/{job_id}/events",
    operation_id="listTrainingJobEvents",
    summary="What happened to a training",
    response_model=EventList,
    responses={
        200: {"content": {EVENT_STREAM: {"schema": {"type": "string"}}}, "description": "A page, or a live stream."},
        204: {"description": "The job has ended, and the stream has nothing more to say; do not reconnect."},
        **errors.declared(Unauthenticated, UnknownJob, NotAcceptable, BadOption),
    },
)
async def list_events(
    request: Request,
    job_id: JobId,
    trainings: TrainingsPart,
    durable: DurablePart,
    caller: Trainer,
    limit: Annotated[int, Query(ge=1, le=1000, description="Most events on a page.")] = 100,
    after: Annotated[int, Query(ge=0, le=2**53, description="Number of the last event that is known.")] = 0,
    accept: Annotated[str | None, Header(description="`text/event-stream` follows the job until it ends.")] = None,
    last_event_id: Annotated[str | None, Header(description="Resumes a stream after this event.")] = None,
) -> Response | EventList:
    """Progress, figures, samples, snapshots, findings and changes of status, in order and without a gap."""
    job = await asyncio.to_thread(trainings.get, job_id, caller)
    return await events_answer(job, durable, accept=accept, last_event_id=last_event_id, after=after, limit=limit)


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
        200: {"content": _WEBP, "description": "An animated WebP."},
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
        200: {"content": _PNG, "description": "A grid of pictures."},
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
    """Each can be used at once for generate or classify. The newest few are kept."""
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


@router.get(
    "/{job_id}/deliveries",
    operation_id="listTrainingJobDeliveries",
    summary="What was sent to a training's webhook",
    responses=errors.declared(Unauthenticated, UnknownJob),
)
async def list_deliveries(job_id: JobId, trainings: TrainingsPart, caller: Trainer) -> DeliveryList:
    """Every message, and how the attempts to deliver it went."""
    job = await asyncio.to_thread(trainings.get, job_id, caller)
    data = [
        DeliveryView(
            id=each.id,
            type=each.type,
            event=each.event,
            status=each.state.value,
            attempts=each.attempts,
            response_status=each.status,
            error=each.error,
            next_attempt_at=each.next_at if each.state is DeliveryState.PENDING else None,
            created_at=each.created_at,
            delivered_at=each.delivered_at,
        )
        for each in await asyncio.to_thread(trainings.deliveries, job)
    ]
    return DeliveryList(data=data)


async def _view(job: Job, trainings: Trainings, durable: Durable) -> TrainingJobView:
    transitions = await asyncio.to_thread(trainings.events, job, "status")
    position = await asyncio.to_thread(durable.queue_position, job)
    return training_view.view(job, transitions=transitions, queue_position=position)
