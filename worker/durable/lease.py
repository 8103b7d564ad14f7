"""The lease of one running job: renewed from a thread, and watched for what others want of the job."""

import threading
import time
from types import TracebackType
from typing import Self

import sqlalchemy.exc
import structlog

from app.contract import jobs, leases
from app.contract.database import Database
from app.contract.states import JobState

_log = structlog.get_logger()

WATCH_SECONDS = 0.5
"""How often the job's row is looked at, so that a cancellation is seen within a second."""


class Lease:
    """Holds `job` while the `with` block runs.

    `stopping` becomes true when the block should come to its end: somebody wants the job cancelled or paused, or the
    lease is lost. `lost` says that the job belongs to somebody else now, so that nothing more may be written.
    """

    def __init__(self, database: Database, job: jobs.Job, *, lease_seconds: float) -> None:
        self._database = database
        self._job = job
        self._lease_seconds = lease_seconds
        self._renewed = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease {job.id}", daemon=True)
        self.stopping = False
        self.lost = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._over.wait(min(WATCH_SECONDS, self._lease_seconds / 3)):
            try:
                state = self._look()
            except leases.LeaseLost:
                self.lost = True
                state = None
            except Exception as error:  # whatever it is, a job that nobody renews goes to another worker
                trace = None if isinstance(error, sqlalchemy.exc.OperationalError) else error
                _log.warning("cannot renew a lease", job=self._job.id, error=str(error), exc_info=trace)
                self.lost = time.monotonic() - self._renewed > self._lease_seconds
                state = None
            if self.lost or state in (JobState.CANCELLING, JobState.PAUSING):
                self.stopping = True
            if self.lost:
                return

    def _look(self) -> JobState:
        """The job's state; renews the lease when a third of it is over. Raises `LeaseLost`."""
        with self._database.session() as session:
            if time.monotonic() - self._renewed >= self._lease_seconds / 3:
                started = time.monotonic()
                state = leases.renew(session, self._job, lease_seconds=self._lease_seconds)
                self._renewed = started
                return state
            row = jobs.get(session, self._job.id)
            if row is None or row.token != self._job.token:
                raise leases.LeaseLost(self._job.id)
            return row.state
