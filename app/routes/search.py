"""Seeds that look like another, or that a classifier agrees with."""

from typing import Annotated

from fastapi import APIRouter, Query

from app import errors, seeds
from app.contract.errors import BadOption, InvalidRequest, Unauthenticated, UnknownLabel
from app.contract.schemas.search import FoundSeed, SeedList
from app.dependencies import CatalogPart, InferencePart, Predictor, SeedSearchPart
from app.drawing import faces, pinned
from app.drawing.seed_search import Filter

router = APIRouter(tags=["faces"])

ModelQuery = Annotated[str, Query(max_length=160, examples=["faces"])]


@router.get(
    "/v1/seeds",
    operation_id="findSeeds",
    summary="More like this",
    responses=errors.declared(Unauthenticated, InvalidRequest, *faces.FAILURES),
)
async def find_seeds(
    models: CatalogPart,
    search: SeedSearchPart,
    inference: InferencePart,
    _caller: Predictor,
    like: Annotated[
        str | None, Query(max_length=256, description="Look for faces like this seed's. Left out, for any.")
    ] = None,
    count: Annotated[int, Query(ge=1, le=64, description="How many seeds to find.")] = 12,
    model: ModelQuery = "",
    label: Annotated[str | None, Query(max_length=200, description="Class to draw.")] = None,
    truncation: Annotated[float | None, Query(ge=0, le=1, allow_inf_nan=False)] = None,
    classifier: ModelQuery = "",
    accept: Annotated[
        str | None, Query(max_length=200, description="Class that the classifier must see in the picture.")
    ] = None,
    min_confidence: Annotated[
        float, Query(ge=0, le=1, allow_inf_nan=False, description="Least probability of that class.")
    ] = 0.5,
) -> SeedList:
    """Seeds of the bank that look most like another, of those a classifier agrees with, and how many were tried."""
    version = models.resolve(model, kind="generator")
    seed = seeds.canonical(like, name="like") if like is not None else seeds.fresh()
    drawing = faces.plan(version, [seed], truncation=truncation, label=label, edits={})[0]
    judge: Filter | None = None
    if accept is not None:
        agreed = models.resolve(classifier, kind="classifier")
        if accept not in agreed.labels:
            raise UnknownLabel(model=agreed.model, label=accept, labels=", ".join(agreed.labels))
        judge = Filter(agreed, agreed.labels.index(accept), min_confidence)
    elif classifier:
        raise BadOption(name="classifier", reason="needs `accept`, the class that it must see")
    found = await search.run(
        version, drawing, like=like is not None, count=count, accept=judge, deadline=inference.deadline()
    )
    data = [
        FoundSeed(
            seed=one.seed,
            url=pinned.face(version, one.seed, "png", truncation=truncation, label=label),
            distance=None if one.distance is None else round(one.distance, 4),
            prediction=one.prediction,
        )
        for one in found.found
    ]
    return SeedList(model=version.ref, data=data, tried=found.tried, accepted=found.accepted)
