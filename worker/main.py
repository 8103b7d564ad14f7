"""One worker process: `python -m worker infer|train [--name NAME]`.

Celery brings the messages one at a time, so that the device belongs to one network at a time. SIGTERM lets the batch at
hand finish, queues the durable job at hand again, and ends with exit code 0.
"""

import argparse
import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import assert_never

from app.contract import tracing
from app.contract.messages import INFER_QUEUE, TRAIN_QUEUE
from app.contract.settings import Settings
from worker import infer, logs, train


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the worker that the command line asks for until it is told to end; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m worker", description="Run one worker process.")
    parser.add_argument("queue", choices=[INFER_QUEUE, TRAIN_QUEUE], help="whose messages it takes")
    parser.add_argument("--name", help="stable name of its place, such as infer-0; by default with the host's name")
    options = parser.parse_args(arguments)
    # While networks load, and until Celery has a handler of its own, SIGTERM ends the process at once but in order.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # Read by OpenMP when torch is imported: threads that wait sleep, rather than spin on cores that others need.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    settings = Settings()
    name = options.name or f"{options.queue}-{socket.gethostname()}"
    logs.configure(level=settings.log_level, style=settings.log_format, worker=name)
    with tracing.exported(settings, service=f"likeness-{options.queue}", instance=name):
        match options.queue:
            case "infer":
                return infer.serve(settings, name=name)
            case "train":
                return train.serve(settings, name=name)
    assert_never(options.queue)
