"""Answering batches, without Celery: a Redis that goes away, too little memory, and turns with a durable job."""

import threading
import time
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import redis

from app.contract import messages
from tests.running import running_redis
from worker.reporter import Reporter
from worker.serving.engine import Engine
from worker.serving.inference import Inference
from worker.serving.loaded import Loaded


class Painter(Engine):
    """Draws grey, or fails as the seed says."""

    kind = "generator"

    def __init__(self, digest: str) -> None:
        super().__init__(digest, weights_bytes=1)

    def generate(self, drawings: Sequence[messages.Drawing]) -> np.ndarray:
        match drawings[0].seed:
            case "too much":
                raise MemoryError
            case "broken":
                raise ZeroDivisionError
        return np.full((len(drawings), 2, 2, 3), 128, np.uint8)


def inference(client: redis.Redis, turns: threading.Lock) -> Inference:
    loaded = Loaded(Painter, budget_bytes=1)
    reporter = Reporter(client, name="i", queue="infer", device="cpu", engine="onnx", loaded=loaded.digests)
    return Inference(client, loaded=loaded, reporter=reporter, turns=turns)


def batch(seed: str, *, to: str) -> dict:
    now = time.time()
    drawings = (messages.Drawing(seed=seed),)
    made = messages.GenerateBatch(
        id=seed, reply_to=to, digest="d", sent_at=now - 1, deadline=now + 30, drawings=drawings
    )
    return made.model_dump(mode="json")


@pytest.fixture
def client(redis_url) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.mark.parametrize(("seed", "code"), [("too much", "out_of_memory"), ("broken", "internal"), ("ada", None)])
def test_every_batch_has_one_reply_that_does_not_stay_for_ever(client, seed, code):
    answering, to = inference(client, threading.Lock()), f"likeness:replies:inference-{code}"
    answering.generate(batch(seed, to=to))
    assert 0 < client.ttl(to) <= 60
    assert client.llen(to) == 1
    reply, body = messages.unpack(client.lpop(to))
    assert (reply.batch, reply.code, len(body)) == (seed, code, 0 if code else 12)
    assert 1000 <= reply.queue_ms < 60_000


def test_a_network_waits_for_the_turn_of_a_durable_job(client):
    turns, to = threading.Lock(), "likeness:replies:inference-turns"
    with turns:
        thread = threading.Thread(target=inference(client, turns).generate, args=(batch("ada", to=to),))
        thread.start()
        assert client.blpop([to], timeout=0.2) is None
    assert client.blpop([to], timeout=60) is not None
    thread.join()


def test_replies_that_could_not_be_sent_are_not_sent_with_the_next(short_dir):
    socket_path, to = short_dir / "inference" / "redis.sock", "likeness:replies:inference-away"
    with redis.Redis(unix_socket_path=str(socket_path)) as client:
        answering = inference(client, threading.Lock())
        answering.generate(batch("lost", to=to))
        with running_redis(socket_path):
            answering.generate(batch("kept", to=to))
            assert [messages.unpack(reply)[0].batch for reply in client.lrange(to, 0, -1)] == ["kept"]


def test_a_reply_whose_expiry_cannot_be_set_is_not_left_behind(client, redis_url):
    to = "likeness:replies:inference-expiry"
    client.acl_setuser("without-expire", enabled=True, nopass=True, keys="*", commands=["+@all", "-expire"])
    try:
        with redis.Redis.from_url(redis_url, username="without-expire", password="any") as unable:
            inference(unable, threading.Lock()).generate(batch("ada", to=to))
    finally:
        client.acl_deluser("without-expire")
    assert not client.exists(to)
