"""Looks for what got lost, in every api process: messages of queued jobs, and jobs whose worker is silent."""

import asyncio
import logging
from collections.abc import Callable

from app.contract import jobs, leases
from app.contract.database import Database
from app.contract.errors import WorkerLost
from app.contract.jobs import Job
from app.contract.settings import Settings
from app.jobs.durable import Durable
from app.metrics import Metrics

_log = logging.getLogger(__name__)


class Sweep:
    """Several processes may sweep at once: a row is taken by one of them.

    Args:
        takes: tells whether some worker takes what is put into a queue. Without one, messages that are sent again
            and again would fill the broker's memory, and a worker looks for jobs by itself when it comes.
    """

    def __init__(
        self,
        database: Database,
        durable: Durable,
        metrics: Metrics,
        settings: Settings,
        *,
        takes: Callable[[str], bool],
    ) -> None:
        self._database, self._durable, self._metrics, self._takes = database, durable, metrics, takes
        self._silent = max(settings.lease_seconds, settings.sweep_seconds)
        self._max_attempts = settings.max_attempts

    async def sweep(self) -> None:
        """Take lost jobs away from silent workers, then send what waits without a message."""
        lost = await asyncio.to_thread(self._release)
        for job in lost:
            self._metrics.lease_lost()
            _log.warning("job %s lost its worker and is now %s", job.id, job.state, extra={"job": job.id})
            await self._durable.wake(job)
        for job in await asyncio.to_thread(self._take_unsent):
            if self._takes(job.queue):
                await self._durable.send(job)

    def _release(self) -> list[Job]:
        error = WorkerLost(f"The job was lost with its worker {self._max_attempts} times.")
        problem = {"code": error.code, "title": error.title, "detail": error.detail}
        with self._database.session() as session:
            return leases.release_lost(session, max_attempts=self._max_attempts, error=problem)

    def _take_unsent(self) -> list[Job]:
        with self._database.session() as session:
            return jobs.take_unsent(session, silent_seconds=self._silent)
