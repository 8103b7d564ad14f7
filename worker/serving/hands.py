"""The threads that answer batches, so that the cores have the next one to go on with while one is fetched or sent.

Celery's part of a worker runs in one thread. It would fetch the pixels of a batch, wait for the network, send the
reply, and only then ask for the next message: the cores would have nothing to do in between.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog

from worker import memory

_log = structlog.get_logger()

Work = Callable[[Any], None]
"""Answers one message."""


class Hands:
    """`count` messages are worked on at a time.

    Whoever gives one waits until a hand is free for the next. So a worker takes no message out of the queue that
    another worker could begin with at once, and who has given only what is being worked on can end when that is done.
    """

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="hand")
        self._free = threading.Semaphore(count)

    def doing(self, work: Work) -> Work:
        """What gives a message to a free hand, for `work`."""

        def give(message: Any) -> None:
            self._free.acquire()
            self._pool.submit(self._do, work, message)
            with self._free:
                return  # there is a hand for the next one

        return give

    def rest(self) -> None:
        """Wait until all that was given is done."""
        self._pool.shutdown(wait=True)

    def _do(self, work: Work, message: Any) -> None:
        try:
            work(message)
        except Exception:  # a thread's error would be lost, and with it the reason why the sender waits in vain
            memory.release()
            _log.exception("a message was dropped")
        finally:
            self._free.release()
