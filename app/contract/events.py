"""What happened to jobs: rows that are numbered 1, 2, 3 ... within a job, without a gap."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app.contract.database import now
from app.contract.tables import EventRow, JobRow


class Event(BaseModel):
    """One numbered thing that happened to a job."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    number: int = Field(description="1, 2, 3 ... without a gap within a job.")
    type: str = Field(description="status, progress, metrics, sample, snapshot, finding or log.")
    data: dict[str, Any]
    at: datetime


def add(session: Session, job_id: str, kind: str, data: dict[str, Any]) -> int:
    """Write down what happened; its number. Workers use `leases.append`, which asks for their lease first."""
    number = session.execute(
        sa.update(JobRow)
        .where(JobRow.id == job_id)
        .values(last_event=JobRow.last_event + 1)
        .returning(JobRow.last_event)
    ).scalar_one()
    session.add(EventRow(job=job_id, number=number, type=kind, data=data, at=now()))
    session.flush()
    return int(number)


def page(session: Session, job_id: str, *, after: int = 0, limit: int = 1000) -> list[Event]:
    """The job's events with numbers above `after`, in order."""
    query = sa.select(EventRow).where(EventRow.job == job_id, EventRow.number > after)
    return [Event.model_validate(row) for row in session.scalars(query.order_by(EventRow.number).limit(limit))]


def of_types(session: Session, job_id: str, *kinds: str) -> list[Event]:
    """All events of some types, in order."""
    query = sa.select(EventRow).where(EventRow.job == job_id, EventRow.type.in_(kinds))
    return [Event.model_validate(row) for row in session.scalars(query.order_by(EventRow.number))]


def last(session: Session, job_id: str, kind: str) -> Event | None:
    """The newest event of one type."""
    query = sa.select(EventRow).where(EventRow.job == job_id, EventRow.type == kind)
    row = session.scalars(query.order_by(EventRow.number.desc()).limit(1)).first()
    return None if row is None else Event.model_validate(row)
