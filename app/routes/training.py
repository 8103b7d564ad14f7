"""Trainings: planned, started, followed, steered."""

import asyncio

from fastapi import APIRouter, Response

from app import errors
from app.contract.errors import (
    BadDataset,
    BadOption,
    DatasetNotReady,
    Forbidden,
    IdempotencyConflict,
    JobFinished,
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
from app.contract.schemas.training import (
    TrainingJobList,
    TrainingJobRequest,
    TrainingJobView,
    TrainingPlan,
)
from app.contract.states import JobState
from app.dependencies import DurablePart, IdempotencyKey, JobId, Trainer, TrainingChecksPart, TrainingsPart
from app.http.paging import After, Limit
from app.jobs import training_view
from app.jobs.durable import Durable
from app.jobs.idempotency import Claim
from app.jobs.trainings import ROUTE, Trainings

router = APIRouter(prefix=ROUTE, tags=["training"])


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
    checks: TrainingChecksPart,
    trainings: TrainingsPart,
    durable: DurablePart,
    caller: Trainer,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Everything is checked before anything is queued. With `dry_run` nothing is queued at all."""
    request, preset = await checks.check(asked, caller)
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
    limit: Limit = 20,
    after: After = None,
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
    """Any train worker goes on from where it was saved. One that waits or runs already stays as it is."""
    job = await trainings.steer(job_id, JobState.QUEUED, "resumed by its owner", caller)
    return await _view(job, trainings, durable)


async def _view(job: Job, trainings: Trainings, durable: Durable) -> TrainingJobView:
    transitions = await asyncio.to_thread(trainings.events, job, "status")
    position = await asyncio.to_thread(durable.queue_position, job)
    return training_view.view(job, transitions=transitions, queue_position=position)
