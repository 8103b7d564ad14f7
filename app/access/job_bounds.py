"""How much durable work one key may have: jobs that wait, minutes of training a day. Administrators are not bound."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.access.caller import Caller
from app.contract import training
from app.contract.database import now
from app.contract.errors import LimitReached, QueueFull
from app.contract.states import JobState
from app.contract.tables import EventRow, JobRow

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
    """Raise `LimitReached` when trainings of the caller's key ran for `most` minutes within 24 hours; 0 is no limit.

    A training runs while a worker holds it: what waits or is paused costs nothing.
    """
    if caller.owner is None or not most:
        return
    moment = now()
    since = moment - WINDOW
    runs = _runs(session, caller, since=since, until=moment)
    spans = [(max(start, since), end) for start, end in runs if end > since]
    if sum((end - start).total_seconds() for start, end in spans) < 60 * most:
        return
    first = min(start for start, _ in spans) + WINDOW - moment
    raise LimitReached(
        limit=most,
        what="training minutes within 24 hours",
        retry_after=max(_LEAST_RETRY_SECONDS, int(first.total_seconds())),
    )


def _runs(session: Session, caller: Caller, *, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """When workers held those trainings of the caller's key that did not end before `since`."""
    told = session.execute(
        sa.select(EventRow.job, EventRow.data, EventRow.at)
        .join(JobRow, JobRow.id == EventRow.job)
        .where(
            JobRow.owner == caller.key,
            JobRow.kind == training.KIND,
            JobRow.started_at.is_not(None),
            sa.or_(JobRow.finished_at.is_(None), JobRow.finished_at > sa.literal(since, JobRow.finished_at.type)),
            EventRow.type == "status",
        )
        .order_by(EventRow.job, EventRow.number)
    )
    for _, changes in groupby(told, key=lambda change: change.job):
        began: datetime | None = None
        for change in changes:
            held = JobState(change.data["status"]).held
            if held and began is None:
                began = change.at
            elif not held and began is not None:
                yield began, change.at
                began = None
        if began is not None:
            yield began, until
