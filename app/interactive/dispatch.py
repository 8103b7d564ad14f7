"""Sends batches to the workers and hands out their replies.

Each process has a reply list of its own in Redis, which one reader empties. A batch that may have been lost with its
worker, or with a restart of Redis, is sent once more; when that one may be lost, too, those who wait are told.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import pydantic
import redis.asyncio
import redis.exceptions

from app.background import Background
from app.contract.errors import BrokerUnavailable, DeadlineExceeded, LikenessError, NoWorker, WorkerLost, from_code
from app.contract.messages import (
    INFER_QUEUE,
    TASKS,
    InteractiveBatch,
    Reply,
    replies_key,
    unpack,
)
from app.interactive.publisher import Publisher
from app.interactive.workers import Workers

_POP_SECONDS = 2.0
_PAUSE_SECONDS = 0.2
_ATTEMPTS = 2

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _Outstanding:
    """A batch whose reply has not come."""

    batch: InteractiveBatch
    payload: Mapping[str, bytes]
    answer: asyncio.Future[tuple[Reply, memoryview] | LikenessError]
    sent: float  # time of the event loop


class Dispatcher:
    """Batches that are out. Belongs to one event loop.

    Args:
        client: connection for the reader alone; its read timeout must exceed two seconds.
        publisher: sends them.
        workers: who answers.
    """

    def __init__(self, client: redis.asyncio.Redis, publisher: Publisher, workers: Workers) -> None:
        self._client, self._publisher, self._workers = client, publisher, workers
        self._process = secrets.token_hex(6)
        self._outstanding: dict[str, _Outstanding] = {}
        self._number = 0
        self._reader = Background(self._read)
        self._again: set[asyncio.Task[None]] = set()
        workers.on_restart(self.suspect)

    @property
    def workers(self) -> int:
        """How many workers are there to take a batch."""
        return self._workers.count(INFER_QUEUE)

    @property
    def reply_to(self) -> str:
        """The list on which this process waits for replies."""
        return replies_key(self._process)

    async def __aenter__(self) -> Self:
        """Begin to read replies."""
        self._reader.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Read no more."""
        for task in self._again:
            task.cancel()
        await self._reader.stop()

    def next_id(self) -> str:
        """An identity for a batch of this process."""
        self._number += 1
        return f"{self._process}-{self._number}"

    async def send(
        self,
        batch: InteractiveBatch,
        *,
        deadline: float,
        payload: Mapping[str, bytes] | None = None,
    ) -> tuple[Reply, memoryview]:
        """The reply to `batch`: its header, and its body.

        Args:
            batch: what to send.
            deadline: time of the event loop after which nobody waits.
            payload: bytes that the worker finds under these Redis keys.

        Raises:
            NoWorker, BrokerUnavailable, WorkerLost, DeadlineExceeded: no answer is to be had.
            LikenessError: what the worker reported.
        """
        if not self.workers:
            raise NoWorker(retry_after=2)
        loop = asyncio.get_running_loop()
        entry = _Outstanding(batch, payload or {}, loop.create_future(), loop.time())
        self._outstanding[batch.id] = entry
        try:
            async with asyncio.timeout_at(deadline):
                await self._publish(entry)
                outcome = await entry.answer
        except TimeoutError:
            raise DeadlineExceeded() from None
        finally:
            del self._outstanding[batch.id]
        if isinstance(outcome, LikenessError):
            raise outcome
        reply, body = outcome
        if reply.code is not None:
            raise from_code(reply.code, reply.detail)
        return reply, body

    def suspect(self, before: float) -> None:
        """Act on the chance that what was sent before this moment (time of the event loop) is lost."""
        for entry in tuple(self._outstanding.values()):
            if entry.sent >= before or entry.answer.done():
                continue
            if entry.batch.attempt >= _ATTEMPTS:
                entry.answer.set_result(WorkerLost())
                continue
            again = replace(
                entry,
                batch=entry.batch.model_copy(update={"attempt": entry.batch.attempt + 1, "sent_at": time.time()}),
                sent=asyncio.get_running_loop().time(),
            )
            self._outstanding[entry.batch.id] = again
            task = asyncio.create_task(self._publish_again(again))
            self._again.add(task)
            task.add_done_callback(self._again.discard)

    async def _publish(self, entry: _Outstanding) -> None:
        batch = entry.batch
        await self._publisher.publish(
            TASKS[batch.kind],
            batch.model_dump(mode="json"),
            queue=INFER_QUEUE,
            payload=entry.payload,
            payload_seconds=batch.deadline - time.time() + _POP_SECONDS,
        )

    async def _publish_again(self, entry: _Outstanding) -> None:
        try:
            await self._publish(entry)
        except BrokerUnavailable as error:
            if not entry.answer.done():
                entry.answer.set_result(error)

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        interrupted: float | None = None
        while True:
            try:
                popped = await self._client.blpop([self.reply_to], timeout=_POP_SECONDS)
            except (redis.exceptions.RedisError, OSError) as error:
                if interrupted is None:
                    _log.warning("replies: Redis does not answer (%s)", type(error).__name__)
                interrupted = loop.time()
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            if popped is not None:
                self._hand_out(popped[1])
            if interrupted is not None:
                _log.warning("replies: Redis answers again; batches that were out are sent again")
                self._publisher.note(redis_answers=True)
                self.suspect(before=interrupted)
                interrupted = None

    def _hand_out(self, message: bytes | str) -> None:
        try:
            reply, body = unpack(message.encode() if isinstance(message, str) else message)
        except (ValueError, pydantic.ValidationError):
            _log.error("replies: a reply cannot be read and is dropped")
            return
        entry = self._outstanding.get(reply.batch)
        # A batch that was sent twice may be answered twice, and one whose deadline is over still may be answered.
        if entry is not None and not entry.answer.done():
            entry.answer.set_result((reply, body))
