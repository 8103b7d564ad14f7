"""Keys that several requests change at once, which PostgreSQL allows and SQLite does not."""

import contextlib
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.access import keys
from app.contract.database import Database
from tests import postgres

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(postgres.binaries() is None, reason="no PostgreSQL server is installed"),
]

_WAITING = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")


@pytest.fixture
def database() -> Iterator[Database]:
    # Not one of pytest's directories: they are closed to the user that the server runs as.
    with (
        tempfile.TemporaryDirectory(prefix="likeness-") as directory,
        postgres.server(Path(directory)) as url,
        contextlib.closing(Database(url)) as database,
    ):
        database.migrate()
        yield database


def test_of_two_rotations_at_once_the_second_leaves_the_secret_of_the_first_its_grace(database: Database) -> None:
    with database.session() as session:
        key, _ = keys.create(session, name="shop", scopes=["predict"])

    def rotate() -> str:
        with database.session() as session:
            return keys.rotate(session, key.id, grace_seconds=3600)[1]

    with ThreadPoolExecutor(1) as other:
        with database.session() as session:
            _, first = keys.rotate(session, key.id, grace_seconds=3600)
            overlapping = other.submit(rotate)
            while not session.scalar(_WAITING):
                time.sleep(0.01)
        second = overlapping.result()

    with database.session() as session:
        assert [keys.find(session, keys.digest(secret)) is not None for secret in (first, second)] == [True, True]
