"""A worker waits for the schema that it was written for."""

import contextlib
import threading
from pathlib import Path

from app.contract.database import Database
from worker import schema


def test_a_worker_waits_until_the_schema_is_there(tmp_path: Path) -> None:
    with contextlib.closing(Database(f"sqlite:///{tmp_path / 'later.db'}")) as database:
        waiting = threading.Thread(
            target=schema.wait_for, args=(database,), kwargs={"every_seconds": 0.01}, daemon=True
        )
        waiting.start()
        waiting.join(0.1)
        assert waiting.is_alive()
        database.migrate()
        waiting.join(60)
        assert not waiting.is_alive()
