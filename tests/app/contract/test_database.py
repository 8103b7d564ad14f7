from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from app.contract import database as module
from app.contract.database import Database
from app.contract.tables import Base


def test_migrations_and_tables_say_the_same(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrations_go_down_to_nothing_and_up_again(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    database.migrate()
    database.migrate("base")
    assert set(sa.inspect(database.engine).get_table_names()) <= {"alembic_version"}
    assert not database.at_head()
    database.migrate()
    assert database.at_head()
    database.close()


def test_the_head_is_the_one_that_alembic_sees() -> None:
    assert module.head() == ScriptDirectory(str(module._MIGRATIONS)).get_current_head()
