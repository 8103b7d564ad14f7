import json
import math
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.contract import registry
from app.contract.database import Database
from app.contract.errors import BadCheckpoint, UnknownVersion, VersionInUse, WrongKind
from app.contract.store import Store, checkpoint_path
from tests.app.contract.meanwhile import meanwhile


def checkpoint(kind: str = "generator", note: str = "") -> bytes:
    """A checkpoint without weights: a safetensors file that is all header."""
    said = {"kind": kind, "input": {"size": 64, "channels": 3}, "labels": [], "extras": {}, "note": note}
    header = json.dumps({"__metadata__": {"likeness": json.dumps(said)}}).encode()
    return len(header).to_bytes(8, "little") + header


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store((tmp_path / "store").as_uri())


def publish(database: Database, store: Store, note: str, name: str = "faces") -> registry.Version:
    with database.session() as session:
        return registry.publish(
            session, store, name=name, checkpoint=checkpoint(note=note), onnx=None, source="imported"
        )


def model(database: Database, name: str = "faces") -> registry.Model:
    with database.session() as session:
        found = registry.model(session, name)
    assert found is not None
    return found


def test_a_published_version_can_be_read_and_loaded(database: Database, store: Store) -> None:
    version = publish(database, store, "one")
    assert model(database).versions == (version,)
    assert store.get(checkpoint_path(version.digest)) == checkpoint(note="one")
    assert (version.size, version.channels) == (64, 3)


def test_a_checkpoint_may_say_that_a_figure_is_no_number(database: Database, store: Store) -> None:
    said = {"kind": "classifier", "input": {"size": 8, "channels": 1}, "labels": [], "extras": {}}
    header = json.dumps({"__metadata__": {"likeness": json.dumps({**said, "metrics": {"loss": math.nan}})}}).encode()
    file = len(header).to_bytes(8, "little") + header
    with database.session() as session:
        registry.publish(session, store, name="clothing", checkpoint=file, onnx=None, source="imported")
    assert model(database, "clothing").versions[0].header["metrics"] == {"loss": None}


def test_publishing_the_same_file_twice_changes_nothing(database: Database, store: Store) -> None:
    assert publish(database, store, "one") == publish(database, store, "one")
    assert len(model(database).versions) == 1


@pytest.mark.parametrize(
    ("told", "energy"), [({"energy": -2.5}, -2.5), ({"energy": math.inf}, None), ({"energy": "high"}, None), ([], None)]
)
def test_of_a_calibration_only_numbers_are_known(
    database: Database, store: Store, told: object, energy: float | None
) -> None:
    version = publish(database, store, "one")
    changed = version.model_copy(update={"header": {**version.header, "calibration": told}})
    assert (version.energy_limit, changed.energy_limit) == (None, energy)


def test_promotion_and_roll_back_are_the_same_move(database: Database, store: Store) -> None:
    first, second = publish(database, store, "one"), publish(database, store, "two")
    for version in (first, second, first):
        with database.session() as session:
            registry.point(session, model="faces", alias="production", digest=version.digest)
        assert model(database).resolve() == version


def test_a_version_is_found_by_twelve_digits_but_not_by_fewer(database: Database, store: Store) -> None:
    version = publish(database, store, "one")
    assert model(database).resolve(f"sha256:{version.digest[:12]}") == version
    with pytest.raises(UnknownVersion):
        model(database).resolve(f"sha256:{version.digest[:11]}")


def test_a_version_in_use_stays(database: Database, store: Store) -> None:
    version = publish(database, store, "one")
    with database.session() as session:
        registry.point(session, model="faces", alias="production", digest=version.digest)
    with pytest.raises(VersionInUse), database.session() as session:
        registry.withdraw(session, model="faces", digest=version.digest)


def test_the_last_version_takes_its_model_with_it(database: Database, store: Store) -> None:
    version = publish(database, store, "one")
    with database.session() as session:
        assert registry.withdraw(session, model="faces", digest=version.digest)
        assert registry.models(session) == []


