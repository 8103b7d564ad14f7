"""Log lines of a worker: one format for our own and for those of Celery, Redis and the rest, on standard output."""

import logging
import sys
from typing import Literal

import structlog


def configure(*, level: str, style: Literal["text", "json"], worker: str) -> None:
    """Send every log line of this process to standard output.

    Args:
        level: the least severe level that is written.
        style: text for people, json for machines.
        worker: the worker's name, part of every line for machines; people see it before the line already.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso" if style == "json" else "%H:%M:%S", utc=style == "json"),
    ]
    if style == "json":
        shared.append(lambda _logger, _method, event: {**event, "worker": worker})
        last: list[structlog.typing.Processor] = [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    else:
        last = [structlog.processors.format_exc_info, _for_people]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("celery", "kombu", "amqp", "alembic", "onnxruntime"):
        # Celery has two lines to say of every task, and each costs as much as a small batch.
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


def _for_people(_logger: object, _method: str, event: structlog.typing.EventDict) -> str:
    """`time LEVEL what happened, name=value ...`, and a trace below."""
    trace = event.pop("exception", "")
    start = f"{event.pop('timestamp')} {event.pop('level').upper():7} {event.pop('event')}"
    return "\n".join(filter(None, ((" ".join((start, *(f"{name}={value}" for name, value in event.items())))), trace)))
