"""A face by its address: the same address is the same bytes."""

from typing import Annotated, Any
from urllib.parse import unquote_to_bytes

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import RedirectResponse

from app import errors, openapi, seeds
from app.access import viewing
from app.access.viewing import Viewer, ViewerPart
from app.contract.errors import BadOption, InvalidRequest
from app.contract.schemas.generate import CONTENT_TYPES, PictureFormat
from app.dependencies import AddressesPart
from app.drawing import face_options, faces
from app.drawing.face_options import FORMATS, FaceOptions

router = APIRouter(prefix="/v1/faces", tags=["faces"])

RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "content": openapi.files(*CONTENT_TYPES.values()),
        "description": "The picture.",
        "headers": {
            name: {"schema": {"type": "string"}}
            for name in ("ETag", "Cache-Control", "X-Likeness-Model", "X-Likeness-Seed", "X-Likeness-SHA256")
        },
    },
    302: {"description": "The name `random` leads to a fresh seed."},
    304: {"description": "The client has these bytes already."},
    **errors.declared(*viewing.FAILURES, InvalidRequest, *faces.FAILURES),
}


@router.head("/{name:path}", include_in_schema=False)
@router.get(
    "/{name:path}",
    operation_id="getFace",
    summary="A face by its address",
    response_class=Response,
    responses=RESPONSES,
    openapi_extra={"parameters": face_options.parameters(FaceOptions) + viewing.PARAMETERS},
)
async def get_face(
    request: Request,
    name: Annotated[str, Path(description="A seed, a dot, and `png`, `jpg`, `webp` or `avif`.", examples=["ada.png"])],
    addresses: AddressesPart,
    viewer: ViewerPart,
) -> Response:
    """The picture of a seed. With a version in `model` the address is good for ever and may be kept for ever."""
    seed, extension, format = split(name, request)
    options = FaceOptions.read(viewer.options)
    if seed == seeds.RESERVED:
        return to_fresh(router.prefix, extension, viewer)
    return await addresses.answer(request, viewer, seed, format, options)


def split(name: str, request: Request) -> tuple[str, str, PictureFormat]:
    """Seed, extension and format of an address; the last dot counts. Raises `BadOption`."""
    try:
        unquote_to_bytes(request.scope.get("raw_path", b"")).decode()
    except UnicodeDecodeError:
        # The server has put replacement characters into the path, which would be another seed.
        raise BadOption(name="seed", reason="is not UTF-8") from None
    seed, _, extension = name.rpartition(".")
    if extension not in FORMATS:
        raise BadOption(name="extension", reason=f"must be one of {', '.join(FORMATS)}, as in ada.png")
    return seed, extension, FORMATS[extension]


def to_fresh(folder: str, extension: str, viewer: Viewer) -> Response:
    """Lead to the address of a seed that nobody has drawn yet, with the same options."""
    fresh = viewer.address(f"{folder}/{seeds.fresh()}.{extension}", viewer.options)
    return RedirectResponse(fresh, status_code=302, headers={"Cache-Control": "no-store"})
