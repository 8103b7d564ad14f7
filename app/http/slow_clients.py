"""Clients that send slowly, not at all, or without end do not hold what others need.

A connection must send the head of a request within a time limit, and a head that is not at its end by then within a
limit of bytes. That a body keeps coming is the affair of `app.http.body`.
"""

import asyncio
import socket

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.http.one_packet import OnePacket

HEAD_SECONDS = 10.0
LARGEST_HEAD_BYTES = 65_536
"""So much may follow what the head began in; uvicorn's parser keeps all of it, and knows no limit."""

UNREAD_SECONDS = 60


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which by itself waits forever for the first request of a connection to be sent.

    Between requests uvicorn's own `timeout_keep_alive` counts. Sent bytes that a client does not take for
    `UNREAD_SECONDS` end its connection.
    """

    _waiting_for_head: asyncio.TimerHandle | None = None
    _head_began = False
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self.transport = OnePacket(transport)  # type: ignore[assignment]
        self._wait_anew()
        connection = transport.get_extra_info("socket")
        if connection is not None and connection.family != socket.AF_UNIX and hasattr(socket, "TCP_USER_TIMEOUT"):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * UNREAD_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Wait as long again for the rest of a head, of which the first line has come now."""
        super().data_received(data)
        if self._head_began:
            self._head_began, self._head_bytes = False, 0
            self._wait_anew()
        elif self._waiting_for_head is not None:
            self._head_bytes += len(data)
            if self._head_bytes > LARGEST_HEAD_BYTES:
                self._stop_waiting()
                self.send_400_response("The head of the request is too large.")
        elif self.cycle is not None and self.cycle.response_complete and self.timeout_keep_alive_task is None:
            # The answer came before the whole of its request, and uvicorn waits only for what follows an answer.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_message_begin(self) -> None:
        """The first line of a request is coming. Most heads come whole, so that nothing needs to be waited for."""
        super().on_message_begin()
        self._head_began = True

    def on_headers_complete(self) -> None:
        """The head is here."""
        self.head_is_here()
        super().on_headers_complete()

    def head_is_here(self) -> None:
        """Wait for the head no more."""
        self._head_began = False
        self._stop_waiting()

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
