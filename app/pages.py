"""The pages: plain files, served as they are."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

WEB = Path(__file__).parent / "web"

PAGES = {
    "/": "faces/page.html",
    "/classify": "classify/page.html",
    "/train": "train/page.html",
    "/models": "models/page.html",
    "/jobs": "jobs/page.html",
    "/keys": "keys/page.html",
    "/docs": "docs/page.html",
}
"""The files of the pages. What a page shows is in its query, which the page reads itself."""

_FRESH = {"Cache-Control": "no-cache"}  # asked for each time and answered with 304: a page never mixes two versions

router = APIRouter(include_in_schema=False)


def _page(file: str) -> Callable[[], Awaitable[Response]]:
    async def page() -> Response:
        return FileResponse(WEB / file, headers=_FRESH)

    return page


for _path, _file in PAGES.items():
    router.add_api_route(_path, _page(_file), methods=["GET"])


class _Files(StaticFiles):
    def file_response(self, *arguments: Any, **options: Any) -> Response:
        answer = super().file_response(*arguments, **options)
        answer.headers.update(_FRESH)
        return answer


def files() -> StaticFiles:
    """Scripts, styles and the like."""
    return _Files(directory=WEB)
