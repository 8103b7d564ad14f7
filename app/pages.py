"""The pages: plain files, served as they are."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

WEB = Path(__file__).parent / "web"

router = APIRouter(include_in_schema=False)


@router.get("/")
async def first_page() -> Response:
    """A wall of faces, and a place to drop a picture."""
    return FileResponse(WEB / "index.html", headers={"Cache-Control": "no-cache"})


@router.get("/docs")
async def docs() -> Response:
    """The HTTP interface, drawn from /openapi.json by a page of ours: it needs nothing from elsewhere."""
    return FileResponse(WEB / "docs.html", headers={"Cache-Control": "no-cache"})


def files() -> StaticFiles:
    """Scripts, styles and the like."""
    return StaticFiles(directory=WEB)
