"""The models that can be used, and their versions."""

from fastapi import APIRouter

from app import errors
from app.contract.errors import Unauthenticated, UnknownModel, UnknownVersion
from app.contract.registry import Model, Version
from app.contract.schemas.models import ModelDetail, ModelEntry, ModelList, VersionView
from app.dependencies import CatalogPart, Predictor

router = APIRouter(prefix="/v1/models", tags=["models"])

RUNS = "job_"
"""Checkpoints of jobs that run are models with such names; they are used by name and not listed."""


@router.get("", operation_id="listModels", summary="All models", responses=errors.declared(Unauthenticated))
async def list_models(catalog: CatalogPart, _caller: Predictor) -> ModelList:
    """Every model, by name. OpenAI's clients read this list, too."""
    models = [model for model in catalog.models if not model.name.startswith(RUNS)]
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
    model = catalog.model(name)
    production = _production(model)
    return ModelDetail(
        **_entry(model, catalog),
        versions=[_version(version, model) for version in model.versions],
        aliases={alias: f"sha256:{digest}" for alias, digest in model.aliases.items()},
        card=production.card if production else "",
    )


def _entry(model: Model, catalog: CatalogPart) -> dict[str, object]:
    production = _production(model)
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


def _production(model: Model) -> Version | None:
    try:
        return model.resolve()
    except UnknownVersion:
        return None


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
        provenance=version.header.get("provenance", {}),
    )
