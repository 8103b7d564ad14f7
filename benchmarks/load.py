"""An HTTP load generator that costs little itself: prepared requests over kept connections, closed or open loop.

Closed loop: `clients` connections, each sends its next request when the last one was answered.
Open loop: requests start on a fixed schedule whatever the answers do, and latency counts from the planned start, so
that a stall is charged to every request it delays.

It shares its cores with the service that it measures, so nothing is done twice and nothing early: a request is bytes
before the run begins, and an answer is looked at after the run has ended.
"""

import contextlib
import gc
import resource
import statistics
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from benchmarks.connections import BROKEN, Connection, Connections, Exchange, Request

PATIENCE_SECONDS = 60.0
"""After this long an open loop waits no more for what has not been answered; it counts as broken."""

FAST = 1000.0
TICK_SECONDS = 0.002
"""At more than so many requests a second an open loop looks up so often, to send what is due and to read what has come:
being woken for each of them took the clients three times as long as they are allowed to cost."""

SETTLING_SECONDS = 0.5
"""For the server to take in the connections that are opened beforehand."""

FILES = 512
"""Open files that a process needs besides the connections of an open loop."""

Check = Callable[[Request, int, bytes], bool]
"""Whether an answer, given its status and body, is right."""


@dataclass
class Outcome:
    """What a run saw.

    Attributes:
        seconds: length of the run; of an open loop, that of its schedule.
        cpu_seconds: of this process, until the last answer.
        in_time: good answers that came within the run.
        opened: connections that were opened while it went on.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    in_time: int = 0
    opened: int = 0
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
        return self.in_time / self.seconds if self.seconds else 0.0

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
    exchanges, busy = list[Exchange](), clients

    def answered(connection: Connection, exchange: Exchange) -> None:
        nonlocal busy
        exchanges.append(exchange)
        if (now := time.perf_counter()) < until:
            kept.send(connection, Exchange(next(requests), now))
        else:
            busy -= 1

    with Connections(url, answered) as kept, _undisturbed():
        began, cpu = time.perf_counter(), time.process_time()
        until = began + seconds
        for _ in range(clients):
            kept.send(Connection(), Exchange(next(requests), time.perf_counter()))
        while busy:
            kept.wait(1.0)
        outcome = Outcome(time.perf_counter() - began, time.process_time() - cpu, opened=kept.opened)
    return _looked_at(exchanges, outcome, check, until=began + outcome.seconds)


def open_loop(
    url: str,
    requests: Iterator[Request],
    *,
    rate: float,
    seconds: float,
    connections: int = 0,
    check: Check | None = None,
) -> Outcome:
    """Start `rate` requests a second for `seconds`, each on its own time.

    `connections` are opened before the clock starts and used in turn; when all of them wait for answers, a request
    opens one more.
    """
    allow_files(connections + FILES)
    exchanges, idle, count = list[Exchange](), deque[Connection](), int(rate * seconds)

    def answered(connection: Connection, exchange: Exchange) -> None:
        exchanges.append(exchange)
        idle.append(connection)

    with Connections(url, answered) as kept, _undisturbed():
        idle.extend(kept.ready() for _ in range(connections))
        time.sleep(SETTLING_SECONDS if connections else 0)
        began, cpu, sent = time.perf_counter(), time.process_time(), 0
        while len(exchanges) < count and (passed := time.perf_counter() - began) < seconds + PATIENCE_SECONDS:
            due = min(count, int(passed * rate) + 1)
            for number in range(sent, due):
                connection = idle.popleft() if idle else Connection()
                kept.send(connection, Exchange(next(requests), began + number / rate))
            sent = due
            if rate > FAST:
                time.sleep(TICK_SECONDS)
                kept.wait(0)
            else:
                kept.wait(began + sent / rate - time.perf_counter() if sent < count else 1.0)
        outcome = Outcome(seconds, time.process_time() - cpu, opened=kept.opened - connections)
    _looked_at(exchanges, outcome, check, until=began + seconds)
    if missing := count - len(exchanges):
        outcome.statuses[BROKEN] += missing
    return outcome


def allow_files(count: int) -> None:
    """Let this process, and those that it starts from now on, have so many files open, as far as the system does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Nobody looks for garbage meanwhile: what is kept of the answers is none, and looking through it takes long."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _looked_at(exchanges: list[Exchange], outcome: Outcome, check: Check | None, *, until: float) -> Outcome:
    for exchange in exchanges:
        outcome.statuses[exchange.status] += 1
        outcome.wrong += check is not None and not check(exchange.request, exchange.status, exchange.body)
        if exchange.status == 200:
            outcome.in_time += exchange.since + exchange.milliseconds / 1e3 <= until
            outcome.latencies_ms.append(exchange.milliseconds)
        elif exchange.status in (429, 503):
            outcome.refusals_ms.append(exchange.milliseconds)
    return outcome


def _quantile(values: list[float], q: float) -> float:
    if len(values) < 2:
        return values[0] if values else float("nan")
    return statistics.quantiles(values, n=1000, method="inclusive")[min(998, max(0, round(q * 1000) - 1))]
