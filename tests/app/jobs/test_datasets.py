"""Data sets that are accepted while the database comes and goes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy.exc
from sqlalchemy.orm import Session

from app.access.caller import ANYONE
from app.contract import datasets
from app.contract.database import Database
from app.contract.store import Store
from app.http.idempotency import Claim
from app.jobs.dataset_upload import Received
from app.jobs.datasets import Datasets

UPLOAD = datasets.Upload(name="a.zip", size_bytes=3, sha256="0" * 64)
RECEIVED = Received(name="a", class_names=(), uploads=(UPLOAD,))
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
        Datasets(database, store).accept(first, RECEIVED, ANYONE, CLAIM)
    found, _ = Datasets(database, store).accept(second, RECEIVED, ANYONE, CLAIM)
    assert found.id == first
    assert store.list("datasets") == [datasets.upload_path(first, 0)]


def test_an_upload_that_was_not_accepted_leaves_nothing(database: Cut, store: Store) -> None:
    dataset_id = uploaded(store)
    database.lose = "before"
    with pytest.raises(sqlalchemy.exc.OperationalError):
        Datasets(database, store).accept(dataset_id, RECEIVED, ANYONE, None)
    assert store.list("datasets") == []