def test_a_name_stands_for_one_kind_of_model(database: Database, store: Store) -> None:
    publish(database, store, "one")
    with pytest.raises(WrongKind), database.session() as session:
        registry.publish(
            session, store, name="faces", checkpoint=checkpoint("classifier"), onnx=None, source="imported"
        )


@pytest.mark.parametrize(
    "data",
    [b"", b"text", b"\x00" * 64, b"\xff" * 64, checkpoint()[:-5], checkpoint(kind="pickle")],
    ids=["empty", "text", "zeros", "ones", "cut short", "of no kind"],
)
def test_what_is_no_checkpoint_is_refused(database: Database, store: Store, data: bytes) -> None:
    with pytest.raises(BadCheckpoint), database.session() as session:
        registry.publish(session, store, name="faces", checkpoint=data, onnx=None, source="imported")
    assert store.list("checkpoints") == []


@pytest.mark.parametrize("name", ["", "Faces", "../faces", "a" * 65, "fa ces", "-faces"])
def test_a_name_that_would_not_fit_an_address_is_refused(database: Database, store: Store, name: str) -> None:
    with pytest.raises(BadCheckpoint):
        publish(database, store, "one", name=name)


def test_a_bundled_version_replaces_a_bundled_one_but_never_a_promoted_one(
    database: Database, store: Store, tmp_path: Path
) -> None:
    folder = tmp_path / "bundled"
    folder.mkdir()
    for note in ("one", "two"):
        (folder / "faces.safetensors").write_bytes(checkpoint(note=note))
        (version,) = registry.register_bundled(database, store, folder)
        assert model(database).resolve() == version
    mine = publish(database, store, "mine")
    with database.session() as session:
        registry.point(session, model="faces", alias="production", digest=mine.digest)
    (folder / "faces.safetensors").write_bytes(checkpoint(note="three"))
    registry.register_bundled(database, store, folder)
    assert model(database).resolve() == mine


def test_what_is_published_while_the_registry_is_read_does_no_harm(database: Database, store: Store) -> None:
    publish(database, store, "one")
    later = meanwhile(database, "FROM versions", lambda: publish(database, store, "two", name="later"))
    with later, database.session() as session:
        found = registry.models(session)
    assert [each.name for each in found] == ["faces"]
    assert model(database, "later").versions


@pytest.mark.parametrize(("table", "earlier"), [("models", ()), ("versions", ("earlier",))])
def test_two_who_publish_the_same_at_once_have_published_it(
    database: Database, store: Store, table: str, earlier: tuple[str, ...]
) -> None:
    there = [publish(database, store, note) for note in earlier]
    with meanwhile(database, f"INSERT INTO {table}", lambda: publish(database, store, "one")):
        version = publish(database, store, "one")
    assert model(database).versions == (version, *there)


def test_two_who_promote_at_once_have_promoted_one(database: Database, store: Store) -> None:
    one, two = publish(database, store, "one"), publish(database, store, "two")

    def promote(version: registry.Version) -> str | None:
        with database.session() as session:
            return registry.point(session, model="faces", alias="production", digest=version.digest)

    with meanwhile(database, "INSERT INTO aliases", lambda: promote(one)):
        assert promote(two) == one.digest
    assert model(database).resolve() == two


def test_a_version_that_is_getting_its_first_name_cannot_be_removed(database: Database, store: Store) -> None:
    version = publish(database, store, "one")

    def remove() -> None:
        with database.session() as session:
            session.execute(sa.text("SET LOCAL lock_timeout = '100ms'"))
            registry.withdraw(session, model="faces", digest=version.digest)

    def fail_to_remove() -> None:
        with pytest.raises(sa.exc.OperationalError):  # it waits for the lock
            remove()

    with meanwhile(database, "INSERT INTO aliases", fail_to_remove), database.session() as session:
        registry.point(session, model="faces", alias="production", digest=version.digest)
    assert model(database).resolve() == version
