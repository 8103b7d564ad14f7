"""Asks a serving worker to use a version before anybody else does."""

import time
import uuid
from collections.abc import Callable
from typing import cast

import celery
import kombu.exceptions
import numpy as np
import redis

from app.contract import tracing
from app.contract.broker import celery_config
from app.contract.messages import (
    CLASSIFY_TASK,
    GENERATE_TASK,
    INFER_QUEUE,
    WORKER_TTL_SECONDS,
    WORKERS_KEY,
    ClassifyBatch,
    Drawing,
    GenerateBatch,
    WorkerReport,
    WorkerState,
    pixels_key,
    replies_key,
    unpack,
)
from app.contract.registry import Version
from app.contract.settings import Settings

PATIENCE_SECONDS = 60.0


class ServingCheck:
    """Sends a version one small batch, as an api would."""

    def __init__(self, settings: Settings, client: redis.Redis) -> None:
        self._celery = celery.Celery("likeness-check", set_as_current=False)
        self._celery.conf.update(celery_config(settings))
        self._redis = client

    def fault(self, version: Version, *, check: Callable[[], None]) -> str:
        """What is wrong with the version's output, or that nobody could be asked; nothing when it is well.

        Args:
            check: raises when the wait should end.
        """
        if not self._anyone():
            return "no serving worker is there to try it"
        batch_id = f"check-{uuid.uuid4().hex}"
        common = {
            "id": batch_id,
            "reply_to": replies_key(batch_id),
            "digest": version.digest,
            "sent_at": time.time(),
            "deadline": time.time() + PATIENCE_SECONDS,
            "traceparent": tracing.here(),
        }
        batch: ClassifyBatch | GenerateBatch
        if version.kind == "classifier":
            key = pixels_key(batch_id)
            pixels = np.random.default_rng(0).integers(0, 256, version.size**2 * version.channels, dtype=np.uint8)
            self._redis.set(key, pixels.tobytes(), ex=int(PATIENCE_SECONDS) + 1)
            task, batch = CLASSIFY_TASK, ClassifyBatch(**common, pixels=key, count=1)
        else:
            drawing = Drawing(seed="0", label=0 if version.labels else None)
            task, batch = GENERATE_TASK, GenerateBatch(**common, drawings=(drawing,))
        try:
            self._celery.send_task(task, args=(batch.model_dump(mode="json"),), queue=INFER_QUEUE, retry=True)
        except (OSError, kombu.exceptions.KombuError, redis.RedisError):
            return "the queue cannot be reached"
        return self._judge(batch.reply_to, version, check)

    def _judge(self, replies: str, version: Version, check: Callable[[], None]) -> str:
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            check()
            answer = self._redis.blpop([replies], timeout=1)
            if answer is None:
                continue
            reply, body = unpack(cast("bytes", answer[1]))
            if reply.code is not None:
                return f"a serving worker says: {reply.detail}"
            if version.kind == "classifier":
                found = np.frombuffer(body, np.float32, count=len(version.labels))
                sane = bool(np.isfinite(found).all()) and abs(float(found.sum()) - 1) < 1e-3
            else:
                drawn = np.frombuffer(body, np.uint8)
                sane = bool((drawn != drawn[0]).any())
            return "" if sane else "its output on a serving worker is not sane"
        return f"no serving worker answered within {PATIENCE_SECONDS:.0f} s"

    def _anyone(self) -> bool:
        reports = [WorkerReport.model_validate_json(each) for each in self._redis.hvals(WORKERS_KEY)]
        fresh = time.time() - WORKER_TTL_SECONDS
        return any(
            report.queue == INFER_QUEUE and report.state is WorkerState.READY and report.at > fresh
            for report in reports
        )
