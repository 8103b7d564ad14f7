"""The models that can be used, and their versions."""

import asyncio
import tempfile
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from app import errors, openapi
from app.contract import training
from app.contract.errors import (
    BadCheckpoint,
    BodyTooLarge,
    Busy,
    DeadlineExceeded,
    Forbidden,
    InvalidRequest,
    NothingYet,
    NoWorker,
    Unauthenticated,
    UnknownModel,
    UnknownVersion,
    UnsupportedMediaType,
    VersionInUse,
    WrongKind,
)
from app.contract.registry import Model, Version
from app.contract.schemas.models import AliasTarget, ModelDetail, ModelEntry, ModelList, VersionView
from app.dependencies import Admin, CatalogPart, CuratorPart, Predictor, Trainer
from app.http import conditional
from app.jobs import checkpoint_upload

ROUTE = "/v1/models"

router = APIRouter(prefix=ROUTE, tags=["models"])

VersionName = Annotated[str, Path(pattern=r"^sha256:[0-9a-f]{12,64}$", examples=["sha256:" + "0" * 64])]

_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file", "name"],
                "properties": {
                    "file": openapi.BYTES,
                    "name": {"type": "string", "maxLength": 64},
                    "card": {"type": "string", "description": "The model card, in Markdown."},
                },
            }
        }
    },
}


@router.get("", operation_id="listModels", summary="All models", responses=errors.declared(Unauthenticated))
async def list_models(catalog: CatalogPart, _caller: Predictor) -> ModelList:
    """Every model, by name. OpenAI's clients read this list, too."""
    models = [model for model in catalog.models if not model.name.startswith(training.RUNS)]
    data = [ModelEntry(**_entry(model, catalog)) for model in models]
    return ModelList(data=data, has_more=False, last_id=data[-1].id if data else None)


@router.get(
    "/{name}",
    operation_id="getModel",
    summary="One model with its versions",
    responses=errors.declared(Unauthenticated, UnknownModel),
)
async def get_model(name: str, catalog: CatalogPart, _caller: Predictor) -> ModelDetail:
    """The model's versions, aliases and card."""
    return _detail(catalog.model(name), catalog)


@router.post(
    "",
    operation_id="importModel",
    summary="Import a checkpoint",
    status_code=201,
    response_model=ModelDetail,
    responses=errors.declared(
        Unauthenticated,
        Forbidden,
        InvalidRequest,
        UnsupportedMediaType,
        BodyTooLarge,
        BadCheckpoint,
        WrongKind,
        Busy,
        NoWorker,
        DeadlineExceeded,
    ),
    openapi_extra={"requestBody": _BODY},
)
async def import_model(
    request: Request, response: Response, catalog: CatalogPart, curator: CuratorPart, caller: Admin
) -> ModelDetail:
    """A safetensors file that Likeness wrote becomes a version, once a serving worker has used it.

    A checkpoint says how large a network to build, so only administrators bring one from elsewhere.
    """
    with tempfile.NamedTemporaryFile(prefix="likeness-import-") as file:
        fields = await checkpoint_upload.receive(request, file)
        version = await curator.add(fields.name, FilePath(file.name), fields.card, caller)
    response.headers["Location"] = f"{ROUTE}/{version.model}"
    return _detail(catalog.model(version.model), catalog)


@router.put(
    "/{name}/aliases/{alias}",
    operation_id="putAlias",
    summary="Promote, or roll back",
    responses=errors.declared(
        Unauthenticated, Forbidden, UnknownModel, UnknownVersion, BadCheckpoint, Busy, NoWorker, DeadlineExceeded
    ),
)
async def put_alias(
    name: str,
    alias: Annotated[str, Path(pattern=r"^[a-z][a-z0-9-]{0,63}$", examples=["production"])],
    target: AliasTarget,
    catalog: CatalogPart,
    curator: CuratorPart,
    caller: Trainer,
) -> ModelDetail:
    """A serving worker uses the version first. Requests that are under way finish on the version they began with."""
    return _detail(await curator.point(name, alias, target.version, caller), catalog)


@router.get(
    "/{name}/versions/{version}/export",
    operation_id="exportVersion",
    summary="A version's file",
    response_class=Response,
    responses={
        200: {"content": openapi.files("application/octet-stream"), "description": "The file."},
        304: {"description": "The client has these bytes already."},
        **errors.declared(Unauthenticated, UnknownModel, UnknownVersion, NothingYet),
    },
)
async def export_version(
    request: Request,
    name: str,
    version: VersionName,
    curator: CuratorPart,
    _caller: Trainer,
    format: Annotated[Literal["safetensors", "onnx"], Query(description="safetensors or onnx.")] = "safetensors",
) -> Response:
    """The checkpoint, or the graph that serving workers run on a CPU."""
    found, size, data = await asyncio.to_thread(curator.export, name, version, onnx=format == "onnx")
    tag = f"{found.digest}-{format}"
    headers = {"ETag": f'"{tag}"', "Cache-Control": "private, max-age=31536000, immutable"}
    if conditional.matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    file = f"{found.model}-{found.digest[:12]}.{format}"
    headers |= {"Content-Length": str(size), "Content-Disposition": f'attachment; filename="{file}"'}
    return StreamingResponse(data, media_type="application/octet-stream", headers=headers)


@router.delete(
    "/{name}/versions/{version}",
    operation_id="deleteVersion",
    summary="Remove a version",
    status_code=204,
    response_description="It is gone.",
    responses=errors.declared(Unauthenticated, Forbidden, UnknownModel, UnknownVersion, VersionInUse),
)
async def delete_version(name: str, version: VersionName, curator: CuratorPart, caller: Trainer) -> None:
    """Refused while an alias refers to it. A model without versions is gone, too."""
    await curator.remove(name, version, caller)


def _detail(model: Model, catalog: CatalogPart) -> ModelDetail:
    production = model.production
    return ModelDetail(
        **_entry(model, catalog),
        versions=[_version(version, model) for version in model.versions],
        aliases={alias: f"sha256:{digest}" for alias, digest in model.aliases.items()},
        card=production.card if production else "",
    )


def _entry(model: Model, catalog: CatalogPart) -> dict[str, object]:
    production = model.production
    return {
        "id": model.name,
        "created": int(model.created_at.timestamp()),
        "owned_by": model.owner or (production.source if production else "likeness"),
        "kind": model.kind,
        "version": f"sha256:{production.digest}" if production else None,
        "labels": list(production.labels) if production else [],
        "size": production.size if production else None,
        "truncation": production.truncation if production and model.kind == "generator" else None,
        "default": catalog.is_default(model),
    }


def _version(version: Version, model: Model) -> VersionView:
    return VersionView(
        version=f"sha256:{version.digest}",
        aliases=sorted(alias for alias, digest in model.aliases.items() if digest == version.digest),
        source=version.source,
        size_bytes=version.size_bytes,
        created_at=version.created_at,
        labels=list(version.labels),
        input=version.header["input"],
        directions=list(version.directions),
        metrics=version.header.get("metrics", {}),
        calibration=version.calibration,
        provenance=version.header.get("provenance", {}),
    )
