"""OpenAI's Images API: their clients draw faces here when their base address points here."""

import base64
import hashlib
import json
import re
import time
from collections.abc import AsyncIterator, Sequence

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from app import errors, seeds
from app.contract.errors import (
    BadOption,
    Busy,
    DeadlineExceeded,
    InvalidRequest,
    NoWorker,
    Unauthenticated,
    UnknownModel,
    UnknownVersion,
    WrongKind,
)
from app.contract.registry import Version
from app.contract.schemas.generate import LARGEST_SIZE, SMALLEST_SIZE, PictureFormat
from app.contract.schemas.openai_images import Image, ImagesRequest, ImagesResponse
from app.dependencies import CatalogPart, FacesPart, InferencePart, Predictor, SettingsPart
from app.drawing import faces, pinned
from app.drawing.face_cache import Picture
from app.http import public_address
from app.openapi import EVENT_STREAM

router = APIRouter(tags=["generate"])

_SQUARE = re.compile(r"([0-9]{1,5})x\1")


@router.post(
    "/v1/images/generations",
    operation_id="createImage",
    summary="Draw pictures in OpenAI's shape",
    response_model=ImagesResponse,
    responses={
        200: {"content": EVENT_STREAM, "description": "The pictures."},
        **errors.declared(
            Unauthenticated,
            InvalidRequest,
            BadOption,
            WrongKind,
            UnknownModel,
            UnknownVersion,
            Busy,
            NoWorker,
            DeadlineExceeded,
        ),
    },
)
async def create_image(
    request: Request,
    asked: ImagesRequest,
    settings: SettingsPart,
    models: CatalogPart,
    drawer: FacesPart,
    inference: InferencePart,
    _caller: Predictor,
) -> Response:
    """The prompt is the seed: the same prompt is the same picture. The second of several has a seed of its own, too."""
    size, format = _size(asked.size), asked.output_format or "png"
    version = models.resolve(asked.model or "", kind="generator", size=size)
    wanted, label = _seeds(asked), _label(version, asked.prompt)
    drawings = faces.plan(version, wanted, truncation=asked.truncation, label=label, edits=asked.edits)
    made = await drawer.draw(
        version,
        drawings,
        format=format,
        size=size,
        deadline=inference.deadline(),
        quality=max(1, asked.output_compression) if asked.output_compression is not None else None,
    )
    pictures = [one.picture for one in made]
    if asked.stream:
        return StreamingResponse(_events(pictures, format), media_type="text/event-stream")
    base = public_address.base(settings, request)
    data = []
    for seed, picture in zip(wanted, pictures, strict=True):
        url = base + pinned.face(
            version, seed, format, size=size, truncation=asked.truncation, label=label, edits=asked.edits
        )
        encoded = base64.b64encode(picture.data).decode()
        data.append(
            Image(
                url=None if asked.response_format == "b64_json" else url,
                b64_json=None if asked.response_format == "url" else encoded,
                revised_prompt=seed,
            )
        )
    side = f"{pictures[0].width}x{pictures[0].height}"
    answer = ImagesResponse(created=int(time.time()), data=data, output_format=format, size=side)
    return Response(answer.model_dump_json(exclude_none=True), media_type="application/json")


def _seeds(asked: ImagesRequest) -> list[str]:
    """A seed for each picture: the prompt, then the prompt with a number; of one too long for a seed, its hash."""
    prompt = asked.prompt.strip()
    if len(prompt) > seeds.LONGEST - len(" #10"):
        prompt = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()
    numbered = [prompt, *(f"{prompt} #{number}" for number in range(2, (asked.n or 1) + 1))]
    return [seeds.canonical(seed, name="prompt") for seed in numbered]


def _label(version: Version, prompt: str) -> str | None:
    """The class that the prompt names: of several the longest, for `ankle boot` is more than `boot`."""
    text = prompt.casefold()
    named = [label for label in version.labels if re.search(rf"\b{re.escape(label.casefold())}s?\b", text)]
    return max(named, key=len, default=None)


def _size(text: str | None) -> int | None:
    if text is None or text == "auto":
        return None
    found = _SQUARE.fullmatch(text)
    if found is None or not SMALLEST_SIZE <= int(found[1]) <= LARGEST_SIZE:
        raise BadOption(
            name="size",
            reason=f"must be auto, or a square from {SMALLEST_SIZE}x{SMALLEST_SIZE} to {LARGEST_SIZE}x{LARGEST_SIZE}",
        )
    return int(found[1])


async def _events(pictures: Sequence[Picture], format: PictureFormat) -> AsyncIterator[str]:
    """One event for each picture. There are no partial ones: a face is drawn in one go."""
    nothing = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    for picture in pictures:
        event = {
            "type": "image_generation.completed",
            "b64_json": base64.b64encode(picture.data).decode(),
            "created_at": int(time.time()),
            "background": "opaque",
            "output_format": format,
            "quality": "auto",
            "size": f"{picture.width}x{picture.height}",
            "usage": {**nothing, "input_tokens_details": {"image_tokens": 0, "text_tokens": 0}},
        }
        yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
