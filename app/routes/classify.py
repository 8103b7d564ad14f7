"""Pictures in, labels out."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response

from app import errors, openapi
from app.assembly import Parts
from app.contract.errors import (
    BodyTooLarge,
    Busy,
    DeadlineExceeded,
    IdempotencyConflict,
    InvalidRequest,
    NoImages,
    NotAPicture,
    NoWorker,
    TooManyImages,
    TooManyPixels,
    Unauthenticated,
    UndecodablePicture,
    UnknownModel,
    UnknownVersion,
    UnsupportedMediaType,
    WrongKind,
)
from app.contract.messages import INFER_QUEUE
from app.contract.registry import Version
from app.contract.schemas.classify import ClassifyOptions, ClassifyResponse
from app.contract.schemas.jobs import JobView
from app.dependencies import IdempotencyKey, Predictor, Preference
from app.interactive import uploads
from app.jobs.idempotency import Claim
from app.jobs.job_view import INPUT_PIXELS
from app.routes.jobs import answer_or_job

router = APIRouter(tags=["classify"])

ROUTE = "/v1/classify"

# The body is read by `uploads.read`, which takes options from query and body alike; here it is told to OpenAPI.
_OPTIONS: dict[str, Any] = ClassifyOptions.model_json_schema()["properties"]
_PARAMETERS = [
    {"name": name, "in": "query", "required": False, "schema": schema, "description": schema["description"]}
    for name, schema in _OPTIONS.items()
]
_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["image"],
                "properties": {
                    "image": {"type": "array", "items": openapi.BYTES, "maxItems": 64},
                    **_OPTIONS,
                },
            }
        },
        "application/json": {"schema": {"$ref": "#/components/schemas/ClassifyRequest"}},
        **openapi.files(*uploads.MEDIA_TYPES),
    },
}


@router.post(
    ROUTE,
    operation_id="classify",
    summary="Classify pictures",
    response_model=ClassifyResponse,
    responses={
        202: {"model": JobView, "description": "A durable job was made of the request."},
        **errors.declared(
            Unauthenticated,
            NotAPicture,
            UnsupportedMediaType,
            InvalidRequest,
            NoImages,
            TooManyImages,
            UndecodablePicture,
            TooManyPixels,
            WrongKind,
            BodyTooLarge,
            UnknownModel,
            UnknownVersion,
            IdempotencyConflict,
            Busy,
            NoWorker,
            DeadlineExceeded,
        ),
    },
    openapi_extra={"requestBody": _BODY, "parameters": _PARAMETERS},
)
async def classify(
    request: Request,
    caller: Predictor,
    prefer: Preference,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Up to 64 pictures, as multipart files, one raw body, or base64 in JSON. Results keep their order."""
    # Not named one by one as elsewhere: resolving seven dependencies is about a tenth of this route's work.
    parts: Parts = request.app.state.parts
    began, deadline = asyncio.get_running_loop().time(), parts.inference.deadline()
    upload = await uploads.read(request, most_images=parts.settings.max_images_per_request)
    version = parts.catalog.resolve(upload.options.model, kind="classifier")
    if not prefer.durable:
        parts.inference.check_room(version, len(upload.files))
    pictures = await parts.codec.decode(upload.files, version, deadline=None if prefer.durable else deadline)
    if not prefer.durable:
        text = await parts.classification.answer(version, pictures, upload.options, deadline=deadline, began=began)
        return Response(text, media_type="application/json")
    job = await parts.durable.accept(
        kind="classify",
        queue=INFER_QUEUE,
        request=_job_request(version, upload.options, count=len(pictures)),
        caller=caller,
        claim=Claim.of(idempotency_key, owner=caller.key, route=ROUTE, body=upload.identity()),
        inputs={INPUT_PIXELS: b"".join(pictures)},
        images=len(pictures),
    )
    return await answer_or_job(job, prefer, parts.durable, parts.outputs)


def _job_request(version: Version, options: ClassifyOptions, *, count: int) -> dict[str, Any]:
    return {
        "model": version.ref,
        "digest": version.digest,
        "count": count,
        "shape": [version.size, version.size, version.channels],
        "labels": list(version.labels),
        "top_k": options.top_k,
        "abstain_below": options.abstain_below,
        "energy_limit": version.energy_limit,
        "explain": options.explain,
    }
