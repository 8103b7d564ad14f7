"""Webhooks as rows: where a job's events are told, the messages that came of them, and how their delivery went.

Messages are made from events that are in the database already, and a row remembers up to which: no event becomes two
messages, and none is forgotten, whatever process dies.
"""

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from app.contract import events, jobs
from app.contract.database import added, now
from app.contract.tables import DeliveryRow, JobRow, WebhookRow, WebhookSecretRow

PREFIX = "training_job."


class DeliveryState(StrEnum):
    """Where a message stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Delivery(BaseModel):
    """One message to a webhook."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: str
    job: str
    event: int
    type: str
    body: dict[str, Any]
    state: DeliveryState
    attempts: int
    next_at: datetime
    status: int | None
    error: str | None
    created_at: datetime
    delivered_at: datetime | None


class Outgoing(BaseModel):
    """A message to send now."""

    model_config = ConfigDict(frozen=True)

    delivery: Delivery
    url: str
    secret: str


def register(session: Session, *, job_id: str, url: str, events: Sequence[str]) -> None:
    """Tell the events of a job to `url`, in the transaction that creates the job."""
    session.add(WebhookRow(job=job_id, url=url, events=list(events)))
    session.flush()


def secret(session: Session, owner: str | None) -> str:
    """What the owner's webhooks are signed with; made the first time."""
    row = session.get(WebhookSecretRow, owner or "")
    if row is None:
        made = f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"
        row = WebhookSecretRow(owner=owner or "", secret=made, created_at=now())
        if not added(session, row):
            row = session.get_one(WebhookSecretRow, owner or "")
    return row.secret


def of_job(session: Session, job_id: str) -> list[Delivery]:
    """The messages that came of a job, in order."""
    query = sa.select(DeliveryRow).where(DeliveryRow.job == job_id).order_by(DeliveryRow.event)
    return [Delivery.model_validate(row) for row in session.scalars(query)]


def write_messages(session: Session, *, limit: int = 100) -> int:
    """Make messages of events that no message was made of yet; how many there are."""
    behind = (
        sa.select(WebhookRow)
        .join(JobRow, JobRow.id == WebhookRow.job)
        .where(JobRow.last_event > WebhookRow.told)
        .limit(limit)
        .with_for_update(skip_locked=True, of=WebhookRow)
    )
    written = 0
    for webhook in session.scalars(behind).all():
        job = jobs.get(session, webhook.job)
        assert job is not None
        for event in events.page(session, webhook.job, after=webhook.told):
            kind = PREFIX + (str(event.data["status"]) if event.type == "status" else event.type)
            webhook.told = event.number
            if kind in webhook.events:
                session.add(_message(job, event, kind))
                written += 1
    session.flush()
    return written


def take_due(session: Session, *, hold_seconds: float, limit: int = 20) -> list[Outgoing]:
    """Messages whose time has come, those that were tried less often first: a receiver that never answers delays none
    but its own. Nobody else takes them for `hold_seconds`."""
    due = (
        sa.select(DeliveryRow)
        .where(DeliveryRow.state == DeliveryState.PENDING, DeliveryRow.next_at <= now())
        .order_by(DeliveryRow.attempts, DeliveryRow.next_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = []
    for row in session.scalars(due).all():
        row.next_at = now() + timedelta(seconds=hold_seconds)
        row.attempts += 1
        session.flush()
        webhook, job = session.get(WebhookRow, row.job), session.get(JobRow, row.job)
        assert webhook is not None
        assert job is not None
        signed = secret(session, job.owner)
        found.append(Outgoing(delivery=Delivery.model_validate(row), url=webhook.url, secret=signed))
    return found


def note(
    session: Session, delivery_id: str, *, status: int | None, error: str | None, retry_seconds: float | None
) -> None:
    """Write down how an attempt went: delivered when there is no `error`, else tried again, or given up for None."""
    row = session.get(DeliveryRow, delivery_id)
    if row is None:
        return
    row.status, row.error = status, error
    if error is None:
        row.state, row.delivered_at = DeliveryState.DELIVERED, now()
    elif retry_seconds is None:
        row.state = DeliveryState.FAILED
    else:
        row.next_at = now() + timedelta(seconds=retry_seconds)
    session.flush()


def _message(job: jobs.Job, event: events.Event, kind: str) -> DeliveryRow:
    data = {
        "id": job.id,
        "object": "training_job",
        "event": event.number,
        "model": job.request.get("model"),
        "dataset": job.request.get("dataset"),
        **event.data,
    }
    return DeliveryRow(
        id=f"msg_{secrets.token_hex(12)}",
        job=job.id,
        event=event.number,
        type=kind,
        body={"type": kind, "timestamp": event.at.isoformat(), "data": data},
        state=DeliveryState.PENDING,
        attempts=0,
        next_at=now(),
        created_at=now(),
    )
