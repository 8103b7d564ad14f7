"""Interactive batches: one message, one forward pass, one reply. Whatever goes wrong becomes a reply with a code."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import redis
import structlog

from app.contract import tracing
from app.contract.errors import DeadlineExceeded, InvalidRequest
from app.contract.messages import (
    Batch,
    ClassifyBatch,
    GenerateBatch,
    InteractiveBatch,
    Reply,
    SimilarBatch,
    pack,
)
from worker import failures
from worker.reporter import Reporter
from worker.serving.engine import Engine
from worker.serving.loaded import Loaded

_log = structlog.get_logger()

REPLY_SECONDS = 60
"""A reply list that nobody reads any more is gone after this long."""


@dataclass(frozen=True)
class Answer:
    """What a batch came to: arrays in the order of the reply's body, and how many pictures."""

    arrays: tuple[np.ndarray, ...]
    images: int

    def packed(self, header: Reply) -> bytes:
        """The reply `header` with the arrays as its body."""
        told = header.model_copy(update={"shape": self.arrays[0].shape})
        return pack(told, *(np.ascontiguousarray(array).data.cast("B") for array in self.arrays))


class Inference:
    """Answers batches, in any number of threads.

    Args:
        turns: held while a network runs, by batches and durable jobs alike.
    """

    def __init__(
        self, client: redis.Redis, *, loaded: Loaded, reporter: Reporter, turns: AbstractContextManager[object]
    ) -> None:
        self._redis = client
        self._replies = _Replies(client)
        self._loaded = loaded
        self._reporter = reporter
        self._turns = turns

    def classify(self, message: dict[str, Any]) -> None:
        """Answer a `ClassifyBatch`, given as its JSON document."""
        batch = ClassifyBatch.model_validate(message)
        self._answer(
            batch,
            lambda engine, pixels: classified(engine, batch, pixels),
            fetch=lambda: self._pixels(batch),
            spent=(batch.pixels,),
        )

    def generate(self, message: dict[str, Any]) -> None:
        """Answer a `GenerateBatch`, given as its JSON document."""
        batch = GenerateBatch.model_validate(message)
        self._answer(batch, lambda engine, _: drawn(engine, batch))

    def similar(self, message: dict[str, Any]) -> None:
        """Answer a `SimilarBatch`, given as its JSON document."""
        batch = SimilarBatch.model_validate(message)
        self._answer(batch, lambda engine, _: Answer(engine.similar(batch.drawing, batch.count), images=0))

    def _pixels(self, batch: ClassifyBatch) -> bytes:
        found = self._redis.get(batch.pixels)
        if found is None:
            raise DeadlineExceeded("The pixels of this batch are no longer there.")
        assert isinstance(found, bytes)
        return found

    def _answer(
        self,
        batch: InteractiveBatch,
        work: Callable[[Engine, bytes], Answer],
        *,
        fetch: Callable[[], bytes] = bytes,
        spent: tuple[str, ...] = (),
    ) -> None:
        """Reply to a batch with what `work` makes of what `fetch` gives; the keys `spent` are done with then."""
        started = time.time()
        if started > batch.deadline:
            # Nobody waits for it. Its pixels expire by themselves, or serve the same batch sent once more.
            _log.info(
                "dropped a batch past its deadline", batch=batch.id, late_seconds=round(started - batch.deadline, 2)
            )
            return
        tracing.past("queue", seconds=started - batch.sent_at, parent=batch.traceparent)
        with tracing.span(batch.kind, parent=batch.traceparent) as span:
            header = Reply(batch=batch.id, queue_ms=max(0.0, 1000 * (started - batch.sent_at)))
            try:
                with self._reporter.working():
                    clock = time.perf_counter()
                    engine, fetched = self._loaded.engine(batch.digest), fetch()
                    with self._turns, tracing.span("compute"):
                        answer = work(engine, fetched)
                    seconds = time.perf_counter() - clock
                message = answer.packed(header.model_copy(update={"compute_ms": 1000 * seconds}))
            except Exception as error:  # a batch must never end the worker, and somebody waits for the reply
                failure = failures.told(error)
                span.failed(failure.code)
                message = pack(header.model_copy(update={"code": failure.code, "detail": failure.detail}))
            else:
                self._reporter.count(images=answer.images)
            self._send(batch, message, spent)

    def _send(self, batch: Batch, message: bytes, spent: tuple[str, ...]) -> None:
        pipeline = self._replies.pipeline
        try:
            pipeline.rpush(batch.reply_to, message)
            pipeline.expire(batch.reply_to, REPLY_SECONDS)
            if spent:
                pipeline.delete(*spent)
            pipeline.execute()
        except redis.RedisError as error:
            # The sender sends the batch once more when it is connected again; its pixels are still there.
            _log.warning("a reply is lost", batch=batch.id, error=str(error))
        finally:
            # Where it could not even connect, the commands would wait in it for the next reply.
            pipeline.reset()


class _Replies(threading.local):
    """A thread's pipeline for all its replies: making one takes a third of a millisecond, as a small network does."""

    def __init__(self, client: redis.Redis) -> None:
        # A transaction, since a list that was pushed to and never told to expire would stay for ever.
        self.pipeline = client.pipeline(transaction=True)


def classified(engine: Engine, batch: ClassifyBatch, raw: bytes) -> Answer:
    """Probabilities [N, classes], energies [N] and the heat maps [H, W] that were asked for."""
    pixels = pictures(raw, shape=engine.input_shape, count=batch.count)
    probabilities, energies = engine.classify(pixels)
    arrays: tuple[np.ndarray, ...] = (probabilities, energies)
    if batch.explain:
        arrays += (engine.explain(pixels, batch.explain),)
    return Answer(arrays=arrays, images=batch.count)


def drawn(engine: Engine, batch: GenerateBatch) -> Answer:
    """Pixels [N, H, W, C]."""
    pixels = engine.generate(batch.drawings)
    return Answer(arrays=(pixels,), images=len(batch.drawings))


def pictures(raw: bytes, *, shape: tuple[int, ...], count: int) -> np.ndarray:
    """`raw` as uint8 [count, *shape]. Raises `InvalidRequest` when it has another size."""
    if len(raw) != count * int(np.prod(shape)):
        raise InvalidRequest(reason=f"{len(raw)} bytes are not {count} pictures of the shape {shape}")
    return np.frombuffer(raw, np.uint8).reshape(count, *shape)
