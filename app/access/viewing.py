"""Who looks at a face: a caller with a key, or a page with a signed address."""

import time
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials

from app.access import signing, usage
from app.access.auth import bearer
from app.access.caller import ANYONE, Caller, act_as
from app.access.keyring import Keyring
from app.access.signing import Grant, Pairs
from app.contract.errors import BadOption, BadSignature, BudgetSpent, Forbidden, LikenessError, Unauthenticated

PARAMETERS: list[dict[str, Any]] = [
    {
        "name": name,
        "in": "query",
        "schema": {"type": "string"},
        "description": f"{what}; part of a signed address, which needs no key.",
    }
    for name, what in (
        ("key", "Id of the key that signed"),
        ("expires", "Unix time until which the address holds"),
        ("domain", "Host whose pages may use it"),
        ("signature", "HMAC-SHA256 of the address"),
    )
]

FAILURES: tuple[type[LikenessError], ...] = (Unauthenticated, Forbidden, BadSignature, BudgetSpent)
"""What can go wrong for whoever looks at an address that may be signed. A route declares these beside its own."""


@dataclass(frozen=True)
class Viewer:
    """Someone who may see faces, and the options that they ask for."""

    options: Pairs
    """The query without its signature."""
    grant: Grant | None = None
    """What the signature allows, if there is one."""
    signing_key: str | None = None
    shared_caches: bool = True
    """Whether a cache that others share may keep the answer."""

    def kept(self, seconds: int, *, immutable: bool = False) -> str:
        """`Cache-Control` for what may be kept this long: no longer than the grant holds."""
        if self.grant is not None and self.grant.expires is not None:
            left = max(0, self.grant.expires - int(time.time()))
            seconds, immutable = min(seconds, left), immutable and seconds <= left
        scope = "public" if self.shared_caches else "private"
        return f"{scope}, max-age={seconds}{', immutable' if immutable else ''}"

    def address(self, path: str, pairs: Pairs, *, seconds: int | None = None) -> str:
        """Another address (its path percent-encoded) that this viewer may see, signed anew where this one was.

        With `seconds` it is for a page of ours, on any domain, and holds no longer than that.
        """
        if self.grant is None or self.signing_key is None:
            return signing.unsigned(path, pairs)
        grant = self.grant
        if seconds is not None:
            until = int(time.time()) + seconds
            grant = replace(grant, domain=None, expires=min(until, grant.expires or until))
        return signing.sign(path, pairs, grant, key=self.signing_key)


async def viewer(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]
) -> Viewer:
    """The one who asks.

    Raises:
        Unauthenticated, Forbidden: there is neither a key nor a signature, or the key is not for this.
        BadSignature: the signature does not hold.
    """
    keyring: Keyring = request.app.state.parts.keyring
    pairs = request.query_params.multi_items()
    grant = signing.claimed(pairs)
    if grant is None:
        caller = await keyring.identify(credentials.credentials if credentials else None)
        _enter(caller)
        return Viewer(pairs, shared_caches=caller is ANYONE)
    if not keyring.configured:
        raise BadOption(name="signature", reason="means nothing here, because no key is configured")
    caller, key = await keyring.signer(grant.key)
    origin, referer = request.headers.get("origin"), request.headers.get("referer")
    # The path that the picture is drawn from: `request.url` is parsed anew, which drops line breaks and keeps %3F.
    signing.check(request.scope["path"], pairs, grant, key=key, origin=origin, referer=referer)
    _enter(caller)
    act_as(caller)
    usage.signer.set(grant.key)
    return Viewer(signing.without(pairs), grant, key, shared_caches=grant.domain is None)


def _enter(caller: Caller) -> None:
    if not caller.may("predict"):
        raise Forbidden(scope="predict")
    act_as(caller)


ViewerPart = Annotated[Viewer, Depends(viewer)]
