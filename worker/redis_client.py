"""This worker's own connections to Redis, beside Celery's: pixels, replies, reports and wake-up calls."""

import redis
from redis.backoff import ExponentialBackoff, NoBackoff
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


def waking(url: str) -> redis.Redis:
    """A client for wake-up calls. They are not worth waiting for: those who follow look by themselves, only later."""
    client: redis.Redis = redis.Redis.from_url(
        url,
        socket_timeout=0.5,
        socket_connect_timeout=0.5,
        retry=Retry(NoBackoff(), retries=1),  # a connection from before a restart of Redis fails once
    )
    return client
