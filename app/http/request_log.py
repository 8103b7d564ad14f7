"""A line in the log for each request that failed, and of many refusals alike one line a second.

A service that has more to do than it can refuses thousands of requests a second; telling of each would take as long as
refusing it, and drown what else happened.
"""

import logging
import time

from app.metrics import PROBES

REFUSALS = frozenset({429, 503})
QUIET_SECONDS = 1.0

_log = logging.getLogger(__name__)


class RequestLog:
    """What one process tells of its requests. Routes are patterns: an address may hold a signature or a name."""

    def __init__(self) -> None:
        self._quiet_until: dict[tuple[str, int], float] = {}  # monotonic clock
        self._untold: dict[tuple[str, int], int] = {}

    def tell(self, route: str, method: str, status: int, seconds: float) -> None:
        """Tell of a request as loudly as its status asks for."""
        # Who probes reads the answer: while a service starts, that it is not ready yet is no news.
        if status < 400 or route in PROBES:
            return _log.debug("%s %s: %d in %.0f ms", method, route, status, 1000 * seconds)
        level = logging.WARNING if status >= 500 else logging.INFO
        if status not in REFUSALS:
            return _log.log(level, "%s %s: %d in %.0f ms", method, route, status, 1000 * seconds)
        kind, now = (route, status), time.monotonic()
        if now < self._quiet_until.get(kind, 0):
            self._untold[kind] = self._untold.get(kind, 0) + 1
            return None
        self._quiet_until[kind] = now + QUIET_SECONDS
        if more := self._untold.pop(kind, 0):
            return _log.log(level, "%s %s: %d in %.0f ms, as %d before it", method, route, status, 1000 * seconds, more)
        return _log.log(level, "%s %s: %d in %.0f ms", method, route, status, 1000 * seconds)
