"""The parts of a running api, and how each one is put together from others.

First what is connected to, then what follows the other processes, then what is computed with, and all that needs none
of this to begin or to end.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import redis.asyncio

from app import redis_client
from app.access import usage
from app.access.keyring import Keyring
from app.access.limits import Limits
from app.access.usage import Usage
from app.contract.database import Database
from app.contract.settings import Settings
from app.contract.store import Store
from app.drawing import certificate
from app.drawing.addresses import Addresses
from app.drawing.credentials import Credentials
from app.drawing.face_cache import FaceCache
from app.drawing.faces import Faces
from app.drawing.provenance import Provenance
from app.drawing.seed_search import SeedSearch
from app.drawing.sheets import Sheets
from app.drawing.walks import Walks
from app.interactive.catalog import Catalog
from app.interactive.classification import Classification
from app.interactive.codec import Codec
from app.interactive.dispatch import Dispatcher
from app.interactive.inference import Inference
from app.interactive.publisher import Publisher
from app.interactive.workers import Workers
from app.jobs import retention
from app.jobs.curator import Curator
from app.jobs.datasets import Datasets
from app.jobs.durable import Durable
from app.jobs.job_view import Outputs
from app.jobs.retention import Retention
from app.jobs.sweep import Sweep
from app.jobs.training_checks import TrainingChecks
from app.jobs.trainings import Trainings
from app.jobs.webhooks import Webhooks
from app.metrics import Metrics
from app.protocols.oip import Interpreter
from app.rounds import Rounds
from app.signals import Signals


class StartRefused(Exception):
    """The api cannot serve like this; the message says what helps."""


@dataclass(frozen=True, eq=False)
class Parts:
    """Everything that lives as long as the process serves."""

    settings: Settings
    redis: redis.asyncio.Redis
    database: Database
    store: Store
    catalog: Catalog
    keyring: Keyring
    limits: Limits
    metrics: Metrics
    workers: Workers
    inference: Inference
    codec: Codec
    credentials: Credentials
    face_cache: FaceCache
    faces: Faces
    usage: Usage
    addresses: Addresses
    interpreter: Interpreter
    seed_search: SeedSearch
    walks: Walks
    sheets: Sheets
    provenance: Provenance
    classification: Classification
    durable: Durable
    outputs: Outputs
    datasets: Datasets
    training_checks: TrainingChecks
    trainings: Trainings
    curator: Curator


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Parts]:
    """The parts of an api, while the block runs.

    Raises:
        StartRefused: the settings, or the state of the database, do not let it serve.
    """
    metrics = Metrics()
    async with links(settings) as linked, awareness(linked, settings) as aware, Codec(settings, metrics) as codec:
        limits = Limits(linked.hasty, settings)
        async with Inference(aware.dispatcher, limits, metrics, settings) as inference:
            parts = assembled(settings, linked, aware, metrics=metrics, limits=limits, codec=codec, inference=inference)
            async with rounds(parts):
                yield parts


@dataclass(frozen=True, eq=False)
class Links:
    """Connections to what the processes of a service share."""

    database: Database
    store: Store
    publisher: Publisher
    client: redis.asyncio.Redis
    replies: redis.asyncio.Redis
    """For the reader of replies alone, who waits in Redis."""
    hasty: redis.asyncio.Redis
    """For counting requests, which is not worth waiting for."""
    cache: redis.asyncio.Redis | None
    """Where faces are kept for all processes."""


@contextlib.asynccontextmanager
async def links(settings: Settings) -> AsyncIterator[Links]:
    """The connections, while the block runs. Raises `StartRefused` when it is not safe to serve with them."""
    if not settings.on_loopback and settings.admin_key is None:
        raise StartRefused(
            f"{settings.host} can be reached from other machines, and no key is configured: set LIKENESS_ADMIN_KEY to "
            "a long random text, or LIKENESS_HOST to 127.0.0.1."
        )
    async with contextlib.AsyncExitStack() as stack:
        database = stack.enter_context(contextlib.closing(Database(settings.database)))
        if not database.suffices():
            raise StartRefused("The database has not the schema of this version: run `likeness prepare` first.")

        async def connected(url: str, *, read_seconds: float = 5.0) -> redis.asyncio.Redis:
            return await stack.enter_async_context(redis_client.connect(url, read_seconds=read_seconds))

        yield Links(
            database=database,
            store=Store(settings.store, settings.store_options),
            publisher=await stack.enter_async_context(Publisher(settings)),
            client=await connected(settings.redis),
            replies=await connected(settings.redis),
            hasty=await connected(settings.redis, read_seconds=0.25),
            cache=await connected(settings.cache_url, read_seconds=0.5) if settings.cache_url else None,
        )


@dataclass(frozen=True, eq=False)
class Awareness:
    """What a process knows of the others, and of what they change."""

    signals: Signals
    workers: Workers
    dispatcher: Dispatcher
    catalog: Catalog
    keyring: Keyring
    usage: Usage


@contextlib.asynccontextmanager
async def awareness(linked: Links, settings: Settings) -> AsyncIterator[Awareness]:
    """What follows the other processes, while the block runs."""
    client, database, publisher = linked.client, linked.database, linked.publisher
    admin_key = settings.admin_key.get_secret_value() if settings.admin_key else None
    async with (
        Signals(client) as signals,
        Workers(client, signals, on_poll=publisher.note) as workers,
        Dispatcher(linked.replies, publisher, workers) as dispatcher,
        Catalog(
            database, signals, classifier=settings.default_classifier, generators=settings.default_generators
        ) as catalog,
        Keyring(database, client, signals, admin_key=admin_key) as keyring,
        Usage(client, budget=settings.signed_daily_faces) as used,
    ):
        yield Awareness(signals, workers, dispatcher, catalog, keyring, used)


def assembled(
    settings: Settings,
    linked: Links,
    aware: Awareness,
    *,
    metrics: Metrics,
    limits: Limits,
    codec: Codec,
    inference: Inference,
) -> Parts:
    """All parts: those that live, and those that only use them."""
    database, store, catalog = linked.database, linked.store, aware.catalog
    cache = FaceCache(settings.face_cache_bytes, linked.cache)
    metrics.watch(cache)
    credentials = Credentials(lambda: certificate.load(settings))
    faces = Faces(inference, codec, cache, credentials, aware.usage)
    classification = Classification(inference, codec)
    datasets = Datasets(database, store, most_waiting=settings.key_waiting_jobs)
    durable = Durable(
        database,
        store,
        linked.publisher,
        linked.client,
        aware.signals,
        limits,
        most_waiting=settings.key_waiting_jobs,
    )
    return Parts(
        settings=settings,
        redis=linked.client,
        database=database,
        store=store,
        catalog=catalog,
        keyring=aware.keyring,
        limits=limits,
        metrics=metrics,
        workers=aware.workers,
        inference=inference,
        codec=codec,
        credentials=credentials,
        face_cache=cache,
        faces=faces,
        usage=aware.usage,
        addresses=Addresses(models=catalog, drawer=faces, inference=inference, codec=codec, usage=aware.usage),
        interpreter=Interpreter(inference, codec, most_images=settings.max_images_per_request),
        seed_search=SeedSearch(inference, codec),
        walks=Walks(faces, codec, store),
        sheets=Sheets(faces),
        provenance=Provenance(
            models=catalog,
            drawer=faces,
            inference=inference,
            codec=codec,
            credentials=credentials,
            max_pixels=settings.max_picture_pixels,
        ),
        classification=classification,
        durable=durable,
        outputs=Outputs(store, classification),
        datasets=datasets,
        training_checks=TrainingChecks(database, catalog, datasets, settings),
        trainings=Trainings(database, durable, settings),
        curator=Curator(database, store, catalog, inference, linked.client),
    )


@contextlib.asynccontextmanager
async def rounds(parts: Parts) -> AsyncIterator[None]:
    """What is done again and again beside the requests, while the block runs."""
    settings = parts.settings
    sweep = Sweep(parts.database, parts.durable, parts.metrics, settings, takes=parts.workers.ready)
    kept = Retention(parts.database, parts.store, days=settings.job_days)
    async with (
        Webhooks(parts.database, settings) as deliveries,
        Rounds("usage", parts.usage.flush, pause_seconds=usage.FLUSH_SECONDS),
        Rounds("webhooks", deliveries.deliver, pause_seconds=1.0),
        Rounds("sweep", sweep.sweep, pause_seconds=settings.sweep_seconds),
        Rounds("retention", kept.remove, pause_seconds=retention.ROUND_SECONDS, first_seconds=retention.FIRST_SECONDS),
    ):
        yield
