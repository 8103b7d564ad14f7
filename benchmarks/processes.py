"""How much CPU time the processes of a service spend, which other work on the machine changes little."""

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


def _cpu_seconds(pid: int) -> float:
    # By thread and in ns, where the process's own figure counts in ticks of 10 ms.
    return sum(int(task.read_text().split()[0]) for task in (PROC / str(pid) / "task").glob("*/schedstat")) / 1e9


def _peak_bytes(pid: int) -> int:
    for line in (PROC / str(pid) / "status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    return 0
