"""Seeds in, pictures out."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response

from app import errors, openapi, seeds
from app.contract.errors import (
    BadOption,
    IdempotencyConflict,
    InvalidRequest,
    NotAcceptable,
    NotInstalled,
    TooManyImages,
    Unauthenticated,
)
from app.contract.messages import INFER_QUEUE, Drawing
from app.contract.registry import Version
from app.contract.schemas.generate import CONTENT_TYPES, GenerateRequest, GenerateResponse, PictureFormat
from app.contract.schemas.jobs import JobView
from app.dependencies import (
    CatalogPart,
    CredentialsPart,
    DurablePart,
    FacesPart,
    IdempotencyKey,
    InferencePart,
    OutputsPart,
    Predictor,
    Preference,
    SettingsPart,
)
from app.drawing import faces, generation, marks
from app.http import negotiation, timing
from app.jobs.idempotency import Claim
from app.routes.jobs import answer_or_job

router = APIRouter(tags=["generate"])

ROUTE = "/v1/generate"
JSON, ZIP = "application/json", "application/zip"


@router.post(
    ROUTE,
    operation_id="generate",
    summary="Draw pictures",
    response_model=GenerateResponse,
    responses={
        200: {
            "content": openapi.files(*CONTENT_TYPES.values(), ZIP),
            "description": "The pictures: as records, as one file, or as an archive with a manifest.",
        },
        202: {"model": JobView, "description": "A durable job was made of the request."},
        **errors.declared(
            Unauthenticated,
            InvalidRequest,
            TooManyImages,
            NotAcceptable,
            NotInstalled,
            IdempotencyConflict,
            *faces.FAILURES,
        ),
    },
)
async def generate(
    asked: GenerateRequest,
    settings: SettingsPart,
    catalog: CatalogPart,
    drawer: FacesPart,
    credentials: CredentialsPart,
    inference: InferencePart,
    durable: DurablePart,
    outputs: OutputsPart,
    caller: Predictor,
    prefer: Preference,
    accept: Annotated[
        str | None, Header(description="`application/json`, `application/zip`, or a picture's type for one image.")
    ] = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Up to 64 pictures from seeds of yours, or from fresh ones that the answer tells. A seed is always one picture."""
    began, deadline = asyncio.get_running_loop().time(), inference.deadline()
    wanted = _seeds(asked, most=settings.max_images_per_request)
    version = catalog.resolve(asked.model, kind="generator", size=asked.size)
    drawings = faces.plan(version, wanted, truncation=asked.truncation, label=asked.label, edits=asked.edits)
    if prefer.durable:
        if asked.credentials:
            raise BadOption(name="credentials", reason="cannot be had from a durable job: workers hold no certificate")
        job = await durable.accept(
            kind="generate",
            queue=INFER_QUEUE,
            request=_job_request(version, drawings, asked),
            images=len(drawings),
            caller=caller,
            claim=Claim.of(idempotency_key, owner=caller.key, route=ROUTE, body=asked.model_dump_json().encode()),
        )
        return await answer_or_job(job, prefer, durable, outputs)
    media_type, format = _answer_type(accept, asked)
    if media_type not in (JSON, ZIP) and len(wanted) > 1:
        raise BadOption(name="Accept", reason=f"{media_type} has room for one image; ask for {ZIP} or {JSON}")
    signed = credentials.available and media_type == ZIP if asked.credentials is None else asked.credentials
    made = await drawer.draw(version, drawings, format=format, size=asked.size, deadline=deadline, signed=signed)
    pictures = [one.picture for one in made]
    headers = {"X-Likeness-Model": version.ref}
    if media_type == ZIP:
        packed = await asyncio.to_thread(generation.archive, version, wanted, pictures, format=format)
        headers["Content-Disposition"] = f'attachment; filename="{version.model}.zip"'
        return Response(packed, media_type=ZIP, headers=headers)
    if media_type != JSON:
        headers |= {"X-Likeness-Seed": seeds.header(wanted[0]), "X-Likeness-SHA256": pictures[0].sha256}
        return Response(pictures[0].data, media_type=media_type, headers=headers)
    images = [
        generation.image(version, seed, picture, asked=asked, format=format)
        for seed, picture in zip(wanted, pictures, strict=True)
    ]
    spent = timing.since(
        began, queue_ms=max(one.queue_ms for one in made), compute_ms=max(one.compute_ms for one in made)
    )
    answer = GenerateResponse(model=version.ref, images=images, timing=spent)
    return Response(answer.model_dump_json(exclude_none=True), media_type=JSON)


def _seeds(asked: GenerateRequest, *, most: int) -> list[str]:
    """The canonical seeds to draw: those that are given, or as many fresh ones as are wanted."""
    if asked.seeds is not None and asked.count is not None:
        raise BadOption(name="count", reason="cannot be given together with seeds")
    if (len(asked.seeds) if asked.seeds is not None else asked.count or 1) > most:
        raise TooManyImages(limit=most)
    if asked.seeds is None:
        return [seeds.fresh() for _ in range(asked.count or 1)]
    return [seeds.canonical(seed, name=f"seeds[{position}]") for position, seed in enumerate(asked.seeds)]


def _answer_type(accept: str | None, asked: GenerateRequest) -> tuple[str, PictureFormat]:
    """What to answer with, and how to encode the pictures. Raises `NotAcceptable`."""
    wanted: tuple[PictureFormat, ...] = (asked.format,) if asked.format else tuple(CONTENT_TYPES)
    chosen = negotiation.choose(accept, (JSON, *(CONTENT_TYPES[format] for format in wanted), ZIP))
    return chosen, next((format for format in wanted if CONTENT_TYPES[format] == chosen), wanted[0])


def _job_request(version: Version, drawings: Sequence[Drawing], asked: GenerateRequest) -> dict[str, Any]:
    return {
        "model": version.ref,
        "digest": version.digest,
        "drawings": [drawing.model_dump(mode="json") for drawing in drawings],
        "size": asked.size,
        "native_size": version.size,
        "format": asked.format or "png",
        "response": asked.response,
        "quality": None,
        "metadata": [marks.metadata(version, drawing) for drawing in drawings],
    }
