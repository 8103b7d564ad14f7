"""A small service for tests of the api: real Redis, real database and store, and a worker that computes nothing real.

The worker is a thread that speaks the protocol of `app.contract.messages` to the letter. Its networks are simple enough
to be predicted: a classifier that answers with the brightness, a generator that paints one colour for each drawing.
"""

import contextlib
import hashlib
import json
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import kombu
import redis
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp

from app.access.auth import admit_loopback
from app.contract import broker, registry
from app.contract.database import Database
from app.contract.messages import (
    CLASSIFY_TASK,
    GENERATE_TASK,
    INFER_QUEUE,
    JOB_TASK,
    SIMILAR_TASK,
    WORKERS_CHANNEL,
    WORKERS_KEY,
    ClassifyBatch,
    Drawing,
    GenerateBatch,
    InteractiveBatch,
    Reply,
    SimilarBatch,
    WorkerReport,
    WorkerState,
    pack,
)
from app.contract.settings import Settings
from app.contract.store import Store
from app.http.body import BodyRules
from app.http.gateway import Gateway
from app.http.refusals import Refusals
from app.metrics import Metrics
from models import images

_BATCHES = {CLASSIFY_TASK: ClassifyBatch, GENERATE_TASK: GenerateBatch, SIMILAR_TASK: SimilarBatch}

LABELS = ("dark", "dim", "light", "bright")
SIZE = 8
FACE = 16
STRANGE = 255  # a picture with it looks like no class


def checkpoint(
    kind: str,
    *,
    size: int,
    channels: int,
    labels: tuple[str, ...] = (),
    calibration: Mapping[str, Any] | None = None,
    **extras: Any,
) -> bytes:
    """A checkpoint file without any tensors: all that the api ever reads of one is its header."""
    header = {
        "kind": kind,
        "input": {"size": size, "channels": channels},
        "labels": labels,
        "calibration": calibration or {},
        "extras": extras,
        "metrics": {"accuracy": 0.5},
        "provenance": {"data": "none"},
    }
    text = json.dumps({"__metadata__": {"likeness": json.dumps(header)}}).encode()
    return len(text).to_bytes(8, "little") + text


CLASSIFIER = checkpoint(
    "classifier", size=SIZE, channels=1, labels=LABELS, calibration={"energy": -0.5, "note": "made up"}
)
GENERATOR = checkpoint("generator", size=FACE, channels=3, directions=["age", "smile"])
CONDITIONAL = checkpoint("generator", size=FACE, channels=1, labels=LABELS, truncation=0.5)


def publish(settings: Settings) -> None:
    """Make a database with the models clothing, faces and clothing-gan, all in production."""
    database, store = Database(settings.database), Store(settings.store)
    database.migrate()
    for name, data in (("clothing", CLASSIFIER), ("faces", GENERATOR), ("clothing-gan", CONDITIONAL)):
        with database.session() as session:
            version = registry.publish(session, store, name=name, checkpoint=data, onnx=None, source="bundled")
            registry.point(session, model=name, alias="production", digest=version.digest)
    database.close()


def colour(seed: str) -> bytes:
    """The one colour of a seed's picture."""
    return hashlib.sha256(seed.encode()).digest()[:3]


def painted(drawing: Drawing) -> bytes:
    """The one colour of a drawing, which on a walk lies between those of its two seeds."""
    here, there = colour(drawing.seed), colour(drawing.toward or drawing.seed)
    return bytes(round(a + (b - a) * drawing.position) for a, b in zip(here, there, strict=True))


