"""An HTTP load generator that costs little itself: raw requests over kept connections, closed or open loop.

Closed loop: `clients` connections, each sends its next request when the last one was answered.
Open loop: requests start on a fixed schedule whatever the answers do, and latency counts from the planned start, so
that a stall is charged to every request it delays.
"""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Request:
    """One request, as it goes over the wire."""

    method: str
    path: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    def encode(self, host: str) -> bytes:
        """The HTTP/1.1 message."""
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + self.body


@dataclass
class Outcome:
    """What a run saw."""

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    latencies_ms: list[float] = field(default_factory=list)
    refusals_ms: list[float] = field(default_factory=list)
    wrong: int = 0

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

    def note(self, status: int, milliseconds: float, right: bool) -> None:
        """Count one answer."""
        self.statuses[status] += 1
        self.wrong += not right
        if status == 200:
            self.latencies_ms.append(milliseconds)
        elif status in (429, 503):
            self.refusals_ms.append(milliseconds)


Check = Callable[[Request, int, bytes], bool]


async def closed(
    url: str, requests: Iterator[Request], *, clients: int, seconds: float, check: Check | None = None
) -> Outcome:
    """Keep `clients` requests going for `seconds`; `requests` must not end before."""
    outcome, until, started = Outcome(), time.perf_counter() + seconds, time.perf_counter()

    async def client() -> None:
        connection = _Connection(url)
        while time.perf_counter() < until:
            request = next(requests)
            sent = time.perf_counter()
            status, body = await connection.exchange(request)
            outcome.note(status, (time.perf_counter() - sent) * 1e3, check is None or check(request, status, body))
        connection.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    outcome.seconds = time.perf_counter() - started
    return outcome


async def open_loop(url: str, requests: Iterator[Request], *, rate: float, seconds: float) -> Outcome:
    """Start `rate` requests a second for `seconds`, each on its own time, over as many connections as that takes."""
    outcome, idle, running = Outcome(), list[_Connection](), set[asyncio.Task[None]]()

    async def one(request: Request, planned: float) -> None:
        connection = idle.pop() if idle else _Connection(url)
        status, _ = await connection.exchange(request)
        outcome.note(status, (time.perf_counter() - planned) * 1e3, right=True)
        idle.append(connection)

    started = time.perf_counter()
    for number in range(int(rate * seconds)):
        planned = started + number / rate
        if (wait := planned - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(one(next(requests), planned))
        running.add(task)
        task.add_done_callback(running.discard)
    while running:
        await asyncio.wait(running)
    outcome.seconds = time.perf_counter() - started
    for connection in idle:
        connection.close()
    return outcome


def _quantile(values: list[float], q: float) -> float:
    if len(values) < 2:
        return values[0] if values else float("nan")
    return statistics.quantiles(values, n=1000, method="inclusive")[min(998, max(0, round(q * 1000) - 1))]


class _Connection(asyncio.Protocol):
    """One kept connection that carries one request at a time. A connection that breaks counts as status 0."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._authority = parts.netloc
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    async def exchange(self, request: Request) -> tuple[int, bytes]:
        """Send, and wait for the status and the body."""
        loop = asyncio.get_running_loop()
        if self._transport is None or self._transport.is_closing():
            try:
                self._transport, _ = await loop.create_connection(lambda: self, self._host, self._port)
            except OSError:
                return 0, b""
        self._answer = loop.create_future()
        self._transport.write(request.encode(self._authority))
        return await self._answer

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._buffer[:end])
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line[:15].lower() == b"content-length:"),
            0,
        )
        if len(self._buffer) < end + 4 + length:
            return
        body = bytes(self._buffer[end + 4 : end + 4 + length])
        del self._buffer[: end + 4 + length]
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((int(head[9:12]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._buffer.clear()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((0, b""))
