"""What a worker loads before it is ready: what is in production, the default models first, within the budget."""

from collections.abc import Iterator

import pytest

from app.contract import registry
from app.contract.database import Database
from app.contract.errors import BadCheckpoint
from app.contract.store import Store
from tests.worker import tiny
from worker.serving.engine import Engine
from worker.serving.loaded import Loaded
from worker.serving.warm_up import warm_up


@pytest.fixture
def database(tmp_path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'registry.db'}")
    database.migrate()
    yield database
    database.close()


def publish(database, tmp_path, *names: str) -> dict[str, str]:
    """Publish one version of each name, in production; their digests."""
    store, digests = Store((tmp_path / "store").as_uri()), {}
    for seed, name in enumerate(names):
        tiny.save_classifier(tmp_path / "c.safetensors", seed=seed)
        with database.session() as session:
            version = registry.publish(
                session, store, name=name, checkpoint=tmp_path / "c.safetensors", onnx=None, source="imported"
            )
            registry.point(session, model=name, alias=registry.PRODUCTION, digest=version.digest)
        digests[name] = version.digest
    return digests


class Sized(Engine):
    kind = "classifier"

    def __init__(self, digest: str) -> None:
        super().__init__(digest, weights_bytes=10**12)


def test_the_default_models_come_first_and_the_rest_while_there_is_room(database, tmp_path):
    digests = publish(database, tmp_path, "a", "b", "z")
    loaded = Loaded(Sized, budget_bytes=2 * 10**12 + 10**11)
    warm_up(database, loaded, first=("z",))
    assert loaded.digests() == (digests["z"], digests["a"])


def test_a_version_that_cannot_be_loaded_does_not_keep_the_others_away(database, tmp_path):
    digests = publish(database, tmp_path, "a", "b")

    def load(digest: str) -> Engine:
        if digest == digests["a"]:
            raise BadCheckpoint(reason="it is damaged")
        return Sized(digest)

    loaded = Loaded(load, budget_bytes=10**15)
    warm_up(database, loaded, first=())
    assert loaded.digests() == (digests["b"],)
