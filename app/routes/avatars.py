"""Faces for clients that speak another service's language, or drop queries: Gravatar's shape, DiceBear's, and ours."""

import base64
import hashlib
import re
from collections.abc import Iterable
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path, Request, Response

from app import errors, seeds
from app.access.viewing import ViewerPart
from app.contract.errors import BadOption, Busy, NotFound
from app.contract.schemas.generate import PictureFormat
from app.dependencies import AddressesPart
from app.drawing.face_options import FORMATS, FaceOptions
from app.routes import faces

router = APIRouter(tags=["faces"])

STAND_IN = "identicon"

_GRAVATAR: dict[str, str] = {"s": "size", "d": "fallback", "default": "fallback"}
_GRAVATAR_SIZE = "80"
_RATINGS = ("g", "pg", "r", "x")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")

_DICEBEAR: dict[str, str] = {"backgroundColor": "background"}
_DICEBEAR_SIZE = "128"
_DICEBEAR_FORMATS: dict[str, PictureFormat] = {**FORMATS, "jpeg": "jpeg", "svg": "webp"}

_NOT_FOUND = errors.declared(NotFound)


@router.head("/f/{options}/{name:path}", include_in_schema=False)
@router.get(
    "/f/{options}/{name:path}",
    operation_id="getFaceByPath",
    summary="A face whose options are in the path",
    response_class=Response,
    responses=faces.RESPONSES,
)
async def face_by_path(
    request: Request,
    options: Annotated[str, Path(description="Options joined by `&`.", examples=["size=96&radius=50"])],
    name: Annotated[str, Path(description="As in a face's address.", examples=["ada.png"])],
    addresses: AddressesPart,
    viewer: ViewerPart,
) -> Response:
    """The same picture as at `/v1/faces/`, for clients that drop what stands behind a question mark."""
    seed, extension, format = faces.split(name, request)
    read = FaceOptions.read([*_pairs(options), *viewer.options])
    if seed == seeds.RESERVED:
        return faces.to_fresh(f"/f/{quote(options, safe='')}", extension, viewer)
    return await addresses.answer(request, viewer, seed, format, read)


@router.head("/avatar/{name}", include_in_schema=False)
@router.get(
    "/avatar/{name}",
    operation_id="getAvatar",
    summary="A face in Gravatar's shape",
    response_class=Response,
    responses={**faces.RESPONSES, **_NOT_FOUND},
    openapi_extra={
        "parameters": [
            {"name": "s", "in": "query", "schema": {"type": "integer", "minimum": 16, "maximum": 1024, "default": 80}},
            {
                "name": "d",
                "in": "query",
                "description": "What to answer while no worker can draw; `404` for nothing.",
                "schema": {
                    "enum": ["404", "mp", "identicon", "monsterid", "wavatar", "retro", "robohash", "blank"],
                    "default": STAND_IN,
                },
            },
            {"name": "f", "in": "query", "schema": {"enum": ["y", "n"]}, "description": "`y`: always the stand-in."},
            {"name": "r", "in": "query", "schema": {"enum": [*_RATINGS]}, "description": "Faces are all fit for `g`."},
        ]
    },
)
async def gravatar(
    request: Request,
    name: Annotated[str, Path(description="The hash of an address, or any text; an extension may follow.")],
    addresses: AddressesPart,
    viewer: ViewerPart,
) -> Response:
    """The face of a hash, or of any text. An e-mail address and its SHA-256 have the same one."""
    text, dot, extension = name.rpartition(".")
    if not dot or extension not in _DICEBEAR_FORMATS or extension == "svg":
        text, extension = name, "jpg"
    given = {_GRAVATAR.get(key, key): value for key, value in _once(viewer.options)}
    forced = _one_of(given, "f", "forcedefault", values=("y", "n")) == "y"
    _one_of(given, "r", "rating", values=_RATINGS)
    missing = given.get("fallback") == "404"
    given = {"size": _GRAVATAR_SIZE, "fallback": STAND_IN} | given | ({"fallback": "none"} if missing else {})
    options, format, seed = FaceOptions.read(given.items()), _DICEBEAR_FORMATS[extension], _person(text)
    if forced and options.fallback != "none":
        return await addresses.stand_in(viewer, options.fallback, seeds.canonical(seed), format, options)
    try:
        if forced:
            raise NotFound()
        return await addresses.answer(request, viewer, seed, format, options)
    except Busy as busy:
        if missing:
            raise NotFound() from busy
        raise


