"""Wakes whoever waits for something to change: one Redis subscription per process, handed out to many.

A signal carries nothing but its channel, and may be lost: waiting always has a time limit, after which one looks
anyway.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from typing import Self

import redis.asyncio
import redis.exceptions

from app.background import Background
from app.contract.messages import EVENTS_CHANNEL, KEYS_CHANNEL, REGISTRY_CHANNEL, WORKERS_CHANNEL

_PAUSE_SECONDS = 0.5
_LISTEN_SECONDS = 5.0

_log = logging.getLogger(__name__)


class Signals:
    """Listens to the channels of workers, registry, keys and jobs. Belongs to one event loop."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._client = client
        self._sleepers: dict[str, set[asyncio.Event]] = {}
        self._listening = Background(self._listen)

    async def __aenter__(self) -> Self:
        """Begin to listen."""
        self._listening.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening."""
        await self._listening.stop()

    @contextlib.contextmanager
    def sleeper(self, channel: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever `channel` is signalled while the block runs."""
        event = asyncio.Event()
        sleepers = self._sleepers.setdefault(channel, set())
        sleepers.add(event)
        try:
            yield event
        finally:
            sleepers.discard(event)
            if not sleepers and self._sleepers.get(channel) is sleepers:
                del self._sleepers[channel]

    async def _listen(self) -> None:
        told = False
        while True:
            try:
                async with self._client.pubsub() as subscription:
                    await subscription.subscribe(WORKERS_CHANNEL, REGISTRY_CHANNEL, KEYS_CHANNEL)
                    await subscription.psubscribe(f"{EVENTS_CHANNEL}*")
                    told = False
                    self._wake_all()  # signals may have been lost while there was no subscription
                    while True:
                        message = await subscription.get_message(
                            ignore_subscribe_messages=True, timeout=_LISTEN_SECONDS
                        )
                        if message is not None:
                            self._wake(message["channel"].decode())
            except (redis.exceptions.RedisError, OSError) as error:
                if not told:
                    _log.warning("signals: Redis does not answer (%s)", type(error).__name__)
                told = True
                await asyncio.sleep(_PAUSE_SECONDS)

    def _wake(self, channel: str) -> None:
        for event in self._sleepers.get(channel, ()):
            event.set()

    def _wake_all(self) -> None:
        for channel in self._sleepers:
            self._wake(channel)
