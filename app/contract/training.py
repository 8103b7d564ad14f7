"""Training jobs: what they are asked, where their bytes lie, and what their events say of them.

Store paths:
    runs/{job}/snapshots/{images}-{token}.safetensors   a state that the run can go on from
    runs/{job}/samples/{images}.png                     pictures of fixed seeds

A snapshot exists when its event does: the event is written last, under the job's lease, so that a worker that lost the
job can put objects beside it but never a snapshot.
"""

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app.contract import events

KIND = "training"
PROBE_KIND = "probe"
"""The kind of the short job that times a few steps."""

RUNS = "job_"
"""Checkpoints of a run are versions of a model with the job's id as its name: usable by name, and not listed."""

Promote = Literal["never", "always", "if_better"]


class Stage(StrEnum):
    """What a running training is busy with."""

    PREPARING = "preparing"
    TRAINING = "training"
    EVALUATING = "evaluating"
    PUBLISHING = "publishing"


class TrainingRequest(BaseModel):
    """What a worker needs to know, as the job's row keeps it."""

    model_config = ConfigDict(frozen=True)

    preset: str
    dataset: str = Field(description="Id of the data set.")
    dataset_name: str
    model: str = Field(description="Name under which the result is published.")
    settings: dict[str, Any] = Field(default_factory=dict, description="Changes of the preset, checked already.")
    images: int | None = Field(None, description="Budget: training pictures in all.")
    minutes: float | None = Field(None, description="Budget: minutes of training.")
    resume_from: str | None = Field(None, description="Pinned version to start from.")
    promote: Promote = "never"


class Snapshot(BaseModel):
    """The data of a snapshot's event."""

    model_config = ConfigDict(frozen=True)

    images: int
    seconds: float = Field(description="Spent training until here.")
    resume: str = Field(description="Store path of the state.")
    resume_sha256: str
    model: str | None = Field(None, description="Pinned version that can be used at once.")
    final: bool = Field(description="Whether there is nothing left to train.")


def snapshot_path(job_id: str, *, images: int, token: int) -> str:
    """Where a state lies. The token keeps a worker that lost the job from writing over its successor's."""
    return f"{snapshots_folder(job_id)}/{images:012d}-{token}.safetensors"


def snapshots_folder(job_id: str) -> str:
    """Where the states of a run lie; of no use once it has ended."""
    return f"runs/{job_id}/snapshots"


def sample_path(job_id: str, *, images: int) -> str:
    """Where pictures of fixed seeds lie."""
    return f"runs/{job_id}/samples/{images:012d}.png"


def snapshots(session: Session, job_id: str) -> list[Snapshot]:
    """What the run has saved, in order. It goes on from the last one."""
    return [Snapshot.model_validate(event.data) for event in events.of_types(session, job_id, "snapshot")]
