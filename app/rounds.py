"""Work that is done again and again beside the requests."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Self

import obstore.exceptions
import sqlalchemy.exc

from app.background import Background

_log = logging.getLogger(__name__)


class Rounds:
    """One piece of work in rounds. Whatever a round fails of, the next one comes, and makes up for it.

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
        self._running = Background(self._run)

    async def __aenter__(self) -> Self:
        """Work from now on."""
        self._running.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Work no more; the round at hand is left where it is."""
        await self._running.stop()

    async def _run(self) -> None:
        await asyncio.sleep(self._first_seconds)
        while True:
            try:
                await self._work()
            except (sqlalchemy.exc.SQLAlchemyError, obstore.exceptions.BaseError, OSError) as error:
                _log.warning("%s: %s; the next round makes up for it", self._name, type(error).__name__)
            except Exception:  # work that ends here is never done again by this process, and nobody notices for hours
                _log.exception("%s: a round has failed; the next one tries again", self._name)
            await asyncio.sleep(self._pause_seconds)
