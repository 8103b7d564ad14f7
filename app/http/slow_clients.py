"""Clients that send slowly, or not at all, do not hold what others need.

A connection must send the head of a request within a time limit. That a body keeps coming is the affair of
`app.http.body`.
"""

import asyncio
import socket

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0
UNREAD_SECONDS = 60


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