@router.head("/{version:int}.x/{style}/{extension}", include_in_schema=False)
@router.head("/{version:int}.x/{style}/{extension}/{options}", include_in_schema=False)
@router.get("/{version:int}.x/{style}/{extension}/{options}", include_in_schema=False)
@router.get(
    "/{version:int}.x/{style}/{extension}",
    operation_id="getDiceBear",
    summary="A face in DiceBear's shape",
    response_class=Response,
    responses={**faces.RESPONSES, **_NOT_FOUND},
    openapi_extra={
        "parameters": [
            {"name": "seed", "in": "query", "schema": {"type": "string"}, "description": "Left out: a fresh face."},
            {"name": "size", "in": "query", "schema": {"type": "integer", "minimum": 16, "maximum": 1024}},
            {"name": "backgroundColor", "in": "query", "schema": {"type": "string", "pattern": "^[0-9a-fA-F]{6}$"}},
        ]
    },
)
async def dicebear(
    request: Request,
    version: Annotated[int, Path(ge=1, le=99, description="Any of DiceBear's versions; all are answered alike.")],
    style: Annotated[str, Path(max_length=160, description="A generator's name.", examples=["faces"])],
    extension: Annotated[str, Path(description="png, jpg, webp, avif or svg.", examples=["png"])],
    addresses: AddressesPart,
    viewer: ViewerPart,
) -> Response:
    """The face of a seed, drawn by the generator `style`. An `svg` holds the same picture."""
    if extension not in _DICEBEAR_FORMATS:
        raise BadOption(name="format", reason=f"must be one of {', '.join(_DICEBEAR_FORMATS)}")
    options = request.path_params.get("options")  # there for clients that drop queries
    pairs = [*(_pairs(options) if options else ()), *viewer.options]
    given = {_DICEBEAR.get(key, key): value for key, value in _once(pairs)}
    seed = given.pop("seed", None)
    given = {"size": _DICEBEAR_SIZE, "fallback": STAND_IN} | given | {"model": style}
    read, format = FaceOptions.read(given.items()), _DICEBEAR_FORMATS[extension]
    drawing = extension == "svg"
    answer = await addresses.answer(
        request, viewer, seed or seeds.fresh(), format, read, tag_suffix="-svg" if drawing else ""
    )
    if not seed:
        answer.headers["Cache-Control"] = "no-store"
    return _as_svg(answer, read.size or 0) if drawing and answer.status_code == 200 else answer


def _pairs(text: str) -> list[tuple[str, str]]:
    """`a=1&b=2` as pairs. The path has been decoded already, and a plus is a plus in it."""
    pairs = [part.partition("=") for part in text.split("&")]
    if any(not key or not equals for key, equals, _ in pairs):
        raise BadOption(name="options", reason="are not a list such as size=96&radius=50")
    return [(key, value) for key, _, value in pairs]


def _once(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The pairs, none of which may come twice under its name or the name it stands for."""
    found = list(pairs)
    names = [_GRAVATAR.get(key, _DICEBEAR.get(key, key)) for key, _ in found]
    for name in names:
        if names.count(name) > 1:
            raise BadOption(name=name[:100], reason="comes twice")
    return found


def _one_of(given: dict[str, str], *names: str, values: tuple[str, ...]) -> str | None:
    """Take an option, by whichever of its names, out of `given`."""
    found = [(name, given.pop(name)) for name in names if name in given]
    for name, value in found:
        if value.lower() not in values:
            raise BadOption(name=name, reason=f"must be one of {', '.join(values)}")
    return found[0][1].lower() if found else None


def _person(text: str) -> str:
    """The seed of who is meant: hashes in lower case, and e-mail addresses as their hash."""
    if "@" in text:
        return hashlib.sha256(text.strip().lower().encode()).hexdigest()
    return text.lower() if _SHA256.fullmatch(text) else text


def _as_svg(answer: Response, size: int) -> Response:
    """The picture inside an SVG of its size; what the answer says of the picture holds for it."""
    data = base64.b64encode(bytes(answer.body)).decode()
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" viewBox="0 0 {size} {size}">'
        f'<image width="{size}" height="{size}" href="data:{answer.media_type};base64,{data}"/></svg>'
    )
    headers: dict[str, Any] = {
        key: value for key, value in answer.headers.items() if key not in ("content-length", "content-type")
    }
    return Response(svg, media_type="image/svg+xml", headers=headers)
