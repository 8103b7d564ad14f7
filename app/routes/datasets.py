"""Pictures to train on: uploaded, looked through, shown, removed."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from app import errors, openapi
from app.contract import datasets
from app.contract.datasets import Dataset, DatasetState
from app.contract.errors import (
    BodyTooLarge,
    DatasetInUse,
    IdempotencyConflict,
    InvalidRequest,
    NothingYet,
    Unauthenticated,
    UnknownDataset,
    UnsupportedMediaType,
)
from app.contract.schemas.datasets import DatasetList, DatasetReport, DatasetView
from app.dependencies import DatasetsPart, DurablePart, IdempotencyKey, Preference, StorePart, Trainer
from app.http.paging import After, Limit
from app.jobs import dataset_upload
from app.jobs.idempotency import Claim

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])

ROUTE = "/v1/datasets"

DatasetId = Annotated[str, Path(max_length=60, examples=["ds_0123456789abcdef01234567"])]

_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {
                        "type": "array",
                        "items": openapi.BYTES,
                        "maxItems": dataset_upload.MOST_FILES,
                        "description": "A zip or tar of pictures: a folder per class, or flat; `train/` and `test/` on "
                        "top say what is held out. Or IDX files, as MNIST has them.",
                    },
                    "name": {"type": "string", "maxLength": dataset_upload.LONGEST_NAME},
                    "classes": {"type": "string", "description": "IDX files: names of the labels, with commas."},
                },
            }
        }
    },
}


@router.post(
    "",
    operation_id="createDataset",
    summary="Upload pictures",
    status_code=201,
    response_model=DatasetView,
    responses=errors.declared(Unauthenticated, InvalidRequest, UnsupportedMediaType, BodyTooLarge, IdempotencyConflict),
    openapi_extra={"requestBody": _BODY},
)
async def create_dataset(
    request: Request,
    response: Response,
    store: StorePart,
    found: DatasetsPart,
    durable: DurablePart,
    caller: Trainer,
    prefer: Preference,
    idempotency_key: IdempotencyKey = None,
) -> DatasetView:
    """The pictures are then looked through by a worker; with `Prefer: wait=N` the answer waits for that."""
    await asyncio.to_thread(found.check_room, caller, route=ROUTE, key=idempotency_key)
    dataset_id = datasets.new_id()
    received = await dataset_upload.receive(request, store, dataset_id)
    claim = Claim.of(idempotency_key, owner=caller.key, route=ROUTE, body=received.identity())
    dataset, job = await asyncio.to_thread(found.accept, dataset_id, received, caller, claim)
    await durable.send(job)
    if prefer.wait_seconds:
        await durable.wait(job, seconds=prefer.wait_seconds)
        dataset = await asyncio.to_thread(found.get, dataset.id, caller)
        response.headers["Preference-Applied"] = prefer.applied
    response.headers["Location"] = f"{ROUTE}/{dataset.id}"
    return _view(dataset)


@router.get(
    "", operation_id="listDatasets", summary="Data sets, newest first", responses=errors.declared(Unauthenticated)
)
async def list_datasets(
    found: DatasetsPart,
    caller: Trainer,
    limit: Limit = 20,
    after: After = None,
) -> DatasetList:
    """The data sets of the caller's key."""
    page = await asyncio.to_thread(found.page, caller, limit=limit + 1, after=after)
    data = [_view(dataset) for dataset in page[:limit]]
    return DatasetList(data=data, has_more=len(page) > limit, last_id=data[-1].id if data else None)


@router.get(
    "/{dataset_id}",
    operation_id="getDataset",
    summary="One data set",
    responses=errors.declared(Unauthenticated, UnknownDataset),
)
async def get_dataset(dataset_id: DatasetId, found: DatasetsPart, caller: Trainer) -> DatasetView:
    """What is in it, and what was found wrong with it."""
    return _view(await asyncio.to_thread(found.get, dataset_id, caller))


@router.get(
    "/{dataset_id}/sheet.png",
    operation_id="getDatasetSheet",
    summary="A contact sheet",
    response_class=Response,
    responses={
        200: {"content": openapi.files("image/png"), "description": "The sheet."},
        **errors.declared(Unauthenticated, UnknownDataset, NothingYet),
    },
)
async def get_sheet(dataset_id: DatasetId, found: DatasetsPart, store: StorePart, caller: Trainer) -> Response:
    """Some pictures of every class, a row for each."""
    dataset = await asyncio.to_thread(found.get, dataset_id, caller)
    try:
        data = await asyncio.to_thread(store.get, datasets.sheet_path(dataset.id))
    except FileNotFoundError:
        raise NothingYet(what="contact sheet") from None
    return Response(data, media_type="image/png", headers={"Cache-Control": "private, max-age=3600"})


@router.delete(
    "/{dataset_id}",
    operation_id="deleteDataset",
    summary="Remove a data set",
    status_code=204,
    response_description="It is gone.",
    responses=errors.declared(Unauthenticated, UnknownDataset, DatasetInUse),
)
async def delete_dataset(dataset_id: DatasetId, found: DatasetsPart, caller: Trainer) -> None:
    """Its pictures are gone afterwards. Refused while a job that has not ended trains on it."""
    await asyncio.to_thread(found.delete, dataset_id, caller)


def _view(dataset: Dataset) -> DatasetView:
    ready = dataset.state is DatasetState.READY
    return DatasetView(
        id=dataset.id,
        name=dataset.name,
        status=dataset.state,
        digest=f"sha256:{dataset.digest}" if dataset.digest else None,
        images=dataset.images,
        classes=dataset.classes,
        report=DatasetReport.model_validate(dataset.report) if ready else None,
        error=dataset.error,
        size_bytes=dataset.size_bytes,
        job=dataset.job,
        created_at=dataset.created_at,
    )
