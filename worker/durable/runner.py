"""Durable jobs: claimed under a lease, run by their kind, and brought to an end whatever happens.

A message says only that a job waits; the row says what it is. A second message for a job that is taken or finished does
nothing, and a job that nobody here knows how to run stays where it is.
"""

import functools
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import obstore.exceptions
import redis
import sqlalchemy as sa
import sqlalchemy.exc
import structlog

from app.contract import jobs, leases, spans, tracing
from app.contract.database import Database, now
from app.contract.errors import LikenessError, StorageUnavailable
from app.contract.messages import EVENTS_CHANNEL
from app.contract.states import JobState
from app.contract.store import Store, StorePath
from worker import failures
from worker.durable.lease import Lease
from worker.durable.outage import outlast

_log = structlog.get_logger()


class Stopped(Exception):
    """The job leaves off because that was asked of it."""


class Work:
    """A claimed job, as its kind sees it.

    Attributes:
        stopping: whether the job should leave off.
        needless: paths of objects that nobody needs any more once the job's success is written down. Until then another
            attempt may come, and need them.
    """

    def __init__(self, job: jobs.Job, *, stopping: Callable[[], bool], append: Callable[..., None]) -> None:
        self.job = job
        self.stopping = stopping
        self.needless: list[StorePath] = []
        self._append = append

    def check(self) -> None:
        """Raise `Stopped` when the job should leave off. To be called at least every second or so."""
        if self.stopping():
            raise Stopped

    def say(self, kind: str, data: dict[str, Any], **columns: Any) -> None:
        """Append an event, set columns such as `progress` with it, and wake those who follow. Raises `LeaseLost`."""
        self._append(kind, data, **columns)


Kind = Callable[[Work], dict[str, Any]]
"""Does a job of one kind and returns its output. What earlier attempts did, it finds in the row and the store."""


