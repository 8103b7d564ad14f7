"""The pages: what is on each, inside the frame that all of them share; and the files that belong to them."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Annotated, Any

from fastapi import APIRouter, Header
from fastapi.responses import RedirectResponse, Response
from starlette.requests import Request
from starlette.staticfiles import StaticFiles

from app import errors
from app.contract.errors import NotFound
from app.http import conditional

WEB = Path(__file__).parent / "web"


@dataclass(frozen=True)
class Page:
    """What the frame says of a page. Its own part is `page.html` in its folder, beside its script and its style."""

    folder: str
    name: str
    """What the other pages call it."""
    title: str
    description: str
    styles: tuple[str, ...] = ()
    """Of the parts that it shows, beside the shell's and its own."""


PAGES = {
    "/": Page("faces", "Faces", "Likeness", "Any text is a face: the same one on every machine and for good."),
    "/classify": Page(
        "classify",
        "Classify",
        "Classify · Likeness",
        "Drop pictures and read their labels, with probabilities that mean something.",
    ),
    "/train": Page(
        "train",
        "Train",
        "Train · Likeness",
        "Make a classifier or a generator of your own pictures.",
        styles=("plot/plot.css", "models/trial.css"),
    ),
    "/models": Page(
        "models",
        "Models",
        "Models · Likeness",
        "Every model of this service, its versions and its figures.",
        styles=("models/trial.css",),
    ),
    "/jobs": Page("jobs", "Jobs", "Jobs and workers · Likeness", "What the service is doing, and who does it."),
    "/keys": Page("keys", "Keys", "Keys · Likeness", "Make, rotate and revoke the keys of this service."),
    "/docs": Page("docs", "API", "HTTP interface · Likeness", "Every address of the Likeness HTTP interface."),
}
"""The pages by their paths, in the order of the header. What a page shows is in its query, which it reads itself."""

MISSING = Page("missing", "", "Nothing is here · Likeness", "No page has this address.")

_FRESH = {"Cache-Control": "no-cache"}  # asked for each time and answered with 304: a page never mixes two versions

router = APIRouter(include_in_schema=False)


def html(path: str) -> str:
    """The whole page at `path`; at any that no page has, the one that says so."""
    page = PAGES.get(path, MISSING)
    styles = ("shell/styles.css", *page.styles, f"{page.folder}/page.css")
    current = ' aria-current="page"'
    links = [f'<a href="{other}"{current if other == path else ""}>{PAGES[other].name}</a>' for other in PAGES]
    return Template(_read("shell/frame.html")).substitute(
        title=page.title,
        description=page.description,
        folder=page.folder,
        styles="\n    ".join(f'<link rel="stylesheet" href="/web/{style}">' for style in styles),
        pages="\n        ".join(links),
        main=_read(f"{page.folder}/page.html"),
    )


def files() -> StaticFiles:
    """Scripts, styles and the like."""
    return _Files(directory=WEB)


def _read(file: str) -> str:
    return (WEB / file).read_text(encoding="utf-8")


def _answer(path: str) -> Callable[..., Response]:
    def page(if_none_match: Annotated[str | None, Header()] = None) -> Response:
        text = html(path)
        tag = hashlib.sha256(text.encode()).hexdigest()
        headers = {**_FRESH, "ETag": f'"{tag}"'}
        if conditional.matches(if_none_match, tag):
            return Response(status_code=304, headers=headers)
        return Response(text, media_type="text/html", headers=headers)

    return page


for _path in PAGES:
    router.add_api_route(_path, _answer(_path), methods=["GET", "HEAD"])


@router.head("/favicon.ico")
@router.get("/favicon.ico")
def favicon() -> Response:
    """For browsers that show something else than a page, and look for its icon where icons once were."""
    return RedirectResponse("/web/icon.svg", status_code=301)


async def missing(request: Request, _error: Exception) -> Response:
    """What is said where no route is: a page to a browser that wants one, a problem to everybody else."""
    path = request.url.path
    if "text/html" not in request.headers.get("accept", "") or path.startswith(("/v1/", "/v2/", "/web/")):
        return errors.response(NotFound())
    return Response(html(path), status_code=404, media_type="text/html", headers=_FRESH)


class _Files(StaticFiles):
    def file_response(self, *arguments: Any, **options: Any) -> Response:
        answer = super().file_response(*arguments, **options)
        answer.headers.update(_FRESH)
        return answer
