"""One thread that runs durable jobs of some kinds, one after the other, oldest first.

A message only wakes it: which job is next is asked of the database, so that a message that came while the lane was busy
is neither lost nor kept from an idle worker elsewhere.
"""

import threading

import sqlalchemy as sa
import sqlalchemy.exc
import structlog

from app.contract.database import Database
from app.contract.states import JobState
from app.contract.tables import JobRow
from worker.runner import Runner

_log = structlog.get_logger()

PAUSE_SECONDS = 0.5


class Lane:
    """Runs the jobs that `runner` knows how to run.

    Args:
        kinds: the kinds of jobs, as the runner has them.
    """

    def __init__(self, name: str, *, kinds: frozenset[str], database: Database, runner: Runner) -> None:
        self.kinds = kinds
        self._database = database
        self._runner = runner
        self._wake = threading.Event()
        self._over = threading.Event()
        # A child process is killed when the thread that started it ends, so one thread starts them all.
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Begin, with what waits already."""
        self._wake.set()
        self._thread.start()

    def wake(self) -> None:
        """Look for work."""
        self._wake.set()

    def leave(self) -> None:
        """Hand over the job at hand and take no other. Safe in a signal handler."""
        self._over.set()
        self._runner.leave()

    def stop(self, *, timeout_seconds: float) -> bool:
        """End; whether that was within the time."""
        self.leave()
        self._wake.set()
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while not self._over.is_set():
            self._wake.wait()
            self._wake.clear()
            before = None
            while not self._over.is_set() and (job_id := self._next()) is not None:
                if job_id == before:  # it could not be claimed, and still waits
                    self._over.wait(PAUSE_SECONDS)
                before = job_id
                self._runner.run(job_id)

    def _next(self) -> str | None:
        oldest = (
            sa.select(JobRow.id)
            .where(JobRow.state == JobState.QUEUED, JobRow.kind.in_(self.kinds))
            .order_by(JobRow.created_at, JobRow.id)
            .limit(1)
        )
        try:
            with self._database.session() as session:
                return session.scalar(oldest)
        except sqlalchemy.exc.OperationalError as error:
            _log.warning("cannot look for jobs", error=str(error))
            return None
