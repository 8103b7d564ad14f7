import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import sqlalchemy as sa

from app import redis_client
from app.contract import registry
from app.contract.database import Database
from app.contract.errors import UnknownModel, UnknownVersion, WrongKind
from app.contract.messages import REGISTRY_CHANNEL
from app.contract.settings import Settings
from app.contract.store import Store
from app.contract.tables import ModelRow
from app.interactive.catalog import Catalog, is_pinned
from app.signals import Signals
from tests.app import serving

FACES = hashlib.sha256(serving.GENERATOR).hexdigest()


@pytest.fixture
def home(tmp_path: Path, api_redis: str) -> Iterator[tuple[Catalog, Database, Store]]:
    settings = serving.home_settings(tmp_path, api_redis)
    serving.publish(settings)
    database = Database(settings.database)
    catalog = Catalog(database, Signals(redis_client.connect(api_redis)), classifier="clothing", generators=("faces",))
    catalog.refresh()
    yield catalog, database, Store(settings.store)
    database.close()


@pytest.mark.parametrize(
    "reference", ["", "faces", "faces@production", f"faces@sha256:{FACES}", f"faces@sha256:{FACES[:12]}"]
)
def test_a_reference_names_a_version(home: tuple[Catalog, Database, Store], reference: str) -> None:
    assert home[0].resolve(reference, kind="generator").digest == FACES


@pytest.mark.parametrize(
    ("reference", "error"),
    [
        ("nobody", UnknownModel),
        ("@production", UnknownModel),
        ("faces@nothing", UnknownVersion),
        (f"faces@sha256:{FACES[:11]}", UnknownVersion),
        (f"faces@sha256:{FACES[:12].upper()}x", UnknownVersion),
        ("clothing", WrongKind),
        ("x" * 1000, UnknownModel),
    ],
)
def test_a_reference_that_names_none_is_refused(
    home: tuple[Catalog, Database, Store], reference: str, error: type[Exception]
) -> None:
    with pytest.raises(error) as refusal:
        home[0].resolve(reference, kind="generator")
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize(
    ("generators", "size", "drawn_by"),
    [
        ("faces,larger", None, "faces"),
        ("faces,larger", serving.FACE, "faces"),
        ("faces, larger", serving.FACE + 1, "larger"),
        ("faces,larger", 1024, "larger"),
        ("larger,faces", serving.FACE, "larger"),
        ("faces,gone,larger", 1024, "larger"),
        ("faces,clothing,larger", 1024, "larger"),
        ("faces", 1024, "faces"),
    ],
)
def test_of_several_default_generators_the_size_that_is_asked_for_chooses(
    home: tuple[Catalog, Database, Store], api_redis: str, generators: str, size: int | None, drawn_by: str
) -> None:
    _, database, store = home
    content = serving.checkpoint("generator", size=2 * serving.FACE, channels=3)
    with database.session() as session:
        version = registry.publish(session, store, name="larger", checkpoint=content, onnx=None, source="bundled")
        registry.point(session, model="larger", alias="production", digest=version.digest)
    signals = Signals(redis_client.connect(api_redis))
    catalog = Catalog(
        database, signals, classifier="clothing", generators=Settings(default_generator=generators).default_generators
    )
    catalog.refresh()
    assert catalog.resolve("", kind="generator", size=size).model == drawn_by
    assert catalog.resolve("faces", kind="generator", size=size).model == "faces"
    assert [model.name for model in catalog.models if catalog.is_default(model)] == [
        "clothing",
        generators.split(",")[0],
    ]


def test_a_larger_generator_without_a_production_version_is_passed_over(
    home: tuple[Catalog, Database, Store], api_redis: str
) -> None:
    _, database, store = home
    content = serving.checkpoint("generator", size=2 * serving.FACE, channels=3)
    with database.session() as session:
        registry.publish(session, store, name="larger", checkpoint=content, onnx=None, source="bundled")
    catalog = Catalog(
        database, Signals(redis_client.connect(api_redis)), classifier="clothing", generators=("faces", "larger")
    )
    catalog.refresh()
    assert catalog.resolve("", kind="generator", size=1024).model == "faces"


def test_only_a_digest_names_a_version_for_ever() -> None:
    assert [is_pinned(reference) for reference in ("", "a", "a@production", "a@sha256:0123456789ab")] == [
        False,
        False,
        False,
        True,
    ]


@pytest.mark.anyio
async def test_a_promotion_is_seen_at_once_when_it_is_signalled(
    home: tuple[Catalog, Database, Store], api_redis: str
) -> None:
    _, database, store = home
    async with (
        redis_client.connect(api_redis) as client,
        Signals(client) as signals,
        Catalog(database, signals, classifier="clothing", generators=("faces",)) as catalog,
    ):
        other = serving.checkpoint("generator", size=32, channels=3)
        with database.session() as session:
            version = registry.publish(session, store, name="faces", checkpoint=other, onnx=None, source="imported")
            registry.point(session, model="faces", alias="production", digest=version.digest)
        await asyncio.sleep(0.1)
        with redis.Redis.from_url(api_redis) as publisher:
            publisher.publish(REGISTRY_CHANNEL, "faces")
        async with asyncio.timeout(2):
            while catalog.resolve("faces", kind="generator").digest != version.digest:
                await asyncio.sleep(0.01)


@pytest.mark.anyio
async def test_a_row_that_cannot_be_read_does_not_end_the_watch(
    home: tuple[Catalog, Database, Store], api_redis: str, caplog: pytest.LogCaptureFixture
) -> None:
    _, database, _ = home

    def rewrite(kind: str, owner: str | None) -> None:
        with database.session() as session:
            session.execute(sa.update(ModelRow).where(ModelRow.name == "faces").values(kind=kind, owner=owner))

    async with (
        redis_client.connect(api_redis) as client,
        Signals(client) as signals,
        Catalog(database, signals, classifier="clothing", generators=("faces",)) as catalog,
        asyncio.timeout(10),
    ):
        rewrite("oracle", None)
        while "the registry cannot be read" not in caplog.text:
            await client.publish(REGISTRY_CHANNEL, "faces")
            await asyncio.sleep(0.05)
        assert catalog.model("faces").kind == "generator"
        rewrite("generator", "key_other")
        while catalog.model("faces").owner is None:
            await client.publish(REGISTRY_CHANNEL, "faces")
            await asyncio.sleep(0.05)
