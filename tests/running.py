"""Real processes for tests: an embedded Redis, and the whole service as `likeness up` runs it."""

import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.host import embedded

START_SECONDS = 90.0
STOP_SECONDS = 60.0


@contextlib.contextmanager
def running_redis(socket_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run an embedded Redis on `socket_path` while the block runs."""
    with subprocess.Popen(embedded.command(socket_path, server=embedded.find_server())) as server:
        try:
            embedded.wait_until_answers(socket_path, timeout=20)
            yield server
        finally:
            server.terminate()


@dataclass(frozen=True)
class Service:
    """A running `likeness up`."""

    base_url: str
    home: Path
    process: subprocess.Popen[str]
    lines: list[str]


@contextlib.contextmanager
def running_service(home: Path, *options: str, **environment: str) -> Iterator[Service]:
    """Run `likeness up` in `home` on a free port while the block runs; stop it as Ctrl-C does."""
    arguments = [sys.executable, "-m", "app.cli", "up", "--port", "0", "--data-dir", str(home), *options]
    lines: list[str] = []
    with subprocess.Popen(
        arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
        start_new_session=True,
    ) as process:
        reader = _Reader(process, lines)
        try:
            yield Service(reader.address(), home, process, lines)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
            finally:
                reader.join()


class _Reader(threading.Thread):
    """Keeps what the service prints, so that it never waits for us, and finds the address in it."""

    def __init__(self, process: subprocess.Popen[str], lines: list[str]) -> None:
        super().__init__(daemon=True)
        self._process = process
        self._lines = lines
        self._address: queue.Queue[str] = queue.Queue()
        self.start()

    def run(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(line.rstrip())
            if found := re.search(r"Likeness is ready at (http://\S+)", line):
                self._address.put(found[1])
        self._address.put("")

    def address(self) -> str:
        try:
            address = self._address.get(timeout=START_SECONDS)
        except queue.Empty:
            address = ""
        assert address, "the service did not become ready:\n" + "\n".join(self._lines)
        return address
