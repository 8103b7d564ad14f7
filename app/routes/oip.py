"""The Open Inference Protocol, version 2: Triton's clients classify and draw here unchanged."""

from collections.abc import Callable, Coroutine
from importlib.metadata import version as package_version
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from app import errors, openapi
from app.contract.errors import (
    BadOption,
    Busy,
    DeadlineExceeded,
    InvalidRequest,
    LikenessError,
    NotAPicture,
    NoWorker,
    TooManyImages,
    TooManyPixels,
    Unauthenticated,
    UndecodablePicture,
    UnknownModel,
    UnknownVersion,
)
from app.contract.messages import INFER_QUEUE
from app.contract.registry import Version
from app.contract.schemas import oip as schemas
from app.dependencies import CatalogPart, InterpreterPart, Predictor, WorkersPart
from app.interactive.catalog import Catalog
from app.interactive.workers import Workers
from app.protocols import oip, tensors


class ProtocolRoute(APIRoute):
    """A route whose failures have the protocol's `error` beside what every problem has."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def with_error(request: Request) -> Response:
            try:
                return await handle(request)
            except LikenessError as error:
                return errors.response(error, also={"error": error.detail})
            except RequestValidationError as error:
                refused = errors.InvalidFields(error.errors())
                return errors.response(refused, also={"error": refused.detail})

        return with_error


router = APIRouter(prefix="/v2", tags=["open inference protocol"], route_class=ProtocolRoute)

Name = Annotated[str, Path(max_length=100, examples=["faces"])]

_KNOWN = errors.declared(Unauthenticated, UnknownModel, UnknownVersion)
_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/InferRequest"}},
        **openapi.files(tensors.BINARY),
    },
}
_INFER: dict[str, Any] = {
    "operation_id": "infer",
    "summary": "Tensors in, tensors out",
    "response_model": schemas.InferResponse,
    "responses": {
        200: {
            "content": openapi.files(tensors.BINARY),
            "description": "The outputs, as JSON, or with binary tensors behind it.",
        },
        **errors.declared(
            Unauthenticated,
            UnknownModel,
            UnknownVersion,
            InvalidRequest,
            BadOption,
            TooManyImages,
            NotAPicture,
            UndecodablePicture,
            TooManyPixels,
            Busy,
            NoWorker,
            DeadlineExceeded,
        ),
    },
    "openapi_extra": {"requestBody": _BODY},
}


@router.get("", operation_id="getServerMetadata", summary="The server")
async def server() -> schemas.ServerMetadata:
    """Name, version, and the extensions that are spoken."""
    return schemas.ServerMetadata(version=package_version("likeness"), extensions=oip.EXTENSIONS)


@router.get("/health/live", operation_id="isServerLive", summary="Whether the server lives")
async def live() -> schemas.ServerLive:
    """It does when it answers."""
    return schemas.ServerLive(live=True)


@router.get(
    "/health/ready",
    operation_id="isServerReady",
    summary="Whether the server can infer",
    responses=errors.declared(NoWorker),
)
async def ready(workers: WorkersPart) -> schemas.ServerReady:
    """It can when a worker is ready."""
    _require(workers)
    return schemas.ServerReady(ready=True)


@router.post(
    "/repository/index",
    operation_id="getRepositoryIndex",
    summary="All models",
    response_description="The models.",
    responses=_KNOWN,
)
async def index(models: CatalogPart, workers: WorkersPart, _caller: Predictor) -> list[schemas.RepositoryEntry]:
    """Every model's version in production."""
    state = "READY" if workers.ready(INFER_QUEUE) else "UNAVAILABLE"
    return [
        schemas.RepositoryEntry(name=model.name, version=model.production.digest, state=state)
        for model in models.models
        if model.production is not None
    ]


@router.get("/models/{name}/versions/{digest}", include_in_schema=False)
@router.get("/models/{name}", operation_id="getModelMetadata", summary="What a model takes and gives", responses=_KNOWN)
async def model_metadata(
    request: Request, name: Name, models: CatalogPart, _caller: Predictor
) -> schemas.ModelMetadata:
    """Names, types and shapes of its tensors."""
    return oip.metadata(_resolve(models, name, request))


@router.get("/models/{name}/versions/{digest}/ready", include_in_schema=False)
@router.get(
    "/models/{name}/ready",
    operation_id="isModelReady",
    summary="Whether a model can be used",
    responses={**_KNOWN, **errors.declared(NoWorker)},
)
async def model_ready(
    request: Request, name: Name, models: CatalogPart, workers: WorkersPart, _caller: Predictor
) -> schemas.ModelReady:
    """It can when it is there and a worker is ready, which loads it when it has not."""
    version = _resolve(models, name, request)
    _require(workers)
    return schemas.ModelReady(name=version.model, ready=True)


@router.post("/models/{name}/versions/{digest}/infer", include_in_schema=False)
@router.post("/models/{name}/infer", **_INFER)
async def infer(
    request: Request,
    name: Name,
    models: CatalogPart,
    interpreter: InterpreterPart,
    _caller: Predictor,
    inference_header_content_length: Annotated[
        str | None, Header(description="Bytes of JSON before the binary tensors.")
    ] = None,
) -> Response:
    """Up to 64 pictures: `pixels` or `files` to a classifier, `seeds` to a generator."""
    version = _resolve(models, name, request)
    asked, given = tensors.read(await request.body(), inference_header_content_length)
    found = await interpreter.infer(version, asked, given)
    all_binary = asked.parameters.get("binary_data_output") is True
    wanted = {output.name: output.parameters.get("binary_data", all_binary) is True for output in asked.outputs or ()}
    body, length = tensors.write(
        schemas.InferResponse(model_name=version.model, model_version=version.digest, id=asked.id, outputs=[]),
        found,
        binary=[wanted.get(tensor.name, all_binary) for tensor in found],
    )
    if length is None:
        return Response(body, media_type="application/json")
    return Response(body, media_type=tensors.BINARY, headers={tensors.HEADER_LENGTH: str(length)})


def _resolve(models: Catalog, name: str, request: Request) -> Version:
    digest = request.path_params.get("digest")
    return models.model(name).resolve(f"sha256:{digest}" if digest else "")


def _require(workers: Workers) -> None:
    if not workers.ready(INFER_QUEUE):
        raise NoWorker(retry_after=2)
