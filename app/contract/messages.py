"""What travels between api and infer workers: the message of one coalesced batch, and its reply.

The pixels of a classify batch lie under a Redis key of their own; the message carries the key. A reply is one byte
string pushed to the asking process's list: a 4-byte big-endian length, that many bytes of JSON, then raw bytes.
"""

import contextlib
import time
from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

INFER_QUEUE = "infer"
TRAIN_QUEUE = "train"

CLASSIFY_TASK = "likeness.classify"
GENERATE_TASK = "likeness.generate"
SIMILAR_TASK = "likeness.similar"
JOB_TASK = "likeness.job"

PREFIX = "likeness:"
"""Every Redis key of ours begins so; the broker's own keys have it as their global prefix too."""


def replies_key(process: str) -> str:
    """The list on which the api process called `process` waits for replies."""
    return f"{PREFIX}replies:{process}"


def pixels_key(batch: str) -> str:
    """The key under which a classify batch's pixels lie until its worker replied, or they expire."""
    return f"{PREFIX}pixels:{batch}"


WORKERS_KEY = f"{PREFIX}workers"
"""A hash from worker name to its last `WorkerReport`; reports older than `WORKER_TTL_SECONDS` count as dead."""

WORKERS_CHANNEL = f"{PREFIX}workers:ready"
"""Published to when a worker has become ready; the payload is its `WorkerReport`. Processes then send again what they
still wait for, since a worker that died may have taken a batch with it."""

REGISTRY_CHANNEL = f"{PREFIX}registry"
"""Published to when a model, version or alias changes; the payload is the model's name."""

KEYS_CHANNEL = f"{PREFIX}keys"
"""Published to when a key changes; the payload is its id. Processes then forget what they know of keys."""

EVENTS_CHANNEL = f"{PREFIX}events:"
"""Prefix of a job's channel; publishing to it wakes whoever follows the job's events."""


class Frozen(BaseModel):
    """A small record that never changes."""

    model_config = ConfigDict(frozen=True)


class Batch(Frozen):
    """What every batch message says."""

    id: str = Field(description="Identity of the batch, unique per api process and start.")
    reply_to: str = Field(description="Redis list the reply goes to.")
    digest: str = Field(description="SHA-256 (hex) of the checkpoint to run.")
    sent_at: float = Field(description="Unix time of sending, in seconds.")
    deadline: float = Field(description="Unix time after which nobody waits any more, in seconds.")
    attempt: int = Field(1, description="1 the first time; a batch is sent once more when its worker may have died.")
    traceparent: str | None = Field(None, description="The span this belongs to (W3C Trace Context), when one traces.")


class ClassifyBatch(Batch):
    """Classify the pictures under `pixels`."""

    kind: Literal["classify"] = "classify"
    pixels: str = Field(description="Redis key of the raw uint8 pixels, [N, H, W, C] in C order.")
    count: int = Field(description="N, the number of pictures.")
    explain: tuple[int, ...] = Field((), description="Positions for which a heat map is wanted.")


class Drawing(Frozen):
    """One picture to draw."""

    seed: str = Field(description="Canonical text of the seed.")
    truncation: float = Field(1.0, ge=0, le=1, description="1 draws from the whole latent space, 0 is the mean face.")
    label: int | None = Field(None, description="Index of the class, for a class-conditional generator.")
    edits: tuple[tuple[str, float], ...] = Field((), description="Named directions and how far to go, sorted by name.")
    mix: str | None = Field(None, description="A second seed whose later stages are taken, for mixing of two seeds.")
    toward: str | None = Field(None, description="A second seed to walk to.")
    position: float = Field(0.0, ge=0, le=1, description="How far along the walk to `toward`.")


class GenerateBatch(Batch):
    """Draw pictures."""

    kind: Literal["generate"] = "generate"
    drawings: tuple[Drawing, ...] = Field(description="What to draw, in order.")


