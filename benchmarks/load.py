"""An HTTP load generator that costs little itself: prepared requests over kept connections, closed or open loop.

Closed loop: `clients` connections, each sends its next request when the last one was answered.
Open loop: requests start on a fixed schedule whatever the answers do, and latency counts from the planned start, so
that a stall is charged to every request it delays.

It shares its cores with the service that it measures, so nothing is done twice and nothing early: a request is bytes
before the run begins, an answer is looked at after the run has ended, and no task or future is made for either.
"""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import uvloop

BROKEN = 0
"""The status of a request whose connection broke, or whose answer does not say how long it is."""


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


Check = Callable[[Request, int, bytes], bool]
"""Whether an answer, given its status and body, is right."""


@dataclass
class Outcome:
    """What a run saw."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0  # of this process, while the run went on
    statuses: Counter[int] = field(default_factory=Counter)
    latencies_ms: list[float] = field(default_factory=list)
    refusals_ms: list[float] = field(default_factory=list)
    wrong: int = 0

    @property
    def answers(self) -> int:
        """Answers of any kind."""
        return self.statuses.total()

    @property
    def per_second(self) -> float:
        """Good answers a second."""
        return self.statuses[200] / self.seconds if self.seconds else 0.0

    def quantile_ms(self, q: float) -> float:
        """The `q` quantile of the latency of good answers, in ms."""
        return _quantile(self.latencies_ms, q)

    def refusal_ms(self, q: float) -> float:
        """The `q` quantile of the latency of refusals (429 and 503), in ms."""
        return _quantile(self.refusals_ms, q)


def closed(
    url: str, requests: Iterator[Request], *, clients: int, seconds: float, check: Check | None = None
) -> Outcome:
    """Keep `clients` requests going for `seconds`; `requests` must not end before."""
    return _run(_closed(url, requests, clients=clients, seconds=seconds), check)


def open_loop(
    url: str, requests: Iterator[Request], *, rate: float, seconds: float, check: Check | None = None
) -> Outcome:
    """Start `rate` requests a second for `seconds`, each on its own time, over as many connections as that takes."""
    return _run(_open(url, requests, rate=rate, seconds=seconds), check)


@dataclass(slots=True)
class _Answer:
    request: Request
    since: float  # when it was sent, or should have been
    status: int = BROKEN
    body: bytes = b""
    milliseconds: float = 0.0


@dataclass
class _Record:
    answers: list[_Answer] = field(default_factory=list)
    seconds: float = 0.0


def _run(work: Coroutine[Any, Any, _Record], check: Check | None) -> Outcome:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        began = time.process_time()
        record = runner.run(work)
        outcome = Outcome(seconds=record.seconds, cpu_seconds=time.process_time() - began)
    for answer in record.answers:
        outcome.statuses[answer.status] += 1
        outcome.wrong += check is not None and not check(answer.request, answer.status, answer.body)
        if answer.status == 200:
            outcome.latencies_ms.append(answer.milliseconds)
        elif answer.status in (429, 503):
            outcome.refusals_ms.append(answer.milliseconds)
    return outcome


async def _closed(url: str, requests: Iterator[Request], *, clients: int, seconds: float) -> _Record:
    record, busy, over = _Record(), clients, asyncio.Event()
    began = time.perf_counter()
    until = began + seconds

    def answered(connection: _Connection, answer: _Answer) -> None:
        nonlocal busy
        record.answers.append(answer)
        if (now := time.perf_counter()) < until:
            connection.send(_Answer(next(requests), now))
            return
        connection.close()
        busy -= 1
        if not busy:
            over.set()

    connections = [_Connection(url, answered) for _ in range(clients)]
    for connection in connections:
        connection.send(_Answer(next(requests), time.perf_counter()))
    await over.wait()
    record.seconds = time.perf_counter() - began
    return record


async def _open(url: str, requests: Iterator[Request], *, rate: float, seconds: float) -> _Record:
    record, idle, count, over = _Record(), list[_Connection](), int(rate * seconds), asyncio.Event()

    def answered(connection: _Connection, answer: _Answer) -> None:
        record.answers.append(answer)
        idle.append(connection)
        if len(record.answers) == count:
            over.set()

    began, sent = time.perf_counter(), 0
    while sent < count:
        due = min(count, int((time.perf_counter() - began) * rate) + 1)
        for number in range(sent, due):
            connection = idle.pop() if idle else _Connection(url, answered)
            connection.send(_Answer(next(requests), began + number / rate))
        sent = due
        await asyncio.sleep(max(0.0, began + sent / rate - time.perf_counter()))  # answers come in meanwhile
    await over.wait()
    record.seconds = time.perf_counter() - began
    for connection in idle:
        connection.close()
    return record


def _quantile(values: list[float], q: float) -> float:
    if len(values) < 2:
        return values[0] if values else float("nan")
    return statistics.quantiles(values, n=1000, method="inclusive")[min(998, max(0, round(q * 1000) - 1))]


class _Connection(asyncio.Protocol):
    """One kept connection that carries one request at a time, and tells of each answer. It connects when it must."""

    def __init__(self, url: str, answered: "Callable[[_Connection, _Answer], None]") -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._answered = answered
        self._transport: asyncio.Transport | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._received = b""
        self._waiting: _Answer | None = None

    def send(self, answer: _Answer) -> None:
        """Send the request whose answer this will be."""
        self._waiting = answer
        if self._transport is not None:
            self._transport.write(answer.request.wire)
        else:
            self._connecting = asyncio.create_task(self._connect())

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    async def _connect(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: self, self._host, self._port)
        except OSError:
            await asyncio.sleep(0.05)
            self._finish(BROKEN, b"")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        assert self._waiting is not None
        self._transport = transport
        transport.write(self._waiting.request.wire)

    def data_received(self, data: bytes) -> None:
        if self._received:
            data = self._received + data
        end = data.find(b"\r\n\r\n")
        length = 0 if end < 0 else _body_length(data, end)
        if length is None:
            assert self._transport is not None
            self._transport.abort()
            return
        if end < 0 or len(data) < end + 4 + length:
            self._received = data
            return
        self._received = b""
        self._finish(int(data[9:12]), data[end + 4 : end + 4 + length])

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport, self._received = None, b""
        if self._waiting is not None:
            self._finish(BROKEN, b"")

    def _finish(self, status: int, body: bytes) -> None:
        answer, self._waiting = self._waiting, None
        assert answer is not None
        answer.status, answer.body = status, body
        answer.milliseconds = (time.perf_counter() - answer.since) * 1e3
        self._answered(self, answer)


def _body_length(data: bytes, end: int) -> int | None:
    """What the head, which ends at `end`, says of the body's length; None when it says nothing, as of one in chunks."""
    at = data.find(b"ontent-", 0, end)
    while at >= 0:
        if data[at + 7 : at + 14].lower() == b"length:":
            return int(data[at + 14 : data.find(b"\r", at)])
        at = data.find(b"ontent-", at + 1, end)
    return None
