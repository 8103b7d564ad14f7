"""A folder on this machine's disk for one worker's runs, cleared of what killed workers left behind."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

LOCK = "lock"


@contextlib.contextmanager
def workplace(parent: Path, name: str) -> Iterator[Path]:
    """A folder `parent/name` while the block runs. Folders whose holder has died are removed first."""
    parent.mkdir(parents=True, exist_ok=True)
    own = parent / name
    with _lock(parent, wait=True):  # one at a time clears up or moves in
        for folder in parent.iterdir():
            if folder.is_dir():
                _remove_if_free(folder)
        own.mkdir()
        held = contextlib.ExitStack()
        held.enter_context(_lock(own, wait=False))
    with held:
        try:
            yield own
        finally:
            shutil.rmtree(own, ignore_errors=True)


def _remove_if_free(folder: Path) -> None:
    with contextlib.suppress(BlockingIOError), _lock(folder, wait=False):
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _lock(folder: Path, *, wait: bool) -> Iterator[None]:
    """Hold the folder's lock, which the kernel takes from a process that dies. Raises `BlockingIOError`."""
    handle = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(handle)
