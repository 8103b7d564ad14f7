"""Wake-up calls: heard by who listens, and not waited for while Redis is away."""

from pathlib import Path

import pytest

from app.contract.messages import EVENTS_CHANNEL, REGISTRY_CHANNEL
from worker import redis_client, wakes


def test_who_follows_a_job_or_the_registry_is_woken(redis_url: str) -> None:
    client = redis_client.waking(redis_url)
    with client, client.pubsub(ignore_subscribe_messages=True) as follower:
        follower.subscribe(f"{EVENTS_CHANNEL}job_1", REGISTRY_CHANNEL)
        follower.get_message(timeout=5), follower.get_message(timeout=5)  # that both are subscribed
        wakes.job(client, "job_1")
        wakes.registry(client, "faces")
        heard = [follower.get_message(timeout=5) for _ in range(2)]
    assert [each and each["channel"] for each in heard] == [
        f"{EVENTS_CHANNEL}job_1".encode(),
        REGISTRY_CHANNEL.encode(),
    ]


def test_a_redis_that_is_away_is_neither_a_failure_nor_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleep(seconds: float) -> None:
        raise AssertionError(f"slept for {seconds} s")

    monkeypatch.setattr("redis.retry.sleep", sleep)
    with redis_client.waking(f"unix://{tmp_path}/none.sock") as client:
        wakes.job(client, "job_1")
        wakes.registry(client, "faces")
