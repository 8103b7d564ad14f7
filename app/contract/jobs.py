"""Durable jobs: created, claimed under a lease, renewed, moved, swept. All writes of a worker carry its token.

Every function takes an open session, so that the caller decides what is one transaction. A worker's write is refused
with `LeaseLost` when the job has meanwhile been given to another one: the token is the fence.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app.contract.database import now
from app.contract.states import HELD, ForbiddenMove, JobState, check_move
from app.contract.tables import EventRow, JobRow


class LeaseLost(Exception):
    """The worker that writes no longer holds the job."""


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
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class Event(BaseModel):
    """One numbered thing that happened to a job."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    number: int = Field(description="1, 2, 3 ... without a gap within a job.")
    type: str = Field(description="status, progress, metrics, sample, snapshot, finding or log.")
    data: dict[str, Any]
    at: datetime


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
        created_at=now(),
    )
    session.add(row)
    session.flush()
    _append(session, row.id, "status", {"status": JobState.QUEUED, "why": "accepted"})
    session.refresh(row)
    return Job.model_validate(row)


def get(session: Session, job_id: str) -> Job | None:
    """The job, or None."""
    row = session.get(JobRow, job_id)
    return None if row is None else Job.model_validate(row)


def page(
    session: Session, *, kinds: Sequence[str] = (), owner: str | None = None, after: str | None = None, limit: int = 20
) -> list[Job]:
    """Jobs, newest first, that come after the job `after`; of one owner when one is given."""
    query = sa.select(JobRow).order_by(JobRow.created_at.desc(), JobRow.id.desc()).limit(limit)
    if kinds:
        query = query.where(JobRow.kind.in_(kinds))
    if owner is not None:
        query = query.where(JobRow.owner == owner)
    if after is not None and (last := session.get(JobRow, after)) is not None:
        query = query.where(
            sa.tuple_(JobRow.created_at, JobRow.id)
            < sa.tuple_(sa.literal(last.created_at, JobRow.created_at.type), last.id)
        )
    return [Job.model_validate(row) for row in session.scalars(query)]


def events(session: Session, job_id: str, *, after: int = 0, limit: int = 1000) -> list[Event]:
    """The job's events with numbers above `after`, in order."""
    query = sa.select(EventRow).where(EventRow.job == job_id, EventRow.number > after)
    return [Event.model_validate(row) for row in session.scalars(query.order_by(EventRow.number).limit(limit))]


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


def claim(session: Session, job_id: str, *, worker: str, lease_seconds: float) -> Job | None:
    """Take a queued job under a lease with a new token. None when it is not queued (any more)."""
    taken = session.execute(
        sa.update(JobRow)
        .where(JobRow.id == job_id, JobRow.state == JobState.QUEUED)
        .values(
            state=JobState.RUNNING,
            lease_owner=worker,
            lease_until=now() + timedelta(seconds=lease_seconds),
            token=JobRow.token + 1,
            attempt=JobRow.attempt + 1,
            started_at=sa.func.coalesce(JobRow.started_at, sa.literal(now(), JobRow.started_at.type)),
        )
        .returning(JobRow.attempt)
    ).scalar()
    if taken is None:
        return None
    _append(session, job_id, "status", {"status": JobState.RUNNING, "why": f"attempt {taken} on {worker}"})
    return get(session, job_id)


def renew(session: Session, job: Job, *, lease_seconds: float) -> JobState:
    """Prolong the lease; the state says whether a pause or a cancellation is wanted. Raises `LeaseLost`."""
    state = session.execute(
        _held(job).values(lease_until=now() + timedelta(seconds=lease_seconds)).returning(JobRow.state)
    ).scalar()
    if state is None:
        raise LeaseLost(job.id)
    return JobState(state)


def append(session: Session, job: Job, kind: str, data: dict[str, Any], **columns: Any) -> int:
    """Add an event, and set columns such as `progress`, under the job's lease; its number. Raises `LeaseLost`."""
    if session.execute(_held(job).values(token=JobRow.token, **columns).returning(JobRow.id)).scalar() is None:
        raise LeaseLost(job.id)
    return _append(session, job.id, kind, data)


