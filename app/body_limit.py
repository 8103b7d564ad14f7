"""Bodies end at a limit: a longer one is refused with 413 before it is read, or as soon as it has grown too long."""

import contextlib
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import errors
from app.contract.errors import BodyTooLarge

DRAINED_BODIES = 8
"""A refused body is read and thrown away up to this many times the limit: a client that is still sending would
otherwise meet a reset connection instead of the answer."""


class _BodyTooLong(Exception):
    pass


class BodyLimit:
    """ASGI middleware that allows bodies of up to `limit` bytes, or of what `paths` says for a path."""

    def __init__(self, app: ASGIApp, limit: int, paths: Mapping[str, int] | None = None) -> None:
        self._app, self._limit, self._paths = app, limit, paths or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        limit = self._paths.get(scope["path"], self._limit)
        if _declared_length(scope) > limit:
            return await _refuse(limit, receive, send)
        received, too_long, started = 0, False, False

        async def counted() -> Message:
            nonlocal received, too_long
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                too_long = True
                raise _BodyTooLong
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            # What the application makes of its broken body is not the answer.
            if not too_long:
                started = True
                await send(message)

        with contextlib.suppress(_BodyTooLong):
            await self._app(scope, counted, watched)
        if too_long and not started:
            await _refuse(limit, receive, send)


async def _refuse(limit: int, receive: Receive, send: Send) -> None:
    answer = errors.response(BodyTooLarge(limit=limit), {"Connection": "close"})
    await send({"type": "http.response.start", "status": answer.status_code, "headers": answer.raw_headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": True})
    left = DRAINED_BODIES * limit
    while left > 0:
        message = await receive()
        left -= len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            break
    await send({"type": "http.response.body", "body": b""})


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0
