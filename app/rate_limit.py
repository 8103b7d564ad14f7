"""Counts every request before it is read, and says who sends it to everything that comes after."""

import sqlalchemy.exc
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import errors, limits
from app.caller import NOBODY, Caller, act_as
from app.contract.errors import LimitReached, StorageUnavailable, Unauthenticated
from app.keyring import Keyring
from app.limits import Limits

FREE = frozenset({"/healthz", "/readyz"})
"""Whoever asks these must never be told to come back later."""


class RateLimit:
    """ASGI middleware for a service with keys: 429 once an allowance is used up, `RateLimit` headers until then."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        act_as(NOBODY)  # until a key, or a signature, says otherwise
        if scope["path"] in FREE:
            return await self._app(scope, receive, send)
        parts = scope["app"].state.parts
        allowances: Limits = parts.limits
        try:
            caller = await _caller(scope, parts.keyring)
        except sqlalchemy.exc.OperationalError:
            return await errors.response(StorageUnavailable(retry_after=2))(scope, receive, send)
        act_as(caller)
        spending = limits.who(caller, scope["client"][0] if scope.get("client") else "")
        limits.spender.set(spending)
        try:
            standing = await allowances.request(spending)
        except LimitReached as reached:
            headers = reached.facts["standing"].headers()
            return await errors.response(reached, headers)(scope, receive, send)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start" and standing is not None:
                MutableHeaders(scope=message).update(standing.headers())
            await send(message)

        await self._app(scope, receive, with_headers)


async def _caller(scope: Scope, keyring: Keyring) -> Caller:
    """Whose key the request carries. A wrong one counts as none: guessing uses up the allowance of the address."""
    kind, _, secret = Headers(scope=scope).get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not secret:
        return NOBODY
    try:
        return await keyring.identify(secret.strip())
    except Unauthenticated:
        return NOBODY
