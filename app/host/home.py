"""The home directory of one embedded service, and the lock that keeps a second one out of it."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


class HomeInUse(Exception):
    """Another service runs in this home directory."""


@contextlib.contextmanager
def occupied(home: Path) -> Iterator[None]:
    """Hold `home` for this process, creating it for its owner alone when it is missing.

    The kernel lets go of the lock when the process ends, however it ends, so a crash leaves nothing to clean up.

    Raises:
        HomeInUse: another process holds it; the message names that process.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
            raise HomeInUse(
                f"Likeness already runs in {home} (process {holder}). Stop it first, or give this one a home of its "
                "own with --data-dir."
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(lock)
