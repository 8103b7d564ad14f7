"""The last fence against growing without bound: a worker that is far larger than what it has loaded starts anew."""

import threading
from collections.abc import Callable

import structlog

from worker import memory
from worker.serving.loaded import Loaded

_log = structlog.get_logger()

EVERY_SECONDS = 5.0

REST_BYTES = 1_500_000_000
"""What a worker may hold beside its networks: Python and torch take 0.5 GB, batches and replies the rest."""


class MemoryWatch:
    """Looks at this process's memory from a thread.

    Args:
        budget_bytes: the budget of loaded networks; a single network above it counts as it is.
        leave: ends the worker in order; called once.
    """

    def __init__(self, *, budget_bytes: int, loaded: Loaded, leave: Callable[[], None]) -> None:
        self._budget_bytes = budget_bytes
        self._loaded = loaded
        self._leave = leave
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def too_large(self) -> bool:
        """Whether this process holds more than it may."""
        networks = max(self._budget_bytes, self._budget_bytes - self._loaded.free_bytes())
        return memory.resident_bytes() > networks + REST_BYTES

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(EVERY_SECONDS):
            if self.too_large():
                _log.error("the worker has grown too large and starts anew", megabytes=memory.resident_bytes() // 10**6)
                self._leave()
                return
