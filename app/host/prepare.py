"""What must be there before the first process starts: the schema, and the checkpoints that ship with the project."""

from importlib import resources
from pathlib import Path

from app.contract import registry
from app.contract.database import Database
from app.contract.registry import Version
from app.contract.settings import Settings
from app.contract.store import Store


def bundled_checkpoints() -> Path:
    """The folder of the checkpoints that ship with the project."""
    return Path(str(resources.files("models") / "checkpoints"))


def roll_back(settings: Settings, *, schema: str) -> None:
    """Bring the database to an earlier schema, for an earlier version of the service."""
    database = Database(settings.database)
    try:
        database.migrate(schema)
    finally:
        database.close()


def prepare(settings: Settings, *, checkpoints: Path) -> list[Version]:
    """Bring the database to this version's schema, and publish what `checkpoints` holds; return the versions published.

    It may run at any time, and several times at once: what is there already stays as it is.
    """
    database = Database(settings.database)
    try:
        database.migrate()
        store = Store(settings.store, settings.store_options)
        return registry.register_bundled(database, store, checkpoints)
    finally:
        database.close()
