"""Celery's part: take messages from one queue and call a function with each."""

import socket
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import celery
import structlog
from celery import signals
from celery.exceptions import SecurityWarning
from celery.worker.request import Request
from kombu.entity import Exchange, Queue

from app.contract.broker import celery_config
from app.contract.settings import Settings
from worker import memory, reconnect

_log = structlog.get_logger()


def consume(
    settings: Settings,
    *,
    queue: str,
    name: str,
    tasks: Mapping[str, Callable[[Any], None]],
    ready: Callable[[], None],
    leaving: Callable[[], None],
) -> int:
    """Take messages until SIGTERM; the exit code.

    Args:
        tasks: functions of one argument by the task's name.
        ready: called once, when the first message can come.
        leaving: called in the signal handler, while the last message may still be worked on.
    """
    app = celery.Celery("likeness", amqp=reconnect.Steady)
    app.conf.update(celery_config(settings))
    app.conf.task_queues = [Queue(queue, Exchange(queue), routing_key=queue, no_ack=True)]
    for task, run in tasks.items():
        app.task(_contained(run), name=task, base=_Task)

    # Receivers take no part in what Celery offers them. Receiving the first signal keeps Celery from configuring logs.
    def set_up_logging(**_: Any) -> None:
        return

    def on_ready(**_: Any) -> None:
        ready()

    def on_leaving(**_: Any) -> None:
        leaving()

    signals.setup_logging.connect(set_up_logging)
    signals.worker_ready.connect(on_ready)
    signals.worker_shutting_down.connect(on_leaving)
    # Celery warns of root, whose danger is unpickling messages; ours are JSON, and containers often know only root.
    warnings.simplefilter("ignore", SecurityWarning)
    worker = app.Worker(
        hostname=f"{name}@{socket.gethostname()}",
        # No other process: a GPU cannot be shared with a fork, and a loaded network is here once.
        pool="solo",
        queues=[queue],
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


class _Delivered(Request):
    """A message that is out of Redis for good when it comes, so that there is nothing to acknowledge.

    A batch is sent again by the api when its worker may have died, and a job by the sweep. Keeping a copy of each
    message in Redis while it is on its way would heal the same once more, for half of what Celery costs a message.
    """

    def acknowledge(self) -> None:
        self.acknowledged = True


class _Task(celery.Task):
    Request = _Delivered


def _contained(run: Callable[[Any], None]) -> Callable[[Any], None]:
    def task(argument: Any) -> None:
        try:
            run(argument)
        except MemoryError:  # Celery takes it for the end of the whole worker
            memory.release()
            _log.error("a message was dropped for want of memory")

    return task
