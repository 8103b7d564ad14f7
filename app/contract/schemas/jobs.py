"""Durable jobs and their events."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from app.contract.schemas.animate import AnimateResponse
from app.contract.schemas.base import Told
from app.contract.schemas.classify import ClassifyResponse
from app.contract.schemas.generate import GenerateResponse
from app.contract.states import JobState

JobOutput = ClassifyResponse | GenerateResponse | AnimateResponse


class JobUrls(Told):
    """Addresses of a job."""

    self: str
    events: str
    cancel: str


class JobProgress(Told):
    """How far a job is."""

    images: int = Field(0, description="Pictures done.")
    of: int | None = Field(None, description="Pictures in all, once known.")


class JobView(Told):
    """A durable job."""

    id: str = Field(examples=["job_0123456789abcdef01234567"])
    object: Literal["job"] = "job"
    kind: str = Field(description="What it does.", examples=["generate"])
    status: JobState
    stage: str | None = Field(description="What it is busy with, where its kind tells.")
    worker: str | None = Field(description="The worker that has it now.", examples=["infer-0"])
    queue_position: int | None = Field(description="How many jobs come before it, or null once it has started.")
    progress: JobProgress
    output: JobOutput | None = Field(description="The answer, once it has succeeded.")
    error: dict[str, Any] | None = Field(description="The problem, once it has failed.")
    attempt: int = Field(description="How often a worker has taken it.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    urls: JobUrls


class JobList(Told):
    """Jobs, newest first."""

    object: Literal["list"] = "list"
    data: list[JobView]
    has_more: bool
    last_id: str | None = Field(description="Give it as `after` for the next page.")


class EventView(Told):
    """One numbered thing that happened to a job."""

    id: int = Field(description="1, 2, 3 ... within a job.")
    object: Literal["event"] = "event"
    type: str = Field(examples=["progress"])
    data: dict[str, Any]
    at: datetime


class EventList(Told):
    """Events of a job, oldest first."""

    object: Literal["list"] = "list"
    data: list[EventView]
    has_more: bool
    last_id: int | None = Field(description="Give it as `after` for the next page.")
