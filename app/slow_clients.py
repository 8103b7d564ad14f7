"""Clients that send slowly, or not at all, do not hold what others need.

A connection must send the head of a request within a time limit, and a body must keep coming. Nothing is ever read
faster than a worker of ours can take it, so slow bodies cost memory and a place in the event loop and no more; what
ends them is that they never end.
"""

import asyncio
import contextlib
import socket

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app import errors
from app.contract.errors import SlowBody

HEAD_SECONDS = 10.0
UNREAD_SECONDS = 60
BYTES_IN_TIME = 100_000
"""As many bytes of a body must come within each time limit."""


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which by itself waits forever for the first request of a connection to be sent.

    Between requests uvicorn's own `timeout_keep_alive` counts. Sent bytes that a client does not take for
    `UNREAD_SECONDS` end its connection.
    """

    _waiting_for_head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self._waiting_for_head = self.loop.call_later(HEAD_SECONDS, transport.abort)
        connection = transport.get_extra_info("socket")
        if connection is not None and connection.family != socket.AF_UNIX and hasattr(socket, "TCP_USER_TIMEOUT"):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * UNREAD_SECONDS)

    def on_message_begin(self) -> None:
        """The first line of a request has come; its head may take as long again."""
        super().on_message_begin()
        self._wait_anew()

    def on_headers_complete(self) -> None:
        """The head is here."""
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is waited for any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_anew(self) -> None:
        self._stop_waiting()
        self._waiting_for_head = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._waiting_for_head is not None:
            self._waiting_for_head.cancel()
            self._waiting_for_head = None


class _TooSlow(Exception):
    pass


class SlowBodies:
    """ASGI middleware that answers 408 when a body stops coming: each 100 kB have `seconds`."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope):
            return await self._app(scope, receive, send)
        loop = asyncio.get_running_loop()
        until, since, complete, started, too_slow = loop.time() + self._seconds, 0, False, False, False

        async def timed() -> Message:
            nonlocal until, since, complete, too_slow
            if complete:  # what is waited for now is that the client leaves
                return await receive()
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                too_slow = True
                raise _TooSlow from None
            complete = not message.get("more_body", False)
            since += len(message.get("body", b""))
            if since >= BYTES_IN_TIME:
                until, since = loop.time() + self._seconds, 0
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            if not too_slow:  # what the application makes of its broken body is not the answer
                started = True
                await send(message)

        with contextlib.suppress(_TooSlow):
            await self._app(scope, timed, watched)
        if too_slow and not started:
            answer = errors.response(SlowBody(seconds=f"{self._seconds:g}"), {"Connection": "close"})
            await answer(scope, receive, send)


def _has_body(scope: Scope) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])
