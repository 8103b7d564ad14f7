"""What it takes to tell a slow service from a busy machine: the time that was waited for a core, and a second try."""

from collections.abc import Callable
from pathlib import Path


def waited_seconds(whose: int | str = "thread-self") -> float:
    """What a thread has waited for a core since its start.

    Linux counts it for each thread; where nobody counts, or the thread is gone, it is 0.

    Args:
        whose: the id of a process, for its main thread; or "thread-self", for the one that asks.
    """
    try:
        return int(Path(f"/proc/{whose}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def quickest(measure: Callable[[], float], *, enough: float, tries: int = 3) -> float:
    """The least of some measurements, of which the first that is below `enough` is the last one.

    A busy machine may spoil one of them; what is slow by itself is slow each time.
    """
    least = float("inf")
    for _ in range(tries):
        least = min(least, measure())
        if least < enough:
            break
    return least
