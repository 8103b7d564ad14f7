"""Draws pictures from seeds: checks what is asked of a generator, and makes each picture once."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app import marks
from app.codec import Codec
from app.contract.errors import BadOption, UnknownLabel
from app.contract.messages import Drawing
from app.contract.registry import Version
from app.contract.schemas.generate import PictureFormat
from app.face_cache import FaceCache, Picture, picture
from app.flight import SingleFlight
from app.inference import Inference


@dataclass(frozen=True)
class Made:
    """A picture, and what it cost this time: nothing, when it was at hand."""

    picture: Picture
    queue_ms: float = 0.0
    compute_ms: float = 0.0


def plan(
    version: Version,
    seeds: Sequence[str],
    *,
    truncation: float | None,
    label: str | None,
    edits: Mapping[str, float],
) -> list[Drawing]:
    """One drawing for each canonical seed.

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
        truncation = float(version.header["extras"].get("truncation", 1.0))
    along = tuple(sorted((name, amount) for name, amount in edits.items() if amount))
    return [Drawing(seed=seed, truncation=truncation, label=index, edits=along) for seed in seeds]


class Faces:
    """Drawn pictures: from the cache, from a drawing that is under way, or from a worker."""

    def __init__(self, inference: Inference, codec: Codec, cache: FaceCache) -> None:
        self._inference, self._codec, self._cache = inference, codec, cache
        self._flights = SingleFlight[Made]()

    async def draw(
        self,
        version: Version,
        drawings: Sequence[Drawing],
        *,
        format: PictureFormat,
        size: int | None,
        deadline: float,
    ) -> list[Made]:
        """The pictures in the order of the drawings.

        Args:
            version: generator to use.
            drawings: what to draw; see `plan`.
            format: how to encode them.
            size: side of the pictures in pixels, or None for the network's own.
            deadline: time of the event loop by which they must be there.

        Raises:
            LikenessError: one of them cannot be had.
        """
        # Each drawing is a request of its own to the coalescer, which gathers them into batches again; so two requests
        # that share some pictures still draw each one once.
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._one(version, drawing, format=format, size=size, deadline=deadline))
                for drawing in drawings
            ]
        return [task.result() for task in tasks]

    async def _one(
        self, version: Version, drawing: Drawing, *, format: PictureFormat, size: int | None, deadline: float
    ) -> Made:
        key = _key(version, drawing, format, size)
        if (kept := await self._cache.get(key)) is not None:
            return Made(kept)

        async def make() -> Made:
            answer = await self._inference.draw(version, [drawing], deadline=deadline)
            drawn = answer.results[0]
            height, width, _ = drawn.shape
            native = max(width, height)
            data = await self._codec.encode(
                drawn.pixels,
                shape=drawn.shape,
                format=format,
                size=size,
                metadata=marks.metadata(version, drawing),
            )
            scale = (size or native) / native
            made = picture(data, width=round(width * scale), height=round(height * scale), native_size=native)
            await self._cache.put(key, made)
            return Made(made, answer.queue_ms, answer.compute_ms)

        return await self._flights.once(key, make)


def _key(version: Version, drawing: Drawing, format: PictureFormat, size: int | None) -> str:
    side = size or version.size  # the same picture, whether its own size was asked for or left out
    return json.dumps([version.digest, version.model, drawing.model_dump(), format, side], sort_keys=True)
