"""Durable jobs beside interactive work: one thread that runs them one after the other."""

import queue
import threading
from collections.abc import Callable


class JobThread:
    """Runs `run(job_id)` for every id that is submitted, in order.

    An id that waits here when the process ends is not lost: its row still says queued, so the sweep sends it again.
    """

    def __init__(self, run: Callable[[str], None]) -> None:
        self._run = run
        self._waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def submit(self, job_id: str) -> None:
        """Run a job when those before it are done."""
        self._waiting.put(job_id)

    def stop(self, *, timeout_seconds: float) -> bool:
        """End after the job at hand; whether it ended within the time."""
        self._waiting.put(None)
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (job_id := self._waiting.get()) is not None:
            self._run(job_id)
