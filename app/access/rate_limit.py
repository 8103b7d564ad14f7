"""Counts every request before it is read, and says who sends it to everything that comes after."""

from collections.abc import Mapping

import sqlalchemy.exc
from starlette.types import Scope

from app.access import auth, limits
from app.access.caller import NOBODY, Caller, act_as
from app.access.keyring import Keyring
from app.contract.errors import StorageUnavailable, Unauthenticated

FREE = frozenset({"/healthz", "/readyz"})
"""Whoever asks these must never be told to come back later."""


async def admit(scope: Scope, head: Mapping[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    """Let a request into a service with keys; the `RateLimit` fields of its answer.

    Raises:
        LimitReached: the allowance of the key, or of the address, is used up.
        StorageUnavailable: the key is not known here yet, and the database does not answer.
    """
    act_as(NOBODY)  # until a key, or a signature, says otherwise
    if scope["path"] in FREE:
        return []
    parts = scope["app"].state.parts
    keyring: Keyring = parts.keyring
    allowances: limits.Limits = parts.limits
    try:
        caller = await _caller(head, keyring)
    except (sqlalchemy.exc.OperationalError, sqlalchemy.exc.TimeoutError):
        raise StorageUnavailable(retry_after=2) from None
    act_as(caller)
    spending = limits.who(caller, scope["client"][0] if scope.get("client") else "")
    limits.spender.set(spending)
    standing = await allowances.request(spending)
    if standing is None:
        return []
    return [(name.lower().encode(), value.encode()) for name, value in standing.headers().items()]


async def _caller(head: Mapping[bytes, bytes], keyring: Keyring) -> Caller:
    """Whose key the request carries. A wrong one counts as none: guessing uses up the allowance of the address."""
    secret = auth.secret(head)
    if not secret:
        return NOBODY
    try:
        return await keyring.identify(secret)
    except Unauthenticated:
        return NOBODY
