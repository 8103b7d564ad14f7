import base64
import json
from typing import Any

import celery
import kombu
import redis

from app.contract import broker
from app.contract.settings import Settings
from app.interactive import envelope

QUEUE = "envelopes"
ARGUMENT = {"id": "a-1", "deadline": 1.5, "explain": [0, 2], "traceparent": None, "text": "größer"}

VOLATILE = {"id", "root_id", "correlation_id", "delivery_tag", "origin", "reply_to", "argsrepr"}
"""Names of a message and its sender, and what is there for people."""


def settled(value: Any) -> Any:
    """The message with its body read, without what differs between any two."""
    if isinstance(value, dict):
        return {key: settled(inner) for key, inner in value.items() if key not in VOLATILE}
    return value


def test_a_message_is_what_celery_sends(redis_url: str) -> None:
    client = celery.Celery("test", set_as_current=False)
    client.conf.update(broker.celery_config(Settings(redis_url=redis_url)))
    with redis.Redis.from_url(redis_url) as connection:
        client.send_task("likeness.test", args=[ARGUMENT], queue=QUEUE)
        connection.lpush(envelope.queue_key(QUEUE), envelope.seal("likeness.test", ARGUMENT, queue=QUEUE))
        theirs, ours = (json.loads(connection.rpop(envelope.queue_key(QUEUE))) for _ in range(2))  # type: ignore[arg-type]
    client.close()
    for message in (theirs, ours):
        message["body"] = json.loads(base64.b64decode(message["body"]))
    assert settled(ours) == settled(theirs)
    assert ours.keys() == theirs.keys()
    assert ours["headers"].keys() == theirs["headers"].keys()
    assert ours["properties"].keys() == theirs["properties"].keys()
    assert ours["headers"]["id"] == ours["properties"]["correlation_id"]


def test_kombu_reads_it(redis_url: str) -> None:
    config = broker.celery_config(Settings(redis_url=redis_url))
    received = []
    with (
        redis.Redis.from_url(redis_url) as connection,
        kombu.Connection(config["broker_url"], transport_options=config["broker_transport_options"]) as kombus,
        kombus.SimpleQueue(kombu.Queue(QUEUE), no_ack=True) as queue,
    ):
        connection.lpush(envelope.queue_key(QUEUE), envelope.seal("likeness.test", ARGUMENT, queue=QUEUE))
        received.append(queue.get(timeout=30))
    assert received[0].payload[0] == [ARGUMENT]
    assert received[0].headers["task"] == "likeness.test"