class Runner:
    """Runs durable jobs, one at a time.

    Args:
        worker: who claims, told in the job's events.
        kinds: what this worker can do.
        max_attempts: a job whose storage fails although it is there is queued again until it was tried so often.
    """

    def __init__(
        self,
        database: Database,
        store: Store,
        client: redis.Redis,
        *,
        worker: str,
        kinds: Mapping[str, Kind],
        lease_seconds: float,
        max_attempts: int,
    ) -> None:
        self._database = database
        self._store = store
        self._redis = client
        self._worker = worker
        self._kinds = kinds
        self._lease_seconds = lease_seconds
        self._max_attempts = max_attempts
        self._leaving = False

    def leave(self) -> None:
        """Hand over the job at hand and take no other: the worker goes away."""
        self._leaving = True  # a plain flag, since signal handlers call this and may take no lock

    def run(self, job_id: str) -> None:
        """Run the job if it waits and its kind is known here. Never raises for what happens to the job."""
        try:
            job = self._claim(job_id)
        except sqlalchemy.exc.OperationalError as error:
            _log.warning("cannot claim a job", job=job_id, error=str(error))  # the sweep sends it again
            return
        if job is None:
            return
        log = _log.bind(job=job.id, kind=job.kind, attempt=job.attempt)
        log.info("job started")
        with self._traced(job) as span, Lease(self._database, job, lease_seconds=self._lease_seconds) as lease:
            work = Work(
                job,
                stopping=lambda: lease.stopping or self._leaving,
                append=lambda kind, data, **columns: self._say(job, kind, data, **columns),
            )
            try:
                end = functools.partial(self._succeed, work=work, output=self._do(work))
            except leases.LeaseLost:
                lease.lost = True
            except Stopped:
                end = functools.partial(self._let_go, why="the worker goes away", spent=False)
            except Exception as error:  # whatever a job dies of, the job says so and the worker lives on
                failure = failures.told(error)
                log.warning("job failed", code=failure.code, detail=failure.detail)
                span.failed(failure.code)
                outage = isinstance(failure, StorageUnavailable) and outlast(self._try_out, stopping=work.stopping)
                end = functools.partial(self._fail, failure=failure, outage=outage)
        if not lease.lost:
            lease.lost = not self._ended(job, end)
        log.info("job lost to another worker" if lease.lost else "job ended")

    def _traced(self, job: jobs.Job) -> AbstractContextManager[spans.Span]:
        if job.attempt == 1:  # a later one waited from a moment that the row does not know
            waited = now() - job.created_at
            tracing.past("queue", seconds=waited.total_seconds(), parent=job.traceparent)
        about: dict[str, spans.Value] = {"likeness.job": job.id, "likeness.attempt": job.attempt}
        return tracing.span(f"job {job.kind}", parent=job.traceparent, attributes=about)

    def _do(self, work: Work) -> dict[str, Any]:
        return self._kinds[work.job.kind](work)

    def _claim(self, job_id: str) -> jobs.Job | None:
        if self._leaving:
            return None
        with self._database.session() as session:
            waiting = jobs.get(session, job_id)
            if waiting is None or waiting.kind not in self._kinds:
                _log.warning("a job that cannot be run here", job=job_id, kind=waiting.kind if waiting else None)
                return None
            job = leases.claim(session, job_id, worker=self._worker, lease_seconds=self._lease_seconds)
        if job is not None:
            self._wake(job)
        return job

    def _ended(self, job: jobs.Job, end: Callable[[jobs.Job], None]) -> bool:
        """Write the job's end; False when somebody else has the job by now."""
        try:
            end(job)
        except leases.LeaseLost:
            return False
        except sqlalchemy.exc.OperationalError as error:
            # The lease runs out, and the job is done again: what it wrote has the same names and the same bytes.
            _log.error("a job's end could not be written", job=job.id, error=str(error))
        return True

    def _let_go(self, job: jobs.Job, *, why: str, spent: bool) -> None:
        with self._database.session() as session:
            leases.hand_over(session, job, why, spent=spent)
        self._wake(job)

    def _succeed(self, job: jobs.Job, *, work: Work, output: dict[str, Any]) -> None:
        self._finish(job, wanted=JobState.SUCCEEDED, why="done", output=output)
        try:
            self._store.delete(*work.needless)
        except obstore.exceptions.BaseError as error:  # they go with the job
            _log.warning("what a job needs no more stays for now", job=job.id, error=str(error))

    def _fail(self, job: jobs.Job, *, failure: LikenessError, outage: bool) -> None:
        if outage or (isinstance(failure, StorageUnavailable) and self._attempts(job) < self._max_attempts):
            self._let_go(job, why="the storage did not answer", spent=not outage)
            return
        error = {"code": failure.code, "title": failure.title, "detail": failure.detail}
        self._finish(job, wanted=JobState.FAILED, why=failure.code, error=error)

    def _attempts(self, job: jobs.Job) -> int:
        """Those of the job that count: what it has done meanwhile lets the count begin again."""
        with self._database.session() as session:
            row = jobs.get(session, job.id)
        return row.attempt if row is not None else job.attempt

    def _try_out(self) -> None:
        self._store.try_out()
        with self._database.session() as session:
            session.execute(sa.select(1))

    def _finish(self, job: jobs.Job, *, wanted: JobState, why: str, **facts: Any) -> None:
        with self._database.session() as session:
            leases.finish(session, job, wanted, why, **facts)
        self._wake(job)

    def _say(self, job: jobs.Job, kind: str, data: dict[str, Any], **columns: Any) -> None:
        with self._database.session() as session:
            leases.append(session, job, kind, data, **columns)
        self._wake(job)

    def _wake(self, job: jobs.Job) -> None:
        """Tell those who follow the job that there is something new. They look by themselves, too, only later."""
        try:
            self._redis.publish(f"{EVENTS_CHANNEL}{job.id}", "")
        except redis.RedisError:
            _log.debug("nobody was woken", job=job.id)
