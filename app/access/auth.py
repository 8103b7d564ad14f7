"""Who may ask for what: a key with the right scope, or, when no key is configured, this machine alone."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.types import Scope

from app.access.caller import Caller, act_as
from app.access.keyring import Keyring
from app.contract.errors import Forbidden, WrongHost
from app.contract.schemas.keys import KeyScope

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

bearer = HTTPBearer(auto_error=False, description="A key; not needed while none is configured.")


def requires(scope: KeyScope) -> Callable[..., Awaitable[Caller]]:
    """A dependency that yields the `Caller`, or refuses with `Unauthenticated` or `Forbidden`."""

    async def caller(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]
    ) -> Caller:
        keyring: Keyring = request.app.state.parts.keyring
        return await identified(keyring, credentials.credentials if credentials else None, scope)

    return caller


async def identified(keyring: Keyring, shown: str | None, scope: KeyScope) -> Caller:
    """The caller who shows this key, for whom the request is answered from here on.

    Raises:
        Unauthenticated: nobody has the key.
        Forbidden: the key is not for `scope`.
    """
    found = await keyring.identify(shown)
    if not found.may(scope):
        raise Forbidden(scope=scope)
    act_as(found)
    return found


def secret(head: Mapping[bytes, bytes]) -> str | None:
    """The key that a request shows; None when it shows none."""
    kind, _, found = head.get(b"authorization", b"").decode("latin-1").partition(" ")
    return found.strip() or None if kind.lower() == "bearer" else None


async def admit_loopback(scope: Scope, head: Mapping[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    """Let a request into a service without a key, which answers to this machine's names alone; no fields.

    A page elsewhere can point a name of its own at 127.0.0.1 (DNS rebinding), or post a form here; neither carries our
    name in `Host` and `Origin`.

    Raises:
        WrongHost: the request means somebody else.
    """
    host = head.get(b"host", b"").decode("latin-1")
    if _without_port(host) not in LOOPBACK_NAMES:
        raise WrongHost()
    origin = head.get(b"origin")
    if scope["method"] in _SAFE or origin is None or origin.decode("latin-1") == f"{scope['scheme']}://{host}":
        return []
    raise WrongHost()


def _without_port(host: str) -> str:
    name, _, port = host.rpartition(":")
    return name.lower() if name and port.isdigit() else host.lower()
