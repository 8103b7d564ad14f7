"""Asks a serving worker to use a version before anybody else does."""

import struct
import time
import uuid
from collections.abc import Callable
from typing import cast

import celery
import kombu.exceptions
import redis

from app.contract import tracing, trial
from app.contract.broker import celery_config
from app.contract.messages import (
    CLASSIFY_TASK,
    GENERATE_TASK,
    INFER_QUEUE,
    WORKERS_KEY,
    ClassifyBatch,
    GenerateBatch,
    living,
    pixels_key,
    replies_key,
    unpack,
)
from app.contract.registry import Version
from app.contract.settings import Settings


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
            "deadline": time.time() + trial.TRIAL_SECONDS,
            "traceparent": tracing.here(),
        }
        batch: ClassifyBatch | GenerateBatch
        if version.kind == "classifier":
            key = pixels_key(batch_id)
            self._redis.set(key, trial.picture(version), ex=int(trial.TRIAL_SECONDS) + 1)
            task, batch = CLASSIFY_TASK, ClassifyBatch(**common, pixels=key, count=1)
        else:
            task, batch = GENERATE_TASK, GenerateBatch(**common, drawings=(trial.drawing(version),))
        try:
            self._celery.send_task(task, args=(batch.model_dump(mode="json"),), queue=INFER_QUEUE, retry=True)
        except (OSError, kombu.exceptions.KombuError, redis.RedisError):
            return "the queue cannot be reached"
        return self._judge(batch.reply_to, version, check)

    def _judge(self, replies: str, version: Version, check: Callable[[], None]) -> str:
        end = time.monotonic() + trial.TRIAL_SECONDS
        while time.monotonic() < end:
            check()
            answer = self._redis.blpop([replies], timeout=1)
            if answer is None:
                continue
            reply, body = unpack(cast("bytes", answer[1]))
            if reply.code is not None:
                return f"a serving worker says: {reply.detail}"
            if version.kind == "classifier":
                found = struct.unpack_from(f"{reply.shape[1]}f", body)
                sane = trial.are_probabilities(found, version)
            else:
                sane = trial.shows_something(bytes(body))
            return "" if sane else trial.FAULT
        return f"no serving worker answered within {trial.TRIAL_SECONDS:.0f} s"

    def _anyone(self) -> bool:
        reports = cast("list[bytes]", self._redis.hvals(WORKERS_KEY))
        return any(report.takes(INFER_QUEUE) for report in living(reports))
