"""Faces by their address: one api process beside nginx serving the same bytes as a file, and faces that must be drawn.

    python -m benchmarks.addresses --url http://127.0.0.1:8000 [--seconds 3] [--clients 32]

The service must run already. The same load generator, which takes a core for itself, asks the api and nginx (one worker
process each) in turns, twice, so that what else runs on the machine hits both alike. Every answer's bytes are checked.
"""

import argparse
import contextlib
import itertools
import platform
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks import load
from benchmarks.connections import Request
from benchmarks.load import Outcome

FACE = "/v1/faces/ada.webp?size=96&radius=50"
ROUNDS = 2

_NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/log;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; keepalive_requests 1000000; sendfile on;
  server {{ listen 127.0.0.1:{port}; root {folder}/www; types {{ image/webp webp; }} }}
}}
"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--url", required=True, help="Address of the running service.")
    parser.add_argument("--seconds", type=float, default=3.0, help="Length of each run.")
    parser.add_argument("--clients", type=int, default=32, help="Connections.")
    asked = parser.parse_args()
    with urllib.request.urlopen(asked.url + FACE) as answer:
        face: bytes = answer.read()
    print(
        f"{platform.machine()}, {len(face)} bytes, {asked.clients} connections, {ROUNDS} runs of {asked.seconds:g} s\n"
    )
    print("| | requests/s | p50 | p99 |\n|---|---|---|---|")
    with contextlib.ExitStack() as stack:
        targets: list[tuple[str, str, Iterator[Request], bytes]] = [
            ("api, cached", asked.url, itertools.repeat(Request.of("GET", FACE)), face)
        ]
        if shutil.which("nginx"):
            address = stack.enter_context(nginx(face))
            targets.append(("nginx, a file", address, itertools.repeat(Request.of("GET", "/face.webp")), face))
        fresh = (
            Request.of("GET", f"/v1/faces/b{time.time_ns()}-{number}.webp?size=96&radius=50")
            for number in itertools.count()
        )
        targets.append(("api, drawn", asked.url, fresh, b""))
        for name, url, requests, expected in targets * ROUNDS:
            tell(name, run(url, requests, expected, seconds=asked.seconds, clients=asked.clients))


def run(url: str, requests: Iterator[Request], expected: bytes, *, seconds: float, clients: int) -> Outcome:
    """One run; an answer other than `expected`, where that is known, counts as wrong."""

    def right(_request: Request, status: int, body: bytes) -> bool:
        return status == 200 and (not expected or body == expected)

    return load.closed(url, requests, clients=clients, seconds=seconds, check=right)


def tell(name: str, outcome: Outcome) -> None:
    """Print a row."""
    wrong = f" ({outcome.wrong} wrong)" if outcome.wrong else ""
    p50, p99 = outcome.quantile_ms(0.5), outcome.quantile_ms(0.99)
    print(f"| {name} | {outcome.per_second:.0f}{wrong} | {p50:.1f} ms | {p99:.1f} ms |", flush=True)


@contextlib.contextmanager
def nginx(face: bytes) -> Iterator[str]:
    """Run an nginx that serves `face`; its address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "www").mkdir()
        (Path(folder) / "www" / "face.webp").write_bytes(face)
        (Path(folder) / "conf").write_text(_NGINX.format(folder=folder, port=port))
        with subprocess.Popen(["nginx", "-c", f"{folder}/conf"]) as server:
            try:
                wait_for(port)
                yield f"http://127.0.0.1:{port}"
            finally:
                server.terminate()


def wait_for(port: int) -> None:
    """Return once somebody listens on `port`."""
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise TimeoutError("nginx does not listen")


if __name__ == "__main__":
    main()
