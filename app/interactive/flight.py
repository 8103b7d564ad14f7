"""Single flight: whoever asks for something that is being made already waits for that one."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(eq=False)
class _Flight(Generic[T]):
    task: asyncio.Task[T]
    waiting: int = 0
    told: bool = False  # whether somebody has the result already


class SingleFlight(Generic[T]):
    """Makes each thing once at a time. What failed is not remembered: the next who asks tries again.

    Args:
        personal: tells whether a failure concerns the one who began the work and nobody else, as a used-up allowance
            does.
    """

    def __init__(self, personal: Callable[[Exception], bool]) -> None:
        self._personal = personal
        self._flights: dict[Hashable, _Flight[T]] = {}

    async def once(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, T]]) -> tuple[T, bool]:
        """The result of `make()`, or of the call for the same key that is under way; and whether it is new.

        It is new to one of those who waited for it, whoever is told first: that one bears what it cost.
        When all who wait have gone, the work is cancelled. Who joined work that ended by a personal failure of another
        tries again, with a `make` of its own.
        """
        while True:
            flight = self._flights.get(key)
            began = flight is None
            if flight is None:
                flight = self._flights[key] = _Flight(asyncio.create_task(make()))
            flight.waiting += 1
            try:
                # The shield lets one who waits go away without taking the work from the others.
                result = await asyncio.shield(flight.task)
                new, flight.told = not flight.told, True
                return result, new
            except Exception as failure:
                if began or not self._personal(failure):
                    raise
            finally:
                flight.waiting -= 1
                if not flight.waiting:
                    flight.task.cancel()
                if flight.task.done() or not flight.waiting:
                    self._land(key, flight)

    def _land(self, key: Hashable, flight: _Flight[T]) -> None:
        # A flight that was given up may have been followed by another one under the same key.
        if self._flights.get(key) is flight:
            del self._flights[key]
