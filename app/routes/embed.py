"""Faces in other people's pages: the script of the tag, the page to frame, and oEmbed."""

import hashlib
import html
import re
from typing import Annotated
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from fastapi import APIRouter, Path, Query, Request, Response

from app import errors, pages, seeds
from app.access import signing, viewing
from app.access.viewing import ViewerPart
from app.contract.errors import (
    BadOption,
    InvalidRequest,
    NotAcceptable,
    NotFound,
    UnknownModel,
    UnknownVersion,
    WrongKind,
)
from app.contract.schemas.embed import OEmbed
from app.contract.schemas.generate import SMALLEST_SIZE
from app.dependencies import CatalogPart, SettingsPart
from app.drawing.face_options import FORMATS, FaceOptions
from app.http import conditional, public_address

router = APIRouter(tags=["faces"])

FRAME_POLICY = "default-src 'none'; img-src 'self'; style-src 'self'; base-uri 'none'; frame-ancestors *"
SCRIPT_KEPT = "public, max-age=3600"
PAGE_KEPT_SECONDS = 300
PICTURE_SECONDS = 2 * PAGE_KEPT_SECONDS  # how long the picture of a signed page can be fetched
LONGEST_ALT = 500

_FACE = re.compile(rf"/v1/faces/(?P<seed>[^/]+)\.(?:{'|'.join(FORMATS)})")
_FRAME = re.compile(r"/embed/(?P<seed>[^/]+)")

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<title>{title}</title>
<link rel="stylesheet" href="/web/frame.css">
<link rel="alternate" type="application/json+oembed" href="{oembed}">
<img src="{picture}" width="{size}" height="{size}" alt="{alt}">
</html>
"""


@router.head("/embed.js", include_in_schema=False)
@router.get("/embed.js", include_in_schema=False)
def script(request: Request) -> Response:
    """The module that defines `<likeness-face>`. Any page may load it."""
    text = (pages.WEB / "embed.js").read_bytes()
    tag = hashlib.sha256(text).hexdigest()
    headers = {"Cache-Control": SCRIPT_KEPT, "Access-Control-Allow-Origin": "*", "ETag": f'"{tag}"'}
    if conditional.matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    return Response(text, media_type="text/javascript", headers=headers)


@router.head("/embed/{seed:path}", include_in_schema=False)
@router.get(
    "/embed/{seed:path}",
    operation_id="getEmbedPage",
    summary="A page to frame",
    response_class=Response,
    responses={
        200: {"content": {"text/html": {"schema": {"type": "string"}}}, "description": "The face fills the page."},
        **errors.declared(*viewing.FAILURES, InvalidRequest, BadOption, WrongKind, UnknownModel, UnknownVersion),
    },
)
async def frame(
    request: Request,
    seed: Annotated[str, Path(description="A seed, without an extension.", examples=["ada"])],
    settings: SettingsPart,
    models: CatalogPart,
    viewer: ViewerPart,
) -> Response:
    """The face alone on a page that any site may frame. It takes a face's options, and `alt`."""
    pairs = viewer.options
    given = [(name, value) for name, value in pairs if name != "alt"]
    alt = next((value for name, value in pairs if name == "alt"), "AI-generated face")[:LONGEST_ALT]
    options, seed = FaceOptions.read(given), seeds.canonical(seed)
    size = options.size or models.resolve(options.model, kind="generator").size
    if options.fallback == "none":
        given = [*((name, value) for name, value in given if name != "fallback"), ("fallback", "identicon")]
    text = _PAGE.format(
        title=html.escape(seed),
        oembed=html.escape(
            f"/oembed?url={quote(f'{public_address.base(settings, request)}{_here(request)}', safe='')}"
        ),
        picture=html.escape(viewer.address(f"/v1/faces/{quote(seed, safe='')}.webp", given, seconds=PICTURE_SECONDS)),
        size=size,
        alt=html.escape(alt),
    )
    headers = {
        "Content-Security-Policy": FRAME_POLICY,
        "Cache-Control": viewer.kept(PAGE_KEPT_SECONDS),
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    return Response(text, media_type="text/html", headers=headers)


@router.head("/oembed", include_in_schema=False, response_model_exclude_none=True)
@router.get(
    "/oembed",
    operation_id="oembed",
    summary="How to show an address",
    response_model_exclude_none=True,
    responses=errors.declared(
        InvalidRequest, BadOption, NotFound, NotAcceptable, WrongKind, UnknownModel, UnknownVersion
    ),
)
async def oembed(
    request: Request,
    response: Response,
    url: Annotated[str, Query(max_length=4000, description="The address of a face, or of a page to frame.")],
    settings: SettingsPart,
    models: CatalogPart,
    maxwidth: Annotated[int | None, Query(ge=SMALLEST_SIZE, le=100_000)] = None,
    maxheight: Annotated[int | None, Query(ge=SMALLEST_SIZE, le=100_000)] = None,
    format: Annotated[str, Query(max_length=10, description="`json`.")] = "json",
) -> OEmbed:
    """oEmbed for faces (a photo) and framed pages (rich). Nothing is drawn."""
    if format != "json":
        raise NotAcceptable(offered="format=json")
    base = public_address.base(settings, request)
    try:
        asked = urlsplit(url)
    except ValueError:
        raise NotFound() from None
    photo, framed = _FACE.fullmatch(asked.path), _FRAME.fullmatch(asked.path)
    found = photo or framed
    if f"{asked.scheme}://{asked.netloc}" != base or found is None:
        raise NotFound()
    pairs = parse_qsl(asked.query, keep_blank_values=True)
    options = FaceOptions.read((name, value) for name, value in signing.without(pairs) if name != "alt" or photo)
    version = models.resolve(options.model, kind="generator")
    size = min(options.size or version.size, maxwidth or options.size or version.size, maxheight or 10**9)
    if any(name == "signature" for name, _ in pairs):
        query = asked.query  # the signature covers the size, so that the page has to scale the picture
    else:
        query = urlencode([*((name, value) for name, value in pairs if name != "size"), ("size", size)])
    address = f"{base}{asked.path}?{query}"
    response.headers["Access-Control-Allow-Origin"] = "*"
    title = seeds.canonical(unquote(found["seed"]))
    told = {"title": title, "provider_url": base, "cache_age": PAGE_KEPT_SECONDS, "width": size, "height": size}
    if photo:
        return OEmbed(type="photo", url=address, **told)
    return OEmbed(type="rich", html=_iframe(address, size=size, title=title), **told)


def _iframe(address: str, *, size: int, title: str) -> str:
    return (
        f'<iframe src="{html.escape(address)}" width="{size}" height="{size}" title="{html.escape(title)}" '
        'loading="lazy" style="border:0"></iframe>'
    )


def _here(request: Request) -> str:
    raw = request.scope.get("raw_path", b"").decode("ascii", "replace") or quote(request.url.path)
    return f"{raw}?{request.url.query}" if request.url.query else raw
