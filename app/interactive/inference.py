"""The interactive path: images of many requests through one queue to the workers and back, without a database."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

from app.access.limits import Limits, whose_turn
from app.contract import tracing
from app.contract.errors import InternalError, LikenessError
from app.contract.messages import ClassifyBatch, Drawing, GenerateBatch, Reply, SimilarBatch, pixels_key
from app.contract.registry import Version
from app.contract.settings import Settings
from app.interactive.coalesce import Answer, Coalescer, I, R, Send
from app.interactive.dispatch import Dispatcher
from app.metrics import Metrics, Work

_FLOAT_BYTES = 4


@dataclass(frozen=True)
class Subject:
    """One picture to classify: uint8 pixels [size, size, channels]."""

    pixels: bytes
    explain: bool = False


@dataclass(frozen=True)
class Scores:
    """What a classifier says of one picture."""

    probabilities: tuple[float, ...]
    energy: float
    heat: bytes | None  # uint8 [size, size], when it was asked for


@dataclass(frozen=True)
class Drawn:
    """One drawn picture: uint8 pixels [height, width, channels]."""

    pixels: bytes
    shape: tuple[int, int, int]


class Inference:
    """Runs networks on workers. Each model, and each kind of work, is a lane of its own."""

    def __init__(self, dispatcher: Dispatcher, allowances: Limits, metrics: Metrics, settings: Settings) -> None:
        self._dispatcher, self._allowances, self._metrics = dispatcher, allowances, metrics
        self._deadline_seconds = settings.interactive_deadline_seconds

        def coalescer(send: Send[str, I, R]) -> Coalescer[str, I, R]:
            return Coalescer(
                send,
                max_batch_images=settings.max_batch_images,
                in_flight=lambda: max(settings.in_flight_batches, dispatcher.workers + 1),
                max_queued_images=settings.max_queued_images,
                max_queue_seconds=settings.max_queue_seconds,
            )

        self._classify = coalescer(self._send_subjects)
        self._draw = coalescer(self._send_drawings)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Give up what is out."""
        await self._classify.stop()
        await self._draw.stop()

    @property
    def batches_sent(self) -> int:
        """Batches sent since the start."""
        return self._classify.batches_sent + self._draw.batches_sent

    @property
    def images_sent(self) -> int:
        """Images in those batches."""
        return self._classify.images_sent + self._draw.images_sent

    @property
    def waiting_images(self) -> int:
        """Images that are in no batch yet."""
        return self._classify.waiting_images + self._draw.waiting_images

    def deadline(self) -> float:
        """When a request that arrives now must have its answer: time of the event loop."""
        return asyncio.get_running_loop().time() + self._deadline_seconds

    def check_room(self, version: Version, pictures: int) -> None:
        """Raise `Busy` when so many more pictures cannot wait, before anything is spent on them."""
        self._classify.check(version.digest, pictures, owner=whose_turn())

    def room(self, version: Version) -> Callable[[], int]:
        """What tells how many more pictures of the running request's owner may wait."""
        return partial(self._classify.room, version.digest, owner=whose_turn())

    async def classify(self, version: Version, subjects: Sequence[Subject], *, deadline: float) -> Answer[Scores]:
        """Scores in the order of the subjects. Raises `LikenessError`."""
        await self._allowances.images(len(subjects))
        answer = await self._classify.run(version.digest, subjects, deadline=deadline, owner=whose_turn())
        self._metrics.stage("wait", answer.queue_ms / 1000)
        return answer

    async def draw(self, version: Version, drawings: Sequence[Drawing], *, deadline: float) -> Answer[Drawn]:
        """Pictures in the order of the drawings. Raises `LikenessError`."""
        await self._allowances.images(len(drawings))
        answer = await self._draw.run(version.digest, drawings, deadline=deadline, owner=whose_turn())
        self._metrics.stage("wait", answer.queue_ms / 1000)
        return answer

    async def similar(
        self, version: Version, drawing: Drawing, *, count: int, deadline: float
    ) -> list[tuple[str, float]]:
        """Seeds of the generator's bank that look most like a drawing, and how far they are. Raises `LikenessError`."""
        await self._allowances.images(1)
        batch = SimilarBatch(
            id=self._dispatcher.next_id(),
            reply_to=self._dispatcher.reply_to,
            digest=version.digest,
            sent_at=time.time(),
            deadline=_unix(deadline),
            traceparent=tracing.here(),
            drawing=drawing,
            count=count,
        )
        _, body = await self._dispatcher.send(batch, deadline=deadline)
        distances, seeds = body[: len(body) // 2].cast("f").tolist(), body[len(body) // 2 :].cast("i").tolist()
        return [(str(seed), distance) for seed, distance in zip(seeds, distances, strict=True)]

    async def _send_subjects(self, digest: str, subjects: Sequence[Subject], deadline: float) -> Answer[Scores]:
        batch_id = self._dispatcher.next_id()
        explained = tuple(i for i, subject in enumerate(subjects) if subject.explain)
        batch = ClassifyBatch(
            id=batch_id,
            reply_to=self._dispatcher.reply_to,
            digest=digest,
            sent_at=time.time(),
            deadline=_unix(deadline),
            traceparent=tracing.here(),
            pixels=pixels_key(batch_id),
            count=len(subjects),
            explain=explained,
        )
        pixels = b"".join(subject.pixels for subject in subjects)
        reply, body = await self._send(
            "classify", batch, images=len(subjects), deadline=deadline, payload={batch.pixels: pixels}
        )
        return Answer(read_scores(reply, body, explained=explained), reply.queue_ms, reply.compute_ms)

    async def _send_drawings(self, digest: str, drawings: Sequence[Drawing], deadline: float) -> Answer[Drawn]:
        batch = GenerateBatch(
            id=self._dispatcher.next_id(),
            reply_to=self._dispatcher.reply_to,
            digest=digest,
            sent_at=time.time(),
            deadline=_unix(deadline),
            traceparent=tracing.here(),
            drawings=tuple(drawings),
        )
        reply, body = await self._send("generate", batch, images=len(drawings), deadline=deadline)
        return Answer(_read_pictures(reply, body, count=len(drawings)), reply.queue_ms, reply.compute_ms)

    async def _send(
        self,
        work: Work,
        batch: ClassifyBatch | GenerateBatch,
        *,
        images: int,
        deadline: float,
        payload: Mapping[str, bytes] | None = None,
    ) -> tuple[Reply, memoryview]:
        try:
            reply, body = await self._dispatcher.send(batch, deadline=deadline, payload=payload)
        except LikenessError as error:
            self._metrics.batch_failed(work, error.code)
            raise
        self._metrics.batch(work, images=images, queue_ms=reply.queue_ms, compute_ms=reply.compute_ms)
        return reply, body


def read_scores(reply: Reply, body: memoryview, *, explained: Sequence[int]) -> list[Scores]:
    """Take the body of a classify reply apart: probabilities, energies, then a heat map for each explained position."""
    count, classes = reply.shape
    numbers = count * (classes + 1)
    if len(body) < _FLOAT_BYTES * numbers + len(explained):
        raise InternalError()
    values = body[: _FLOAT_BYTES * numbers].cast("f").tolist()
    energies, heat = values[count * classes :], body[_FLOAT_BYTES * numbers :]
    side_bytes = len(heat) // len(explained) if explained else 0
    maps = {position: bytes(heat[i * side_bytes : (i + 1) * side_bytes]) for i, position in enumerate(explained)}
    return [Scores(tuple(values[i * classes : (i + 1) * classes]), energies[i], maps.get(i)) for i in range(count)]


def _read_pictures(reply: Reply, body: memoryview, *, count: int) -> list[Drawn]:
    found, height, width, channels = reply.shape
    step = height * width * channels
    if found != count or len(body) != count * step:
        raise InternalError()
    return [Drawn(bytes(body[i * step : (i + 1) * step]), (height, width, channels)) for i in range(count)]


def _unix(deadline: float) -> float:
    return time.time() + deadline - asyncio.get_running_loop().time()
