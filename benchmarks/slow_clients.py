"""Whether many clients that send slowly hold up one that does not.

    python -m benchmarks.slow_clients --clients 1000

Starts an api of its own on a Redis of its own, opens so many connections that each send a byte of a body now and then,
and times a fast client before and meanwhile. Prints the median and the 99th percentile of both.
"""

import argparse
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx

from app.contract.settings import Settings
from app.host import prepare
from tests.running import running_redis

REQUESTS = 300
HEAD = b"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 10000000\r\n\r\n"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="A fast client among slow ones.")
    parser.add_argument("--clients", type=int, default=1000)
    clients = parser.parse_args().clients
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with (
        tempfile.TemporaryDirectory(prefix="likeness-") as folder,
        running_redis(Path(folder) / "redis.sock"),
        socket.create_server(("127.0.0.1", 0), backlog=2048) as listener,
    ):
        environment = {
            "LIKENESS_LOG_LEVEL": "warning",
            "LIKENESS_HOME": folder,
            "LIKENESS_REDIS_URL": f"unix://{folder}/redis.sock",
        }
        prepare.prepare(Settings(home=Path(folder)), checkpoints=prepare.bundled_checkpoints())
        command = [sys.executable, "-m", "app.server", "--fd", str(listener.fileno())]
        with subprocess.Popen(command, env={**os.environ, **environment}, pass_fds=[listener.fileno()]) as api:
            try:
                _measure(listener.getsockname(), clients)
            finally:
                api.terminate()


def _measure(place: tuple[str, int], clients: int) -> None:
    address = f"http://{place[0]}:{place[1]}"
    print(f"alone:                    {_timed(address)}")
    slow = [socket.create_connection(place) for _ in range(clients)]
    stop = threading.Event()

    def drip() -> None:
        for connection in slow:
            connection.sendall(HEAD)
        while not stop.wait(1):
            for connection in slow:
                try:
                    connection.send(b"x")
                except OSError:
                    continue  # its patience is over

    dripping = threading.Thread(target=drip)
    dripping.start()
    time.sleep(1)
    print(f"among {clients} slow ones:      {_timed(address)}")
    time.sleep(12)
    ended = 0
    for connection in slow:
        connection.setblocking(False)
        try:
            ended += connection.recv(64).startswith(b"HTTP/1.1 408")
        except OSError:
            continue
    print(f"answered 408 after 10 s:  {ended} of {clients}")
    stop.set()
    dripping.join()
    for connection in slow:
        connection.close()


def _timed(address: str) -> str:
    times = []
    with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
        client.get("/v1/models").raise_for_status()
        for _ in range(REQUESTS):
            began = time.perf_counter()
            client.get("/v1/models").raise_for_status()
            times.append(1000 * (time.perf_counter() - began))
    cuts = statistics.quantiles(times, n=100)
    return f"p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms over {REQUESTS} requests"


if __name__ == "__main__":
    main()
