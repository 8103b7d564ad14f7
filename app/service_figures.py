"""What all processes share, for Prometheus: queues, jobs and workers, as they are when they are asked for.

Workers tell their figures in their reports, so that one scrape of any api process shows the whole service. What does
not answer is left out, and `likeness_part_up` says so.
"""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import redis.asyncio
import redis.exceptions
import sqlalchemy as sa
import sqlalchemy.exc
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from app.contract.database import Database, now
from app.contract.messages import INFER_QUEUE, PREFIX, TRAIN_QUEUE, WorkerReport
from app.contract.states import JobState
from app.contract.tables import JobRow
from app.interactive.workers import Workers

Family = CounterMetricFamily | GaugeMetricFamily
Figure = Callable[[WorkerReport], float]


async def text(client: redis.asyncio.Redis, database: Database, workers: Workers) -> bytes:
    """The figures in Prometheus' text format."""
    families = list(of_workers(workers.reports, silent=workers.silent, restarts=workers.restarts))
    up = GaugeMetricFamily("likeness_part_up", "Whether a part answered just now.", labels=["part"])
    for part, figures in (("redis", _queues(client)), ("database", asyncio.to_thread(_jobs, database))):
        try:
            families += await figures
        except (redis.exceptions.RedisError, sqlalchemy.exc.SQLAlchemyError, OSError):
            up.add_metric([part], 0)
        else:
            up.add_metric([part], 1)
    return generate_latest(_Given([*families, up]))


async def _queues(client: redis.asyncio.Redis) -> list[Family]:
    depth = GaugeMetricFamily("likeness_queue_messages", "Messages that no worker has taken.", labels=["queue"])
    age = GaugeMetricFamily("likeness_queue_oldest_seconds", "Age of the oldest interactive batch.", labels=["queue"])
    for queue in (INFER_QUEUE, TRAIN_QUEUE):
        length, oldest = await asyncio.gather(client.llen(f"{PREFIX}{queue}"), client.lindex(f"{PREFIX}{queue}", -1))
        depth.add_metric([queue], length)
        sent_at = _sent_at(oldest) if oldest is not None else None
        age.add_metric([queue], 0.0 if sent_at is None else max(0.0, time.time() - sent_at))
    return [depth, age]


def _sent_at(message: bytes | str) -> float | None:
    """When a batch was sent; None for a job's message, whose row knows more."""
    try:
        arguments = json.loads(base64.b64decode(json.loads(message)["body"]))[0]
        return float(arguments[0]["sent_at"])
    except (ValueError, KeyError, TypeError, IndexError):
        return None


def _jobs(database: Database) -> list[Family]:
    counts = GaugeMetricFamily(
        "likeness_jobs", "Durable jobs by what they do and how they stand.", labels=["kind", "state"]
    )
    oldest = GaugeMetricFamily(
        "likeness_jobs_oldest_queued_seconds", "Age of the oldest job that waits.", labels=["queue"]
    )
    with database.session() as session:
        for kind, state, number in session.execute(
            sa.select(JobRow.kind, JobRow.state, sa.func.count()).group_by(JobRow.kind, JobRow.state)
        ):
            counts.add_metric([kind, state], number)
        waiting = dict.fromkeys((INFER_QUEUE, TRAIN_QUEUE), 0.0)
        for queue, since in session.execute(
            sa.select(JobRow.queue, sa.func.min(JobRow.created_at, type_=JobRow.created_at.type))
            .where(JobRow.state == JobState.QUEUED)
            .group_by(JobRow.queue)
        ):
            waiting[queue] = (now() - since).total_seconds()
    for queue, seconds in waiting.items():
        oldest.add_metric([queue], seconds)
    return [counts, oldest]


def of_workers(
    reports: Sequence[WorkerReport], *, silent: Sequence[WorkerReport], restarts: Mapping[str, int]
) -> Iterable[Family]:
    """What workers say of themselves. Of a `silent` one, which may be gone, no more than that it is missed."""
    names = ["worker", "queue"]
    age = GaugeMetricFamily(
        "likeness_worker_report_age_seconds", "Seconds since the worker's last report.", labels=names
    )
    again = CounterMetricFamily(
        "likeness_worker_restarts", "Starts of the worker after the first one this process saw.", labels=names
    )
    for report in (*reports, *silent):
        age.add_metric([report.name, report.queue], max(0.0, time.time() - report.at))
        again.add_metric([report.name, report.queue], restarts[report.name])
    yield from (age, again)
    state = GaugeMetricFamily("likeness_worker_state", "1 for the state a worker is in.", labels=[*names, "state"])
    for report in reports:
        state.add_metric([report.name, report.queue, report.state], 1)
    yield state
    gauges: Mapping[str, tuple[str, Figure]] = {
        "loaded_models": ("Networks in memory.", lambda r: len(r.loaded)),
        "memory_bytes": ("Memory of the worker in RAM.", lambda r: r.memory_bytes),
        "device_memory_bytes": ("Memory of the worker on its GPU.", lambda r: r.device_memory_bytes),
    }
    for name, (what, value) in gauges.items():
        gauge = GaugeMetricFamily(f"likeness_worker_{name}", what, labels=names)
        for report in reports:
            gauge.add_metric([report.name, report.queue], value(report))
        yield gauge
    counters: Mapping[str, tuple[str, Figure]] = {
        "batches": ("Batches done.", lambda r: r.batches),
        "images": ("Images done.", lambda r: r.images),
        "busy_seconds": ("Seconds of work.", lambda r: r.busy_seconds),
        "loads": ("Networks loaded.", lambda r: r.loads),
        "load_seconds": ("Seconds of loading networks.", lambda r: r.load_seconds),
    }
    for name, (what, value) in counters.items():
        counter = CounterMetricFamily(f"likeness_worker_{name}", what, labels=names)
        for report in reports:
            counter.add_metric([report.name, report.queue], value(report))
        yield counter


class _Given(CollectorRegistry):
    """A registry of families that are there already."""

    def __init__(self, families: Sequence[Family]) -> None:
        super().__init__(auto_describe=False)
        self.register(_Families(families))


class _Families(Collector):
    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Sequence[Family]:
        return self._families
