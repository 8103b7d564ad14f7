"""Durable jobs: read, followed as they run, cancelled; and the files they made."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from app import errors, openapi
from app.contract.errors import (
    Forbidden,
    JobFinished,
    NotFound,
    Unauthenticated,
    UnknownJob,
    from_code,
)
from app.contract.jobs import Job
from app.contract.schemas.generate import CONTENT_TYPES
from app.contract.schemas.jobs import EventList, JobList, JobView
from app.contract.states import JobState
from app.dependencies import DurablePart, JobId, OutputsPart, Predictor, StorePart
from app.drawing.face_options import FORMATS
from app.http.paging import After, Limit
from app.http.prefer import Prefer
from app.jobs import job_events, job_view
from app.jobs.durable import Durable
from app.jobs.job_events import WantedEvents

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

Kind = Annotated[str, Field(max_length=32, examples=["training"])]


@router.get("", operation_id="listJobs", summary="Jobs, newest first", responses=errors.declared(Unauthenticated))
async def list_jobs(
    durable: DurablePart,
    caller: Predictor,
    limit: Limit = 20,
    after: After = None,
    kind: Annotated[list[Kind] | None, Query(max_length=20, description="Only jobs of these kinds.")] = None,
    status: Annotated[list[JobState] | None, Query(max_length=20, description="Only jobs that stand so.")] = None,
) -> JobList:
    """The jobs of the caller's key. Their output is left out here; each job's own address has it."""
    found = await asyncio.to_thread(
        durable.page, caller, limit=limit + 1, after=after, kinds=kind or (), states=status or ()
    )
    page = found[:limit]
    positions = [await asyncio.to_thread(durable.queue_position, job) for job in page]
    data = [job_view.view(job, queue_position=at, output=None) for job, at in zip(page, positions, strict=True)]
    return JobList(data=data, has_more=len(found) > limit, last_id=page[-1].id if page else None)


@router.get(
    "/{job_id}",
    operation_id="getJob",
    summary="One job",
    responses=errors.declared(Unauthenticated, UnknownJob),
)
async def get_job(job_id: JobId, durable: DurablePart, outputs: OutputsPart, caller: Predictor) -> JobView:
    """Where the job stands, and its answer once it has succeeded."""
    return await full_view(await asyncio.to_thread(durable.get, job_id, caller), durable, outputs)


@router.post(
    "/{job_id}/cancel",
    operation_id="cancelJob",
    summary="Cancel a job",
    responses=errors.declared(Unauthenticated, Forbidden, UnknownJob, JobFinished),
)
async def cancel_job(job_id: JobId, durable: DurablePart, outputs: OutputsPart, caller: Predictor) -> JobView:
    """A waiting job ends at once; a running one is asked to, and is `cancelling` until it has.

    Trainings and checks of data sets are cancelled with a key for `train` alone.
    """
    job = await durable.steer(job_id, JobState.CANCELLED, "cancelled by its owner", caller)
    return await full_view(job, durable, outputs)


@router.get(
    "/{job_id}/events",
    operation_id="listJobEvents",
    summary="What happened to a job",
    response_model=EventList,
    responses=job_events.RESPONSES,
)
async def list_events(
    job_id: JobId, wanted: WantedEvents, durable: DurablePart, caller: Predictor
) -> Response | EventList:
    """Events in order: a page of them as JSON, or all of them as they come, as server-sent events."""
    return await job_events.answer(await asyncio.to_thread(durable.get, job_id, caller), wanted, durable)


@router.get(
    "/{job_id}/output/{name}",
    operation_id="getJobOutput",
    summary="A picture that a job made",
    response_class=Response,
    responses={
        200: {"content": openapi.files(*CONTENT_TYPES.values()), "description": "The file."},
        **errors.declared(Unauthenticated, UnknownJob, NotFound),
    },
)
async def get_output(
    job_id: JobId,
    name: Annotated[str, Path(pattern=r"^[0-9]{1,6}\.(png|jpg|webp|avif)$", examples=["0.png"])],
    durable: DurablePart,
    store: StorePart,
    caller: Predictor,
) -> Response:
    """The bytes of one picture of a `generate` job. They never change."""
    job = await asyncio.to_thread(durable.get, job_id, caller)
    try:
        data = await asyncio.to_thread(store.get, f"jobs/{job.id}/output/{name}")
    except FileNotFoundError:
        raise NotFound() from None
    headers = {"Cache-Control": "private, max-age=31536000, immutable"}
    return Response(data, media_type=CONTENT_TYPES[FORMATS[name.rpartition(".")[2]]], headers=headers)


async def full_view(job: Job, durable: Durable, outputs: job_view.Outputs) -> JobView:
    """The job with its place in the queue and its answer."""
    position = await asyncio.to_thread(durable.queue_position, job)
    return job_view.view(job, queue_position=position, output=await outputs.of(job))


async def answer_or_job(job: Job, prefer: Prefer, durable: Durable, outputs: job_view.Outputs) -> Response:
    """The job's answer if it comes within the time that the client waits, else 202 and the job.

    Raises:
        LikenessError: the job failed within that time.
    """
    if prefer.wait_seconds:
        job = await durable.wait(job, seconds=prefer.wait_seconds)
    if job.state is JobState.FAILED and job.error is not None:
        raise from_code(job.error["code"], job.error["detail"])
    location = f"/v1/jobs/{job.id}"
    headers = {"Location": location, "Preference-Applied": prefer.applied, "Cache-Control": "no-store"}
    if job.state is JobState.SUCCEEDED and (output := await outputs.of(job)) is not None:
        return Response(output.model_dump_json(), headers=headers, media_type="application/json")
    view = await full_view(job, durable, outputs)
    return Response(view.model_dump_json(), status_code=202, headers=headers, media_type="application/json")
