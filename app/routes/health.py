"""Whether the service lives, whether it can work, and what it is doing."""

import asyncio
from collections.abc import Awaitable, Callable
from importlib.metadata import version as package_version
from typing import Any

import redis.exceptions
import sqlalchemy.exc
from fastapi import APIRouter, Response
from obstore.exceptions import BaseError as StoreError

from app import errors
from app.contract.errors import BrokerUnavailable, Unauthenticated
from app.contract.messages import INFER_QUEUE, PREFIX, TRAIN_QUEUE
from app.contract.schemas.health import (
    Alive,
    CacheView,
    CoalescingView,
    PartHealth,
    Readiness,
    ServiceStatus,
    WorkerView,
)
from app.dependencies import (
    CatalogPart,
    DatabasePart,
    FaceCachePart,
    InferencePart,
    Predictor,
    RedisPart,
    StorePart,
    WorkersPart,
)

router = APIRouter(tags=["health"])

_PATIENCE_SECONDS = 2.0


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", operation_id="getLiveness", summary="Whether the process answers")
async def liveness() -> Alive:
    """Asks nobody else: it says that this process is alive, and no more."""
    return Alive()


@router.head("/readyz", include_in_schema=False)
@router.get(
    "/readyz",
    operation_id="getReadiness",
    summary="Whether the service can do its work",
    responses={503: {"model": Readiness, "description": "Some part is not ready."}},
)
async def readiness(
    response: Response,
    client: RedisPart,
    database: DatabasePart,
    store: StorePart,
    catalog: CatalogPart,
    workers: WorkersPart,
) -> Readiness:
    """True only when Redis, the database, the store and at least one warm worker answer, and there is a model."""
    redis_, database_, store_ = await asyncio.gather(
        _asked(client.ping),
        _asked(lambda: asyncio.to_thread(database.ping)),
        _asked(lambda: asyncio.to_thread(store.ping)),
    )
    await workers.look()
    warm, known = workers.ready(INFER_QUEUE), len(catalog.models)
    parts = {
        "redis": redis_,
        "database": database_,
        "store": store_,
        "models": PartHealth(ok=known > 0, detail=f"{known} models"),
        "worker": PartHealth(ok=warm, detail="a warm worker reports" if warm else "no warm worker reports"),
    }
    ready = all(part.ok for part in parts.values())
    response.status_code = 200 if ready else 503
    response.headers["Cache-Control"] = "no-store"
    return Readiness(ready=ready, parts=parts)


@router.get(
    "/v1/status",
    operation_id="getStatus",
    summary="What the service is doing",
    responses=errors.declared(Unauthenticated, BrokerUnavailable),
)
async def status(
    client: RedisPart,
    catalog: CatalogPart,
    workers: WorkersPart,
    inference: InferencePart,
    cache: FaceCachePart,
    _caller: Predictor,
) -> ServiceStatus:
    """Queues, workers and versions of the whole service; coalescing and cache of the process that answers."""
    lengths = {}
    for queue in (INFER_QUEUE, TRAIN_QUEUE):
        lengths[queue] = int(await client.llen(f"{PREFIX}{queue}"))
    in_production = {
        model.name: f"sha256:{model.production.digest}" for model in catalog.models if model.production is not None
    }
    batches, images = inference.batches_sent, inference.images_sent
    return ServiceStatus(
        version=package_version("likeness"),
        models=in_production,
        queues=lengths,
        workers=[
            WorkerView(
                name=report.name,
                queue=report.queue,
                state=report.state,
                device=report.device,
                engine=report.engine,
                models=[f"sha256:{digest}" for digest in report.loaded],
                images=report.images,
                busy_seconds=report.busy_seconds,
            )
            for report in workers.reports
        ],
        coalescing=CoalescingView(
            batches=batches,
            images=images,
            mean_batch_images=round(images / batches, 2) if batches else None,
            waiting_images=inference.waiting_images,
        ),
        face_cache=CacheView(entries=len(cache), bytes=cache.bytes, hits=cache.hits, misses=cache.misses),
    )


async def _asked(ask: Callable[[], Awaitable[Any]]) -> PartHealth:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await ask()
    except TimeoutError:
        return PartHealth(ok=False, detail=f"no answer within {_PATIENCE_SECONDS:g} s")
    except (redis.exceptions.RedisError, sqlalchemy.exc.SQLAlchemyError, StoreError, OSError) as error:
        return PartHealth(ok=False, detail=type(error).__name__)
    return PartHealth(ok=True, detail="answers")
