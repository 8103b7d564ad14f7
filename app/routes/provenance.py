"""Whether this service made a picture."""

from typing import Any

from fastapi import APIRouter, Request

from app import errors, openapi
from app.contract.errors import (
    BodyTooLarge,
    Busy,
    DeadlineExceeded,
    InvalidRequest,
    NoImages,
    NotAPicture,
    NoWorker,
    TooManyImages,
    TooManyPixels,
    Unauthenticated,
    UndecodablePicture,
    UnsupportedMediaType,
)
from app.contract.schemas.classify import ClassifyOptions
from app.contract.schemas.provenance import ProvenanceResponse
from app.dependencies import Predictor, ProvenancePart
from app.interactive import uploads

router = APIRouter(tags=["faces"])

ROUTE = "/v1/provenance"

_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {"type": "object", "required": ["image"], "properties": {"image": openapi.BYTES}}
        },
        **openapi.files(*uploads.MEDIA_TYPES),
    },
}


@router.post(
    ROUTE,
    operation_id="getProvenance",
    summary="Whether this service made a picture",
    responses=errors.declared(
        Unauthenticated,
        NotAPicture,
        UnsupportedMediaType,
        InvalidRequest,
        NoImages,
        TooManyImages,
        UndecodablePicture,
        TooManyPixels,
        BodyTooLarge,
        Busy,
        NoWorker,
        DeadlineExceeded,
    ),
    openapi_extra={"requestBody": _BODY},
)
async def get_provenance(request: Request, provenance: ProvenancePart, _caller: Predictor) -> ProvenanceResponse:
    """Read what a file says of itself, check its signature, draw the picture again, and compare. Nothing is stored."""
    upload = await uploads.read(request, most_images=1)
    if upload.options != ClassifyOptions():
        raise InvalidRequest(reason="this takes one picture and no options")
    return await provenance.of(upload.files[0])
