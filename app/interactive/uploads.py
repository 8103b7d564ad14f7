"""Pictures as they are sent: multipart, one raw body, or base64 inside JSON. All three become one record."""

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from pydantic import ValidationError
from starlette.datastructures import QueryParams, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from app.contract.errors import InvalidRequest, NoImages, TooManyImages, UnsupportedMediaType
from app.contract.schemas.classify import ClassifyOptions, ClassifyRequest
from app.errors import InvalidFields
from models import images

MEDIA_TYPES = tuple(f"image/{kind.lower()}" for kind in images.READABLE)
ACCEPTED = "multipart/form-data with `image` files, one raw image/* body, or application/json with `images`"

_OPTIONS = frozenset(ClassifyOptions.model_fields)

_MOST_COMMAS = 4096  # base64 has none; to read a million things that are no pictures takes a minute


@dataclass(frozen=True)
class Upload:
    """Files in their order, not decoded yet, and how to classify them."""

    files: tuple[bytes, ...]
    options: ClassifyOptions

    def identity(self) -> bytes:
        """Bytes that are equal for equal requests, whatever the boundary of a multipart body was."""
        digests = b"".join(hashlib.sha256(data).digest() for data in self.files)
        return self.options.model_dump_json().encode() + digests


async def read(request: Request, *, most_images: int) -> Upload:
    """The pictures and options of a classify request.

    Raises:
        UnsupportedMediaType: the body is of another type.
        NoImages, TooManyImages: there must be between 1 and `most_images`.
        InvalidRequest: a field is not valid, or the body cannot be parsed.
    """
    body = await request.body()
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    match media_type.split("/"):
        case ["multipart", "form-data"]:
            files, fields = await _form(request, most_images)
            options = _from_strings([*request.query_params.multi_items(), *fields], "body")
        case ["image", _]:
            return raw(body, request.scope["query_string"])
        case ["application", "json"]:
            files, options = _json(body, request.query_params.multi_items(), most_images)
        case _:
            raise UnsupportedMediaType(accepted=ACCEPTED) if body else NoImages()
    if not files:
        raise NoImages()
    if len(files) > most_images:
        raise TooManyImages(limit=most_images)
    return Upload(tuple(files), options)


def raw(body: bytes, query: bytes) -> Upload:
    """One picture that is the whole body, with options in the query. Raises `NoImages` or `InvalidRequest`."""
    if not body:
        raise NoImages()
    return Upload((body,), options(query))


@lru_cache(maxsize=256)
def options(query: bytes) -> ClassifyOptions:
    """The options that a query tells. Raises `InvalidRequest`."""
    # Most clients ask for the same again and again. What is remembered is as short as a request's head.
    return _from_strings(QueryParams(query).multi_items(), "query")


async def whole(receive: Receive) -> bytes:
    """The whole body. Raises `ClientDisconnect` when its client has left."""
    pieces, more = [], True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def _form(request: Request, most_images: int) -> tuple[list[bytes], list[tuple[str, str]]]:
    try:
        # One more than may come, so that one too many is told apart from a body that cannot be parsed.
        form = await request.form(max_files=most_images + 1, max_fields=len(_OPTIONS) + 8)
    except HTTPException as error:
        if "Too many files" in str(error.detail):
            raise TooManyImages(limit=most_images) from None
        raise InvalidRequest(reason=f"the multipart body cannot be parsed ({error.detail})") from None
    files, fields = [], []
    try:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                if name != "image":
                    raise InvalidFields([{"loc": ("body", name), "msg": "files belong into the field `image`"}])
                files.append(await value.read())
            else:
                fields.append((name, value))
    finally:
        await form.close()
    return files, fields


def _json(body: bytes, query: list[tuple[str, str]], most_images: int) -> tuple[list[bytes], ClassifyOptions]:
    if not body:
        raise NoImages()
    if body.count(b",") > _MOST_COMMAS:
        raise InvalidRequest(reason=f"JSON with more than {_MOST_COMMAS} commas holds more than pictures")
    try:
        asked = ClassifyRequest.model_validate_json(body)
    except ValidationError as error:
        raise InvalidFields.of(error, "body") from None
    if len(asked.images) > most_images:
        raise TooManyImages(limit=most_images)
    given = asked.model_dump(include=set(_OPTIONS), exclude_unset=True)
    beside = _from_strings(query, "query")
    for name in beside.model_fields_set & given.keys():
        raise InvalidFields([{"loc": ("query", name), "msg": "is given in the body, too"}])
    files = []
    for position, image in enumerate(asked.images):
        try:
            files.append(base64.b64decode(image.base64, validate=True))
        except (binascii.Error, ValueError):
            where = ("body", "images", position, "base64")
            raise InvalidFields([{"loc": where, "msg": "is not base64"}]) from None
    return files, beside.model_copy(update=given)


def _from_strings(items: Iterable[tuple[str, str]], where: str) -> ClassifyOptions:
    given: dict[str, str] = {}
    for name, value in items:
        if name in given:
            raise InvalidFields([{"loc": (where, name), "msg": "is given twice"}])
        given[name] = value
    try:
        return ClassifyOptions.model_validate_strings(given)
    except ValidationError as error:
        raise InvalidFields.of(error, where) from None
