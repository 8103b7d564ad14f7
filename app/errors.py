"""From an error to an answer: the one table of HTTP statuses, and the handlers that write problem+json."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pydantic
import redis.exceptions
import sqlalchemy.exc
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from obstore.exceptions import BaseError as StoreError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app import request_ids
from app.contract import errors
from app.contract.schemas.base import FieldError, Problem

STATUS: dict[type[errors.LikenessError], int] = {
    errors.InvalidRequest: 422,
    errors.BadOption: 422,
    errors.NotAPicture: 415,
    errors.UndecodablePicture: 422,
    errors.TooManyPixels: 422,
    errors.TooManyImages: 422,
    errors.NoImages: 422,
    errors.BodyTooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.NotAcceptable: 406,
    errors.UnknownModel: 404,
    errors.UnknownVersion: 404,
    errors.WrongKind: 422,
    errors.UnknownLabel: 422,
    errors.UnknownJob: 404,
    errors.JobFinished: 409,
    errors.VersionInUse: 409,
    errors.NotNow: 409,
    errors.UnknownDataset: 404,
    errors.DatasetNotReady: 409,
    errors.DatasetInUse: 409,
    errors.BadArchive: 422,
    errors.BadDataset: 422,
    errors.UnknownPreset: 404,
    errors.WebhookRefused: 422,
    errors.NothingYet: 404,
    errors.TrainingFailed: 422,
    errors.IdempotencyConflict: 409,
    errors.UnknownKey: 404,
    errors.KeyRevoked: 409,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.BadSignature: 403,
    errors.BudgetSpent: 429,
    errors.WrongHost: 421,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.Busy: 503,
    errors.LimitReached: 429,
    errors.QueueFull: 429,
    errors.SlowBody: 408,
    errors.NoWorker: 503,
    errors.BrokerUnavailable: 503,
    errors.StorageUnavailable: 503,
    errors.DeadlineExceeded: 503,
    errors.WorkerLost: 503,
    errors.OutOfMemory: 503,
    errors.BadCheckpoint: 422,
    errors.NotInstalled: 501,
    errors.InternalError: 500,
}

MEDIA_TYPE = "application/problem+json"

MOST_FIELDS = 100
"""Fields that one answer names: a small body may have a hundred thousand wrong ones."""

_WORDS = {
    "extra_forbidden": "is not known here",
    "json_invalid": "is not valid JSON",
    "missing": "is missing",
    "model_attributes_type": "is not a JSON object, or is not sent as `Content-Type: application/json`",
}
"""What is said instead of pydantic's words for a kind of fault."""

_log = logging.getLogger(__name__)


class InvalidFields(errors.InvalidRequest):
    """The request is not valid, and `fields` says where, as far as an answer has room for it."""

    def __init__(self, found: Sequence[Mapping[str, Any]]) -> None:
        self.fields = [FieldError(loc=_location(error["loc"]), msg=_said(error)) for error in found[:MOST_FIELDS]]
        first = self.fields[0]
        where = ".".join(str(part) for part in first.loc)
        super().__init__(reason=f"{where}: {first.msg}")

    @classmethod
    def of(cls, error: pydantic.ValidationError, *prefix: str) -> "InvalidFields":
        """The fields that pydantic refused, each location beginning with `prefix`."""
        found = error.errors(include_url=False, include_context=False, include_input=False)
        return cls([{**entry, "loc": (*prefix, *entry["loc"])} for entry in found[:MOST_FIELDS]])