def finish(
    session: Session, job: Job, wanted: JobState, why: str, *, output: dict[str, Any] | None = None, error: Any = None
) -> None:
    """Give up the lease: the job becomes final, paused, or queued again. Raises `LeaseLost` or `ForbiddenMove`."""
    current = _current(session, job)
    check_move(current, wanted)
    _move(session, job.id, current, wanted, why, output=output, error=error)


def hand_over(session: Session, job: Job, why: str, *, spent: bool) -> None:
    """Give up the lease before the end: the job ends as was asked of it, or waits for another worker.

    `spent` says whether that counts as an attempt. A worker that goes away in order spends none, so that deployments
    during a long job leave all of them for workers that are really lost. Raises `LeaseLost`.
    """
    current = _current(session, job)
    asked = {JobState.CANCELLING: JobState.CANCELLED, JobState.PAUSING: JobState.PAUSED}
    if not spent:
        session.execute(sa.update(JobRow).where(JobRow.id == job.id).values(attempt=JobRow.attempt - 1))
    _move(session, job.id, current, asked.get(current, JobState.QUEUED), "as was asked" if current in asked else why)


def ask(session: Session, job_id: str, wanted: JobState, why: str) -> Job | None:
    """Cancel, pause or resume on someone's behalf. A held job is asked to; any other is moved at once.

    Returns None when there is no such job. Raises `ForbiddenMove` when the table says no.
    """
    row = session.get(JobRow, job_id, with_for_update=True)
    if row is None:
        return None
    current = JobState(row.state)
    polite = {JobState.CANCELLED: JobState.CANCELLING, JobState.PAUSED: JobState.PAUSING}
    target = polite.get(wanted, wanted) if current.held else wanted
    if current in {target, wanted}:
        return Job.model_validate(row)
    check_move(current, target)
    _move(session, job_id, current, target, why)
    session.refresh(row)
    return Job.model_validate(row)


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


def release_lost(session: Session, *, max_attempts: int, error: dict[str, Any]) -> list[Job]:
    """Take jobs away from workers whose lease ran out: queued again, ended as was asked, or failed with `error`."""
    lost = session.scalars(
        sa.select(JobRow).where(JobRow.state.in_(HELD), JobRow.lease_until < now()).with_for_update(skip_locked=True)
    ).all()
    for row in lost:
        current, why = JobState(row.state), f"lost contact with {row.lease_owner}"
        if current is JobState.CANCELLING:
            _move(session, row.id, current, JobState.CANCELLED, why)
        elif current is JobState.PAUSING:
            _move(session, row.id, current, JobState.PAUSED, why)
        elif row.attempt >= max_attempts:
            _move(session, row.id, current, JobState.FAILED, why, error=error)
        else:
            _move(session, row.id, current, JobState.QUEUED, why)
        session.refresh(row)
    return [Job.model_validate(row) for row in lost]


def _current(session: Session, job: Job) -> JobState:
    """The job's state, locked for the worker that holds it. Raises `LeaseLost`."""
    current = session.execute(_held(job).values(token=JobRow.token).returning(JobRow.state)).scalar()
    if current is None:
        raise LeaseLost(job.id)
    return JobState(current)


def _held(job: Job) -> sa.Update:
    return sa.update(JobRow).where(JobRow.id == job.id, JobRow.token == job.token, JobRow.state.in_(HELD))


def _move(
    session: Session,
    job_id: str,
    current: JobState,
    wanted: JobState,
    why: str,
    *,
    output: dict[str, Any] | None = None,
    error: Any = None,
) -> None:
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
    _append(session, job_id, "status", {"status": wanted, "why": why})


def _append(session: Session, job_id: str, kind: str, data: dict[str, Any]) -> int:
    number = session.execute(
        sa.update(JobRow)
        .where(JobRow.id == job_id)
        .values(last_event=JobRow.last_event + 1)
        .returning(JobRow.last_event)
    ).scalar_one()
    session.add(EventRow(job=job_id, number=number, type=kind, data=data, at=now()))
    session.flush()
    return int(number)
