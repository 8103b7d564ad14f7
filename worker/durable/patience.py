"""A pause of the database or the store is waited for: a run of hours must not end for it."""

import time
from collections.abc import Callable
from typing import TypeVar

import obstore.exceptions
import sqlalchemy.exc
import structlog

_log = structlog.get_logger()

PAUSE_SECONDS = 0.5

Result = TypeVar("Result")


def patiently(write: Callable[[], Result], *, seconds: float) -> Result:
    """`write()`, again and again for `seconds` while the storage does not answer; then its exception."""
    end = time.monotonic() + seconds
    while True:
        try:
            return write()
        except (sqlalchemy.exc.OperationalError, obstore.exceptions.BaseError) as error:
            if time.monotonic() + PAUSE_SECONDS > end:
                raise
            _log.warning("storage does not answer; waiting", error=str(error))
            time.sleep(PAUSE_SECONDS)
