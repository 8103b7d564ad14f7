"""Addresses for public pages of a closed service, and how much they are used."""

import re
import time
from typing import Annotated
from urllib.parse import parse_qsl, unquote, urlsplit

from fastapi import APIRouter, Query, Request

from app import errors
from app.access import signing
from app.access.signing import Grant
from app.contract.errors import BadOption, Forbidden, InvalidRequest, Unauthenticated
from app.contract.schemas.signing import SignedAddress, SignRequest, UsageDay, UsageList
from app.dependencies import KeyringPart, Predictor, SettingsPart, UsagePart
from app.http import public_address

router = APIRouter(tags=["signed addresses"])

_SIGNABLE = re.compile(r"/(?:v1/faces/|v1/sheets\.|f/|avatar/|embed/|[0-9]{1,2}\.x/).+", re.DOTALL)


@router.post(
    "/v1/signatures",
    operation_id="signAddress",
    summary="Sign an address",
    responses=errors.declared(Unauthenticated, Forbidden, InvalidRequest, BadOption),
)
async def sign_address(
    request: Request, asked: SignRequest, settings: SettingsPart, keyring: KeyringPart, caller: Predictor
) -> SignedAddress:
    """An address that shows what it names without a key. Whoever holds the key can sign without asking, too."""
    if not keyring.configured or caller.id is None:
        raise BadOption(name="path", reason="needs no signature, because no key is configured")
    try:
        wanted = urlsplit(asked.path)
        path = unquote(wanted.path, errors="strict")
    except ValueError:
        raise BadOption(name="path", reason="is no address") from None
    if wanted.netloc or not _SIGNABLE.fullmatch(path):
        raise BadOption(name="path", reason="is not the address of a face, walk, sheet or framed page")
    expires = None if asked.expires_in is None else int(time.time()) + asked.expires_in
    _, key = await keyring.signer(caller.id)
    grant = Grant(caller.id, expires, asked.domain)
    pairs = parse_qsl(wanted.query, keep_blank_values=True)
    signed = signing.sign(wanted.path, pairs, grant, key=key)
    return SignedAddress(url=public_address.base(settings, request) + signed, expires=expires)


@router.get(
    "/v1/usage",
    operation_id="getUsage",
    summary="Use of signed addresses",
    responses=errors.declared(Unauthenticated, Forbidden, InvalidRequest),
)
async def get_usage(
    usage: UsagePart,
    caller: Predictor,
    key: Annotated[str | None, Query(max_length=60, description="Id of a key. Left out, the one that asks.")] = None,
    days: Annotated[int, Query(ge=1, le=31, description="How many days back, today included.")] = 7,
) -> UsageList:
    """Hits and drawn pictures of each day. Administrators may ask for any key."""
    wanted = key or caller.id or ""
    if wanted != caller.id and not caller.may("admin"):
        raise Forbidden(scope="admin")
    await usage.flush()
    data = [UsageDay(day=day.day, hits=day.hits, drawn=day.drawn) for day in await usage.of(wanted, days=days)]
    return UsageList(key=wanted, budget=usage.budget, data=data)
