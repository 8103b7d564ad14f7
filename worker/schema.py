"""The database's schema: a worker touches no table before it has the one that this code was written for."""

import time

import sqlalchemy.exc
import structlog

from app.contract.database import Database

_log = structlog.get_logger()


def wait_for(database: Database, *, every_seconds: float = 1.0) -> None:
    """Return once the database answers and has the schema that this code was written for."""
    said = False
    while True:
        try:
            if database.suffices():
                return
            problem = "has another schema"
        except sqlalchemy.exc.OperationalError:
            problem = "does not answer"
        if not said:
            _log.warning("waiting for the database", database=problem)
        said = True
        time.sleep(every_seconds)
