"""Many faces on one picture."""

import json
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from app import errors, openapi
from app.access import viewing
from app.access.viewing import ViewerPart
from app.contract.errors import BadOption, InvalidRequest
from app.contract.schemas.generate import CONTENT_TYPES
from app.dependencies import AddressesPart, CatalogPart, InferencePart, SheetsPart
from app.drawing import face_options, faces, sheets
from app.drawing.addresses import kept
from app.drawing.face_options import FORMATS, SheetOptions
from app.interactive import catalog

router = APIRouter(tags=["faces"])


@router.head("/v1/sheets.{extension}", include_in_schema=False)
@router.get(
    "/v1/sheets.{extension}",
    operation_id="getSheet",
    summary="A sheet of faces",
    response_class=Response,
    responses={
        200: {
            "content": {
                **openapi.files(*CONTENT_TYPES.values()),
                "application/json": {"schema": {"type": "object"}},
            },
            "description": "The sheet, or its atlas.",
        },
        304: {"description": "The client has these bytes already."},
        **errors.declared(*viewing.FAILURES, InvalidRequest, *faces.FAILURES),
    },
    openapi_extra={"parameters": face_options.parameters(SheetOptions) + viewing.PARAMETERS},
)
async def get_sheet(
    request: Request,
    extension: Annotated[str, Path(description="png, jpg, webp or avif; json for the atlas.", examples=["png"])],
    models: CatalogPart,
    drawer: SheetsPart,
    inference: InferencePart,
    addresses: AddressesPart,
    viewer: ViewerPart,
) -> Response:
    """Faces in rows: several seeds, or each seed with the expressions that are asked for."""
    if extension not in FORMATS and extension != "json":
        raise BadOption(name="extension", reason=f"must be one of {', '.join((*FORMATS, 'json'))}")
    options = SheetOptions.read(viewer.options)
    version = models.resolve(options.model, kind="generator", size=options.size)
    planned, pinned = sheets.plan(version, options), catalog.is_pinned(options.model)
    if extension == "json":
        atlas = planned.atlas(viewer.address("/v1/sheets.png", viewer.options))
        headers = {"Cache-Control": kept(viewer, pinned=pinned), "X-Likeness-Model": version.ref}
        return Response(json.dumps(atlas, ensure_ascii=False), media_type="application/json", headers=headers)
    format = FORMATS[extension]
    made = await drawer.draw(version, planned, options, format=format, deadline=inference.deadline())
    return addresses.respond(request, viewer, made, media_type=CONTENT_TYPES[format], version=version, pinned=pinned)
