"""`likeness worker`: one worker process, which takes this command's place, or a question after one."""

import os
import socket
import sys
import time
from enum import StrEnum
from typing import Annotated

import redis
import typer

from app.cli import failure
from app.contract.messages import INFER_QUEUE, TRAIN_QUEUE, WORKER_TTL_SECONDS, WORKERS_KEY, WorkerReport

REDIS_SECONDS = 2.0


class Kind(StrEnum):
    """What a worker does."""

    INFER = INFER_QUEUE
    TRAIN = TRAIN_QUEUE


def worker(
    kind: Annotated[Kind, typer.Argument(help="infer answers requests, train runs jobs.")],
    name: Annotated[str | None, typer.Option(help="Stable name of its place.", show_default="KIND-HOSTNAME")] = None,
    check: Annotated[bool, typer.Option("--check", help="Ask instead: exit code 0 if it lives, for probes.")] = False,
) -> None:
    """Run one worker process. It needs Redis, a database and a store; `likeness up` brings them all."""
    place = name or f"{kind}-{socket.gethostname()}"
    if check:
        _check(place)
        return
    # By exec and not by import: nothing in the api's package may load torch.
    os.execv(sys.executable, (sys.executable, "-P", "-m", "worker", kind.value, "--name", place))


def _check(place: str) -> None:
    """Read the worker's last report of itself; it renews it every few seconds while it lives."""
    settings = failure.read_settings()
    try:
        with redis.Redis.from_url(settings.redis, socket_timeout=REDIS_SECONDS, decode_responses=True) as client:
            text = client.hget(WORKERS_KEY, place)
    except redis.RedisError as error:
        failure.fail(f"Redis does not answer: {error}.")
    if text is None:
        failure.fail(f"No worker called {place} has reported.")
    report = WorkerReport.model_validate_json(text)
    age = time.time() - report.at
    if age > WORKER_TTL_SECONDS:
        failure.fail(f"{place} last reported {age:.0f} s ago.")
    print(f"{place} is {report.state}; it reported {age:.0f} s ago.")
