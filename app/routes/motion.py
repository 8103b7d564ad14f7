"""Faces that move: a walk by its address, and longer ones as jobs."""

import asyncio
import re
from typing import Annotated
from urllib.parse import unquote

from fastapi import APIRouter, Header, Path, Request, Response

from app import errors, openapi, seeds
from app.access import viewing
from app.access.viewing import ViewerPart
from app.contract.errors import (
    BadOption,
    Busy,
    IdempotencyConflict,
    InvalidRequest,
    NotAcceptable,
    NotFound,
    NotInstalled,
    Unauthenticated,
    UnknownJob,
)
from app.contract.messages import INFER_QUEUE
from app.contract.schemas.animate import AnimateRequest, AnimateResponse, MotionFormat
from app.contract.schemas.jobs import JobView
from app.dependencies import (
    AddressesPart,
    CatalogPart,
    DurablePart,
    IdempotencyKey,
    InferencePart,
    JobId,
    OutputsPart,
    Predictor,
    Preference,
    WalksPart,
)
from app.drawing import face_options, faces, motion, walks
from app.drawing.face_options import WalkOptions
from app.drawing.walks import Walk
from app.http import conditional, negotiation, timing
from app.interactive import catalog
from app.jobs.idempotency import Claim
from app.routes.faces import get_face
from app.routes.jobs import answer_or_job

router = APIRouter(tags=["motion"])

ROUTE = "/v1/animate"
JSON = "application/json"

_WALK = re.compile(r"/v1/faces/(?P<first>[^/]+)/to/(?P<last>[^/]+)\.(?P<format>webp|gif|mp4)")
_FILES = openapi.files(*motion.CONTENT_TYPES.values())


@router.head("/v1/faces/{first:path}/to/{name:path}", include_in_schema=False)
@router.get(
    "/v1/faces/{first:path}/to/{name:path}",
    operation_id="getWalk",
    summary="A walk between two faces",
    response_class=Response,
    responses={
        200: {"content": _FILES, "description": "The walk."},
        304: {"description": "The client has these bytes already."},
        **errors.declared(*viewing.FAILURES, InvalidRequest, NotInstalled, *faces.FAILURES),
    },
    openapi_extra={"parameters": face_options.parameters(WalkOptions) + viewing.PARAMETERS},
)
async def get_walk(
    request: Request,
    first: Annotated[str, Path(description="The seed to start from.", examples=["ada"])],
    name: Annotated[
        str, Path(description="Where to: a seed, a dot, and `webp`, `gif` or `mp4`.", examples=["eve.webp"])
    ],
    models: CatalogPart,
    drawer: WalksPart,
    inference: InferencePart,
    addresses: AddressesPart,
    viewer: ViewerPart,
) -> Response:
    """From one face to another and back, as one moving picture. The same address is the same bytes."""
    # A seed may hold "/to/" itself, percent-encoded; only in the path as it was sent can that be told apart.
    found = _WALK.fullmatch(request.scope["raw_path"].decode("ascii", "replace").partition("?")[0])
    if found is None:
        return await get_face(request, f"{first}/to/{name}", addresses, viewer)
    options = WalkOptions.read(viewer.options)
    visited = [
        seeds.canonical(_text(found["first"])),
        *(face_options.seeds_of(options.via, name="via") if options.via is not None else ()),
        seeds.canonical(_text(found["last"])),
    ]
    version = models.resolve(options.model, kind="generator", size=options.size)
    stations = faces.plan(
        version,
        visited,
        truncation=options.truncation,
        label=options.label,
        edits=options.edits,
        mix=None if options.mix is None else seeds.canonical(options.mix, name="mix"),
    )
    shown = Walk(
        format=_format(found["format"]),
        frames=options.frames,
        fps=options.fps,
        loop=options.loop,
        size=options.size,
        frame=options.portrait,
    )
    made = await drawer.draw(version, stations, shown, deadline=inference.deadline())
    return addresses.respond(
        request,
        viewer,
        made,
        media_type=shown.media_type,
        version=version,
        pinned=catalog.is_pinned(options.model),
    )


