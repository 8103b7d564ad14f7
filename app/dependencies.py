"""How routes ask for the parts of a running api, and for what a request tells of itself."""

from collections.abc import Callable
from typing import Annotated, Any

import redis.asyncio
from fastapi import Depends, Header, Path, Request

from app.access.auth import requires
from app.access.caller import Caller
from app.access.keyring import Keyring
from app.access.usage import Usage
from app.contract.database import Database
from app.contract.settings import Settings
from app.contract.store import Store
from app.drawing.addresses import Addresses
from app.drawing.credentials import Credentials
from app.drawing.face_cache import FaceCache
from app.drawing.faces import Faces
from app.drawing.provenance import Provenance
from app.drawing.seed_search import SeedSearch
from app.drawing.sheets import Sheets
from app.drawing.walks import Walks
from app.http.prefer import Prefer
from app.interactive.catalog import Catalog
from app.interactive.codec import Codec
from app.interactive.inference import Inference
from app.interactive.workers import Workers
from app.jobs.curator import Curator
from app.jobs.datasets import Datasets
from app.jobs.durable import Durable
from app.jobs.job_view import Outputs
from app.jobs.training_checks import TrainingChecks
from app.jobs.trainings import Trainings
from app.metrics import Metrics
from app.protocols.oip import Interpreter


def _part(name: str) -> Callable[[Request], Any]:
    # A coroutine, because FastAPI would run a plain function in a thread, which costs more than all the rest.
    async def get(request: Request) -> Any:
        return getattr(request.app.state.parts, name)

    return get


SettingsPart = Annotated[Settings, Depends(_part("settings"))]
RedisPart = Annotated[redis.asyncio.Redis, Depends(_part("redis"))]
DatabasePart = Annotated[Database, Depends(_part("database"))]
StorePart = Annotated[Store, Depends(_part("store"))]
CatalogPart = Annotated[Catalog, Depends(_part("catalog"))]
KeyringPart = Annotated[Keyring, Depends(_part("keyring"))]
MetricsPart = Annotated[Metrics, Depends(_part("metrics"))]
WorkersPart = Annotated[Workers, Depends(_part("workers"))]
InferencePart = Annotated[Inference, Depends(_part("inference"))]
CodecPart = Annotated[Codec, Depends(_part("codec"))]
FaceCachePart = Annotated[FaceCache, Depends(_part("face_cache"))]
CredentialsPart = Annotated[Credentials, Depends(_part("credentials"))]
FacesPart = Annotated[Faces, Depends(_part("faces"))]
ProvenancePart = Annotated[Provenance, Depends(_part("provenance"))]
SheetsPart = Annotated[Sheets, Depends(_part("sheets"))]
InterpreterPart = Annotated[Interpreter, Depends(_part("interpreter"))]
SeedSearchPart = Annotated[SeedSearch, Depends(_part("seed_search"))]
WalksPart = Annotated[Walks, Depends(_part("walks"))]
UsagePart = Annotated[Usage, Depends(_part("usage"))]
AddressesPart = Annotated[Addresses, Depends(_part("addresses"))]
DurablePart = Annotated[Durable, Depends(_part("durable"))]
OutputsPart = Annotated[Outputs, Depends(_part("outputs"))]
DatasetsPart = Annotated[Datasets, Depends(_part("datasets"))]
TrainingChecksPart = Annotated[TrainingChecks, Depends(_part("training_checks"))]
TrainingsPart = Annotated[Trainings, Depends(_part("trainings"))]
CuratorPart = Annotated[Curator, Depends(_part("curator"))]

Predictor = Annotated[Caller, Depends(requires("predict"))]
Trainer = Annotated[Caller, Depends(requires("train"))]
Admin = Annotated[Caller, Depends(requires("admin"))]


async def _prefer(
    prefer: Annotated[
        str | None,
        Header(description="`respond-async` makes a durable job of the request; `wait=N` waits up to N seconds first."),
    ] = None,
) -> Prefer:
    return Prefer.parse(prefer)


Preference = Annotated[Prefer, Depends(_prefer)]

JobId = Annotated[str, Path(max_length=60, examples=["job_0123456789abcdef01234567"])]

IdempotencyKey = Annotated[
    str | None,
    Header(description="The same key and body create the same thing once; the key with another body is refused."),
]
