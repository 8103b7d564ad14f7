"""Who a secret belongs to. Keys are remembered for a few seconds, so that interactive requests wait for no database."""

import asyncio
import contextlib
import hmac
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import redis.asyncio
import redis.exceptions
import sqlalchemy as sa
import sqlalchemy.exc
from sqlalchemy.orm import Session

from app import signals
from app.access import keys
from app.access.caller import ANYONE, EVERYTHING, Caller
from app.background import Background
from app.contract.database import Database, now
from app.contract.errors import Unauthenticated
from app.contract.messages import KEYS_CHANNEL
from app.contract.owners import ADMIN
from app.contract.tables import KeyRow

BELIEVED_SECONDS = 10.0
"""A process that misses the news of a change goes by what it knew for so long."""

USED_SECONDS = 60.0
"""How often the last use of keys is written down."""

_MOST_KEYS = 10_000
_LONGEST_ID = 40  # characters, as in the table

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Known:
    caller: Caller | None
    digest: str
    expires_at: datetime | None
    believed_until: float  # monotonic clock


class Keyring:
    """The keys of this service. Belongs to one event loop.

    Args:
        database: where the keys are.
        client: tells other processes of changes.
        wakes: tells of theirs.
        admin_key: the key with every scope that the settings name; without it nobody needs a key.
    """

    def __init__(
        self, database: Database, client: redis.asyncio.Redis, wakes: signals.Signals, *, admin_key: str | None
    ) -> None:
        self._database, self._client, self._signals = database, client, wakes
        self._admin_digest = keys.digest(admin_key) if admin_key else None
        self._known: dict[str, _Known] = {}
        self._used: dict[str, datetime] = {}
        self._following, self._noting = Background(self._follow), Background(self._note_use)

    async def __aenter__(self) -> Self:
        """Hear of changes, and write down from time to time which keys were used."""
        self._following.start()
        self._noting.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Write down what was used lately, and end."""
        await self._following.stop()
        await self._noting.stop()
        await self._write_use()

    @property
    def configured(self) -> bool:
        """Whether callers need a key at all."""
        return self._admin_digest is not None

    async def identify(self, secret: str | None) -> Caller:
        """The caller who knows `secret`. Raises `Unauthenticated`."""
        if self._admin_digest is None:
            return ANYONE
        if not secret:
            raise Unauthenticated()
        digest = keys.digest(secret)
        if hmac.compare_digest(digest, self._admin_digest):
            return Caller(ADMIN, EVERYTHING, ADMIN)
        caller, _ = await self._find(f"secret:{digest}", lambda session: keys.find(session, digest))
        assert caller.id is not None
        self._used[caller.id] = now()
        return caller

    async def signer(self, key: str) -> tuple[Caller, str]:
        """The caller whose key has this id, and what its addresses are signed with. Raises `Unauthenticated`."""
        if self._admin_digest is not None and key == ADMIN:
            return Caller(ADMIN, EVERYTHING, ADMIN), self._admin_digest
        if len(key) > _LONGEST_ID:  # whatever is asked for is remembered, and anybody may ask
            raise Unauthenticated()
        return await self._find(f"id:{key}", lambda session: _by_id(session, key))

    async def changed(self, key_id: str) -> None:
        """Forget what is known, here and in every other process that Redis reaches."""
        self._known.clear()
        with contextlib.suppress(redis.exceptions.RedisError, OSError):
            await self._client.publish(KEYS_CHANNEL, key_id)

    async def _find(
        self, place: str, look: Callable[[Session], tuple[keys.Key, datetime | None] | None]
    ) -> tuple[Caller, str]:
        known = self._known.get(place)
        if known is None or known.believed_until < time.monotonic():
            known = await asyncio.to_thread(self._look_up, look)
            if len(self._known) >= _MOST_KEYS:
                self._known.clear()
            self._known[place] = known
        if known.caller is None or (known.expires_at is not None and known.expires_at <= now()):
            raise Unauthenticated()
        return known.caller, known.digest

    def _look_up(self, look: Callable[[Session], tuple[keys.Key, datetime | None] | None]) -> _Known:
        believed_until = time.monotonic() + BELIEVED_SECONDS
        with self._database.session() as session:
            found = look(session)
            if found is None or found[0].status != "active":
                return _Known(None, "", None, believed_until)
            key, secret_ends = found
            digest = session.scalars(sa.select(KeyRow.secret_sha256).where(KeyRow.id == key.id)).one()
        ends = min((end for end in (key.expires_at, secret_ends) if end is not None), default=None)
        return _Known(Caller(key.owner, frozenset(key.scopes), key.id), digest, ends, believed_until)

    async def _follow(self) -> None:
        with self._signals.sleeper(KEYS_CHANNEL) as signal:
            while True:
                await signal.wait()
                signal.clear()
                self._known.clear()

    async def _note_use(self) -> None:
        while True:
            await asyncio.sleep(USED_SECONDS)
            await self._write_use()

    async def _write_use(self) -> None:
        used, self._used = self._used, {}
        if not used:
            return
        try:
            await asyncio.to_thread(self._mark_used, used)
        except sqlalchemy.exc.SQLAlchemyError as error:
            _log.warning("keys: the last use of %d keys is not noted (%s)", len(used), type(error).__name__)

    def _mark_used(self, used: dict[str, datetime]) -> None:
        with self._database.session() as session:
            keys.mark_used(session, used.items())


def _by_id(session: Session, key_id: str) -> tuple[keys.Key, None] | None:
    row = session.get(KeyRow, key_id)
    return None if row is None else (keys.Key.model_validate(row), None)
