"""The api: one FastAPI application, whose parts (`app.assembly`) live from start to stop."""

import contextlib
import os
import socket
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig

from app import errors, openapi, pages
from app.access import rate_limit
from app.access.auth import admit_loopback
from app.assembly import running
from app.contract import tracing
from app.contract.settings import Settings
from app.http.body import BodyRules
from app.http.cross_origin import OPEN_PREFIXES
from app.http.gateway import Gateway
from app.http.hot_addresses import HotAddresses
from app.http.refusals import Refusals
from app.http.traced_requests import TraceRequests
from app.logs import configure
from app.routes import (
    avatars,
    classify,
    datasets,
    embed,
    faces,
    generate,
    health,
    jobs,
    keys,
    metrics,
    models,
    motion,
    oip,
    openai_images,
    presets,
    provenance,
    search,
    sheets,
    signing,
    training,
    training_records,
    webhooks,
)
from app.routes.raw_classify import RawClassify
from app.routes.short_face import ShortFace

ROUTERS = (
    classify.router,
    generate.router,
    openai_images.router,
    oip.router,
    motion.router,  # before faces, whose path takes any
    faces.router,
    avatars.router,
    embed.router,
    search.router,
    sheets.router,
    signing.router,
    provenance.router,
    jobs.router,
    datasets.router,
    presets.router,
    training.router,
    training_records.router,
    webhooks.router,
    models.router,
    keys.router,
    health.router,
    metrics.router,
    pages.router,
)

LARGEST_OTHER_BYTES = 500_000
"""Bodies without pictures are JSON, which is parsed in one go, before anybody knows whose it is: of 20 MB that takes
seconds in which nobody is answered. The longest that means something, 64 seeds with all their accents escaped, has
400 kB."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application. Nothing is opened before it starts."""
    settings = settings or Settings()
    refusals = Refusals()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, object]]:
        configure(level=settings.log_level, style=settings.log_format)
        instance = f"{socket.gethostname()}:{os.getpid()}"
        with tracing.exported(settings, service="likeness-api", instance=instance):
            async with running(settings) as parts:
                app.state.parts = parts
                yield {"refusals": refusals}

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, telemetry=_SILENT, **openapi.ABOUT)
    app.router.routes += [RawClassify(), ShortFace()]
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/web", pages.files())
    errors.install(app)
    app.add_exception_handler(404, pages.missing)
    openapi.install(app)
    # The last one added comes first.
    app.add_middleware(HotAddresses, prefixes=OPEN_PREFIXES)
    limits = {
        datasets.ROUTE: settings.max_dataset_bytes,
        models.ROUTE: settings.max_checkpoint_bytes,
        **dict.fromkeys((classify.ROUTE, provenance.ROUTE, "/v2/"), settings.max_upload_bytes),
    }
    others = min(LARGEST_OTHER_BYTES, settings.max_upload_bytes)
    app.add_middleware(
        Gateway,
        admit=admit_loopback if settings.admin_key is None else rate_limit.admit,
        bodies=BodyRules(others, settings.slow_body_seconds, limits),
        most=settings.max_requests,
        kept=refusals,
    )
    if tracing.wanted(settings):
        app.add_middleware(TraceRequests)
    return app


_SILENT: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
"""FastAPI's own telemetry tells of addresses, which may hold signatures and names."""