class SimilarBatch(Batch):
    """Find the seeds of the generator's bank whose pictures look most like a drawing."""

    kind: Literal["similar"] = "similar"
    drawing: Drawing = Field(description="What to look for.")
    count: int = Field(ge=1, description="How many seeds to name.")


InteractiveBatch = ClassifyBatch | GenerateBatch | SimilarBatch

TASKS: dict[str, str] = {"classify": CLASSIFY_TASK, "generate": GENERATE_TASK, "similar": SIMILAR_TASK}
"""The task of each kind of batch."""


class Reply(Frozen):
    """The header of a reply. On success the raw bytes follow as the body.

    Classify body: float32 probabilities [N, classes], then float32 energies [N], then a uint8 heat map [H, W] for
    each explained position. Generate body: uint8 pixels [N, H, W, C]. Similar body: float32 distances [count], then
    int32 seeds [count].
    """

    batch: str = Field(description="Identity of the batch this answers.")
    code: str | None = Field(None, description="Code of the error, or None on success.")
    detail: str = Field("", description="The error's sentence.")
    queue_ms: float = Field(0.0, description="From sending to the start of the work.")
    compute_ms: float = Field(0.0, description="Work of the worker, loading and network together.")
    shape: tuple[int, ...] = Field((), description="Shape of the first array of the body.")


class WorkerState(StrEnum):
    """What a worker is doing about being ready."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"


class WorkerReport(Frozen):
    """What a worker says of itself in every heartbeat."""

    name: str = Field(description="Stable name of the worker's place, such as infer-0.")
    boot: str = Field(description="New at every start of the process.")
    queue: str = Field(description="Queue it serves.")
    state: WorkerState
    device: str = Field(description="cpu, or the name of the GPU.")
    engine: str = Field(description="What runs its networks: onnx or torch.")
    loaded: tuple[str, ...] = Field((), description="Digests in memory.")
    batches: int = Field(0, description="Batches done since its start.")
    images: int = Field(0, description="Images done since its start.")
    busy_seconds: float = Field(0.0, description="Seconds of work since its start.")
    loads: int = Field(0, description="Networks loaded since its start.")
    load_seconds: float = Field(0.0, description="Seconds of loading since its start.")
    memory_bytes: int = Field(0, description="Memory in RAM.")
    device_memory_bytes: int = Field(0, description="Memory on its GPU, 0 without one.")
    at: float = Field(description="Unix time of this report, in seconds.")

    @property
    def lives(self) -> bool:
        """Whether the report is young enough."""
        return self.at >= time.time() - WORKER_TTL_SECONDS

    def takes(self, queue: str) -> bool:
        """Whether the worker lives, and takes what is put into `queue`."""
        return self.queue == queue and self.state is WorkerState.READY and self.lives


WORKER_TTL_SECONDS = 15
"""A worker is taken for dead when it has not renewed its report for this long."""


def readable(reports: Iterable[bytes | str]) -> list[WorkerReport]:
    """What lies under `WORKERS_KEY`, also of workers that were killed, which take none away.

    What cannot be read is passed over: a worker of another version wrote it.
    """
    found = []
    for text in reports:
        with contextlib.suppress(ValidationError):
            found.append(WorkerReport.model_validate_json(text))
    return found


def living(reports: Iterable[bytes | str]) -> list[WorkerReport]:
    """The workers that live, by what lies under `WORKERS_KEY`."""
    return [report for report in readable(reports) if report.lives]


def pack(reply: Reply, *arrays: bytes | memoryview) -> bytes:
    """One byte string of a reply's header and its raw arrays."""
    header = reply.model_dump_json().encode()
    return b"".join((len(header).to_bytes(4, "big"), header, *arrays))


def unpack(message: bytes) -> tuple[Reply, memoryview]:
    """The header and the raw body of what `pack` made.

    Raises:
        ValueError: the bytes are not a reply.
    """
    length = int.from_bytes(message[:4], "big")
    return Reply.model_validate_json(message[4 : 4 + length]), memoryview(message)[4 + length :]
