"""The engines in memory: loaded once each, kept while they fit a budget, the longest unused let go first."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

import structlog

from app.contract import tracing
from worker import memory
from worker.serving.engine import Engine

_log = structlog.get_logger()


@dataclass(frozen=True)
class _Kept:
    engine: Engine
    size_bytes: int


class Loaded:
    """Engines by digest.

    The size of an engine is what the process grew by while it was loaded and warmed up, so that its workspace counts as
    well as its weights, and at least its weights. Only then is it known, so for a moment one engine more than the
    budget allows is there.

    Args:
        load: makes the engine of a digest, warmed up.
        budget_bytes: the most that all of them take; one alone may be larger.
    """

    def __init__(self, load: Callable[[str], Engine], *, budget_bytes: int) -> None:
        self._load = load
        self._budget_bytes = budget_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._coming: dict[str, Future[Engine]] = {}
        self.loads = 0
        self.load_seconds = 0.0

    def digests(self) -> tuple[str, ...]:
        """What is in memory, the most recently used last."""
        with self._lock:
            return tuple(self._kept)

    def free_bytes(self) -> int:
        """What the budget leaves."""
        with self._lock:
            return self._budget_bytes - sum(kept.size_bytes for kept in self._kept.values())

    def engine(self, digest: str) -> Engine:
        """The engine of `digest`, loaded now if it must be. Two who ask at once share one load and its error.

        Raises:
            UnknownVersion: it was removed.
            BadCheckpoint: it cannot be loaded.
        """
        with self._lock:
            if digest in self._kept:
                self._kept.move_to_end(digest)
                return self._kept[digest].engine
            coming = self._coming.get(digest)
            mine = coming is None
            if coming is None:
                coming = self._coming[digest] = Future()
        if mine:
            self._fill(digest, coming)
        return coming.result()

    def _fill(self, digest: str, coming: Future[Engine]) -> None:
        memory.release()  # or a part of the engine would go unseen into what was freed before
        before, began = memory.held_bytes(), time.perf_counter()
        try:
            with tracing.span("load", attributes={"likeness.digest": digest[:12]}):
                engine = self._load(digest)
        except BaseException as error:
            with self._lock:
                del self._coming[digest]
            coming.set_exception(error)
            return
        size = max(engine.weights_bytes, memory.held_bytes() - before)
        with self._lock:
            self.loads += 1
            self.load_seconds += time.perf_counter() - began
            self._kept[digest] = _Kept(engine, size)
            del self._coming[digest]
            gone = self._overflow(keep=digest)
        coming.set_result(engine)
        _log.info("loaded", digest=digest[:12], kind=engine.kind, megabytes=round(size / 1e6), let_go=len(gone))
        if gone:
            gone.clear()
            memory.release()

    def _overflow(self, *, keep: str) -> list[_Kept]:
        """Take out what is beyond the budget."""
        gone = []
        total = sum(kept.size_bytes for kept in self._kept.values())
        for digest in list(self._kept):
            if total <= self._budget_bytes:
                break
            if digest != keep:
                gone.append(self._kept.pop(digest))
                total -= gone[-1].size_bytes
        return gone
