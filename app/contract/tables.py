"""The tables, for SQLite and PostgreSQL alike: jobs, data sets, presets, models, webhooks, keys, idempotency."""

from datetime import UTC, datetime
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.contract.states import JobState


class UtcTime(sa.TypeDecorator[datetime]):
    """A point in time. SQLite forgets the zone, so it is put back here."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


class Base(DeclarativeBase):
    """All tables."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {datetime: UtcTime(), dict[str, Any]: Json, list[str]: Json}


class JobRow(Base):
    """A durable job. The lease columns say which worker may write to it, and until when."""

    __tablename__ = "jobs"
    __table_args__ = (sa.Index("ix_jobs_state_lease_until", "state", "lease_until"),)

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(32), index=True)
    queue: Mapped[str] = mapped_column(sa.String(32))
    state: Mapped[str] = mapped_column(sa.String(16), default=JobState.QUEUED.value)
    stage: Mapped[str | None] = mapped_column(sa.String(32))
    owner: Mapped[str | None] = mapped_column(sa.String(40), index=True)
    request: Mapped[dict[str, Any]]
    progress: Mapped[dict[str, Any]] = mapped_column(default=dict)
    metrics: Mapped[dict[str, Any]] = mapped_column(default=dict)
    output: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    attempt: Mapped[int] = mapped_column(default=0)
    last_event: Mapped[int] = mapped_column(default=0)
    lease_owner: Mapped[str | None] = mapped_column(sa.String(128))
    lease_until: Mapped[datetime | None]
    traceparent: Mapped[str | None] = mapped_column(sa.String(64))
    token: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class EventRow(Base):
    """One thing that happened to a job. Numbers run 1, 2, 3 ... without a gap."""

    __tablename__ = "events"

    job: Mapped[str] = mapped_column(sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    type: Mapped[str] = mapped_column(sa.String(32))
    data: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class DatasetRow(Base):
    """Uploaded pictures. `job` is the durable job that looks them through; the bytes are in the store."""

    __tablename__ = "datasets"

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(120))
    owner: Mapped[str | None] = mapped_column(sa.String(40), index=True)
    state: Mapped[str] = mapped_column(sa.String(16))
    job: Mapped[str] = mapped_column(sa.String(40))
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger)
    digest: Mapped[str | None] = mapped_column(sa.String(64))
    images: Mapped[int] = mapped_column(default=0)
    classes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    report: Mapped[dict[str, Any]] = mapped_column(default=dict)
    error: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime]


class PresetRow(Base):
    """A way of training that some train worker offers, as it last said so."""

    __tablename__ = "presets"

    name: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(16))
    description: Mapped[str] = mapped_column(sa.Text, default="")
    settings: Mapped[dict[str, Any]]
    cost: Mapped[dict[str, Any] | None]
    updated_at: Mapped[datetime]


class WebhookRow(Base):
    """Where the events of a job are told. Events up to number `told` have become deliveries."""

    __tablename__ = "webhooks"

    job: Mapped[str] = mapped_column(sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    url: Mapped[str] = mapped_column(sa.Text)
    events: Mapped[list[str]]
    told: Mapped[int] = mapped_column(default=0)


class WebhookSecretRow(Base):
    """What an owner's webhooks are signed with. It must be known in full, since signing needs it."""

    __tablename__ = "webhook_secrets"

    owner: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    secret: Mapped[str] = mapped_column(sa.String(64))
    created_at: Mapped[datetime]


class DeliveryRow(Base):
    """One message to a webhook, and how the attempts to deliver it went."""

    __tablename__ = "deliveries"
    __table_args__ = (sa.Index("ix_deliveries_state_next_at", "state", "next_at"),)

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    job: Mapped[str] = mapped_column(sa.ForeignKey("jobs.id", ondelete="CASCADE"), index=True)
    event: Mapped[int]
    type: Mapped[str] = mapped_column(sa.String(64))
    body: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(sa.String(16))
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime]
    status: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(sa.Text)
    created_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]


class ModelRow(Base):
    """A name under which versions are published."""

    __tablename__ = "models"

    name: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(16))
    owner: Mapped[str | None] = mapped_column(sa.String(40))
    created_at: Mapped[datetime]


class VersionRow(Base):
    """One immutable checkpoint of a model, named by the SHA-256 of its file."""

    __tablename__ = "versions"

    model: Mapped[str] = mapped_column(sa.ForeignKey("models.name", ondelete="CASCADE"), primary_key=True)
    digest: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    header: Mapped[dict[str, Any]]
    card: Mapped[str] = mapped_column(sa.Text, default="")
    source: Mapped[str] = mapped_column(sa.String(64))
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger)
    created_at: Mapped[datetime]


class AliasRow(Base):
    """A name that points to one version of a model, such as `production`."""

    __tablename__ = "aliases"
    __table_args__ = (sa.ForeignKeyConstraint(["model", "digest"], ["versions.model", "versions.digest"]),)

    model: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    alias: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    digest: Mapped[str] = mapped_column(sa.String(64))
    updated_at: Mapped[datetime]


class KeyRow(Base):
    """An api key. Only the SHA-256 of its secret is kept, and for a while that of the secret before.

    `owner` names whose jobs, data sets and models the key sees; keys that share an owner share those.
    """

    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(64))
    owner: Mapped[str] = mapped_column(sa.String(40))
    secret_sha256: Mapped[str] = mapped_column(sa.String(64), unique=True)
    previous_sha256: Mapped[str | None] = mapped_column(sa.String(64), index=True)
    previous_until: Mapped[datetime | None]
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class IdempotencyRow(Base):
    """What an `Idempotency-Key` made the first time."""

    __tablename__ = "idempotency"

    owner: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    route: Mapped[str] = mapped_column(sa.String(128), primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    body_sha256: Mapped[str] = mapped_column(sa.String(64))
    made: Mapped[str] = mapped_column(sa.String(40))
    created_at: Mapped[datetime] = mapped_column(index=True)
