"""Drawn faces that are at hand: in this process up to a number of bytes, and in a Redis that processes share."""

import hashlib
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass

import redis.asyncio
import redis.exceptions

from app.contract.messages import PREFIX

_SHARED_SECONDS = 7 * 86_400
_OVERHEAD_BYTES = 512  # what an entry costs beside its file: key, digest, list links
_PAUSE_SECONDS = 5.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Picture:
    """An encoded picture, ready to be sent."""

    data: bytes
    sha256: str
    width: int
    height: int
    native_size: int


class FaceCache:
    """The least recently used face goes first. The shared cache is a help and no more: its failures cost a miss."""

    def __init__(self, limit_bytes: int, shared: redis.asyncio.Redis | None = None) -> None:
        self._limit, self._shared = limit_bytes, shared
        self._entries: OrderedDict[str, Picture] = OrderedDict()
        self._shared_away_until = 0.0
        self.bytes = 0
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._entries)

    async def get(self, key: str) -> Picture | None:
        """The picture kept under `key`, or None."""
        picture = self._entries.get(key)
        if picture is not None:
            self._entries.move_to_end(key)
            self.hits += 1
            return picture
        picture = await self._get_shared(key)
        if picture is None:
            self.misses += 1
            return None
        self.hits += 1
        self._keep(key, picture)
        return picture

    async def put(self, key: str, picture: Picture) -> None:
        """Keep `picture` under `key`."""
        self._keep(key, picture)
        await self._put_shared(key, picture)

    def _keep(self, key: str, picture: Picture) -> None:
        if (old := self._entries.pop(key, None)) is not None:
            self.bytes -= _weight(key, old)
        self._entries[key] = picture
        self.bytes += _weight(key, picture)
        while self.bytes > self._limit:
            gone, old = self._entries.popitem(last=False)
            self.bytes -= _weight(gone, old)

    async def _get_shared(self, key: str) -> Picture | None:
        if self._shared is None or time.monotonic() < self._shared_away_until:
            return None
        try:
            return _unpack(await self._shared.get(_shared_key(key)))
        except (redis.exceptions.RedisError, OSError) as error:
            self._leave_shared_alone(error)
            return None

    async def _put_shared(self, key: str, picture: Picture) -> None:
        if self._shared is None or time.monotonic() < self._shared_away_until:
            return
        try:
            await self._shared.set(_shared_key(key), _pack(picture), ex=_SHARED_SECONDS)
        except (redis.exceptions.RedisError, OSError) as error:
            self._leave_shared_alone(error)

    def _leave_shared_alone(self, error: Exception) -> None:
        _log.warning("face cache: the shared cache does not answer (%s)", type(error).__name__)
        self._shared_away_until = time.monotonic() + _PAUSE_SECONDS


def picture(data: bytes, *, width: int, height: int, native_size: int) -> Picture:
    """The record of an encoded picture."""
    return Picture(data, hashlib.sha256(data).hexdigest(), width, height, native_size)


def _weight(key: str, entry: Picture) -> int:
    return len(entry.data) + len(key) + _OVERHEAD_BYTES


def _shared_key(key: str) -> str:
    return f"{PREFIX}face:{hashlib.sha256(key.encode()).hexdigest()}"


def _pack(entry: Picture) -> bytes:
    return b"".join(number.to_bytes(2, "big") for number in (entry.width, entry.height, entry.native_size)) + entry.data


def _unpack(packed: bytes | str | None) -> Picture | None:
    if not isinstance(packed, bytes) or len(packed) < 6:
        return None
    width, height, native = (int.from_bytes(packed[i : i + 2], "big") for i in (0, 2, 4))
    return picture(packed[6:], width=width, height=height, native_size=native)
