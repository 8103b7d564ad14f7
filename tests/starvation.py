"""How long threads have waited for a core, so that a test can tell a slow service from a busy machine."""

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
