"""`Idempotency-Key`: the same key and body make a thing once; the same key with another body is refused."""

import hashlib
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.contract.database import now
from app.contract.errors import BadOption, IdempotencyConflict
from app.contract.tables import IdempotencyRow

LONGEST = 255


@dataclass(frozen=True)
class Claim:
    """A client's key for one request: whose, for which route, and for which body."""

    owner: str
    route: str
    key: str
    body_sha256: str

    @classmethod
    def of(cls, key: str | None, *, owner: str | None, route: str, body: bytes) -> "Claim | None":
        """The claim that a request makes, or None without a key. Raises `BadOption`."""
        if key is None:
            return None
        if not key or len(key) > LONGEST or not key.isprintable():
            raise BadOption(name="Idempotency-Key", reason=f"has between 1 and {LONGEST} printable characters")
        return cls(owner or "", route, key, hashlib.sha256(body).hexdigest())

    def made_before(self, session: Session) -> str | None:
        """Id of what this request made the first time. Raises `IdempotencyConflict` when that had another body."""
        row = session.get(IdempotencyRow, (self.owner, self.route, self.key))
        if row is None:
            return None
        if row.body_sha256 != self.body_sha256:
            raise IdempotencyConflict()
        return row.made

    def record(self, session: Session, made: str) -> None:
        """Note what was made, in the transaction that makes it: of two at once, one meets the other's row and fails."""
        session.add(
            IdempotencyRow(
                owner=self.owner,
                route=self.route,
                key=self.key,
                body_sha256=self.body_sha256,
                made=made,
                created_at=now(),
            )
        )
        session.flush()


def is_taken(session: Session, key: str, *, owner: str | None, route: str) -> bool:
    """Whether a request came with this key before, whatever its body was."""
    return session.get(IdempotencyRow, (owner or "", route, key)) is not None
