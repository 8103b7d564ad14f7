"""Data sets that are accepted while the database comes and goes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy.exc
from sqlalchemy.orm import Session

from app.access.caller import ANYONE, Caller
from app.contract import datasets
from app.contract.database import Database
from app.contract.errors import QueueFull
from app.contract.store import Store
from app.jobs.dataset_upload import Received
from app.jobs.datasets import Datasets
from app.jobs.idempotency import Claim

UPLOAD = datasets.Upload(name="a.zip", size_bytes=3, sha256="0" * 64)
RECEIVED = Received(name="a", class_names=(), uploads=(UPLOAD,))
ADA = Caller("key_ada", frozenset({"train"}))
CLAIM = Claim(owner="", route="/v1/datasets", key="once", body_sha256="0" * 64)


class Cut(Database):
    """Loses its connection once, before or after it has committed."""

    lose: str = ""

    @contextmanager
    def session(self) -> Iterator[Session]:
        lose, self.lose = self.lose, ""
        with super().session() as session:
            yield session
            if lose == "before":
                raise _gone()
        if lose == "after":
            raise _gone()


def _gone() -> sqlalchemy.exc.OperationalError:
    return sqlalchemy.exc.OperationalError("COMMIT", {}, OSError("the server closed the connection"))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Cut]:
    database = Cut(f"sqlite:///{tmp_path / 'test.db'}")
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store((tmp_path / "store").as_uri())


def uploaded(store: Store) -> str:
    """Id of a data set whose one file is in the store."""
    dataset_id = datasets.new_id()
    store.put(datasets.upload_path(dataset_id, 0), b"zip")
    return dataset_id


def test_an_upload_that_may_have_been_accepted_is_there_for_who_comes_again(database: Cut, store: Store) -> None:
    first, second = uploaded(store), uploaded(store)
    database.lose = "after"
    with pytest.raises(sqlalchemy.exc.OperationalError):
        Datasets(database, store, most_waiting=1).accept(first, RECEIVED, ANYONE, CLAIM)
    found, _ = Datasets(database, store, most_waiting=1).accept(second, RECEIVED, ANYONE, CLAIM)
    assert found.id == first
    assert store.list("datasets") == [datasets.upload_path(first, 0)]


def test_an_upload_that_was_not_accepted_leaves_nothing(database: Cut, store: Store) -> None:
    dataset_id = uploaded(store)
    database.lose = "before"
    with pytest.raises(sqlalchemy.exc.OperationalError):
        Datasets(database, store, most_waiting=1).accept(dataset_id, RECEIVED, ANYONE, None)
    assert store.list("datasets") == []


def test_so_many_uploads_of_a_key_wait_and_no_more(database: Cut, store: Store) -> None:
    found = Datasets(database, store, most_waiting=1)
    again = replace(CLAIM, owner="key_ada")
    first, _ = found.accept(uploaded(store), RECEIVED, ADA, again)
    with pytest.raises(QueueFull):
        found.check_room(ADA, route=CLAIM.route, key=None)
    with pytest.raises(QueueFull):  # of two that came at once and found room
        found.accept(uploaded(store), RECEIVED, ADA, None)
    assert store.list("datasets") == [datasets.upload_path(first.id, 0)]
    found.check_room(ADA, route=CLAIM.route, key=CLAIM.key)
    assert found.accept(uploaded(store), RECEIVED, ADA, again)[0].id == first.id
    found.check_room(Caller("key_bob", frozenset({"train"})), route=CLAIM.route, key=CLAIM.key)
