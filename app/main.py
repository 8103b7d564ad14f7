"""The api: one FastAPI application, whose parts live from start to stop."""

import contextlib
import os
import socket
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig

from app import errors, openapi, pages, redis_client
from app.access import rate_limit
from app.access.auth import admit_loopback
from app.access.keyring import Keyring
from app.access.limits import Limits
from app.access.usage import Usage
from app.contract import tracing
from app.contract.database import Database
from app.contract.messages import INFER_QUEUE
from app.contract.settings import Settings
from app.contract.store import Store
from app.dependencies import Parts
from app.drawing import certificate
from app.drawing.addresses import Addresses
from app.drawing.credentials import Credentials
from app.drawing.face_cache import FaceCache
from app.drawing.faces import Faces
from app.drawing.provenance import Provenance
from app.drawing.seed_search import SeedSearch
from app.drawing.sheets import Sheets
from app.drawing.walks import Walks
from app.http.body import BodyRules
from app.http.cross_origin import OPEN_PREFIXES
from app.http.gateway import Gateway
from app.http.hot_addresses import HotAddresses
from app.http.refusals import Refusals
from app.http.traced_requests import TraceRequests
from app.interactive.catalog import Catalog
from app.interactive.classification import Classification
from app.interactive.codec import Codec
from app.interactive.dispatch import Dispatcher
from app.interactive.inference import Inference
from app.interactive.publisher import Publisher
from app.interactive.workers import Workers
from app.jobs.curator import Curator
from app.jobs.datasets import Datasets
from app.jobs.durable import Durable
from app.jobs.job_view import Outputs
from app.jobs.retention import FIRST_SECONDS, ROUND_SECONDS, Retention
from app.jobs.sweep import Sweep
from app.jobs.training_checks import TrainingChecks
from app.jobs.trainings import Trainings
from app.jobs.webhooks import Webhooks
from app.logs import configure
from app.metrics import Metrics
from app.protocols.oip import Interpreter
from app.rounds import Rounds
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
from app.signals import Signals

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


class StartRefused(Exception):
    """The api cannot serve like this; the message says what helps."""


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
    openapi.install(app)
    # The last one added comes first.
    app.add_middleware(HotAddresses, prefixes=OPEN_PREFIXES)
    limits = {datasets.ROUTE: settings.max_dataset_bytes, models.ROUTE: settings.max_checkpoint_bytes}
    app.add_middleware(
        Gateway,
        admit=admit_loopback if settings.admin_key is None else rate_limit.admit,
        bodies=BodyRules(settings.max_upload_bytes, settings.slow_body_seconds, limits),
        most=settings.max_requests,
        kept=refusals,
    )
    if tracing.wanted(settings):
        app.add_middleware(TraceRequests)
    return app


