"""How the service grows with api and worker processes, what it does with more than it can, and how fast it starts.

    python -m benchmarks.scale [--seconds 6] [--apis 1 2] [--workers 1 2]

For each number of api processes (on one socket) and infer workers (which share the cores), the rate with 64 clients in
a closed loop is the capacity. Then requests come on a fixed schedule at three times that rate, whatever the answers
are: what is answered well should stay near the capacity, and the rest be refused at once. Latency counts from the
moment a request was planned. The clients are this process, which takes its part of the same cores.

Clients keep their connections, which are opened before the clock starts. A second run opens each one when it is wanted,
as strangers would who all come in the same second: thousands of handshakes, and a full socket queue if there are more
at once than the service takes in.
"""

import argparse
import contextlib
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.contract import cores
from app.contract.settings import Settings
from app.host import prepare
from benchmarks import load, workload
from benchmarks.connections import Request
from tests.running import running_redis

CLIENTS = 64
OVERLOAD = 3.0
GOOD = 0.9  # of the capacity, answered well under overload
REFUSAL_MS = 50  # within which a refusal should come
WAITING_SECONDS = 2.0  # for which there are connections: what is answered well waits for half of it, and for its batch
START_SECONDS = 120.0
OPEN_FILES = 16_384  # of clients and service alike


@dataclass(frozen=True)
class Service:
    """A running service, and how long it took until it said that it is ready, and until a face was there."""

    url: str
    ready_seconds: float
    face_seconds: float


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=6.0, help="length of each measurement")
    parser.add_argument("--apis", type=int, nargs="+", default=[1, 2], help="numbers of api processes")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="numbers of infer workers")
    options = parser.parse_args()
    load.allow_files(OPEN_FILES)
    print(f"{platform.machine()}, {cores.available()} cores, {options.seconds:g} s each, classify 28x28 PNG\n")
    print(
        "| api | infer | ready | first face | images/s | p50 | p99 | connections | asked at 3x | good/s | of capacity |"
        " good p50 | good p99 | refused | refused p50 | refused p99 | clients' CPU |\n" + "|---" * 17 + "|"
    )
    pictures, verdicts = workload.pictures(), []
    for apis in options.apis:
        for workers in options.workers:
            with running(apis=apis, workers=workers) as service:
                verdicts.append(_row(service, pictures, apis=apis, workers=workers, seconds=options.seconds))
    print("\n" + "\n".join(verdicts))


def _row(service: Service, pictures: workload.Pictures, *, apis: int, workers: int, seconds: float) -> str:
    """Measure, print two rows, and say whether what was refused left enough for what was answered."""
    asked = workload.classifications(pictures)
    load.closed(service.url, asked, clients=CLIENTS, seconds=1.0)
    closed = load.closed(service.url, asked, clients=CLIENTS, seconds=seconds, check=workload.right_label)
    kept = int(WAITING_SECONDS * closed.per_second)
    ways = [_overload(service, asked, closed.per_second, connections=count, seconds=seconds) for count in (kept, 0)]
    began = (
        f"| {apis} | {workers} | {service.ready_seconds:.1f} s | {service.face_seconds:.2f} s |"
        f" {closed.per_second:.0f}{f' ({closed.wrong} wrong)' if closed.wrong else ''} |"
        f" {closed.quantile_ms(0.5):.1f} ms | {closed.quantile_ms(0.99):.1f} ms |"
    )
    for way in ways:
        print(f"{began} {way.told}", flush=True)
        began = "|" * 8
    over = ways[0].outcome
    good, refusal_ms = over.per_second / closed.per_second, over.refusal_ms(0.99)
    refused = over.answers - over.statuses[200]
    return (
        f"{apis} api, {workers} infer: {good:.2f} of the capacity was answered well, at least {GOOD} is wanted:"
        f" {'yes' if good >= GOOD else 'NO'}. 99 of 100 refusals came within {refusal_ms:.0f} ms, {REFUSAL_MS} is"
        f" wanted: {'yes' if refusal_ms <= REFUSAL_MS else 'NO' if refused else 'nothing was refused'}."
    )


