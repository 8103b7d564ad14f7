"""Who may ask for what: keys with scopes, or, when no key is configured, this machine alone."""

import asyncio
import hashlib
import hmac
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

import sqlalchemy as sa
from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app import errors
from app.contract.database import Database, now
from app.contract.errors import Forbidden, Unauthenticated, WrongHost
from app.contract.tables import KeyRow

KeyScope = Literal["predict", "train", "admin"]

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_KEY_SECONDS = 10.0  # how long a key that was looked up is believed; revoking takes effect after this
_MOST_KEYS = 10_000


@dataclass(frozen=True)
class Caller:
    """Who asks. `key` is None when no key is configured, and `admin` for the configured one."""

    key: str | None
    scopes: frozenset[str]

    def may(self, scope: KeyScope) -> bool:
        """Whether the caller has `scope`; `admin` includes the others."""
        return scope in self.scopes or "admin" in self.scopes

    @property
    def owner(self) -> str | None:
        """Whose things the caller sees: those of its key, or everyone's."""
        return None if "admin" in self.scopes else self.key


EVERYTHING = frozenset({"predict", "train", "admin"})
ANYONE = Caller(None, EVERYTHING)


@dataclass(frozen=True)
class _Known:
    caller: Caller | None
    expires_at: datetime | None
    believed_until: float  # monotonic clock


class Keyring:
    """Looks keys up, and remembers them for a few seconds, so that interactive requests do not wait for a database."""

    def __init__(self, database: Database, admin_key: str | None) -> None:
        self._database = database
        self._admin_digest = _digest(admin_key) if admin_key else None
        self._known: dict[str, _Known] = {}

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
        digest = _digest(secret)
        if hmac.compare_digest(digest, self._admin_digest):
            return Caller("admin", EVERYTHING)
        known = self._known.get(digest)
        if known is None or known.believed_until < time.monotonic():
            known = await asyncio.to_thread(self._look_up, digest)
            if len(self._known) >= _MOST_KEYS:
                self._known.clear()
            self._known[digest] = known
        if known.caller is None or (known.expires_at is not None and known.expires_at <= now()):
            raise Unauthenticated()
        return known.caller

    def _look_up(self, digest: str) -> _Known:
        with self._database.session() as session:
            row = session.scalar(sa.select(KeyRow).where(KeyRow.secret_sha256 == digest))
            caller = None if row is None or row.revoked_at is not None else Caller(row.id, frozenset(row.scopes))
            return _Known(caller, row.expires_at if row else None, time.monotonic() + _KEY_SECONDS)


_bearer = HTTPBearer(auto_error=False, description="A key; not needed while none is configured.")


def requires(scope: KeyScope):  # type: ignore[no-untyped-def]
    """A dependency that yields the `Caller`, or refuses with `Unauthenticated` or `Forbidden`."""

    async def caller(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
    ) -> Caller:
        keyring: Keyring = request.app.state.parts.keyring
        found = await keyring.identify(credentials.credentials if credentials else None)
        if not found.may(scope):
            raise Forbidden(scope=scope)
        return found

    return caller


class LoopbackOnly:
    """ASGI middleware for a service without a key: it answers to this machine's names alone.

    A page elsewhere can point a name of its own at 127.0.0.1 (DNS rebinding), or post a form here; neither carries our
    name in `Host` and `Origin`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _ours(scope):
            await errors.response(WrongHost())(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _ours(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    if _without_port(host) not in LOOPBACK_NAMES:
        return False
    origin = headers.get("origin")
    return scope["method"] in {"GET", "HEAD", "OPTIONS"} or origin is None or origin == f"{scope['scheme']}://{host}"


def _without_port(host: str) -> str:
    name, _, port = host.rpartition(":")
    return name.lower() if name and port.isdigit() else host.lower()


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
