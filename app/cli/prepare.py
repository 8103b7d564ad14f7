"""`likeness prepare`: database and store, for who starts the processes themselves."""

from obstore.exceptions import BaseError
from sqlalchemy.exc import SQLAlchemyError

from app import prepare as preparation
from app.cli import failure


def prepare() -> None:
    """Bring the database to this version's schema and publish the bundled models. `likeness up` does so by itself."""
    try:
        published = preparation.prepare(failure.read_settings(), checkpoints=preparation.bundled_checkpoints())
    except SQLAlchemyError as error:
        failure.fail(f"The database cannot be prepared: {error}")
    except (BaseError, OSError) as error:
        failure.fail(f"The store cannot be prepared: {error}")
    print(f"The database is up to date; {len(published)} bundled models are published.")
