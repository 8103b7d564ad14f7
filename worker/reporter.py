"""What a worker says of itself: a report every two seconds from a thread of its own, also while a batch computes."""

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

import redis
import structlog

from app.contract.messages import WORKERS_CHANNEL, WORKERS_KEY, WorkerReport, WorkerState
from worker import memory

_log = structlog.get_logger()

EVERY_SECONDS = 2.0


class Reporter:
    """Heartbeats of the worker `name` on the queue `queue`, while the `with` block runs.

    Args:
        loaded: tells the digests in memory.
        loading: tells how many networks were loaded, and in how many seconds.
    """

    def __init__(
        self,
        client: redis.Redis,
        *,
        name: str,
        queue: str,
        device: str,
        engine: str,
        loaded: Callable[[], tuple[str, ...]],
        loading: Callable[[], tuple[int, float]] = lambda: (0, 0.0),
    ) -> None:
        self._redis = client
        self._name = name
        self._queue = queue
        self._device = device
        self._engine = engine
        self._loaded, self._loading = loaded, loading
        self.boot = uuid.uuid4().hex
        self._state = WorkerState.STARTING
        self._batches = self._images = 0
        self._busy_seconds = 0.0
        self._at_work = 0  # blocks of `working` that run, and since when there were any
        self._since = 0.0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._silent = False
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)

    def __enter__(self) -> Self:
        """Begin to report, as starting."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the heartbeat and take the report away."""
        self._stop.set()
        self._thread.join(timeout=EVERY_SECONDS)
        try:
            self._redis.hdel(WORKERS_KEY, self._name)
        except redis.RedisError:
            return  # the report grows old by itself

    def ready(self) -> None:
        """Say so, and wake those who wait for a worker: they send again what may have been lost with the one before."""
        self._state = WorkerState.READY
        self._send(announce=True)

    def draining(self) -> None:
        """Say that no new work is taken. Does not wait for Redis, since it is called in a signal handler."""
        self._state = WorkerState.DRAINING

    def count(self, *, images: int, seconds: float = 0.0) -> None:
        """Add one batch to the sums; its seconds only where `working` did not count them."""
        with self._lock:
            self._batches += 1
            self._images += images
            self._busy_seconds += seconds

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Count the time that the block takes, while it passes: it may take hours. Blocks at once count once."""
        with self._lock:
            self._at_work += 1
            if self._at_work == 1:
                self._since = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._at_work -= 1
                if not self._at_work:
                    self._busy_seconds += time.monotonic() - self._since

    def report(self) -> WorkerReport:
        """The worker as it is now."""
        loads, load_seconds = self._loading()
        with self._lock:
            underway = time.monotonic() - self._since if self._at_work else 0.0
            return WorkerReport(
                name=self._name,
                boot=self.boot,
                queue=self._queue,
                state=self._state,
                device=self._device,
                engine=self._engine,
                loaded=self._loaded(),
                batches=self._batches,
                images=self._images,
                busy_seconds=round(self._busy_seconds + underway, 6),
                loads=loads,
                load_seconds=round(load_seconds, 3),
                memory_bytes=memory.resident_bytes(),
                device_memory_bytes=memory.device_bytes(),
                at=time.time(),
            )

    def _run(self) -> None:
        while True:
            try:
                self._send(announce=False)
            except Exception:  # a worker that is never heard of again is lost to everybody, whatever it died of
                _log.exception("cannot report")
            if self._stop.wait(EVERY_SECONDS):
                return

    def _send(self, *, announce: bool) -> None:
        text = self.report().model_dump_json()
        try:
            with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.hset(WORKERS_KEY, self._name, text)
                if announce:
                    pipeline.publish(WORKERS_CHANNEL, text)
                pipeline.execute()
        except redis.RedisError as error:
            if not self._silent:  # one line an outage, not one a heartbeat
                _log.warning("cannot report to Redis", error=str(error))
            self._silent = True
        else:
            self._silent = False