@dataclass(frozen=True)
class _Way:
    """One run with too many requests, and what the table says of it."""

    outcome: load.Outcome
    told: str


def _overload(service: Service, asked: Iterator[Request], capacity: float, *, connections: int, seconds: float) -> _Way:
    rate, overflows = OVERLOAD * capacity, _overflows()
    over = load.open_loop(
        service.url, asked, rate=rate, seconds=seconds, connections=connections, check=workload.right_label
    )
    opened = f"{connections} kept" if connections else f"{over.opened} new"
    if connections and over.opened:
        opened += f", {over.opened} more"
    if overflows := _overflows() - overflows:
        opened += f", {overflows} did not fit into the socket's queue"
    return _Way(
        over,
        f"{opened} | {rate:.0f}/s | {over.per_second:.0f}{f' ({over.wrong} wrong)' if over.wrong else ''} |"
        f" {over.per_second / capacity:.2f} | {over.quantile_ms(0.5):.0f} ms | {over.quantile_ms(0.99):.0f} ms |"
        f" {over.answers - over.statuses[200]} | {over.refusal_ms(0.5):.1f} ms | {over.refusal_ms(0.99):.1f} ms |"
        f" {over.cpu_seconds / over.seconds:.2f} cores |",
    )


def _overflows() -> int:
    """Connections that this machine's sockets had no room for, so far; each is tried again after 1, 3 and 7 s."""
    lines = [line.split() for line in Path("/proc/net/netstat").read_text().splitlines() if line.startswith("TcpExt")]
    return int(dict(zip(*lines, strict=True))["ListenOverflows"])


@contextlib.contextmanager
def running(*, apis: int, workers: int) -> Iterator[Service]:
    """Run a service of so many processes on a Redis and a home of its own while the block runs."""
    with (
        tempfile.TemporaryDirectory(prefix="likeness-") as folder,
        running_redis(Path(folder) / "redis.sock"),
        socket.create_server(("127.0.0.1", 0), backlog=2048) as listener,
        contextlib.ExitStack() as stack,
    ):
        settings = Settings(home=Path(folder), redis_url=f"unix://{folder}/redis.sock")
        prepare.prepare(settings, checkpoints=prepare.bundled_checkpoints())
        environment = {
            **os.environ,
            "LIKENESS_HOME": folder,
            "LIKENESS_REDIS_URL": settings.redis_url,
            "LIKENESS_WORKER_THREADS": str(max(1, cores.available() // workers)),
            "LIKENESS_LOG_LEVEL": "error",
        }
        commands = [["app.server", "--fd", str(listener.fileno())]] * apis
        commands += [["worker", "infer", "--name", f"infer-{number}"] for number in range(workers)]
        began = time.perf_counter()
        for command in commands:
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", *command],
                    env=environment,
                    pass_fds=[listener.fileno()],
                    start_new_session=True,
                )
            )
            stack.callback(process.terminate)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        _wait(url, workers=workers)
        ready = time.perf_counter() - began
        began = time.perf_counter()
        httpx.get(f"{url}/v1/faces/the-first.png", timeout=60).raise_for_status()
        yield Service(url, ready, time.perf_counter() - began)


def _wait(url: str, *, workers: int) -> None:
    """Return when all workers say that they are ready."""
    until = time.monotonic() + START_SECONDS
    with httpx.Client(base_url=url, trust_env=False, timeout=START_SECONDS) as client:
        while time.monotonic() < until:
            reports = client.get("/v1/status").json()["workers"]
            if sum(report["state"] == "ready" for report in reports) >= workers:
                return
            time.sleep(0.1)
    raise TimeoutError("the service did not become ready")


if __name__ == "__main__":
    main()
