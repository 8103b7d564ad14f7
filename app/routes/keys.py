"""Keys: made, listed, rotated, revoked, by administrators."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Response

from app import errors
from app.access import keys
from app.access.keys import Key
from app.contract.errors import BadOption, Forbidden, InvalidRequest, KeyRevoked, Unauthenticated, UnknownKey
from app.contract.schemas.keys import KeyList, KeyRequest, KeyView, KeyWithSecret, RotationRequest
from app.dependencies import Admin, DatabasePart, KeyringPart
from app.http.paging import After, Limit

router = APIRouter(prefix="/v1/keys", tags=["keys"])

KeyId = Annotated[str, Path(max_length=40, examples=["key_0123456789abcdef01234567"])]

_REFUSED = (Unauthenticated, Forbidden)


@router.post(
    "",
    operation_id="createKey",
    summary="Make a key",
    status_code=201,
    responses=errors.declared(*_REFUSED, InvalidRequest, BadOption, UnknownKey),
)
async def create_key(asked: KeyRequest, response: Response, database: DatabasePart, _caller: Admin) -> KeyWithSecret:
    """The answer tells the secret, this once. Without `LIKENESS_ADMIN_KEY` the service asks nobody for a key."""

    def create() -> tuple[Key, str]:
        with database.session() as session:
            return keys.create(
                session, name=asked.name, scopes=asked.scopes, expires_at=asked.expires_at, shares=asked.shares
            )

    key, secret = await asyncio.to_thread(create)
    response.headers["Location"] = f"{router.prefix}/{key.id}"
    response.headers["Cache-Control"] = "no-store"
    return _with_secret(key, secret)


@router.get("", operation_id="listKeys", summary="Keys, newest first", responses=errors.declared(*_REFUSED))
async def list_keys(
    database: DatabasePart,
    _caller: Admin,
    limit: Limit = 20,
    after: After = None,
) -> KeyList:
    """Every key without its secret, the revoked ones, too."""

    def read() -> list[Key]:
        with database.session() as session:
            return keys.page(session, after=after, limit=limit + 1)

    found = await asyncio.to_thread(read)
    data = [_view(key) for key in found[:limit]]
    return KeyList(data=data, has_more=len(found) > limit, last_id=data[-1].id if data else None)


@router.get("/{key_id}", operation_id="getKey", summary="One key", responses=errors.declared(*_REFUSED, UnknownKey))
async def get_key(key_id: KeyId, database: DatabasePart, _caller: Admin) -> KeyView:
    """What it allows, and when it was last used."""

    def read() -> Key:
        with database.session() as session:
            return keys.get(session, key_id)

    return _view(await asyncio.to_thread(read))


@router.post(
    "/{key_id}/rotate",
    operation_id="rotateKey",
    summary="Give a key a new secret",
    responses=errors.declared(*_REFUSED, InvalidRequest, UnknownKey, KeyRevoked),
)
async def rotate_key(
    key_id: KeyId,
    asked: RotationRequest,
    response: Response,
    database: DatabasePart,
    keyring: KeyringPart,
    _caller: Admin,
) -> KeyWithSecret:
    """The secret before goes on to work for a while, so that clients can change over."""

    def rotate() -> tuple[Key, str]:
        with database.session() as session:
            return keys.rotate(session, key_id, grace_seconds=asked.grace_seconds)

    key, secret = await asyncio.to_thread(rotate)
    await keyring.changed(key_id)
    response.headers["Cache-Control"] = "no-store"
    return _with_secret(key, secret)


@router.delete(
    "/{key_id}",
    operation_id="revokeKey",
    summary="Revoke a key",
    responses=errors.declared(*_REFUSED, UnknownKey),
)
async def revoke_key(key_id: KeyId, database: DatabasePart, keyring: KeyringPart, _caller: Admin) -> KeyView:
    """It opens nothing from now on. What it made stays, and its row, which says whose that is."""

    def revoke() -> Key:
        with database.session() as session:
            return keys.revoke(session, key_id)

    key = await asyncio.to_thread(revoke)
    await keyring.changed(key_id)
    return _view(key)


def _view(key: Key) -> KeyView:
    return KeyView(**key.model_dump(), status=key.status)


def _with_secret(key: Key, secret: str) -> KeyWithSecret:
    return KeyWithSecret(**key.model_dump(), status=key.status, secret=secret)
