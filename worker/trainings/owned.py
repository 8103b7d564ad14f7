"""A child process that this worker owns: it reports over a pipe, ends when told to, and never outlives its owner."""

import contextlib
import dataclasses
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog

from worker.trainings import reports
from worker.trainings.child import REQUEST

_log = structlog.get_logger()

TAIL_LINES = 40
BEAT_SECONDS = 0.5


@dataclasses.dataclass(frozen=True)
class Rules:
    """What every child of a worker keeps to."""

    threads: int
    """That compute."""
    niceness: int
    """How much it gives way to other processes."""
    silence_seconds: float
    """A child whose owner is silent for longer, because it is frozen, ends by itself."""


class Owned:
    """Runs `python -m MODULE` on `request` in `folder` while the `with` block runs, in a process group of its own.

    Leaving the block kills what is left of the group.
    """

    def __init__(self, module: str, request: dict[str, Any], folder: Path, *, rules: Rules) -> None:
        self._module = module
        self._request = {**request, **dataclasses.asdict(rules)}
        self._over = threading.Event()
        self._folder = folder
        self._reports: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        (self._folder / REQUEST).write_text(json.dumps(self._request))
        read, write = os.pipe()
        # -P keeps a folder named `models` where the worker happens to stand from being taken for ours.
        command = [sys.executable, "-P", "-m", self._module, str(self._folder), str(write), str(os.getpid())]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(write,),
                start_new_session=True,
            )
        finally:
            os.close(write)
        for target in (lambda: self._read(read), self._listen, self._beat):
            thread = threading.Thread(target=target, name=f"{self._module} {self._process.pid}", daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._over.set()
        for thread in self._threads:
            thread.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended: minus a signal's number where one ended it. None while it runs."""
        return self._process.poll()

    @property
    def tail(self) -> str:
        """The last lines it wrote outside its reports."""
        return "\n".join(self._tail)

    def ask_to_stop(self) -> None:
        """Let it save what it has and end."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def reports(self, *, every_seconds: float, for_seconds: float = float("inf")) -> Iterator[Any]:
        """Its reports as they come, and None at least every `every_seconds`, until it has ended or time is over."""
        end = time.monotonic() + for_seconds
        while (left := end - time.monotonic()) > 0:
            try:
                report = self._reports.get(timeout=min(every_seconds, left))
            except queue.Empty:
                yield None
                continue
            if report is _END:
                self._process.wait()
                return
            yield report

    def _read(self, descriptor: int) -> None:
        with os.fdopen(descriptor, encoding="utf-8") as pipe:
            for line in pipe:
                try:
                    self._reports.put(reports.parse(line))
                except ValueError:  # cut short by a kill
                    _log.warning("a child's report cannot be read", line=line[:200])
        self._reports.put(_END)

    def _beat(self) -> None:
        """Say that this process runs. A frozen one says nothing."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._process.stdin as pipe:
            while not self._over.wait(BEAT_SECONDS):
                pipe.write(b".")
                pipe.flush()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for raw in self._process.stdout:
            self._tail.append(raw.decode(errors="replace").rstrip()[:500])


_END = object()
