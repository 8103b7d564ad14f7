"""Traces: where a request or a durable job spends its time, from the api through the queue to the worker.

Off unless a collector is configured: then nothing of OpenTelemetry's SDK is imported, and a span is an object that does
nothing. Between processes a span travels as text, the W3C's `traceparent`: in the message of a batch, in the row of a
job. A process that does not trace passes it over.
"""

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

from app.contract.settings import Settings
from app.contract.spans import Span, Tracer, Value

_log = logging.getLogger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""Variables of OpenTelemetry's own that name a collector, where `LIKENESS_OTLP_ENDPOINT` does not."""


class _NoSpan:
    def __enter__(self) -> Span:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def name(self, name: str) -> None:
        return None

    def note(self, attributes: Mapping[str, Value]) -> None:
        return None

    def failed(self, code: str) -> None:
        return None


_NO_SPAN = _NoSpan()
_tracer: Tracer | None = None


def here() -> str | None:
    """The span that this task or thread is in, as a `traceparent`; None when nothing is traced."""
    return None if _tracer is None else _tracer.here()


def span(
    name: str, *, parent: str | None = None, server: bool = False, attributes: Mapping[str, Value] | None = None
) -> AbstractContextManager[Span]:
    """A span around a `with` block: a part of `parent`, or else of the span that this task or thread is in.

    Args:
        name: what is done, one of few.
        parent: a `traceparent`, most often of another process; whatever is none counts as not given.
        server: whether the block answers somebody outside.
        attributes: what else there is to say.
    """
    if _tracer is None:
        return _NO_SPAN
    return _tracer.span(name, parent=parent, server=server, attributes=attributes or {})


def joined(
    name: str, callers: Sequence[str | None], *, attributes: Mapping[str, Value] | None = None
) -> AbstractContextManager[Span]:
    """A span that is done for several callers at once: a part of the first one's trace, and linked to all others."""
    return _NO_SPAN if _tracer is None else _tracer.joined(name, callers, attributes=attributes or {})


def past(name: str, *, seconds: float, parent: str | None = None) -> None:
    """A span that has lasted for so long and ends now, such as a wait that is over."""
    if _tracer is not None:
        _tracer.past(name, seconds=seconds, parent=parent)


def wanted(settings: Settings) -> bool:
    """Whether a collector is configured, by our own variable or by those of OpenTelemetry."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    return bool(settings.otlp_endpoint) or any(os.environ.get(name) for name in ENDPOINTS)


@contextlib.contextmanager
def exported(settings: Settings, *, service: str, instance: str) -> Iterator[None]:
    """Send the spans of this process to the collector, if one is configured, while the block runs.

    What is not sent at its end is sent then, in a second or two at most. A collector that is away is told in the log
    and changes nothing else; neither does an OpenTelemetry that is not installed.

    Args:
        service: the kind of process, such as likeness-api.
        instance: which one of its kind.
    """
    global _tracer
    tracer = _connect(settings, service=service, instance=instance) if wanted(settings) else None
    before, _tracer = _tracer, tracer
    try:
        yield
    finally:
        _tracer = before
        if tracer is not None:
            tracer.stop()


def _connect(settings: Settings, *, service: str, instance: str) -> Tracer | None:
    try:
        from app.contract import otlp  # tens of milliseconds that only those pay who trace
    except ImportError:
        _log.warning(
            "a collector of traces is configured, but its client is not installed: pip install likeness[tracing]"
        )
        return None
    return otlp.Exported(settings.otlp_endpoint, service=service, instance=instance)
