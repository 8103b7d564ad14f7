"""How soon a worker looks again for a broker that is away."""

from typing import Any, Self

from celery.app.amqp import AMQP
from kombu.connection import Connection

LONGEST_PAUSE_SECONDS = 2.0


class _Steady(Connection):
    """Asks every two seconds. kombu's own pause grows by two seconds each time, up to half a minute, which would be
    added to every outage."""

    def ensure_connection(self, errback: Any = None, max_retries: int | None = None, **options: Any) -> Self:
        options |= {"interval_start": 1.0, "interval_step": 1.0, "interval_max": LONGEST_PAUSE_SECONDS}
        super().ensure_connection(errback, max_retries, **options)
        return self


class Steady(AMQP):
    """Celery's side of messages, with connections that come back soon."""

    Connection = _Steady
