"""This worker's own connection to Redis, beside Celery's: pixels, replies, reports and wake-up calls."""

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry


def connect(url: str) -> redis.Redis:
    """A client whose calls outlive a restart of Redis that takes up to about three seconds."""
    client: redis.Redis = redis.Redis.from_url(
        url,
        socket_timeout=10,
        socket_connect_timeout=2,
        health_check_interval=10,
        retry=Retry(ExponentialBackoff(cap=1.0, base=0.1), retries=5),
        retry_on_error=[redis.ConnectionError, redis.TimeoutError, redis.BusyLoadingError],
    )
    return client
