"""How much one key, or one address without a key, may ask for: requests and images a minute.

Counted in Redis, so that all api processes share the count; while Redis is away each process counts by itself. There
are no limits while no key is configured, since then nobody but this machine can ask, and none for administrators.
"""

import asyncio
import contextvars
import ipaddress
import math
import time
from dataclasses import dataclass
from typing import Literal

import limits
import redis.asyncio
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError

from app.access.caller import Caller
from app.contract.errors import LimitReached
from app.contract.messages import PREFIX
from app.contract.settings import Settings

WINDOW_SECONDS = 60
TRUST_AGAIN_SECONDS = 2.0
"""Redis that did not answer is left alone for so long."""

What = Literal["requests", "images"]


@dataclass(frozen=True)
class Spender:
    """Whose allowance a request uses, and in whose name its images wait for their turn."""

    name: str
    kind: Literal["key", "address"]
    limited: bool


@dataclass(frozen=True)
class Standing:
    """What is left of an allowance."""

    limit: int
    remaining: int
    reset_seconds: int

    def headers(self) -> dict[str, str]:
        """As the IETF draft on RateLimit header fields has it."""
        return {
            "RateLimit-Policy": f'"requests";q={self.limit};w={WINDOW_SECONDS}',
            "RateLimit": f'"requests";r={self.remaining};t={self.reset_seconds}',
        }


spender: contextvars.ContextVar[Spender | None] = contextvars.ContextVar("spender", default=None)
"""Who spends in the request that is being answered. None where nothing is counted."""


def whose_turn() -> str:
    """The name in which images of the running request wait; the same for all where nothing is counted."""
    spending = spender.get()
    return "" if spending is None else spending.name


def who(caller: Caller, address: str) -> Spender:
    """Whose allowance a request uses: that of its key, or of the network that it comes from."""
    if caller.id is not None:
        return Spender(f"key:{caller.id}", "key", limited="admin" not in caller.scopes)
    return Spender(f"address:{network(address)}", "address", limited=True)


def network(address: str) -> str:
    """The address itself; of IPv6 the /64, since every machine has as many addresses as it likes there."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return str(ipaddress.ip_network((found, 64), strict=False))
        found = found.ipv4_mapped  # as one socket for both tells of IPv4; all of these are in one /64
    return str(found)


@dataclass(eq=False)
class _Gathered:
    """Images that one spender asks for in one turn of the event loop."""

    count: int
    charge: asyncio.Task[None] | None = None


class Limits:
    """The allowances of all spenders. Belongs to one event loop.

    Args:
        client: a connection that raises soon when Redis is silent.
        settings: the limits; 0 switches one off.
    """

    def __init__(self, client: redis.asyncio.Redis, settings: Settings) -> None:
        storage = RedisStorage(
            "async+redis://",
            wrap_exceptions=True,
            implementation="redispy",
            key_prefix=f"{PREFIX}limits",
            connection_pool=client.connection_pool,  # type: ignore[arg-type]
        )
        self._shared = SlidingWindowCounterRateLimiter(storage)
        self._alone = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._alone_until = 0.0  # monotonic clock
        self._amounts: dict[tuple[What, str], int] = {
            ("requests", "key"): settings.key_requests_per_minute,
            ("requests", "address"): settings.address_requests_per_minute,
            ("images", "key"): settings.key_images_per_minute,
            ("images", "address"): settings.address_images_per_minute,
        }
        self._gathered: dict[str, _Gathered] = {}

    async def request(self, spending: Spender) -> Standing | None:
        """Count one request; what is left, or None where nothing limits it. Raises `LimitReached`."""
        return await self._take("requests", spending, 1)

    async def images(self, count: int) -> None:
        """Count images that a worker is to draw or classify for the running request. Raises `LimitReached`."""
        spending = spender.get()
        if spending is None or not spending.limited:
            return
        # A request for many faces asks for each one by itself: what comes in one turn is counted in one go.
        gathered = self._gathered.get(spending.name)
        if gathered is None:
            gathered = self._gathered[spending.name] = _Gathered(0)
            gathered.charge = asyncio.create_task(self._charge(spending, gathered))
        gathered.count += count
        assert gathered.charge is not None
        await asyncio.shield(gathered.charge)

    async def _charge(self, spending: Spender, gathered: _Gathered) -> None:
        del self._gathered[spending.name]
        await self._take("images", spending, gathered.count)

    async def _take(self, what: What, spending: Spender, count: int) -> Standing | None:
        amount = self._amounts[what, spending.kind]
        if not spending.limited or not amount:
            return None
        item = limits.RateLimitItemPerMinute(amount, namespace=what)
        if time.monotonic() >= self._alone_until:
            try:
                return await _hit(self._shared, item, what, spending, count)
            except StorageError:
                self._alone_until = time.monotonic() + TRUST_AGAIN_SECONDS
        return await _hit(self._alone, item, what, spending, count)


async def _hit(
    limiter: SlidingWindowCounterRateLimiter, item: limits.RateLimitItem, what: What, spending: Spender, count: int
) -> Standing:
    allowed = await limiter.hit(item, spending.name, cost=count)
    window = await limiter.get_window_stats(item, spending.name)
    reset = max(1, math.ceil(window.reset_time - time.time()))
    standing = Standing(item.amount, window.remaining, reset)
    if not allowed:
        raise LimitReached(limit=item.amount, what=f"{what} a minute", retry_after=reset, standing=standing)
    return standing
