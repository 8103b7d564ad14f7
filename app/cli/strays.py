"""`likeness strays`: what lies in the store and belongs to nobody."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer
from obstore.exceptions import BaseError
from sqlalchemy.exc import SQLAlchemyError

from app.cli import failure
from app.contract.database import Database
from app.contract.store import Store
from app.host import strays as lost


def strays(
    remove: Annotated[bool, typer.Option("--remove", help="Remove them. Without it they are only listed.")] = False,
    data_dir: Annotated[Path | None, typer.Option(help="Where the service keeps everything; LIKENESS_HOME.")] = None,
) -> None:
    """List objects of the store that no row speaks of and that are older than a day, while the service runs."""
    settings = failure.read_settings(home=data_dir)
    count = size_bytes = 0
    try:
        store = Store(settings.store, settings.store_options)
        with contextlib.closing(Database(settings.database)) as database:
            for stray in lost.find(database, store):
                print(stray.place)
                if remove:
                    lost.remove(store, stray)
                count, size_bytes = count + 1, size_bytes + stray.size_bytes
    except (SQLAlchemyError, BaseError, OSError) as error:
        failure.fail(f"The strays cannot be looked for: {error}")
    print(f"Strays: {count}, {size_bytes / 1e6:.1f} MB; {'removed' if remove else '--remove removes them'}.")
