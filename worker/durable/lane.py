"""One thread that runs durable jobs of some kinds, one after the other, oldest first.

Which job is next is asked of the database: by a message at once, and every second by a lane that is idle. So a message
that came to a busy worker keeps no job from an idle one, and one that got lost delays it by no more than that.
"""

import threading

import sqlalchemy.exc
import structlog

from app.contract import jobs
from app.contract.database import Database
from worker.durable.runner import Runner

_log = structlog.get_logger()

PAUSE_SECONDS = 0.5
LOOK_SECONDS = 1.0


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
        self._blind = False
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
            self._wake.wait(LOOK_SECONDS)
            self._wake.clear()
            try:
                self._run_what_waits()
            except Exception:  # a lane that ends takes no job any more, while its worker says that it is ready
                _log.exception("a job was left; the lane goes on")
                self._over.wait(PAUSE_SECONDS)

    def _run_what_waits(self) -> None:
        before = None
        while not self._over.is_set() and (job_id := self._next()) is not None:
            if job_id == before:  # it could not be claimed, and still waits
                self._over.wait(PAUSE_SECONDS)
            before = job_id
            self._runner.run(job_id)

    def _next(self) -> str | None:
        try:
            with self._database.session() as session:
                found = jobs.oldest_waiting(session, self.kinds)
        except sqlalchemy.exc.OperationalError as error:
            if not self._blind:  # one line an outage
                _log.warning("cannot look for jobs", error=str(error))
            self._blind = True
            return None
        self._blind = False
        return found
