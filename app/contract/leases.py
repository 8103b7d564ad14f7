"""Leases of durable jobs: taken, renewed, given up, lost. All writes of a worker carry its lease's token.

Every function takes an open session, so that the caller decides what is one transaction. A worker's write is refused
with `LeaseLost` when the job has meanwhile been given to another one: the token is the fence.
"""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.contract import events, jobs
from app.contract.database import now
from app.contract.jobs import Job
from app.contract.states import HELD, JobState, check_move
from app.contract.tables import JobRow


class LeaseLost(Exception):
    """The worker that writes no longer holds the job."""


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
    events.add(session, job_id, "status", {"status": JobState.RUNNING, "why": f"attempt {taken} on {worker}"})
    return jobs.get(session, job_id)


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
    return events.add(session, job.id, kind, data)


def finish(
    session: Session, job: Job, wanted: JobState, why: str, *, output: dict[str, Any] | None = None, error: Any = None
) -> None:
    """Give up the lease: the job becomes final, paused, or queued again. Raises `LeaseLost` or `ForbiddenMove`."""
    current = _current(session, job)
    check_move(current, wanted)
    jobs.move(session, job.id, current, wanted, why, output=output, error=error)


def hand_over(session: Session, job: Job, why: str, *, spent: bool) -> None:
    """Give up the lease before the end: the job ends as was asked of it, or waits for another worker.

    `spent` says whether that counts as an attempt. A worker that goes away in order spends none, so that deployments
    during a long job leave all of them for workers that are really lost. Raises `LeaseLost`.
    """
    current = _current(session, job)
    asked = {JobState.CANCELLING: JobState.CANCELLED, JobState.PAUSING: JobState.PAUSED}
    if not spent:
        session.execute(sa.update(JobRow).where(JobRow.id == job.id).values(attempt=JobRow.attempt - 1))
    if current in asked:
        why = "as was asked"
    jobs.move(session, job.id, current, asked.get(current, JobState.QUEUED), why)


def release_lost(session: Session, *, max_attempts: int, error: dict[str, Any]) -> list[Job]:
    """Take jobs away from workers whose lease ran out: queued again, ended as was asked, or failed with `error`."""
    lost = session.scalars(
        sa.select(JobRow).where(JobRow.state.in_(HELD), JobRow.lease_until < now()).with_for_update(skip_locked=True)
    ).all()
    for row in lost:
        current, why = JobState(row.state), f"lost contact with {row.lease_owner}"
        if current is JobState.CANCELLING:
            jobs.move(session, row.id, current, JobState.CANCELLED, why)
        elif current is JobState.PAUSING:
            jobs.move(session, row.id, current, JobState.PAUSED, why)
        elif row.attempt >= max_attempts:
            jobs.move(session, row.id, current, JobState.FAILED, why, error=error)
        else:
            jobs.move(session, row.id, current, JobState.QUEUED, why)
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
