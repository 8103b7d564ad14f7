"""Puts messages into the queue, in a thread and within a budget, with a breaker for when the broker is away.

The breaker opens when publishing fails and closes when Redis has been seen to answer, so that a dead broker costs a
request nothing: it is refused at once.
"""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import celery
import kombu.exceptions
import redis
import redis.exceptions

from app.contract import broker
from app.contract.errors import BrokerUnavailable
from app.contract.settings import Settings

_THREADS = 4
_RETRY_AFTER = 2


class Publisher:
    """Sends Celery messages, and lays the pixels that belong to one under their key first."""

    def __init__(self, settings: Settings) -> None:
        self._budget = settings.publish_budget_seconds
        config = broker.celery_config(settings)
        # This side only sends, so it need not be patient when Redis hangs.
        config["broker_transport_options"] |= {"socket_timeout": self._budget}
        self._celery = celery.Celery("likeness-api", set_as_current=False)
        self._celery.conf.update(config)
        self._redis: redis.Redis = redis.Redis.from_url(
            settings.redis, socket_timeout=self._budget, socket_connect_timeout=self._budget
        )
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="publish")
        self._open = False

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
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._budget):
                await loop.run_in_executor(
                    self._threads, self._send, task, argument, queue, payload or {}, payload_seconds
                )
        except (TimeoutError, OSError, kombu.exceptions.KombuError, redis.exceptions.RedisError) as error:
            self._open = True
            raise BrokerUnavailable(retry_after=_RETRY_AFTER) from error

    def stop(self) -> None:
        """Close the connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._redis.close()
        self._celery.close()

    def _send(self, task: str, argument: Any, queue: str, payload: Mapping[str, bytes], seconds: float) -> None:
        for key, value in payload.items():
            self._redis.set(key, value, px=max(1, int(1000 * seconds)))
        self._celery.send_task(task, args=(argument,), queue=queue, retry=True)
