"""How often the signed addresses of each key are asked for, and how many pictures had to be drawn for them.

Counted in memory and added to Redis each second: a hit costs no round trip. What a dying process had not added yet is
lost; numbers of use are worth no more than that.
"""

import contextvars
import time
from collections import Counter
from dataclasses import dataclass
from typing import Self

import redis.asyncio
import redis.exceptions

from app.contract.errors import BudgetSpent
from app.contract.messages import PREFIX

FLUSH_SECONDS = 1.0
KEPT_DAYS = 35
_DAY_SECONDS = 86_400


signer: contextvars.ContextVar[str | None] = contextvars.ContextVar("signer", default=None)
"""Id of the key whose signed address is being answered."""


@dataclass(frozen=True)
class Day:
    """The use of one key on one day (UTC)."""

    day: str
    hits: int
    drawn: int


class Usage:
    """Counts, and says when a key's budget is spent.

    Args:
        budget: pictures a day that one key may have drawn; 0 for any number.
    """

    def __init__(self, client: redis.asyncio.Redis, *, budget: int) -> None:
        self._client, self.budget = client, budget
        self._new: Counter[tuple[str, str, str]] = Counter()
        self._drawn: dict[tuple[str, str], int] = {}  # of all processes together, as Redis said last

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Add what is left to Redis."""
        await self.flush()

    def check(self) -> None:
        """Raise `BudgetSpent` when the key that signed has had as many pictures drawn today as it may."""
        key, day = signer.get(), _today()
        if (
            key is not None
            and self.budget
            and self._drawn.get((key, day), 0) + self._new[key, day, "drawn"] >= self.budget
        ):
            raise BudgetSpent(budget=self.budget, retry_after=_DAY_SECONDS - int(time.time()) % _DAY_SECONDS)

    def count(self, key: str, *, drawn: int) -> None:
        """Note one hit, for which `drawn` pictures were drawn."""
        day = _today()
        self._new[key, day, "hits"] += 1
        self._new[key, day, "drawn"] += drawn

    async def of(self, key: str, *, days: int) -> list[Day]:
        """The use of a key on the last `days` days, the newest first; days without any are left out."""
        found = []
        for back in range(days):
            day = _day(time.time() - back * _DAY_SECONDS)
            counts = await self._client.hgetall(_place(key, day))
            if counts:
                found.append(Day(day, int(counts.get(b"hits", 0)), int(counts.get(b"drawn", 0))))
        return found

    async def flush(self) -> None:
        """Add what was counted since the last time. When Redis is away it stays for the next time."""
        new, self._new = self._new, Counter()
        try:
            async with self._client.pipeline(transaction=False) as pipe:
                for (key, day, name), number in new.items():
                    pipe.hincrby(_place(key, day), name, number)
                for key, day in {(key, day) for key, day, _ in new}:
                    pipe.expire(_place(key, day), KEPT_DAYS * _DAY_SECONDS)
                totals = await pipe.execute() if new else []
        except (redis.exceptions.RedisError, OSError):
            self._new.update(new)
            return
        today = _today()
        self._drawn = {place: number for place, number in self._drawn.items() if place[1] == today}
        for (key, day, name), total in zip(new, totals, strict=False):
            if name == "drawn":
                self._drawn[key, day] = int(total)


def _place(key: str, day: str) -> str:
    return f"{PREFIX}usage:{key}:{day}"


def _today() -> str:
    return _day(time.time())


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(moment))
