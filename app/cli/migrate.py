"""`likeness migrate`: the database schema, for who starts the processes themselves."""

from sqlalchemy.exc import SQLAlchemyError

from app import stack
from app.cli import failure


def migrate() -> None:
    """Bring the database to the schema of this version. `likeness up` does so by itself."""
    try:
        stack.migrate(failure.read_settings())
    except SQLAlchemyError as error:
        failure.fail(f"The database cannot be brought up to date: {error}")
