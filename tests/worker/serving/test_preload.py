"""A worker loads what has become the production version before it is asked for it."""

from collections.abc import Iterator

import obstore.exceptions
import pytest
import redis

from app.contract.database import Database
from app.contract.messages import REGISTRY_CHANNEL
from tests.worker.running import until
from tests.worker.serving.test_warm_up import Sized, publish
from worker.serving.engine import Engine
from worker.serving.loaded import Loaded
from worker.serving.preload import Preload

SIZE = 10**12  # of every engine


@pytest.fixture
def database(tmp_path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'registry.db'}")
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def client(redis_url) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as connected:
        yield connected


@pytest.fixture
def loaded(client, database) -> Iterator[Loaded]:
    """Room for two, and somebody who fills it."""
    loaded = Loaded(Sized, budget_bytes=2 * SIZE + SIZE // 10)
    preload = Preload(client, database, loaded)
    preload.start()
    until(lambda: client.pubsub_numsub(REGISTRY_CHANNEL)[0][1] > 0)
    yield loaded
    preload.stop()


def test_a_promoted_version_is_loaded_and_the_one_before_stays_while_there_is_room(client, database, loaded, tmp_path):
    before = publish(database, tmp_path, "shop")["shop"]
    client.publish(REGISTRY_CHANNEL, "shop")
    until(lambda: loaded.digests() == (before,))
    other = publish(database, tmp_path, "other", "shop")["shop"]
    client.publish(REGISTRY_CHANNEL, "shop")
    until(lambda: loaded.digests() == (before, other))


def test_checkpoints_of_runs_and_models_that_are_gone_are_left(client, database, loaded, tmp_path):
    shop = publish(database, tmp_path, "job_1", "shop")["shop"]
    for name in ("job_1", "nobody", "shop"):
        client.publish(REGISTRY_CHANNEL, name)
    until(lambda: loaded.digests() != ())
    assert loaded.digests() == (shop,)


def test_what_nobody_used_yet_does_not_push_out_what_is_in_use(client, database, loaded, tmp_path):
    first, second, third = publish(database, tmp_path, "a", "b", "c").values()
    for digest in (first, second):
        loaded.engine(digest)
    for name in ("c", "a"):
        client.publish(REGISTRY_CHANNEL, name)
    again = publish(database, tmp_path, "x", "y", "z", "a")["a"]
    client.publish(REGISTRY_CHANNEL, "a")
    until(lambda: again in loaded.digests())
    assert third not in loaded.digests()


@pytest.mark.parametrize("error", [obstore.exceptions.BaseError("the store is away"), ZeroDivisionError()])
def test_a_promotion_that_cannot_be_followed_does_not_end_the_watch(client, database, tmp_path, error):
    failed, (bad, good) = [], publish(database, tmp_path, "bad", "good").values()

    def load(digest: str) -> Engine:
        if digest == bad:
            failed.append(digest)
            raise error
        return Sized(digest)

    loaded = Loaded(load, budget_bytes=10 * SIZE)
    preload = Preload(client, database, loaded)
    preload.start()
    try:
        until(lambda: client.publish(REGISTRY_CHANNEL, "bad") > 0 and failed != [])
        until(lambda: client.publish(REGISTRY_CHANNEL, "good") > 0 and loaded.digests() == (good,))
    finally:
        preload.stop()
