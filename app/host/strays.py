"""Objects in the store that no row of the database speaks of: what was written just before a process or the database
died. They harm nobody, and take room.

Looked for when an operator asks and never by itself: beside another database, in a bucket that two services share, all
objects of the other one would be strays.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

from app.contract.database import Database, now
from app.contract.store import Store, StorePath
from app.contract.tables import DatasetRow, JobRow, VersionRow

YOUNGEST = timedelta(days=1)
"""Bytes are in the store before the row is in the database: whatever is younger may be about to get its row."""

_ROWS: dict[str, InstrumentedAttribute[str]] = {
    "jobs": JobRow.id,
    "runs": JobRow.id,
    "datasets": DatasetRow.id,
    "checkpoints": VersionRow.digest,
}
"""The folders of the store, and what the next part of a path below them names."""


@dataclass(frozen=True)
class Stray:
    """Something to remove: an object, or a file that was never written to its end."""

    place: StorePath | Path
    size_bytes: int


def find(database: Database, store: Store) -> Iterator[Stray]:
    """All strays that are older than a day."""
    before = now() - YOUNGEST
    for folder, names in _ROWS.items():
        for page in store.pages(folder):
            old = [each for each in page if each.at < before]
            known = _known(database, names, [_name(each.path) for each in old])
            yield from (Stray(each.path, each.size_bytes) for each in old if _name(each.path) not in known)
    for path in store.partial_files():
        with contextlib.suppress(FileNotFoundError):  # it is whole by now, and has its name
            found = path.stat()
            if datetime.fromtimestamp(found.st_mtime, before.tzinfo) < before:
                yield Stray(path, found.st_size)


def remove(store: Store, stray: Stray) -> None:
    """Remove it; one that is gone already is no error."""
    match stray.place:
        case Path() as path:
            path.unlink(missing_ok=True)
        case path:
            store.delete(path)


def _known(database: Database, names: InstrumentedAttribute[str], wanted: Sequence[str]) -> set[str]:
    with database.session() as session:
        return set(session.scalars(sa.select(names).where(names.in_(set(wanted)))))


def _name(path: StorePath) -> str:
    """`jobs/{id}/...` and `checkpoints/{digest}.onnx` alike: the part that names a row."""
    return PurePosixPath(path).parts[1].partition(".")[0]
