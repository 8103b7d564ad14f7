"""How much CPU time the processes of a service spend, which other work on the machine changes less than rates."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")

_PARTS = {"app.server": "api", "infer": "worker", "redis-server": "redis"}
"""What a command line contains, and what we call its process."""


@dataclass(frozen=True)
class Processes:
    """Processes of one service by what they do; several of a kind count as one."""

    pids: dict[str, tuple[int, ...]]

    @classmethod
    def below(cls, parent: int) -> "Processes":
        """The api, infer workers and Redis that `parent` has started."""
        found: dict[str, tuple[int, ...]] = {}
        for pid in map(int, (PROC / str(parent) / "task" / str(parent) / "children").read_text().split()):
            words = (PROC / str(pid) / "cmdline").read_bytes().decode().replace("\0", " ")
            for mark, part in _PARTS.items():
                if mark in words:
                    found[part] = (*found.get(part, ()), pid)
                    break
        return cls(found)

    def cpu_seconds(self) -> dict[str, float]:
        """CPU time of each part since its start, in user and kernel."""
        return {part: sum(map(_cpu_seconds, pids)) for part, pids in self.pids.items()}

    def peak_bytes(self) -> int:
        """The most memory that each process ever held, added up."""
        return sum(_peak_bytes(pid) for pids in self.pids.values() for pid in pids)


MARK = "LIKENESS_BENCHMARK"
"""A variable in the environment of a server; its processes inherit it, whoever their parent is by now."""


def marked_cpu_seconds(mark: str) -> float:
    """CPU time so far of all living processes whose `MARK` is this."""
    spent = 0.0
    for pid in _marked(mark):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            spent += _cpu_seconds(pid)
    return spent


def marked_peak_bytes(mark: str) -> int:
    """The most memory that each of them ever held, added up."""
    return sum(map(_peak_bytes, _marked(mark)))


def end_marked(mark: str, *, patience_seconds: float = 15.0) -> None:
    """End them: politely, and those that are left after a while by force."""
    until = time.monotonic() + patience_seconds
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in _marked(mark):
            _send(pid, number)
        while number == signal.SIGTERM and time.monotonic() < until and any(_marked(mark)):
            time.sleep(0.2)


def _marked(mark: str) -> Iterator[int]:
    wanted = f"{MARK}={mark}".encode()
    for folder in PROC.glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)
        except OSError:
            continue  # it has ended, or is somebody else's


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _cpu_seconds(pid: int) -> float:
    fields = (PROC / str(pid) / "stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_bytes(pid: int) -> int:
    for line in (PROC / str(pid) / "status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    return 0
