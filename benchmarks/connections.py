"""Many HTTP/1.1 connections in one thread around one epoll, for clients that must cost little.

The clients of a benchmark run on the cores of the service that they measure. Here a request takes one call that sends,
one that receives and a few lines between them; the transports and protocols of asyncio take half as much again.
"""

import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

BROKEN = 0
"""The status of a request whose connection broke, or whose answer does not say how long it is."""

_MOST_BYTES = 65_536  # that are received at a time
_MOST_EVENTS = 256  # that are asked for at a time
_LENGTHS = (b"ontent-length:", b"ontent-Length:")
_READ, _BOTH = select.EPOLLIN, select.EPOLLIN | select.EPOLLOUT


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as it goes over the wire, and what its answer should tell."""

    wire: bytes
    expected: Any = None

    @classmethod
    def of(
        cls,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: tuple[tuple[str, str], ...] = (),
        expected: Any = None,
    ) -> "Request":
        """The HTTP/1.1 message."""
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers]
        return cls(("\r\n".join(lines) + "\r\n\r\n").encode() + body, expected)


@dataclass(slots=True)
class Exchange:
    """A request and, once `milliseconds` have passed since `since` (of `time.perf_counter`), its answer."""

    request: Request
    since: float
    status: int = BROKEN
    body: bytes = b""
    milliseconds: float = 0.0


class Connection:
    """Carries one request at a time. It connects when it must."""

    __slots__ = ("exchange", "received", "socket", "unsent")

    def __init__(self) -> None:
        self.socket: socket.socket | None = None
        self.exchange: Exchange | None = None
        self.received = b""
        self.unsent = b""


Answered = Callable[[Connection, Exchange], None]
"""Told of every answer, and of every connection that broke before its answer came."""


class Connections:
    """Connections to one address; a `with` block closes them at its end."""

    def __init__(self, url: str, answered: Answered) -> None:
        parts = urlsplit(url)
        self._address = (socket.gethostbyname(parts.hostname or "127.0.0.1"), parts.port or 80)
        self._answered = answered
        self._epoll = select.epoll()
        self._open: dict[int, Connection] = {}
        self._refused: list[Connection] = []
        self.opened = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in tuple(self._open.values()):
            self._forget(connection)
        self._epoll.close()

    def ready(self) -> Connection:
        """A connection that is made now. Raises `OSError` when nobody is there."""
        connection = Connection()
        made = socket.create_connection(self._address)
        made.setblocking(False)
        self._keep(connection, made, _READ)
        return connection

    def send(self, connection: Connection, exchange: Exchange) -> None:
        """Send the request of `exchange`."""
        connection.exchange, wire = exchange, exchange.request.wire
        if connection.socket is None:
            self._connect(connection, wire)
            return
        try:
            sent = connection.socket.send(wire)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._break(connection)
            return
        if sent < len(wire):
            connection.unsent = wire[sent:]
            self._epoll.modify(connection.socket, _BOTH)

    def wait(self, seconds: float) -> None:
        """Deal with what has come, or comes first within so many seconds."""
        while self._refused:
            self._finish(self._refused.pop(), BROKEN, b"")
            seconds = 0
        for number, event in self._epoll.poll(max(0.0, seconds), _MOST_EVENTS):
            connection = self._open.get(number)
            if connection is None:
                continue
            if connection.unsent and event & ~_READ:
                self._send_rest(connection)
            if event & ~select.EPOLLOUT:
                self._receive(connection)

    def _connect(self, connection: Connection, wire: bytes) -> None:
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.setblocking(False)
        made.connect_ex(self._address)  # whether it works is told when the socket can be written to
        connection.unsent = wire
        self._keep(connection, made, _BOTH)

    def _keep(self, connection: Connection, made: socket.socket, events: int) -> None:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.socket, connection.received = made, b""
        self._open[made.fileno()] = connection
        self._epoll.register(made, events)
        self.opened += 1

    def _send_rest(self, connection: Connection) -> None:
        assert connection.socket is not None
        try:
            connection.unsent = connection.unsent[connection.socket.send(connection.unsent) :]
        except BlockingIOError:
            return
        except OSError:
            return  # what is received tells the same
        if not connection.unsent:
            self._epoll.modify(connection.socket, _READ)

    def _receive(self, connection: Connection) -> None:
        if connection.socket is None:
            return
        try:
            data = connection.socket.recv(_MOST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._break(connection)
            return
        if connection.received:
            data = connection.received + data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            connection.received = data
            return
        length = _body_length(data, end)
        if length is None:
            self._break(connection)
        elif len(data) < end + 4 + length:
            connection.received = data
        else:
            connection.received = b""
            self._finish(connection, int(data[9:12]), data[end + 4 : end + 4 + length])

    def _break(self, connection: Connection) -> None:
        self._forget(connection)
        if connection.exchange is not None:
            self._refused.append(connection)  # told later, or who sends again at once would never come to an end

    def _forget(self, connection: Connection) -> None:
        if connection.socket is not None:
            del self._open[connection.socket.fileno()]
            connection.socket.close()
            connection.socket, connection.received, connection.unsent = None, b"", b""

    def _finish(self, connection: Connection, status: int, body: bytes) -> None:
        exchange, connection.exchange = connection.exchange, None
        if exchange is None:
            return  # nobody has asked for it
        exchange.status, exchange.body = status, body
        exchange.milliseconds = (time.perf_counter() - exchange.since) * 1e3
        self._answered(connection, exchange)


def _body_length(data: bytes, end: int) -> int | None:
    """What the head, which ends at `end`, says of the body's length; None when it says nothing, as of one in chunks."""
    for name in _LENGTHS:
        if (at := data.find(name, 0, end)) >= 0:
            return int(data[at + len(name) : data.find(b"\r", at)])
    return None
