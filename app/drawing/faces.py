"""Draws pictures from seeds: checks what is asked of a generator, and makes each picture once."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from app.access.usage import Usage
from app.contract.errors import (
    BadOption,
    Busy,
    DeadlineExceeded,
    LikenessError,
    LimitReached,
    NoWorker,
    UnknownLabel,
    UnknownModel,
    UnknownVersion,
    WrongKind,
)
from app.contract.messages import Drawing
from app.contract.registry import Version
from app.contract.schemas.generate import CONTENT_TYPES, PictureFormat
from app.drawing import marks, portrait
from app.drawing.credentials import Credentials
from app.drawing.face_cache import FaceCache, Picture, picture
from app.drawing.portrait import Portrait, Raster
from app.interactive.codec import Codec
from app.interactive.flight import SingleFlight
from app.interactive.inference import Drawn, Inference

FAILURES: tuple[type[LikenessError], ...] = (
    BadOption,
    UnknownLabel,
    WrongKind,
    UnknownModel,
    UnknownVersion,
    Busy,
    NoWorker,
    DeadlineExceeded,
)
"""What can go wrong whenever something is drawn. A route declares these beside its own."""


@dataclass(frozen=True)
class Made:
    """A picture, and what it cost this time: nothing, when it was at hand."""

    picture: Picture
    queue_ms: float = 0.0
    compute_ms: float = 0.0
    drawn: int = 0
    """How many pictures a worker drew for it; of several who waited for the same drawing one is told, the others 0."""


def plan(
    version: Version,
    seeds: Sequence[str],
    *,
    truncation: float | None,
    label: str | None,
    edits: Mapping[str, float],
    mix: str | None = None,
) -> list[Drawing]:
    """One drawing for each canonical seed; `mix` is canonical, too.

    Raises:
        UnknownLabel, BadOption: the generator has no such class, no classes at all, or no such edit.
    """
    if label is not None and not version.labels:
        raise BadOption(name="label", reason=f"cannot be given, because {version.model} knows no classes")
    if label is not None and label not in version.labels:
        raise UnknownLabel(model=version.model, label=label[:100], labels=", ".join(version.labels))
    for name in edits:
        if name not in version.directions:
            known = ", ".join(version.directions) or "none"
            raise BadOption(name="edits", reason=f"names {name[:100]!r}, but {version.model} knows {known}")
    index = None if label is None else version.labels.index(label)
    if truncation is None:
        truncation = version.truncation
    along = tuple(sorted((name, amount) for name, amount in edits.items() if amount))
    return [Drawing(seed=seed, truncation=truncation, label=index, edits=along, mix=mix) for seed in seeds]


class Faces:
    """Drawn pictures: from the cache, from a drawing that is under way, or from a worker."""

    def __init__(
        self, inference: Inference, codec: Codec, cache: FaceCache, credentials: Credentials, usage: Usage
    ) -> None:
        self._inference, self._codec, self._cache, self._credentials = inference, codec, cache, credentials
        self._usage = usage
        self._flights = SingleFlight[Made](personal=_concerns_one)

    async def draw(
        self,
        version: Version,
        drawings: Sequence[Drawing],
        *,
        format: PictureFormat,
        size: int | None,
        deadline: float,
        frame: Portrait = portrait.PLAIN,
        signed: bool = False,
        quality: int | None = None,
    ) -> list[Made]:
        """The pictures in the order of the drawings.

        Args:
            version: generator to use.
            drawings: what to draw; see `plan`.
            format: how to encode them.
            size: side of the pictures in pixels, or None for the network's own.
            deadline: time of the event loop by which they must be there.
            frame: how to frame them.
            signed: whether the files carry Content Credentials.
            quality: of the encoder, 1 to 100, or None for the usual.

        Raises:
            LikenessError: one of them cannot be had.
        """

        async def one(drawing: Drawing) -> Made:
            key = _key("face", version, [drawing], format, size or version.size, asdict(frame), signed, quality)

            async def make(until: float) -> Made:
                answer = await self._inference.draw(version, [drawing], deadline=until)
                drawn = _raster(answer.results[0])

                def finish() -> Picture:
                    framed = portrait.frame(drawn, frame, size=size, opaque=format == "jpeg")
                    told = marks.metadata(version, drawing, frame)
                    data = portrait.encode(framed, format=format, metadata=told, quality=quality)
                    if signed:
                        data = self._credentials.sign(
                            data,
                            content_type=CONTENT_TYPES[format],
                            title=drawing.seed,
                            parameters=marks.parameters(version, drawing, frame),
                        )
                    native = max(drawn.width, drawn.height)
                    return picture(data, width=framed.width, height=framed.height, native_size=native)

                file = await self._codec.run(finish, deadline=until)
                return Made(file, answer.queue_ms, answer.compute_ms, drawn=1)

            return await self._once(key, make, deadline=deadline)

        # Each drawing is a request of its own to the coalescer, which gathers them into batches again; so two requests
        # that share some pictures still draw each one once.
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(drawing)) for drawing in drawings]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None  # the first to fail; the others were given up with it
        return [task.result() for task in tasks]

    async def assemble(
        self,
        version: Version,
        drawings: Sequence[Drawing],
        *,
        shape: Sequence[Any],
        deadline: float,
        finish: Callable[[list[Raster]], Picture],
    ) -> Made:
        """One file of many drawings, which is kept as a single face is.

        Args:
            version: generator to use.
            drawings: what to draw; equal ones are drawn once.
            shape: everything besides the drawings that `finish` depends on, as JSON values.
            deadline: time of the event loop by which it must be there.
            finish: makes the file of the pictures, in their order; runs in a thread.

        Raises:
            LikenessError: it cannot be had.
        """

        async def make(until: float) -> Made:
            distinct = list(dict.fromkeys(drawings))
            answer = await self._inference.draw(version, distinct, deadline=until)
            drawn = dict(zip(distinct, map(_raster, answer.results), strict=True))
            file = await self._codec.run(lambda: finish([drawn[each] for each in drawings]), deadline=until)
            return Made(file, answer.queue_ms, answer.compute_ms, drawn=len(distinct))

        return await self._once(_key("many", version, drawings, *shape), make, deadline=deadline)

    async def _once(self, key: str, make: Callable[[float], Coroutine[Any, Any, Made]], *, deadline: float) -> Made:
        """The picture kept under `key`; else the one that `make` makes until a deadline, for all who ask meanwhile."""
        if (kept := await self._cache.get(key)) is not None:
            return Made(kept)
        self._usage.check()

        async def make_and_keep() -> Made:
            # Not until the deadline of who begins: who joins may have more patience.
            made = await make(self._inference.deadline())
            await self._cache.put(key, made.picture)
            return made

        try:
            async with asyncio.timeout_at(deadline):
                made, new = await self._flights.once(key, make_and_keep)
        except TimeoutError:
            raise DeadlineExceeded() from None
        return made if new else replace(made, drawn=0)


def _concerns_one(failure: Exception) -> bool:
    """Whether a drawing failed for its first asker alone: its allowance, its share of the queue, or its time is up."""
    return isinstance(failure, LimitReached | DeadlineExceeded) or type(failure) is Busy


def _raster(drawn: Drawn) -> Raster:
    height, width, count = drawn.shape
    channels: Literal[1, 3] = 1 if count == 1 else 3
    return Raster(drawn.pixels, width, height, channels)


def _key(kind: str, version: Version, drawings: Sequence[Drawing], *shape: Any) -> str:
    what = [drawing.model_dump(exclude_defaults=True) for drawing in drawings]
    return json.dumps([kind, version.digest, version.model, what, *shape], sort_keys=True)
