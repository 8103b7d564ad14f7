"""What another connection does in the middle of ours, which PostgreSQL allows and SQLite does not."""

import contextlib
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from app.contract.database import Database


@contextlib.contextmanager
def meanwhile(database: Database, words: str, act: Callable[[], object]) -> Iterator[None]:
    """Do something from another connection just before the first statement that holds `words`."""
    if database.engine.dialect.name == "sqlite":
        pytest.skip("readers and writers take turns there")
    begun = []

    def before(connection: sa.Connection, cursor: object, statement: str, *_: object) -> None:
        if words in statement and not begun:
            begun.append(statement)
            act()

    sa.event.listen(database.engine, "before_cursor_execute", before)
    try:
        yield
    finally:
        sa.event.remove(database.engine, "before_cursor_execute", before)
    assert begun
