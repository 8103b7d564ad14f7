"""How the api connects to Redis: errors come at once, so that those who retry can say when."""

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

CONNECT_SECONDS = 2.0


def connect(url: str, *, read_seconds: float = 5.0) -> redis.asyncio.Redis:
    """A client whose commands raise when Redis is away, or silent for `read_seconds`. Nothing is sent yet."""
    client: redis.asyncio.Redis = redis.asyncio.from_url(
        url,
        socket_timeout=read_seconds,
        socket_connect_timeout=CONNECT_SECONDS,
        # redis-py would otherwise try again by itself, with pauses that no deadline of ours knows of.
        retry=Retry(NoBackoff(), 0),
        health_check_interval=10,
    )
    return client
