"""A worker outlives its Redis: it is silent while Redis is away and answers again when it is back."""

import signal
import time

import redis

from app.contract.messages import Drawing
from app.contract.settings import Settings
from tests.running import running_redis
from tests.worker import running, tiny


def test_a_worker_answers_again_after_redis_was_killed(short_dir, tmp_path, versions):
    socket_path = short_dir / "outage" / "redis.sock"
    settings = Settings(home=tmp_path, redis_url=f"unix://{socket_path}")
    tiny.publish(versions, settings)
    with (
        running_redis(socket_path) as server,
        running.client(settings) as client,
        running.worker(settings, client, name="outlives-0") as process,
    ):
        client.generate(versions.generator, Drawing(seed="a"), batch="before")
        before = client.reply("before")[1]
        server.send_signal(signal.SIGKILL)
        server.wait()
        time.sleep(3)
        with running_redis(socket_path):
            running.until(lambda: answers(client, versions.generator), seconds=30)
            client.generate(versions.generator, Drawing(seed="a"), batch="after")
            assert client.reply("after")[1] == before
            running.until(lambda: reported_lately(client, "outlives-0"), seconds=30)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0


def reported_lately(client: running.Client, name: str) -> bool:
    """Whether the worker's last report is there and fresh; one from before went with the Redis that was killed."""
    report = client.report(name)
    return report is not None and time.time() - report.at < 5


def answers(client: running.Client, digest: str) -> bool:
    """Whether a batch sent now is answered within two seconds."""
    try:
        client.generate(digest, Drawing(seed="a"), batch="probe")
        return client.redis.blpop(["likeness:replies:probe"], timeout=2) is not None
    except redis.RedisError:
        return False
