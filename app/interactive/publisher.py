"""Puts messages into the queue, within a budget, with a breaker for when the broker is away.

The breaker opens when publishing fails and closes when Redis has been seen to answer, so that a dead broker costs a
request nothing: it is refused at once.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Self

import redis.exceptions

from app import redis_client
from app.contract.errors import BrokerUnavailable
from app.contract.settings import Settings
from app.interactive import envelope

_RETRY_AFTER = 2


class Publisher:
    """Sends Celery messages, and lays the pixels that belong to one under their key. Belongs to one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._budget = settings.publish_budget_seconds
        self._redis = redis_client.connect(settings.redis, read_seconds=self._budget)
        self._open = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._redis.aclose()

    def note(self, redis_answers: bool) -> None:
        """Learn from someone who asks Redis regularly whether it answers."""
        self._open = not redis_answers

    async def publish(
        self,
        task: str,
        argument: Any,
        *,
        queue: str,
        payload: Mapping[str, bytes] | None = None,
        payload_seconds: float = 0,
    ) -> None:
        """Send one message.

        Args:
            task: name of the Celery task.
            argument: its one argument.
            queue: queue it goes to.
            payload: bytes to put under Redis keys beforehand.
            payload_seconds: how long they stay there.

        Raises:
            BrokerUnavailable: the broker did not take it within the budget; it may have arrived all the same.
        """
        if self._open:
            raise BrokerUnavailable(retry_after=_RETRY_AFTER)
        commands = self._redis.pipeline(transaction=False)
        for key, value in (payload or {}).items():
            commands.set(key, value, px=max(1, int(1000 * payload_seconds)))
        commands.lpush(envelope.queue_key(queue), envelope.seal(task, argument, queue=queue))
        try:
            async with asyncio.timeout(self._budget):
                await commands.execute()
        except (TimeoutError, OSError, redis.exceptions.RedisError) as error:
            self._open = True
            raise BrokerUnavailable(retry_after=_RETRY_AFTER) from error
