"""Log lines of an api process: for people or for machines, each with the id of the request that it belongs to.

Lines for machines also name the key (its id, never its secret) and, where one is meant, the job.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal

from app import request_ids
from app.access import caller


def configure(*, level: str, style: Literal["text", "json"]) -> None:
    """Send every log line of this process to standard output, from `level` on."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Machine() if style == "json" else _Person())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("celery", "kombu", "amqp", "alembic", "PIL", "asyncio"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    # It tells every address that it asks, and addresses of webhooks may hold secrets.
    for client in ("httpx", "httpcore"):
        logging.getLogger(client).setLevel(logging.WARNING)
    # It warns of every body that it cannot read, which is the client's affair and in the answer.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)


class _Person(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        line, request_id = super().format(record), request_ids.current.get()
        return f"{line} [{request_id}]" if request_id else line


class _Machine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            "request_id": request_ids.current.get() or None,
            "key": caller.current.get().id,
            "job": getattr(record, "job", None),
            "exception": self.formatException(record.exc_info) if record.exc_info else None,
        }
        return json.dumps({name: value for name, value in line.items() if value is not None}, ensure_ascii=False)
