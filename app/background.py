"""A task that runs beside the requests until it is stopped."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

_PATIENCE_SECONDS = 0.5

_log = logging.getLogger(__name__)


class Background:
    """One task of the event loop. Should it ever end by itself, the log says why."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._work = work
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Work from now on."""
        self._task = asyncio.create_task(self._work())
        self._task.add_done_callback(_tell)

    async def stop(self) -> None:
        """Cancel the task, if it was started, and wait until it has ended."""
        # Once is not enough: a timeout inside redis-py (as `asyncio.wait_for` of Python 3.11) loses a cancellation that
        # comes in the same moment as the answer.
        while self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task], timeout=_PATIENCE_SECONDS)


def _tell(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.critical("a background task has ended", exc_info=error)
