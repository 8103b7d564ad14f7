"""A copy of everything that an embedded service keeps, made while it runs, and a service made of such a copy.

The store is copied, then the database, then what came to the store meanwhile: bytes are in the store before any row
speaks of them, so whatever the copied rows name is among the copied objects. Only what a run has saved goes again, when
it has saved twice more: so the last copy must be short, and a run of a restored service goes on from what is there.
Redis holds nothing that was accepted and is left out.
"""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sqlalchemy.engine import make_url

from app.contract.settings import Settings

DATABASE, STORE = "likeness.db", "store"
CERTIFICATE = "credentials.pem"
"""What pictures are signed with, where the operator brought nothing else: no other one would be trusted as the same."""


class BackupRefused(Exception):
    """This cannot be copied, or not there; the message says what helps."""


def backup(settings: Settings, folder: Path) -> int:
    """Copy database and store into `folder`; how many bytes were copied. Objects that are there already are kept.

    Raises:
        BackupRefused: the service keeps its things elsewhere, or its database cannot be read.
    """
    database, store = _places(settings)
    if not database.is_file():  # SQLite would make an empty one
        raise BackupRefused(f"{settings.home} holds no service: there is no {database}. Name its folder as --data-dir.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    copied = _copy_new(store, folder / STORE)
    partial = folder / f".{DATABASE}.partial"
    partial.unlink(missing_ok=True)
    try:
        _copy_database(database, partial)
    except sqlite3.Error as error:
        raise BackupRefused(f"{database} cannot be copied: {error}.") from error
    partial.replace(folder / DATABASE)
    copied += (folder / DATABASE).stat().st_size + _copy_new(store, folder / STORE)
    return copied + _copy_certificate(settings.home, folder)


def restore(settings: Settings, folder: Path) -> None:
    """Make the home of a service from a backup.

    Raises:
        BackupRefused: there is no backup in `folder`, or a service in the home.
    """
    database, store = _places(settings)
    if not (folder / DATABASE).is_file():
        raise BackupRefused(f"{folder} holds no backup: there is no {DATABASE} in it.")
    if database.exists() or (store.exists() and any(store.iterdir())):
        raise BackupRefused(f"{settings.home} holds a service already; restore into an empty --data-dir.")
    _copy_new(folder / STORE, store)
    _copy_certificate(folder, settings.home)
    database.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(folder / DATABASE, database)  # last: a home without it is no service yet


def _places(settings: Settings) -> tuple[Path, Path]:
    database, store = make_url(settings.database), urlsplit(settings.store)
    if database.get_backend_name() != "sqlite" or not database.database or store.scheme != "file":
        raise BackupRefused(
            "Only SQLite and a directory are copied by this command. Back up PostgreSQL with pg_dump and a bucket with "
            "its own tools, in the order that docs/operations.md tells."
        )
    return Path(database.database), Path(unquote(store.path))


def _copy_database(source: Path, target: Path) -> None:
    with contextlib.closing(sqlite3.connect(source)) as read, contextlib.closing(sqlite3.connect(target)) as written:
        read.backup(written)


def _copy_certificate(source: Path, target: Path) -> int:
    if not (source / CERTIFICATE).is_file():
        return 0
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source / CERTIFICATE, target / CERTIFICATE)
    return (target / CERTIFICATE).stat().st_size


def _copy_new(source: Path, target: Path) -> int:
    copied = 0
    for path in _files(source):
        there = target / path.relative_to(source)
        with contextlib.suppress(FileNotFoundError):  # removed a moment ago
            size = path.stat().st_size
            if there.exists() and there.stat().st_size == size and there.stat().st_mtime >= path.stat().st_mtime:
                continue
            there.parent.mkdir(parents=True, exist_ok=True)
            partial = there.with_name(f".{there.name}.partial")
            shutil.copy2(path, partial)
            partial.replace(there)
            copied += size
    return copied


def _files(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        yield from (Path(place) / name for name in names if not name.startswith("."))
