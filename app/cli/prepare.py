"""`likeness prepare`: database and store, for who starts the processes themselves."""

from typing import Annotated

import typer
from obstore.exceptions import BaseError
from sqlalchemy.exc import SQLAlchemyError

from app.cli import failure
from app.host import prepare as preparation


def prepare(
    schema: Annotated[
        str | None, typer.Option(help="Bring the database to this earlier schema instead, before an older version.")
    ] = None,
) -> None:
    """Bring the database to this version's schema and publish the bundled models. `likeness up` does so by itself."""
    from alembic.util.exc import CommandError  # 0.2 s that no other command needs

    settings = failure.read_settings()
    try:
        if schema is not None:
            preparation.roll_back(settings, schema=schema)
            print(f"The database has the schema {schema}.")
            return
        published = preparation.prepare(settings, checkpoints=preparation.bundled_checkpoints())
    except (SQLAlchemyError, CommandError) as error:
        failure.fail(f"The database cannot be prepared: {error}")
    except (BaseError, OSError) as error:
        failure.fail(f"The store cannot be prepared: {error}")
    print(f"The database is up to date; {len(published)} bundled models are published.")
