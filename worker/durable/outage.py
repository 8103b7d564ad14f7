"""A job whose storage fails waits until the storage takes what is written to it.

An outage would otherwise use up all attempts of the job within seconds, and then those of each job behind it.
"""

import time
from collections.abc import Callable

import structlog

from worker import failures

_log = structlog.get_logger()

PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 15.0
LOOK_SECONDS = 0.25


def outlast(storage: Callable[[], None], *, stopping: Callable[[], bool]) -> bool:
    """Return once `storage()`, which tries it out, raises nothing any more; whether it did at first.

    Where it does not, the failure was a moment's or is the job's own, and there is a pause before the next attempt. As
    soon as `stopping()` is true, nothing is waited for.
    """
    away = False
    pause = PAUSE_SECONDS
    while (error := _tried(storage)) is not None:
        if not away:
            _log.warning("the storage is away; its job waits for it", error=str(error))
        away = True
        if not _slept(pause, stopping):
            return True
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
    if not away:
        _slept(pause, stopping)
    return away


def _tried(storage: Callable[[], None]) -> Exception | None:
    try:
        storage()
    except Exception as error:
        return error if failures.is_outage(error) else None
    return None


def _slept(seconds: float, stopping: Callable[[], bool]) -> bool:
    """Sleep; False when that was cut short."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if stopping():
            return False
        time.sleep(min(left, LOOK_SECONDS))
    return not stopping()
