"""Api keys: 256 random bits, of which only the SHA-256 is kept; made, listed, rotated, revoked.

Every function takes an open session, so that the caller decides what is one transaction.
"""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from app.contract.database import now
from app.contract.errors import BadOption, KeyRevoked, UnknownKey
from app.contract.owners import ADMIN
from app.contract.schemas.keys import KeyScope
from app.contract.tables import KeyRow

SECRET_PREFIX = "lk_"  # lets scanners for leaked secrets recognise ours
_SECRET_BYTES = 32


class Key(BaseModel):
    """A key as it stood when it was read."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: str
    name: str
    owner: str
    scopes: tuple[KeyScope, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    @property
    def status(self) -> Literal["active", "expired", "revoked"]:
        """Whether the key opens anything."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now() else "active"


def digest(secret: str) -> str:
    """What is kept of a secret. It has 256 random bits, so a fast hash is no weakness and every request can pay it."""
    return hashlib.sha256(secret.encode()).hexdigest()


def create(
    session: Session,
    *,
    name: str,
    scopes: Sequence[KeyScope],
    expires_at: datetime | None = None,
    shares: str | None = None,
) -> tuple[Key, str]:
    """Make a key; the key and its secret, which nobody can tell again.

    Raises:
        UnknownKey: there is no key `shares`.
        BadOption: the key would be over before it begins.
    """
    if expires_at is not None and expires_at <= now():
        raise BadOption(name="expires_at", reason="lies in the past")
    key_id, secret = f"key_{secrets.token_hex(12)}", _new_secret()
    owner = ADMIN if "admin" in scopes else key_id
    if shares is not None:
        owner = _row(session, shares).owner
    row = KeyRow(
        id=key_id,
        name=name,
        owner=owner,
        secret_sha256=digest(secret),
        scopes=sorted(set(scopes)),
        created_at=now(),
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    return Key.model_validate(row), secret


def page(session: Session, *, after: str | None, limit: int) -> list[Key]:
    """Keys, newest first, that come after the key `after`."""
    query = sa.select(KeyRow).order_by(KeyRow.created_at.desc(), KeyRow.id.desc()).limit(limit)
    if after is not None and (last := session.get(KeyRow, after)) is not None:
        created = sa.literal(last.created_at, KeyRow.created_at.type)
        query = query.where(sa.tuple_(KeyRow.created_at, KeyRow.id) < sa.tuple_(created, last.id))
    return [Key.model_validate(row) for row in session.scalars(query)]


def get(session: Session, key_id: str) -> Key:
    """The key. Raises `UnknownKey`."""
    return Key.model_validate(_row(session, key_id))


def rotate(session: Session, key_id: str, *, grace_seconds: int) -> tuple[Key, str]:
    """Give the key a new secret; the one before works for `grace_seconds` more, any earlier one no longer.

    Raises:
        UnknownKey, KeyRevoked: there is nothing to rotate.
    """
    # Locked: of two rotations that overlap, both would else put their own in the place of the same secret.
    row, secret = _row(session, key_id, lock=True), _new_secret()
    if row.revoked_at is not None:
        raise KeyRevoked(key=key_id)
    row.previous_sha256, row.previous_until = row.secret_sha256, now() + timedelta(seconds=grace_seconds)
    row.secret_sha256 = digest(secret)
    session.flush()
    return Key.model_validate(row), secret


def revoke(session: Session, key_id: str) -> Key:
    """End the key for good; what it made stays. Revoking it again changes nothing. Raises `UnknownKey`."""
    row = _row(session, key_id)
    row.revoked_at = row.revoked_at or now()
    session.flush()
    return Key.model_validate(row)


def find(session: Session, secret_sha256: str) -> tuple[Key, datetime | None] | None:
    """The key with this secret, and when that secret ends, if that is before the key does. None: there is none."""
    row = session.scalar(sa.select(KeyRow).where(KeyRow.secret_sha256 == secret_sha256))
    if row is not None:
        return Key.model_validate(row), None
    row = session.scalar(sa.select(KeyRow).where(KeyRow.previous_sha256 == secret_sha256))
    return None if row is None else (Key.model_validate(row), row.previous_until)


def mark_used(session: Session, used: Iterable[tuple[str, datetime]]) -> None:
    """Note when keys were last used."""
    for key_id, at in used:
        session.execute(sa.update(KeyRow).where(KeyRow.id == key_id).values(last_used_at=at))


def _row(session: Session, key_id: str, *, lock: bool = False) -> KeyRow:
    row = session.get(KeyRow, key_id, with_for_update=lock)
    if row is None:
        raise UnknownKey(key=key_id[:60])
    return row


def _new_secret() -> str:
    return f"{SECRET_PREFIX}{secrets.token_urlsafe(_SECRET_BYTES)}"
