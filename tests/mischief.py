"""What is done to a service on purpose: processes are killed and frozen, its disk is filled, its database crashes.

All of it is undone at once or after a few seconds, and written down with its time, so that a slow answer can be held
against what went on meanwhile.
"""

import contextlib
import dataclasses
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx

from tests.starvation import waited_seconds

LONGEST_SECONDS = 4.0
"""Of a freeze, and of a full disk."""

PROGRAMS = {"api": "app.server", "infer": "worker infer", "train": "worker train", "redis": "redis-server"}
"""Processes of `likeness up` by words of their command lines."""


@dataclasses.dataclass(frozen=True)
class Deed:
    """Something that was done. Times are of the monotonic clock."""

    what: str
    began: float
    ended: float


def processes(home: Path, words: str = "") -> list[int]:
    """Ids of the processes that work in `home`, and whose command line holds `words`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue
        if str(home).encode() in environment + command.encode() and words in command:
            found.append(int(entry.name))
    return found


class Mischief:
    """Does something to the service in `home` every few seconds.

    Args:
        postgres: folder of the PostgreSQL cluster, where the service has one of its own.
        small_disk: whether `home` lies on a disk that can be filled without harm to others.
    """

    def __init__(self, home: Path, *, seed: int, postgres: Path | None = None, small_disk: bool = False) -> None:
        self._home, self._postgres = home, postgres
        self._chance = random.Random(seed)
        self.deeds: list[Deed] = []
        self._ways: list[Callable[[], str | None]] = [self._kill, self._kill, self._kill, self._freeze, self._freeze]
        if postgres is not None:
            self._ways += [self._crash_database, self._freeze_database]
        if small_disk:
            self._ways.append(self._fill_disk)

    def run(self, *, seconds: float) -> None:
        """Go on for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(self._chance.uniform(2, 5))
            began = time.monotonic()
            if (what := self._chance.choice(self._ways)()) is not None:
                self.deeds.append(Deed(what, began, time.monotonic()))

    def _kill(self) -> str | None:
        name, words = self._chance.choice(list(PROGRAMS.items()))
        return f"killed {name}" if _signal(processes(self._home, words)[:1], signal.SIGKILL) else None

    def _freeze(self) -> str | None:
        name, words = self._chance.choice(list(PROGRAMS.items()))
        return self._hold(f"froze {name}", processes(self._home, words)[:1])

    def _hold(self, what: str, pids: Sequence[int]) -> str | None:
        if not _signal(pids, signal.SIGSTOP):
            return None
        time.sleep(self._chance.uniform(0.5, LONGEST_SECONDS))
        _signal(pids, signal.SIGCONT)
        return what

    def _crash_database(self) -> str | None:
        """Kill one backend. The server then throws out all others and replays its log, as after a loss of power."""
        backends = self._backends()
        return "crashed database" if _signal(backends[:1], signal.SIGKILL) else None

    def _freeze_database(self) -> str | None:
        return self._hold("froze database", self._backends())

    def _backends(self) -> list[int]:
        assert self._postgres is not None
        server = (self._postgres / "postmaster.pid").read_text().split()[0]
        children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        found = [int(pid) for pid in children if b"likeness" in _command(pid) or b"[local]" in _command(pid)]
        self._chance.shuffle(found)
        return found

    def _fill_disk(self) -> str:
        ballast = self._home / "ballast"
        with contextlib.suppress(OSError), open(ballast, "wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 20))
        with contextlib.suppress(OSError), open(ballast, "ab", buffering=0) as file:
            while True:  # what is left of the last megabyte
                file.write(bytes(4096))
        time.sleep(self._chance.uniform(1, LONGEST_SECONDS))
        ballast.unlink()
        return "filled disk"


class Watch(threading.Thread):
    """Asks the api whether it lives, again and again, so that it is known until when one that was killed was away.

    It notes, too, how long the api's event loop has waited for a core: what a busy machine owes is not the api's fault.
    """

    def __init__(self, base_url: str, home: Path) -> None:
        super().__init__(daemon=True)
        self._base_url, self._home = base_url, home
        self._ended = threading.Event()
        self._seen: list[tuple[float, float]] = []  # when an answer was asked for, and when it came
        self._waits: list[tuple[float, float]] = [(time.monotonic(), 0.0)]  # what all api processes waited until when

    def run(self) -> None:
        pid, before = 0, 0.0
        while not self._ended.wait(0.05):
            began = time.monotonic()
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{self._base_url}/healthz", timeout=30, trust_env=False)
                self._seen.append((began, time.monotonic()))
            if not Path(f"/proc/{pid}/schedstat").exists():
                pid, before = next(iter(processes(self._home, PROGRAMS["api"])), 0), 0.0
            waited = waited_seconds(pid)
            self._waits.append((time.monotonic(), self._waits[-1][1] + max(0.0, waited - before)))
            before = waited

    def stop(self) -> None:
        """Ask no more."""
        self._ended.set()
        self.join()

    def slowest(self, began: float, ended: float) -> float:
        """The longest that an answer took which was asked for between these times: it needs nobody but the api."""
        return max((came - asked for asked, came in self._seen if began <= asked <= ended), default=0.0)

    def starved(self, began: float, ended: float) -> float:
        """How long the api waited for a core between these times; what is noted a moment before and after counts."""
        return grown(self._waits, began, ended)

    def away(self, deeds: Sequence[Deed]) -> list[tuple[float, float]]:
        """Stretches in which there was no api, or a frozen one, as far as `deeds` are the reason."""
        found = []
        for deed in deeds:
            if deed.what == "killed api":
                back = next((came for asked, came in self._seen if asked > deed.ended), float("inf"))
                found.append((deed.began, back))
            elif deed.what == "froze api":
                found.append((deed.began, deed.ended))
        return found


def overlap(began: float, ended: float, stretches: Sequence[tuple[float, float]]) -> float:
    """How much of the time from `began` to `ended` lies in some of the stretches."""
    covered, reached = 0.0, began
    for start, end in sorted(stretches):
        start, end = max(start, reached), min(end, ended)
        if end > start:
            covered, reached = covered + end - start, end
    return covered


def grown(samples: Sequence[tuple[float, float]], began: float, ended: float) -> float:
    """How much a sum of which there are samples (time, sum) grew from `began` to `ended`, or a little more."""
    earlier = [total for at, total in samples if at <= began] or [samples[0][1]]
    later = [total for at, total in samples if at >= ended] or [samples[-1][1]]
    return later[0] - earlier[-1]


@contextlib.contextmanager
def small_disk(folder: Path, *, size_bytes: int) -> Iterator[bool]:
    """Put a small disk of its own at `folder` while the block runs; whether that is allowed here (it takes root)."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=700", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _signal(pids: Sequence[int], number: signal.Signals) -> bool:
    """Whether somebody was there to get it."""
    met = False
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            met = True
    return met


def _command(pid: str) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
