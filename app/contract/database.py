"""Engine, sessions and migrations. SQLite (WAL) and PostgreSQL run the same statements."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session, sessionmaker

if TYPE_CHECKING:
    from alembic.config import Config

# Of libpq: a server that is gone without a word is given up in seconds, and not after the kernel's quarter of an hour.
_PATIENCE = {
    "connect_timeout": "3",  # seconds
    "keepalives_idle": "10",  # seconds
    "keepalives_interval": "3",  # seconds
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",  # milliseconds
}

_MIGRATIONS = Path(__file__).parent / "migrations"


def now() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)


class Database:
    """A pool of connections to the database at `url`; `session()` is one transaction."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        if parsed.get_backend_name() == "postgresql":
            parsed = parsed.set(query={**_PATIENCE, **parsed.query})  # what the URL itself says goes first
        self.engine = sa.create_engine(
            parsed,
            pool_pre_ping=parsed.get_backend_name() != "sqlite",
            # NaN is no JSON: PostgreSQL refuses it, and SQLite fails every later search through the rows that have it.
            json_serializer=partial(json.dumps, allow_nan=False),
        )
        if parsed.get_backend_name() == "sqlite":
            sa.event.listen(self.engine, "connect", _prepare_sqlite)
            sa.event.listen(self.engine, "begin", _begin_immediate)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A transaction: committed at the end, rolled back on any exception."""
        with self._sessions.begin() as session:
            yield session

    def migrate(self, revision: str = "head") -> None:
        """Bring the schema to `revision`. Several processes may do so at once: all but one wait.

        The schema of a newer version stays as it is when the head is asked for: this version works with it.
        """
        from alembic import command  # 0.2 s that only this needs

        with self.engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(7217305)"))
            if revision == "head" and _suffices(_revision(connection)):
                return
            config = _alembic_config()
            config.attributes["connection"] = connection
            if _is_ahead(connection, config, revision):
                command.downgrade(config, revision)
            else:
                command.upgrade(config, revision)

    def suffices(self) -> bool:
        """Whether the schema is the one this code was written for, or a newer version's, which only adds to it."""
        with self.engine.connect() as connection:
            return _suffices(_revision(connection))

    def ping(self) -> None:
        """Raise `sqlalchemy.exc.SQLAlchemyError` unless the database answers."""
        with self.engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()


def added(session: Session, row: Any) -> bool:
    """Add a row whose key was looked for and not found; False when another transaction has added it in the meantime."""
    try:
        with session.begin_nested():
            session.add(row)
    except sa.exc.IntegrityError:
        return False
    return True


def head() -> str:
    """The newest revision. Files begin with their numbers, so that only the process that migrates asks Alembic."""
    return max(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    # With less than `full` a power cut would take what was accepted since the log was last written into the file.
    for pragma in ("journal_mode=wal", "synchronous=full", "busy_timeout=30000", "foreign_keys=on"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_immediate(connection: sa.Connection) -> None:
    # A transaction that reads first and writes later would fail at once, not wait, when another one wrote meanwhile.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _alembic_config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config


def _is_ahead(connection: sa.Connection, config: "Config", revision: str) -> bool:
    from alembic.script import ScriptDirectory

    current = _revision(connection)
    if current is None or revision == "head":
        return False
    if revision == "base":
        return True
    scripts = ScriptDirectory.from_config(config)
    return any(script.revision == revision for script in scripts.iterate_revisions(current, "base"))


def _suffices(revision: str | None) -> bool:
    return revision is not None and revision >= head()  # both begin with four digits


def _revision(connection: sa.Connection) -> str | None:
    """The schema's revision, or None before the first migration."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
