"""Durable jobs as rows: accepted, read, listed, steered, and sent to workers. What workers do is in `leases`.

Every function takes an open session, so that the caller decides what is one transaction.
"""

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from app.contract import events, tracing
from app.contract.database import now
from app.contract.states import ForbiddenMove, JobState, check_move
from app.contract.tables import JobRow


class Job(BaseModel):
    """A durable job as it stood when it was read."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: str
    kind: str
    queue: str
    state: JobState
    stage: str | None
    owner: str | None
    request: dict[str, Any]
    progress: dict[str, Any]
    metrics: dict[str, Any]
    output: dict[str, Any] | None
    error: dict[str, Any] | None
    attempt: int
    last_event: int
    lease_owner: str | None
    lease_until: datetime | None
    token: int
    traceparent: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


def new_id() -> str:
    """A fresh job id, for those who must name the job's objects before its row exists."""
    return f"job_{secrets.token_hex(12)}"


def create(
    session: Session,
    *,
    kind: str,
    queue: str,
    request: dict[str, Any],
    owner: str | None = None,
    job_id: str | None = None,
) -> Job:
    """Accept a job: from the commit on it is never lost."""
    row = JobRow(
        id=job_id or new_id(),
        kind=kind,
        queue=queue,
        state=JobState.QUEUED,
        owner=owner,
        request=request,
        traceparent=tracing.here(),
        created_at=now(),
    )
    session.add(row)
    session.flush()
    events.add(session, row.id, "status", {"status": JobState.QUEUED, "why": "accepted"})
    session.refresh(row)
    return Job.model_validate(row)


def get(session: Session, job_id: str) -> Job | None:
    """The job, or None."""
    row = session.get(JobRow, job_id)
    return None if row is None else Job.model_validate(row)


def page(
    session: Session,
    *,
    kinds: Collection[str] = (),
    states: Collection[JobState] = (),
    owner: str | None = None,
    after: str | None = None,
    limit: int = 20,
) -> list[Job]:
    """Jobs, newest first, that come after the job `after`; of some kinds, states and one owner when they are given."""
    query = sa.select(JobRow).order_by(JobRow.created_at.desc(), JobRow.id.desc()).limit(limit)
    if kinds:
        query = query.where(JobRow.kind.in_(kinds))
    if states:
        query = query.where(JobRow.state.in_(states))
    if owner is not None:
        query = query.where(JobRow.owner == owner)
    if after is not None and (last := session.get(JobRow, after)) is not None:
        query = query.where(
            sa.tuple_(JobRow.created_at, JobRow.id)
            < sa.tuple_(sa.literal(last.created_at, JobRow.created_at.type), last.id)
        )
    return [Job.model_validate(row) for row in session.scalars(query)]


def queue_position(session: Session, job: Job) -> int | None:
    """How many jobs of the same queue come before this one, or None once it is no longer queued."""
    if job.state is not JobState.QUEUED:
        return None
    earlier = sa.and_(
        JobRow.queue == job.queue,
        JobRow.state == JobState.QUEUED,
        JobRow.created_at < job.created_at,
        JobRow.id != job.id,
    )
    return session.scalar(sa.select(sa.func.count()).select_from(JobRow).where(earlier)) or 0


def ask(session: Session, job_id: str, wanted: JobState, why: str) -> Job | None:
    """Cancel, pause or resume on someone's behalf. A held job is asked to; any other is moved at once.

    What is on its way already goes on as it is: to resume is for a paused job, and takes none from its worker.
    Returns None when there is no such job. Raises `ForbiddenMove` when the table says no.
    """
    row = session.get(JobRow, job_id, with_for_update=True)
    if row is None:
        return None
    current = JobState(row.state)
    polite = {JobState.CANCELLED: JobState.CANCELLING, JobState.PAUSED: JobState.PAUSING}
    target = polite.get(wanted, wanted) if current.held else wanted
    if current in {target, wanted} or (wanted is JobState.QUEUED and current is JobState.RUNNING):
        return Job.model_validate(row)
    if wanted is JobState.QUEUED and current is not JobState.PAUSED:  # the table has more, for workers that are lost
        raise ForbiddenMove(current, wanted)
    check_move(current, target)
    move(session, job_id, current, target, why)
    session.refresh(row)
    return Job.model_validate(row)


def oldest_waiting(session: Session, kinds: Collection[str]) -> str | None:
    """Id of the queued job of one of the kinds that was accepted first."""
    waiting = sa.select(JobRow.id).where(JobRow.state == JobState.QUEUED, JobRow.kind.in_(kinds))
    return session.scalar(waiting.order_by(JobRow.created_at, JobRow.id).limit(1))


def mark_sent(session: Session, job_id: str) -> None:
    """Note that a message for the job went out just now."""
    session.execute(sa.update(JobRow).where(JobRow.id == job_id).values(sent_at=now()))


def take_unsent(session: Session, *, silent_seconds: float, limit: int = 100) -> list[Job]:
    """Queued jobs for which no message went out within `silent_seconds`; they count as sent from now on.

    A job that waits behind others is sent more than once, which is harmless: all claims but one find it taken.
    """
    stale = sa.or_(JobRow.sent_at.is_(None), JobRow.sent_at < now() - timedelta(seconds=silent_seconds))
    picked = (
        sa.select(JobRow.id)
        .where(JobRow.state == JobState.QUEUED, stale)
        .order_by(JobRow.created_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(session.scalars(picked))
    for job_id in ids:
        mark_sent(session, job_id)
    return [job for job_id in ids if (job := get(session, job_id)) is not None]


def move(
    session: Session,
    job_id: str,
    current: JobState,
    wanted: JobState,
    why: str,
    *,
    output: dict[str, Any] | None = None,
    error: Any = None,
) -> None:
    """Take a job from the state in which it was read to a legal next one. Raises `ForbiddenMove` if it is elsewhere."""
    values: dict[str, Any] = {"state": wanted}
    if not wanted.held:
        # A new token shuts out whoever held the job; a job that waits again is sent again by the sweep.
        values |= {"lease_owner": None, "lease_until": None, "token": JobRow.token + 1, "sent_at": None}
    if wanted.final:
        values |= {"finished_at": now(), "output": output, "error": error}
    moved = session.execute(
        sa.update(JobRow).where(JobRow.id == job_id, JobRow.state == current).values(**values).returning(JobRow.id)
    ).scalar()
    if moved is None:
        raise ForbiddenMove(current, wanted)
    events.add(session, job_id, "status", {"status": wanted, "why": why})