_SILENT: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
"""FastAPI's own telemetry tells of addresses, which may hold signatures and names."""


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Parts]:
    """The parts of an api, while the block runs.

    Raises:
        StartRefused: the settings, or the state of the database, do not let it serve.
    """
    metrics = Metrics()
    database = Database(settings.database)
    refuse_unsafe(settings, database)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(database.close)
        store = Store(settings.store, settings.store_options)
        client = redis_client.connect(settings.redis)
        stack.push_async_callback(client.aclose)
        # The reader waits in Redis, so it has a connection of its own.
        reader = redis_client.connect(settings.redis)
        stack.push_async_callback(reader.aclose)
        shared = redis_client.connect(settings.cache_url, read_seconds=0.5) if settings.cache_url else None
        if shared is not None:
            stack.push_async_callback(shared.aclose)
        # Counting requests is not worth waiting for.
        hasty = redis_client.connect(settings.redis, read_seconds=0.25)
        stack.push_async_callback(hasty.aclose)
        publisher = Publisher(settings)
        stack.push_async_callback(publisher.stop)
        signals = Signals(client)
        signals.start()
        stack.push_async_callback(signals.stop)

        dispatcher = Dispatcher(reader, publisher, ready_workers=lambda: workers.count(INFER_QUEUE))
        workers = Workers(client, signals, on_restart=dispatcher.suspect, on_poll=publisher.note)
        await workers.start()
        stack.push_async_callback(workers.stop)
        dispatcher.start()
        stack.push_async_callback(dispatcher.stop)
        catalog = Catalog(database, classifier=settings.default_classifier, generator=settings.default_generator)
        await catalog.start(signals)
        stack.push_async_callback(catalog.stop)

        codec = Codec(settings, metrics)
        stack.callback(codec.stop)
        allowances = Limits(hasty, settings)
        inference = Inference(dispatcher, allowances, metrics, settings)
        stack.push_async_callback(inference.stop)
        cache = FaceCache(settings.face_cache_bytes, shared)
        metrics.watch(cache)
        keyring = Keyring(database, settings.admin_key.get_secret_value() if settings.admin_key else None, client)
        keyring.start(signals)
        stack.push_async_callback(keyring.stop)
        credentials = Credentials(lambda: certificate.load(settings))
        usage = Usage(client, budget=settings.signed_daily_faces)
        usage.start()
        stack.push_async_callback(usage.stop)
        drawer = Faces(inference, codec, cache, credentials, usage)
        addresses = Addresses(models=catalog, drawer=drawer, inference=inference, codec=codec, usage=usage)
        classification = Classification(inference, codec)
        durable = Durable(
            database, store, publisher, client, signals, allowances, most_waiting=settings.key_waiting_jobs
        )
        uploaded = Datasets(database, store)
        deliveries = Webhooks(database, settings)
        stack.push_async_callback(deliveries.close)
        sweep = Sweep(database, durable, metrics, settings)
        kept = Retention(database, store, days=settings.job_days)
        for rounds in (
            Rounds("webhooks", deliveries.deliver, pause_seconds=1.0),
            Rounds("sweep", sweep.sweep, pause_seconds=settings.sweep_seconds),
            Rounds("retention", kept.remove, pause_seconds=ROUND_SECONDS, first_seconds=FIRST_SECONDS),
        ):
            rounds.start()
            stack.push_async_callback(rounds.stop)
        yield Parts(
            settings=settings,
            redis=client,
            database=database,
            store=store,
            catalog=catalog,
            keyring=keyring,
            limits=allowances,
            metrics=metrics,
            workers=workers,
            inference=inference,
            codec=codec,
            face_cache=cache,
            credentials=credentials,
            faces=drawer,
            usage=usage,
            addresses=addresses,
            interpreter=Interpreter(inference, codec, most_images=settings.max_images_per_request),
            seed_search=SeedSearch(inference, codec),
            walks=Walks(drawer, codec, store),
            sheets=Sheets(drawer),
            provenance=Provenance(
                models=catalog,
                drawer=drawer,
                inference=inference,
                codec=codec,
                credentials=credentials,
                max_pixels=settings.max_picture_pixels,
            ),
            classification=classification,
            durable=durable,
            outputs=Outputs(store, classification),
            datasets=uploaded,
            training_checks=TrainingChecks(database, catalog, uploaded, settings),
            trainings=Trainings(database, durable, settings),
            curator=Curator(database, store, catalog, inference, client),
        )


def refuse_unsafe(settings: Settings, database: Database) -> None:
    """Raise `StartRefused` when the api would be open to others without a key, or meets tables it does not know."""
    if not settings.on_loopback and settings.admin_key is None:
        raise StartRefused(
            f"{settings.host} can be reached from other machines, and no key is configured: set LIKENESS_ADMIN_KEY to "
            "a long random text, or LIKENESS_HOST to 127.0.0.1."
        )
    if not database.suffices():
        raise StartRefused("The database has not the schema of this version: run `likeness prepare` first.")
