"""Which workers live, as far as this process knows: their reports in Redis, read each second.

A worker that comes back under its name with a new boot has died in between, and what it was doing may be lost.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from typing import Self

import redis.asyncio
import redis.exceptions

from app import signals
from app.background import Background
from app.contract.messages import WORKERS_CHANNEL, WORKERS_KEY, WorkerReport, WorkerState, readable

POLL_SECONDS = 1.0

SILENT_SECONDS = 600
"""How long a worker is missed that fell silent. One that leaves in order takes its report away, and is not missed; one
that was killed and replaced under another name, as a pod may be, never comes back to do so."""

_log = logging.getLogger(__name__)


class Workers:
    """The live workers. Belongs to one event loop.

    Args:
        client: where they report.
        wakes: tells that one has reported.
        on_poll: called after each look with whether Redis answered.

    Attributes:
        reports: those of the workers that live, by name.
        silent: the last ones of workers that have not reported for a while, and did not say that they go.
    """

    def __init__(self, client: redis.asyncio.Redis, wakes: signals.Signals, *, on_poll: Callable[[bool], None]) -> None:
        self._client, self._signals, self._on_poll = client, wakes, on_poll
        self._on_restart: list[Callable[[float], None]] = []
        # Every boot of a name, so that two workers who share one by mistake do not seem to restart for ever.
        self._boots: dict[str, set[str]] = {}
        self._returning: dict[str, float] = {}  # workers of a new boot that are not ready yet, and when they were seen
        self._watching = Background(self._watch)
        self.reports: tuple[WorkerReport, ...] = ()
        self.silent: tuple[WorkerReport, ...] = ()

    async def __aenter__(self) -> Self:
        """Look once, and from then on each second."""
        await self.look()
        self._watching.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Look no more."""
        await self._watching.stop()

    def on_restart(self, call: Callable[[float], None]) -> None:
        """Have `call` called when a worker has come back, with the moment (time of the event loop) at which its new
        life was first seen: work that was sent before may be lost."""
        self._on_restart.append(call)

    def ready(self, queue: str) -> bool:
        """Whether some worker takes what is put into `queue`."""
        return self.count(queue) > 0

    def count(self, queue: str) -> int:
        """How many workers take what is put into `queue`."""
        return sum(report.takes(queue) for report in self.reports)

    @property
    def restarts(self) -> Mapping[str, int]:
        """How often this process has seen each worker start anew, the silent ones included."""
        names = (report.name for report in (*self.reports, *self.silent))
        return {name: max(0, len(self._boots.get(name, ())) - 1) for name in names}

    async def look(self) -> None:
        """Read the reports now."""
        try:
            found = await self._client.hgetall(WORKERS_KEY)
        except (redis.exceptions.RedisError, OSError):
            self._on_poll(False)
            return
        self._on_poll(True)
        known = sorted(readable(found.values()), key=lambda report: report.name)
        missed = time.time() - SILENT_SECONDS
        self.reports = tuple(report for report in known if report.lives)
        self.silent = tuple(report for report in known if not report.lives and report.at >= missed)
        for report in self.reports:
            self._compare(report)

    def _compare(self, report: WorkerReport) -> None:
        now = asyncio.get_running_loop().time()
        boots = self._boots.setdefault(report.name, set())
        if boots and report.boot not in boots:
            self._returning[report.name] = now
        boots.add(report.boot)
        if report.state is WorkerState.READY and (seen := self._returning.pop(report.name, None)) is not None:
            _log.warning("worker %s has come back; what it had is sent again", report.name)
            for call in self._on_restart:
                call(seen)

    async def _watch(self) -> None:
        with self._signals.sleeper(WORKERS_CHANNEL) as signal:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await signal.wait()
                signal.clear()
                await self.look()