def status(error: errors.LikenessError) -> int:
    """The HTTP status of an error: its own, or that of the nearest class above it."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem(error: errors.LikenessError) -> Problem:
    """The error as the client sees it."""
    return Problem(
        type=f"urn:likeness:problem:{error.code}",
        title=error.title,
        status=status(error),
        detail=error.detail,
        code=error.code,
        request_id=request_ids.current.get(),
        errors=_fields(error),
    )


def response(
    error: errors.LikenessError, headers: Mapping[str, str] | None = None, *, also: Mapping[str, str] | None = None
) -> Response:
    """The answer to a request that failed with `error`; `also` are members that another protocol wants beside ours."""
    sent = {"Cache-Control": "no-store", **(headers or {})}
    if isinstance(error, errors.Busy | errors.BudgetSpent):
        sent["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.Unauthenticated):
        sent["WWW-Authenticate"] = "Bearer"
    body = {**problem(error).model_dump(mode="json", exclude_none=True), **(also or {})}
    return Response(json.dumps(body), status_code=status(error), headers=sent, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Let every failure of `app` end as a problem."""
    app.add_exception_handler(errors.LikenessError, _ours)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(sqlalchemy.exc.OperationalError, _storage)
    app.add_exception_handler(sqlalchemy.exc.TimeoutError, _storage)  # all connections wait for a database that is slow
    app.add_exception_handler(sqlalchemy.exc.DataError, _unstorable)
    app.add_exception_handler(StoreError, _storage)
    app.add_exception_handler(redis.exceptions.RedisError, _broker)
    app.add_exception_handler(Exception, _unexpected)


def declared(*kinds: type[errors.LikenessError]) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's `responses` for a route that may fail in these ways."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        # The schema is only referred to: given as a model, FastAPI would build a serializer for it on every route.
        entry = by_status.setdefault(STATUS[kind], {"description": []})
        entry["description"].append(f"`{kind.code}`: {kind.title}")
        entry["content"] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        if issubclass(kind, errors.Busy | errors.BudgetSpent):
            entry["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return {code: {**entry, "description": "\n".join(entry["description"])} for code, entry in by_status.items()}


async def _ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.LikenessError)
    if status(error) == 500:
        _log.error("%s: %s", error.code, error.detail)
    return response(error)


async def _validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return response(InvalidFields(error.errors()))


async def _http(request: Request, error: Exception) -> Response:
    """Starlette's own refusals: wrong method, a body that cannot be read. `app.pages` tells of routes that are not."""
    assert isinstance(error, HTTPException)
    match error.status_code:
        case 405:
            return response(errors.MethodNotAllowed(method=request.method), error.headers)
        case _:
            return response(errors.InvalidRequest(reason=str(error.detail).rstrip(".")), error.headers)


async def _storage(_request: Request, error: Exception) -> Response:
    _log.error("storage: %s", error)
    return response(errors.StorageUnavailable(retry_after=2))


async def _unstorable(_request: Request, error: Exception) -> Response:
    """A value that PostgreSQL takes nowhere, such as an id with NUL; SQLite would look and find nothing."""
    assert isinstance(error, sqlalchemy.exc.DataError)
    _log.info("the database refuses a value: %s", error.orig)
    return response(errors.InvalidRequest(reason="it holds a value that cannot be stored, such as the character NUL"))


async def _broker(_request: Request, error: Exception) -> Response:
    _log.warning("redis: %s", error)
    return response(errors.BrokerUnavailable(retry_after=2))


async def _unexpected(_request: Request, error: Exception) -> Response:
    _log.error("unexpected failure", exc_info=error)
    # Starlette answers this one outside of all middleware, so the id is not added there.
    return response(errors.InternalError(), {request_ids.HEADER: request_ids.current.get()})


def _fields(error: errors.LikenessError) -> list[FieldError] | None:
    if isinstance(error, InvalidFields):
        return error.fields
    if isinstance(position := error.facts.get("position"), int):
        return [FieldError(loc=["body", "images", position], msg=error.detail)]
    return None


def _said(error: Mapping[str, Any]) -> str:
    return _WORDS.get(error.get("type", ""), str(error["msg"]).removeprefix("Value error, "))


def _location(parts: Sequence[Any]) -> list[str | int]:
    return [part if isinstance(part, int) else str(part) for part in parts]
