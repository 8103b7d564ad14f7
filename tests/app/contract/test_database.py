import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
import sqlalchemy.exc
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from app.contract import database as module
from app.contract import events, jobs
from app.contract.database import Database
from app.contract.tables import Base

OLDEST = "0003"
"""The schema of the oldest version that stands next to this one."""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database whose schema a test may change."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'own.db'}")
    else:
        server = sa.create_engine(request.getfixturevalue("postgres_url"), isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            connection.execute(sa.text("DROP DATABASE IF EXISTS own"))
            connection.execute(sa.text("CREATE DATABASE own"))
        server.dispose()
        database = Database(server.url.set(database="own").render_as_string(hide_password=False))
    database.migrate()
    yield database
    database.close()


def test_migrations_and_tables_say_the_same(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrations_go_down_to_nothing_and_up_again(own: Database) -> None:
    own.migrate("base")
    assert set(sa.inspect(own.engine).get_table_names()) <= {"alembic_version"}
    assert not own.suffices()
    own.migrate()
    assert own.suffices()


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_kept_nowhere(database: Database, number: float) -> None:
    refused = (sqlalchemy.exc.StatementError, ValueError)  # psycopg writes JSON by itself
    with pytest.raises(refused), database.session() as session:
        jobs.create(session, kind="generate", queue="infer", request={"a": [number]})
    with database.session() as session:
        assert jobs.page(session) == []


def test_a_text_with_nul_is_found_nowhere(database: Database) -> None:
    with database.session() as session:
        if database.engine.dialect.name == "sqlite":
            assert jobs.get(session, "job_\0") is None
        else:  # which is what `app.errors` makes a refusal of
            with pytest.raises(sqlalchemy.exc.DataError):
                jobs.get(session, "job_\0")


def test_jobs_and_their_events_survive_the_way_back_and_forth(own: Database) -> None:
    with own.session() as session:
        job = jobs.create(session, kind="generate", queue="infer", request={})
    own.migrate(OLDEST)
    assert not own.suffices()
    own.migrate()
    with own.session() as session:
        found = jobs.get(session, job.id)
        assert found is not None
        assert found.model_dump() == job.model_dump()
        assert [event.type for event in events.page(session, job.id)] == ["status"]


def test_a_newer_versions_schema_suffices_and_stays(own: Database) -> None:
    with own.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE jobs ADD COLUMN of_the_next_version VARCHAR(8)"))
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    assert own.suffices()
    own.migrate()
    with own.session() as session:
        job = jobs.create(session, kind="generate", queue="infer", request={})
        assert jobs.get(session, job.id) == job


def test_what_is_committed_to_sqlite_is_on_the_disk(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'own.db'}")
    with database.session() as session:
        assert session.scalar(sa.text("PRAGMA synchronous")) == 2  # FULL
    database.close()


def test_a_server_that_does_not_answer_is_given_up_within_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        database = Database(f"postgresql://likeness@127.0.0.1:{silent.getsockname()[1]}/likeness")
        began = time.monotonic()
        with pytest.raises(sqlalchemy.exc.OperationalError):
            database.ping()
        assert time.monotonic() - began < 10
        database.close()


def test_what_the_address_says_of_patience_holds() -> None:
    database = Database("postgresql://likeness@127.0.0.1/likeness?connect_timeout=30")
    assert database.engine.url.query["connect_timeout"] == "30"
    assert database.engine.url.query["keepalives_idle"] == "10"
    database.close()


def test_the_head_is_the_one_that_alembic_sees() -> None:
    assert module.head() == ScriptDirectory(str(module._MIGRATIONS)).get_current_head()
