"""Real worker processes for tests, and what the api would do to talk to them."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import celery
import redis

from app.contract import messages
from app.contract.broker import celery_config
from app.contract.settings import Settings

START_SECONDS = 90.0


def until(condition: Callable[[], bool], *, seconds: float = 90.0) -> None:
    """Return once `condition` holds. Fails when it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


@dataclass(frozen=True)
class Client:
    """The other side of a worker."""

    redis: redis.Redis
    celery: celery.Celery

    def report(self, name: str) -> messages.WorkerReport | None:
        """What the worker `name` says of itself."""
        text = self.redis.hget(messages.WORKERS_KEY, name)
        return None if text is None else messages.WorkerReport.model_validate_json(text)

    def classify(self, digest: str, pixels: bytes, *, batch: str, count: int, explain: tuple[int, ...] = ()) -> None:
        """Send a classify batch whose reply comes to the list of the batch's own name."""
        self.redis.set(messages.pixels_key(batch), pixels, ex=120)
        message = messages.ClassifyBatch(
            id=batch,
            reply_to=messages.replies_key(batch),
            digest=digest,
            sent_at=time.time(),
            deadline=time.time() + 90,
            pixels=messages.pixels_key(batch),
            count=count,
            explain=explain,
        )
        self.celery.send_task(messages.CLASSIFY_TASK, args=[message.model_dump(mode="json")])

    def generate(self, digest: str, *drawings: messages.Drawing, batch: str, deadline: float | None = None) -> None:
        """Send a generate batch whose reply comes to the list of the batch's own name."""
        message = messages.GenerateBatch(
            id=batch,
            reply_to=messages.replies_key(batch),
            digest=digest,
            sent_at=time.time(),
            deadline=time.time() + 90 if deadline is None else deadline,
            drawings=drawings,
        )
        self.celery.send_task(messages.GENERATE_TASK, args=[message.model_dump(mode="json")])

    def job(self, job_id: str, *, queue: str) -> None:
        """Send the message of a durable job."""
        self.celery.send_task(messages.JOB_TASK, args=[job_id], queue=queue)

    def reply(self, batch: str, *, seconds: int = 90) -> tuple[messages.Reply, memoryview]:
        """Wait for the reply to a batch."""
        got = self.redis.blpop([messages.replies_key(batch)], timeout=seconds)
        assert got is not None, "no reply came"
        return messages.unpack(got[1])


@contextlib.contextmanager
def client(settings: Settings) -> Iterator[Client]:
    """Connect as an api process does."""
    app = celery.Celery("test", set_as_current=False)
    app.conf.update(celery_config(settings))
    connection = redis.Redis.from_url(settings.redis, socket_timeout=60)
    try:
        yield Client(redis=connection, celery=app)
    finally:
        connection.close()
        app.close()


@contextlib.contextmanager
def worker(
    settings: Settings, client: Client, *, queue: str = "infer", name: str, **more: str
) -> Iterator[subprocess.Popen]:
    """Run a worker process until the block ends; it is ready when the block begins."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIKENESS_")} | {
        "LIKENESS_HOME": str(settings.home),
        "LIKENESS_REDIS_URL": settings.redis,
        "LIKENESS_WORKER_THREADS": "1",
        **more,
    }
    command = [sys.executable, "-W", "error::ResourceWarning", "-m", "worker", queue, "--name", name]
    with subprocess.Popen(command, env=environment, cwd=Path(__file__).parents[2]) as process:
        try:
            until(lambda: process.poll() is not None or is_ready(client, name), seconds=START_SECONDS)
            assert process.poll() is None, "the worker ended"
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()


def is_ready(client: Client, name: str) -> bool:
    """Whether the worker `name` takes messages."""
    report = client.report(name)
    return report is not None and report.state is messages.WorkerState.READY