@router.post(
    ROUTE,
    operation_id="animate",
    summary="Draw a walk between faces",
    response_model=AnimateResponse,
    responses={
        200: {"content": _FILES, "description": "Where the walk is, or the file itself, as `Accept` asks."},
        202: {"model": JobView, "description": "A durable job was made of the request."},
        **errors.declared(
            Unauthenticated, InvalidRequest, NotInstalled, NotAcceptable, IdempotencyConflict, *faces.FAILURES
        ),
    },
)
async def animate(
    asked: AnimateRequest,
    models: CatalogPart,
    drawer: WalksPart,
    inference: InferencePart,
    durable: DurablePart,
    outputs: OutputsPart,
    caller: Predictor,
    prefer: Preference,
    accept: Annotated[
        str | None, Header(description="`application/json`, or the type of the format for the file.")
    ] = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """A walk from face to face: at once while it is short, as a job with progress up to 600 frames."""
    began, deadline = asyncio.get_running_loop().time(), inference.deadline()
    visited = [seeds.canonical(seed, name=f"seeds[{position}]") for position, seed in enumerate(asked.seeds)]
    version = models.resolve(asked.model, kind="generator", size=asked.size)
    stations = faces.plan(version, visited, truncation=asked.truncation, label=asked.label, edits=asked.edits)
    shown = Walk(format=asked.format, frames=asked.frames, fps=asked.fps, loop=asked.loop, size=asked.size)
    if prefer.durable:
        job = await durable.accept(
            kind=walks.JOB_KIND,
            queue=INFER_QUEUE,
            request=walks.job_request(version, stations, shown),
            images=shown.frames,
            caller=caller,
            claim=Claim.of(idempotency_key, owner=caller.key, route=ROUTE, body=asked.model_dump_json().encode()),
        )
        return await answer_or_job(job, prefer, durable, outputs)
    if shown.frames > face_options.LONGEST_WALK:
        raise BadOption(
            name="frames", reason=f"above {face_options.LONGEST_WALK} make a job: send `Prefer: respond-async`"
        )
    if any("," in seed for seed in visited[1:-1]):
        raise BadOption(name="seeds", reason="between the first and the last have no address when they hold a comma")
    chosen = negotiation.choose(accept, (JSON, shown.media_type))
    made = await drawer.draw(version, stations, shown, deadline=deadline)
    if chosen != JSON:
        headers = {"X-Likeness-Model": version.ref, "X-Likeness-SHA256": made.picture.sha256}
        return Response(made.picture.data, media_type=chosen, headers=headers)
    answer = AnimateResponse(
        model=version.ref,
        url=walks.address(version, visited, asked),
        content_type=shown.media_type,
        width=made.picture.width,
        height=made.picture.height,
        frames=shown.frames,
        fps=shown.fps,
        seconds=shown.seconds,
        timing=timing.since(began, queue_ms=made.queue_ms, compute_ms=made.compute_ms),
    )
    return Response(answer.model_dump_json(), media_type=JSON)


@router.get(
    "/v1/jobs/{job_id}/walk.{extension}",
    operation_id="getJobWalk",
    summary="The walk that a job drew",
    response_class=Response,
    responses={
        200: {"content": _FILES, "description": "The walk."},
        304: {"description": "The client has these bytes already."},
        **errors.declared(Unauthenticated, UnknownJob, NotFound, NotInstalled, Busy),
    },
)
async def get_job_walk(
    request: Request,
    job_id: JobId,
    extension: Annotated[str, Path(description="The format that was asked for.", examples=["webp"])],
    durable: DurablePart,
    drawer: WalksPart,
    caller: Predictor,
) -> Response:
    """The file of a finished `animate` job. It is assembled when it is asked for the first time, and never changes."""
    job = await asyncio.to_thread(durable.get, job_id, caller)
    walk = walks.of(job)
    if walk.format != extension:
        raise NotFound()
    picture = await drawer.of_job(job, walk)
    headers = {"Cache-Control": "private, max-age=31536000, immutable", "ETag": f'"{picture.sha256}"'}
    if conditional.matches(request.headers.get("if-none-match"), picture.sha256):
        return Response(status_code=304, headers=headers)
    return Response(picture.data, media_type=walk.media_type, headers=headers)


def _text(encoded: str) -> str:
    try:
        return unquote(encoded, errors="strict")
    except UnicodeDecodeError:
        raise BadOption(name="seed", reason="is not UTF-8") from None


def _format(extension: str) -> MotionFormat:
    match extension:
        case "webp" | "gif" | "mp4":
            return extension
        case _:
            raise BadOption(name="extension", reason="must be one of webp, gif, mp4")
