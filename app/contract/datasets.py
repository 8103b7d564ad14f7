"""Data sets: pictures that someone uploaded, looked through by a durable job before anything trains on them.

Store paths:
    datasets/{id}/upload/{n}      the files as they came
    datasets/{id}/pictures.zip    the good pictures: train/ and test/, then a folder per class where there are classes
    datasets/{id}/sheet.png       a contact sheet
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from app.contract import jobs, training
from app.contract.database import now
from app.contract.errors import DatasetInUse, DatasetNotReady, UnknownDataset
from app.contract.messages import TRAIN_QUEUE
from app.contract.states import JobState
from app.contract.tables import DatasetRow, JobRow

KIND = "dataset"
"""The kind of the job that looks a data set through."""


class DatasetState(StrEnum):
    """Where a data set stands."""

    VALIDATING = "validating"
    READY = "ready"
    FAILED = "failed"


class Upload(BaseModel):
    """One uploaded file."""

    model_config = ConfigDict(frozen=True)

    name: str
    size_bytes: int
    sha256: str


class Dataset(BaseModel):
    """A data set as it stood when it was read."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: str
    name: str
    owner: str | None
    state: DatasetState
    job: str
    size_bytes: int
    digest: str | None
    images: int
    classes: dict[str, int]
    report: dict[str, Any]
    error: dict[str, Any] | None
    created_at: datetime


def new_id() -> str:
    """A fresh id, for naming the objects before the row exists."""
    return f"ds_{secrets.token_hex(12)}"


def uploads_folder(dataset_id: str) -> str:
    """Where the files lie as they came; of no use once they have been looked through."""
    return f"datasets/{dataset_id}/upload"


def upload_path(dataset_id: str, number: int) -> str:
    """Where the uploaded file `number` lies."""
    return f"{uploads_folder(dataset_id)}/{number}"


def pictures_path(dataset_id: str) -> str:
    """Where the pictures lie that trainings read."""
    return f"datasets/{dataset_id}/pictures.zip"


def sheet_path(dataset_id: str) -> str:
    """Where the contact sheet lies."""
    return f"datasets/{dataset_id}/sheet.png"


def create(
    session: Session,
    *,
    dataset_id: str,
    name: str,
    uploads: Sequence[Upload],
    class_names: Sequence[str] = (),
    owner: str | None = None,
) -> Dataset:
    """Accept uploaded files that are in the store already, and queue the job that looks them through."""
    request = {
        "dataset": dataset_id,
        "uploads": [upload.model_dump() for upload in uploads],
        "class_names": list(class_names),
    }
    job = jobs.create(session, kind=KIND, queue=TRAIN_QUEUE, request=request, owner=owner)
    row = DatasetRow(
        id=dataset_id,
        name=name,
        owner=owner,
        state=DatasetState.VALIDATING,
        job=job.id,
        size_bytes=sum(upload.size_bytes for upload in uploads),
        classes={},
        report={},
        created_at=now(),
    )
    session.add(row)
    session.flush()
    return Dataset.model_validate(_settled(session, row))


def get(session: Session, dataset_id: str) -> Dataset | None:
    """The data set, or None."""
    row = session.get(DatasetRow, dataset_id)
    return None if row is None else Dataset.model_validate(_settled(session, row))


def page(session: Session, *, owner: str | None = None, after: str | None = None, limit: int = 20) -> list[Dataset]:
    """Data sets, newest first, that come after the data set `after`; of one owner when one is given."""
    query = sa.select(DatasetRow).order_by(DatasetRow.created_at.desc(), DatasetRow.id.desc()).limit(limit)
    if owner is not None:
        query = query.where(DatasetRow.owner == owner)
    if after is not None and (last := session.get(DatasetRow, after)) is not None:
        created = sa.literal(last.created_at, DatasetRow.created_at.type)
        query = query.where(sa.tuple_(DatasetRow.created_at, DatasetRow.id) < sa.tuple_(created, last.id))
    return [Dataset.model_validate(_settled(session, row)) for row in session.scalars(query).all()]


def mark_ready(
    session: Session, dataset_id: str, *, digest: str, images: int, classes: dict[str, int], report: dict[str, Any]
) -> None:
    """Note what was found. Raises `UnknownDataset` when it was deleted meanwhile."""
    row = session.get(DatasetRow, dataset_id, with_for_update=True)
    if row is None:
        raise UnknownDataset(dataset=dataset_id)
    row.state, row.digest, row.images = DatasetState.READY, digest, images
    row.classes, row.report, row.error = classes, report, None
    session.flush()


def take(session: Session, dataset_id: str) -> Dataset:
    """The data set for a job that is about to be created in this transaction, safe from deletion until its end.

    Raises:
        UnknownDataset: there is none.
        DatasetNotReady: it has not been looked through, or cannot be used.
    """
    row = session.get(DatasetRow, dataset_id, with_for_update=True)
    if row is None:
        raise UnknownDataset(dataset=dataset_id)
    found = Dataset.model_validate(_settled(session, row))
    if found.state is not DatasetState.READY:
        raise DatasetNotReady(dataset=dataset_id, state=found.state)
    return found


def delete(session: Session, dataset_id: str) -> None:
    """Remove a data set's row; its objects are the caller's to remove once that is committed.

    Raises:
        UnknownDataset: there is none.
        DatasetInUse: a job that has not ended trains on it.
    """
    row = session.get(DatasetRow, dataset_id, with_for_update=True)
    if row is None:
        raise UnknownDataset(dataset=dataset_id)
    alive = [state for state in JobState if not state.final]
    users = session.scalars(
        sa.select(JobRow.id).where(
            JobRow.kind == training.KIND,
            JobRow.state.in_(alive),
            JobRow.request["dataset"].as_string() == dataset_id,
        )
    ).all()
    if users:
        raise DatasetInUse(dataset=dataset_id, jobs=", ".join(users))
    session.delete(row)
    session.flush()


def _settled(session: Session, row: DatasetRow) -> DatasetRow:
    """The row; marked as failed when the job that should have looked it through has ended without doing so."""
    if row.state == DatasetState.VALIDATING:
        job = session.get(JobRow, row.job)
        if job is None or (job.state in (JobState.FAILED, JobState.CANCELLED)):
            row.state = DatasetState.FAILED
            row.error = (job.error if job is not None else None) or {
                "code": "cancelled",
                "title": "The check was cancelled.",
                "detail": "The data set was not looked through; upload it again.",
            }
            session.flush()
    return row
