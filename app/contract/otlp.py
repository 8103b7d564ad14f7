"""Spans by OpenTelemetry, sent to a collector by OTLP over HTTP. Imported by a process that traces, and by no other.

Sampling, headers, names and limits are OpenTelemetry's own variables (`OTEL_TRACES_SAMPLER`,
`OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_RESOURCE_ATTRIBUTES` ...), which its SDK reads by itself.
"""

import contextlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from app.contract.spans import Span, Value

EXPORT_SECONDS = 2.0
"""How long one attempt to send may take, and so about how long the end of a process waits for a collector."""

_HEADER = "traceparent"
_TEXT = TraceContextTextMapPropagator()


class Exported:
    """A tracer whose spans go to the collector at `endpoint`, or at OpenTelemetry's own variables where that is empty.

    Its provider is not made the global one: libraries that trace by themselves would tell of addresses and statements.
    """

    def __init__(self, endpoint: str, *, service: str, instance: str) -> None:
        told = {"service.name": service, "service.version": version("likeness"), "service.instance.id": instance}
        if named := os.environ.get("OTEL_SERVICE_NAME"):
            told["service.name"] = named
        self._provider = TracerProvider(resource=Resource.create(told), shutdown_on_exit=False)
        exporter = OTLPSpanExporter(
            endpoint=f"{endpoint.rstrip('/')}/v1/traces" if endpoint else None, timeout=EXPORT_SECONDS
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("likeness")

    def here(self) -> str | None:
        """The current span as a `traceparent`."""
        carrier: dict[str, str] = {}
        _TEXT.inject(carrier)
        return carrier.get(_HEADER)

    @contextlib.contextmanager
    def span(self, name: str, *, parent: str | None, server: bool, attributes: Mapping[str, Value]) -> Iterator[Span]:
        """See `tracing.span`."""
        kind = trace.SpanKind.SERVER if server else trace.SpanKind.INTERNAL
        context = _remote(parent) if parent else None
        with self._running(name, context=context, kind=kind, attributes=attributes) as span:
            yield span

    @contextlib.contextmanager
    def joined(self, name: str, callers: Sequence[str | None], *, attributes: Mapping[str, Value]) -> Iterator[Span]:
        """See `tracing.joined`."""
        # Each caller once, and in order: a request may have several parts in one batch.
        known = list(dict.fromkeys(caller for caller in callers if caller))
        links = [trace.Link(trace.get_current_span(_remote(caller)).get_span_context()) for caller in known[1:]]
        context = _remote(known[0]) if known else Context()
        with self._running(name, context=context, links=links, attributes=attributes) as span:
            yield span

    def past(self, name: str, *, seconds: float, parent: str | None) -> None:
        """See `tracing.past`. A wait that is part of nothing is not told: it would be a trace of its own."""
        if parent is None and self.here() is None:
            return
        now = time.time_ns()
        context = _remote(parent) if parent else None
        start = now - int(1e9 * max(0.0, seconds))
        self._tracer.start_span(name, context=context, start_time=start).end(end_time=now)

    def stop(self) -> None:
        """Send what is left, unless the collector is away."""
        self._provider.shutdown()

    @contextlib.contextmanager
    def _running(
        self,
        name: str,
        *,
        context: Context | None,
        attributes: Mapping[str, Value],
        kind: trace.SpanKind = trace.SpanKind.INTERNAL,
        links: Sequence[trace.Link] = (),
    ) -> Iterator[Span]:
        span = _Open(self._tracer.start_span(name, context=context, kind=kind, attributes=attributes, links=links))
        with trace.use_span(span.span, record_exception=False, set_status_on_exception=False):
            try:
                yield span
            except Exception as error:
                # The name alone: messages of exceptions may quote what a client sent.
                span.failed(getattr(error, "code", type(error).__name__))
                raise
            finally:
                span.span.end()


class _Open:
    def __init__(self, span: trace.Span) -> None:
        self.span = span

    def name(self, name: str) -> None:
        self.span.update_name(name)

    def note(self, attributes: Mapping[str, Value]) -> None:
        self.span.set_attributes(attributes)

    def failed(self, code: str) -> None:
        self.span.set_status(trace.StatusCode.ERROR, code)
        self.span.set_attribute("error.type", code)


def _remote(parent: str) -> Context:
    """A context in which `parent` is the current span; an empty one when it is no `traceparent`."""
    return _TEXT.extract({_HEADER: parent}, context=Context())
