"""Who may ask for what: a key with the right scope, or, when no key is configured, this machine alone."""

from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app import errors
from app.caller import Caller, act_as
from app.contract.errors import Forbidden, WrongHost
from app.contract.schemas.keys import KeyScope
from app.keyring import Keyring

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})

bearer = HTTPBearer(auto_error=False, description="A key; not needed while none is configured.")


def requires(scope: KeyScope):  # type: ignore[no-untyped-def]
    """A dependency that yields the `Caller`, or refuses with `Unauthenticated` or `Forbidden`."""

    async def caller(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]
    ) -> Caller:
        keyring: Keyring = request.app.state.parts.keyring
        found = await keyring.identify(credentials.credentials if credentials else None)
        if not found.may(scope):
            raise Forbidden(scope=scope)
        act_as(found)
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