class ProtocolWorker(threading.Thread):
    """Takes batches from the queue and replies. `delay` seconds each; while `deaf` is set, it loses what it takes."""

    def __init__(self, settings: Settings, *, name: str = "infer", delay: float = 0.0) -> None:
        super().__init__(daemon=True)
        self._config = broker.celery_config(settings)
        self._redis = redis.Redis.from_url(settings.redis)
        self._place = name
        self._ended = threading.Event()
        self.delay = delay
        self.deaf = threading.Event()
        self.batches: list[InteractiveBatch] = []

    def report(self, *, boot: str = "1", state: WorkerState = WorkerState.READY) -> None:
        """Say how things are, as a real worker does every two seconds."""
        said = WorkerReport(
            name=self._place, boot=boot, queue=INFER_QUEUE, state=state, device="cpu", engine="onnx", at=time.time()
        ).model_dump_json()
        self._redis.hset(WORKERS_KEY, self._place, said)
        self._redis.publish(WORKERS_CHANNEL, said)

    def run(self) -> None:
        options = self._config["broker_transport_options"]
        with kombu.Connection(self._config["broker_url"], transport_options=options) as connection:
            queue = kombu.Queue(INFER_QUEUE, kombu.Exchange(INFER_QUEUE), routing_key=INFER_QUEUE)
            with kombu.Consumer(connection, queue, callbacks=[self._take], accept=["json"]):
                while not self._ended.is_set():
                    with contextlib.suppress(TimeoutError):
                        connection.drain_events(timeout=0.05)

    def stop(self) -> None:
        """End, and take the report back."""
        self._ended.set()
        self.join(5)
        self._redis.hdel(WORKERS_KEY, self._place)
        self._redis.close()

    def _take(self, body: Any, message: kombu.Message) -> None:
        message.ack()
        task, argument = message.headers["task"], body[0][0]
        if task == JOB_TASK:  # durable jobs are left to the tests that want one
            return
        batch = _BATCHES[task].model_validate(argument)
        self.batches.append(batch)
        time.sleep(self.delay)
        if not self.deaf.is_set():
            match batch:
                case GenerateBatch():
                    reply = self._draw(batch)
                case ClassifyBatch():
                    reply = self._classify(batch)
                case SimilarBatch():
                    reply = _similar(batch)
            self._redis.rpush(batch.reply_to, reply)

    def _draw(self, batch: GenerateBatch) -> bytes:
        grey = any(drawing.label is not None for drawing in batch.drawings)
        pixels = b"".join(
            (painted(drawing)[:1] if grey else painted(drawing)) * FACE * FACE for drawing in batch.drawings
        )
        shape = (len(batch.drawings), FACE, FACE, 1 if grey else 3)
        return pack(Reply(batch=batch.id, shape=shape, queue_ms=1, compute_ms=2), pixels)

    def _classify(self, batch: ClassifyBatch) -> bytes:
        pixels = self._redis.get(batch.pixels)
        if pixels is None:
            return pack(Reply(batch=batch.id, code="deadline_exceeded", detail="The pixels have expired."))
        assert isinstance(pixels, bytes)
        step = len(pixels) // batch.count
        rows = [brightness(pixels[i * step : (i + 1) * step]) for i in range(batch.count)]
        numbers = [number for row in rows for number in row] + [
            0.0 if STRANGE in pixels[i * step : (i + 1) * step] else -max(row) for i, row in enumerate(rows)
        ]
        heat = bytes(range(step)) * len(batch.explain)
        shape = (batch.count, len(LABELS))
        packed = struct.pack(f"{len(numbers)}f", *numbers)
        return pack(Reply(batch=batch.id, shape=shape, queue_ms=1, compute_ms=2), packed, heat)


def _similar(batch: SimilarBatch) -> bytes:
    """The seeds 0, 1, 2 ... at a distance of a tenth of themselves."""
    numbers = range(batch.count)
    distances = struct.pack(f"{batch.count}f", *(number / 10 for number in numbers))
    return pack(Reply(batch=batch.id, shape=(batch.count,)), distances, struct.pack(f"{batch.count}i", *numbers))


def brightness(pixels: bytes) -> tuple[float, ...]:
    """Probabilities: 0.7 for the quarter of the scale in which the mean lies, 0.1 for each other one."""
    quarter = sum(pixels) // len(pixels) // 64
    return tuple(0.7 if index == quarter else 0.1 for index in range(len(LABELS)))


@contextlib.contextmanager
def working(settings: Settings, **options: Any) -> Iterator[ProtocolWorker]:
    """Run a worker that reports for duty while the block runs."""
    worker = ProtocolWorker(settings, **options)
    worker.start()
    worker.report()
    beat = threading.Event()

    def renew() -> None:
        while not beat.wait(2):
            worker.report()

    threading.Thread(target=renew, daemon=True).start()
    try:
        yield worker
    finally:
        beat.set()
        worker.stop()


def gate(
    app: Starlette,
    *,
    limit: int = 1_000_000,
    seconds: float = 10,
    paths: Mapping[str, int] | None = None,
    most: int = 1000,
    kept: Refusals | None = None,
) -> None:
    """Put the gateway of a service without a key in front of `app`."""
    app.state.parts = SimpleNamespace(metrics=Metrics())
    bodies = BodyRules(limit, seconds, paths or {})
    app.add_middleware(Gateway, admit=admit_loopback, bodies=bodies, most=most, kept=kept or Refusals())


@contextlib.contextmanager
def listening(app: ASGIApp, **options: Any) -> Iterator[str]:
    """Serve `app` by uvicorn, with `options`, on a free port of loopback while the block runs; its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", timeout_graceful_shutdown=2, **options))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not server.started:
            assert thread.is_alive(), "the api did not start"
            assert time.monotonic() < deadline, "the api did not start in time"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


def png(value: int, *, size: int = SIZE) -> bytes:
    """A grey picture of one brightness."""
    return images.encode(bytes([value]) * size * size, width=size, height=size, channels=1, format="png")


def home_settings(home: Path, redis_url: str, **options: Any) -> Settings:
    """Settings of a service in `home` on the Redis at `redis_url`."""
    return Settings(home=home, redis_url=redis_url, **options)
