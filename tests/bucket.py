"""A bucket of the tests' own: moto's S3 server, which keeps everything in memory."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

NAME = "likeness"
URL = f"s3://{NAME}/service"
START_SECONDS = 60.0


@contextmanager
def server(port: int, *, host: str = "127.0.0.1") -> Iterator[str]:
    """Run a server with one empty bucket on `host` while the block runs; its address."""
    command = [sys.executable, "-m", "moto.server", "-H", host, "-p", str(port)]
    endpoint = f"http://{host}:{port}"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait(process, host, port)
            httpx.put(f"{endpoint}/{NAME}", timeout=60).raise_for_status()
            yield endpoint
        finally:
            process.kill()


def options(endpoint: str) -> dict[str, str]:
    """What a store at `URL` needs to know to find the server; it believes any credentials."""
    return {
        "endpoint": endpoint,
        "region": "us-east-1",
        "access_key_id": "tests",
        "secret_access_key": "tests",
        "allow_http": "true",
    }


def _wait(process: subprocess.Popen[bytes], host: str, port: int) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection((host, port), timeout=1).close()
            return
        except OSError:
            assert process.poll() is None, "the S3 server ended"
            assert time.monotonic() < end, "the S3 server did not start in time"
            time.sleep(0.05)
