"""How much durable work one key may have: jobs that wait, minutes of training a day. Administrators are not bound."""

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.access.caller import Caller
from app.contract import training
from app.contract.database import now
from app.contract.errors import LimitReached, QueueFull
from app.contract.states import JobState
from app.contract.tables import JobRow

WINDOW = timedelta(days=1)
_RETRY_SECONDS = 10
_LEAST_RETRY_SECONDS = 60


def check_room(session: Session, caller: Caller, *, most: int) -> None:
    """Raise `QueueFull` when `most` jobs of the caller's key wait already."""
    if caller.owner is None:
        return
    mine = sa.select(sa.func.count()).where(JobRow.owner == caller.key, JobRow.state == JobState.QUEUED)
    waiting = session.scalar(mine) or 0
    if waiting >= most:
        raise QueueFull(waiting=waiting, retry_after=_RETRY_SECONDS)


def check_training_minutes(session: Session, caller: Caller, *, most: int) -> None:
    """Raise `LimitReached` when trainings of the caller's key ran for `most` minutes within 24 hours; 0 is no limit."""
    if caller.owner is None or not most:
        return
    moment = now()
    since = moment - WINDOW
    runs = session.execute(
        sa.select(JobRow.started_at, JobRow.finished_at).where(
            JobRow.owner == caller.key,
            JobRow.kind == training.KIND,
            JobRow.started_at.is_not(None),
            sa.or_(JobRow.finished_at.is_(None), JobRow.finished_at > sa.literal(since, JobRow.finished_at.type)),
        )
    ).all()
    spans = [(max(started or moment, since), finished or moment) for started, finished in runs]
    if sum((end - start).total_seconds() for start, end in spans) < 60 * most:
        return
    first = min(start for start, _ in spans) + WINDOW - moment
    raise LimitReached(
        limit=most,
        what="training minutes within 24 hours",
        retry_after=max(_LEAST_RETRY_SECONDS, int(first.total_seconds())),
    )
