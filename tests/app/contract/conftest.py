"""A migrated database of each kind, empty for every test; and a bucket."""

import importlib.util
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.contract.database import Database
from app.contract.tables import Base
from tests import bucket, postgres


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    if postgres.binaries() is None:
        pytest.skip("no PostgreSQL server is installed")
    # Not one of pytest's directories: they are closed to the user that the server runs as.
    with tempfile.TemporaryDirectory(prefix="likeness-") as directory, postgres.server(Path(directory)) as url:
        database = Database(url)
        database.migrate()
        database.close()
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'test.db'}")
        database.migrate()
    else:
        database = Database(request.getfixturevalue("postgres_url"))
    yield database
    with database.session() as session:
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(sa.delete(table))
    database.close()


@pytest.fixture(scope="session")
def bucket_endpoint() -> Iterator[str]:
    if importlib.util.find_spec("moto") is None:
        pytest.skip("no S3 server is installed")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    with bucket.server(port) as endpoint:
        yield endpoint
