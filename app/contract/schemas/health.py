"""How the service is."""

from typing import Literal

from pydantic import Field

from app.contract.schemas.base import Told


class Alive(Told):
    """The process answers."""

    status: Literal["alive"] = "alive"


class PartHealth(Told):
    """Whether one part answers."""

    ok: bool
    detail: str


class Readiness(Told):
    """Whether the service can do its work."""

    ready: bool
    parts: dict[str, PartHealth] = Field(description="redis, database, store, models and worker.")


class WorkerView(Told):
    """A worker that reports for duty."""

    name: str
    queue: str
    state: str
    device: str
    engine: str
    models: list[str] = Field(description="Versions in memory.")
    images: int
    busy_seconds: float


class CoalescingView(Told):
    """What this process sent to workers since its start."""

    batches: int
    images: int
    mean_batch_images: float | None
    waiting_images: int


class CacheView(Told):
    """The faces that this process keeps."""

    entries: int
    bytes: int
    hits: int
    misses: int


class ServiceStatus(Told):
    """What the service is doing."""

    version: str
    models: dict[str, str] = Field(description="Model to the version in production.")
    queues: dict[str, int] = Field(description="Messages that wait in each queue.")
    workers: list[WorkerView]
    coalescing: CoalescingView
    face_cache: CacheView
