"""The infer worker: interactive batches in two threads, durable jobs of the same networks in a third."""

import contextlib
import os
import signal
import threading

import structlog

from app.contract import cores
from app.contract.database import Database
from app.contract.messages import CLASSIFY_TASK, GENERATE_TASK, INFER_QUEUE, JOB_TASK, SIMILAR_TASK
from app.contract.settings import Settings
from app.contract.store import Store
from worker import courtesy, redis_client, schema
from worker.consumer import consume
from worker.durable.lane import Lane
from worker.durable.runner import Runner
from worker.reporter import Reporter
from worker.serving import device
from worker.serving.batch_jobs import BatchJobs
from worker.serving.checkpoints import Checkpoints
from worker.serving.hands import Hands
from worker.serving.inference import Inference
from worker.serving.loaded import Loaded
from worker.serving.loader import Loader
from worker.serving.memory_watch import MemoryWatch
from worker.serving.preload import Preload
from worker.serving.warm_up import warm_up

_log = structlog.get_logger()

HANDS = 2
"""Batches that are worked on at a time: a core that is done with one goes on with the other, while the last pictures of
the one are computed, its reply is sent, and the pixels of the next one are fetched."""

NICENESS = 4
"""A core computes for milliseconds what the api decides in microseconds, and the api does not keep a core busy. Without
this a refusal takes 13 ms under too many requests, with it one; what the cores compute in a second is the same."""

HAND_OVER_SECONDS = 7.0
"""How long the end waits for a job's slice; the supervisor waits ten seconds for the process."""

DISK_PER_MEMORY = 4
"""Copies of checkpoints on this machine's disk may take so many times the memory of loaded ones."""


def serve(settings: Settings, *, name: str) -> int:
    """Serve until SIGTERM; the exit code."""
    courtesy.give_way(NICENESS)
    store = Store(settings.store, settings.store_options)
    loader = Loader(
        Checkpoints(
            store,
            folder=settings.home / "cache" / "checkpoints",
            budget_bytes=DISK_PER_MEMORY * settings.worker_memory_bytes,
        ),
        device=device.choose(settings.device),
        cpu_engine=settings.cpu_engine,
        threads=settings.worker_threads or cores.available(),
        largest_batch=settings.max_batch_images,
    )
    loaded = Loaded(loader.load, budget_bytes=settings.worker_memory_bytes)
    client = redis_client.connect(settings.redis)
    reporter = Reporter(
        client,
        name=name,
        queue=INFER_QUEUE,
        device=loader.device,
        engine=loader.engine,
        loaded=loaded.digests,
        loading=lambda: (loaded.loads, loaded.load_seconds),
    )
    with reporter, contextlib.closing(Database(settings.database)) as database:
        schema.wait_for(database)
        warm_up(database, loaded, first=(*settings.default_generators, settings.default_classifier))
        return _serve(settings, name, store=store, loaded=loaded, reporter=reporter, database=database)


def _serve(
    settings: Settings, name: str, *, store: Store, loaded: Loaded, reporter: Reporter, database: Database
) -> int:
    client = redis_client.connect(settings.redis)
    turns = threading.Semaphore(HANDS)
    inference, hands = Inference(client, loaded=loaded, reporter=reporter, turns=turns), Hands(HANDS)
    batch_jobs = BatchJobs(store, loaded=loaded, turns=turns, slice_images=settings.max_batch_images, reporter=reporter)
    kinds = batch_jobs.kinds()
    runner = Runner(
        database,
        store,
        redis_client.waking(settings.redis),
        worker=f"{name}/{reporter.boot[:8]}",
        kinds=kinds,
        lease_seconds=settings.lease_seconds,
        max_attempts=settings.max_attempts,
    )
    lane = Lane("jobs", kinds=frozenset(kinds), database=database, runner=runner)
    lane.start()
    # By the signal that ends the worker at any other time: all is handed over, and the supervisor starts a new one.
    watch = MemoryWatch(
        budget_bytes=settings.worker_memory_bytes, loaded=loaded, leave=lambda: os.kill(os.getpid(), signal.SIGTERM)
    )
    watch.start()
    preload = Preload(client, database, loaded)
    preload.start()

    def leaving() -> None:
        reporter.draining()
        lane.leave()

    code = consume(
        settings,
        queue=INFER_QUEUE,
        name=name,
        tasks={
            CLASSIFY_TASK: hands.doing(inference.classify),
            GENERATE_TASK: hands.doing(inference.generate),
            SIMILAR_TASK: hands.doing(inference.similar),
            JOB_TASK: lambda _job_id: lane.wake(),
        },
        ready=reporter.ready,
        leaving=leaving,
    )
    hands.rest()
    preload.stop()
    if not lane.stop(timeout_seconds=HAND_OVER_SECONDS):
        _log.warning("a job did not leave off in time; its lease runs out")
    return code
