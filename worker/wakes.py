"""Tells the other processes that something changed. They look by themselves, too, only later."""

import contextlib

import redis

from app.contract.messages import EVENTS_CHANNEL, REGISTRY_CHANNEL


def job(client: redis.Redis, job_id: str) -> None:
    """Wake those who follow the job."""
    with contextlib.suppress(redis.RedisError):
        client.publish(f"{EVENTS_CHANNEL}{job_id}", "")


def registry(client: redis.Redis, model: str) -> None:
    """Let every process read the registry again."""
    with contextlib.suppress(redis.RedisError):
        client.publish(REGISTRY_CHANNEL, model)
