"""The train worker: durable jobs of the queue `train`, in two lanes.

One lane trains, for hours perhaps; the other does what people wait for, such as looking an upload through. What
computes is a child process that imports torch; this process never does.
"""

import contextlib
from typing import Any

import structlog

from app.contract import cores, datasets, training
from app.contract.database import Database
from app.contract.messages import JOB_TASK, TRAIN_QUEUE
from app.contract.settings import Settings
from app.contract.store import Store
from worker import redis_client, schema
from worker.consumer import consume
from worker.datasets import archives
from worker.datasets.dataset_jobs import DatasetJobs
from worker.durable.lane import Lane
from worker.durable.runner import Kind, Runner, Work
from worker.reporter import Reporter
from worker.trainings.owned import Rules
from worker.trainings.preset_table import PresetTable
from worker.trainings.publishing import Publishing
from worker.trainings.serving_check import ServingCheck
from worker.trainings.training import Training
from worker.trainings.workplace import workplace

_log = structlog.get_logger()

SILENCE_PER_LEASE = 0.8
"""The child of a frozen worker ends before the job goes to another one."""

HAND_OVER_SECONDS = 10.0
"""How long the end waits for a run to save; the supervisor waits thirty seconds for the process."""


def serve(settings: Settings, *, name: str) -> int:
    """Serve until SIGTERM; the exit code."""
    client, waking = redis_client.connect(settings.redis), redis_client.waking(settings.redis)
    reporter = Reporter(
        client,
        name=name,
        queue=TRAIN_QUEUE,
        device="cpu" if settings.device == "auto" else settings.device,
        engine="torch",
        loaded=tuple,
    )
    with (
        reporter,
        contextlib.closing(Database(settings.database)) as database,
        workplace(settings.home / "training", f"{name}-{reporter.boot[:8]}") as folder,
    ):
        schema.wait_for(database)
        store = Store(settings.store, settings.store_options)
        rules = Rules(
            threads=settings.train_threads or max(1, cores.available() - 1),
            niceness=settings.train_niceness,
            silence_seconds=SILENCE_PER_LEASE * settings.lease_seconds,
        )
        table = PresetTable(database, folder=folder, rules=rules)
        publishing = Publishing(
            database,
            store,
            waking,
            serving=ServingCheck(settings, client),
            rules=rules,
            export=settings.cpu_engine == "onnx",
        )
        trainings = Training(
            database,
            store,
            waking,
            folder=folder,
            publishing=publishing,
            rules=rules,
            lease_seconds=settings.lease_seconds,
        )
        uploads = DatasetJobs(
            database, store, folder=folder, limits=archives.Limits(members=settings.max_dataset_pictures)
        )
        kinds: dict[str, dict[str, Kind]] = {
            "training": {training.KIND: _timed(trainings.run, reporter)},
            "short jobs": {
                datasets.KIND: _timed(uploads.run, reporter),
                training.PROBE_KIND: _timed(table.probe, reporter),
            },
        }
        table.publish()
        who = f"{name}/{reporter.boot[:8]}"
        lanes = [_lane(lane, of, settings, database, store, worker=who) for lane, of in kinds.items()]
        return _serve(settings, name, lanes=lanes, reporter=reporter)


def _serve(settings: Settings, name: str, *, lanes: list[Lane], reporter: Reporter) -> int:
    def leaving() -> None:
        reporter.draining()
        for lane in lanes:
            lane.leave()

    def wake(_job_id: str) -> None:
        for lane in lanes:
            lane.wake()

    for lane in lanes:
        lane.start()
    try:
        return consume(
            settings, queue=TRAIN_QUEUE, name=name, tasks={JOB_TASK: wake}, ready=reporter.ready, leaving=leaving
        )
    finally:
        leaving()
        slow = [lane for lane in lanes if not lane.stop(timeout_seconds=HAND_OVER_SECONDS)]
        if slow:
            _log.warning("a job did not leave off in time; its lease runs out")


def _timed(run: Kind, reporter: Reporter) -> Kind:
    def timed(work: Work) -> dict[str, Any]:
        with reporter.working():
            return run(work)

    return timed


def _lane(
    name: str, kinds: dict[str, Kind], settings: Settings, database: Database, store: Store, *, worker: str
) -> Lane:
    runner = Runner(
        database,
        store,
        redis_client.waking(settings.redis),
        worker=worker,
        kinds=kinds,
        lease_seconds=settings.lease_seconds,
        max_attempts=settings.max_attempts,
    )
    return Lane(name, kinds=frozenset(kinds), database=database, runner=runner)
