"""Work that is done again and again beside the requests."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import obstore.exceptions
import sqlalchemy.exc

from app.background import Background

_log = logging.getLogger(__name__)


class Rounds:
    """One piece of work in rounds. A database or a store that is away costs a round, and the next one makes up for it.

    Args:
        name: what the log calls it.
        work: one round.
        pause_seconds: between two rounds.
        first_seconds: before the first one.
    """

    def __init__(
        self, name: str, work: Callable[[], Awaitable[None]], *, pause_seconds: float, first_seconds: float = 0.0
    ) -> None:
        self._name, self._work = name, work
        self._pause_seconds, self._first_seconds = pause_seconds, first_seconds
        self._task: Background | None = None

    def start(self) -> None:
        """Work from now on."""
        self._task = Background(self._run())

    async def stop(self) -> None:
        """Work no more; the round at hand is left where it is."""
        if self._task is not None:
            await self._task.stop()

    async def _run(self) -> None:
        await asyncio.sleep(self._first_seconds)
        while True:
            try:
                await self._work()
            except (sqlalchemy.exc.SQLAlchemyError, obstore.exceptions.BaseError, OSError) as error:
                _log.warning("%s: %s; the next round makes up for it", self._name, type(error).__name__)
            await asyncio.sleep(self._pause_seconds)
