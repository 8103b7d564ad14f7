"""A span around every request; see `app.contract.tracing`."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import request_ids
from app.contract import tracing
from app.metrics import PROBES, method_of, route_of


class TraceRequests:
    """ASGI middleware that goes on with the client's trace, or begins one. The route's pattern is told, never the
    address, which may hold a signature or someone's name."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PROBES:
            return await self._app(scope, receive, send)
        method, status = method_of(scope), 500
        with tracing.span(method, parent=_traceparent(scope), server=True) as span:

            async def watched(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            try:
                await self._app(scope, receive, watched)
            finally:
                route = route_of(scope)
                span.name(f"{method} {route}")
                span.note(
                    {
                        "http.request.method": method,
                        "http.route": route,
                        "http.response.status_code": status,
                        "likeness.request_id": request_ids.current.get(),
                    }
                )
                if status >= 500:
                    span.failed(str(status))


def _traceparent(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"traceparent":
            text: str = value.decode("latin-1")
            return text
    return None
