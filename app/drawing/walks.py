"""Walks between faces: drawn at once while short, assembled from the frames of a job when long."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from app.contract.errors import BadOption, NotFound
from app.contract.jobs import Job
from app.contract.messages import Drawing
from app.contract.registry import Version
from app.contract.schemas.animate import AnimateRequest, AnimateResponse, MotionFormat
from app.contract.schemas.base import Timing
from app.contract.states import JobState
from app.contract.store import Store
from app.drawing import marks, motion, pinned, portrait, walk_frames
from app.drawing.face_cache import Picture, picture
from app.drawing.faces import Faces, Made
from app.drawing.portrait import Portrait, Raster
from app.interactive.codec import Codec
from models import images

JOB_KIND = "animate"

MOST_PIXELS = 32_000_000
"""Pixels of all frames of a walk that is answered at once: 96 frames of 512 pixels, or 30 of 1024."""

MOST_JOB_PIXELS = 64_000_000
"""The same for a job; its frames are in memory while they are encoded, three bytes for each pixel."""


@dataclass(frozen=True)
class Walk:
    """How a walk is shown."""

    format: MotionFormat
    frames: int
    fps: int
    loop: bool
    size: int | None = None
    """Side in pixels, or None for the network's own."""
    frame: Portrait = portrait.PLAIN

    @property
    def seconds(self) -> float:
        """How long it plays once."""
        return round(self.frames / self.fps, 3)

    @property
    def media_type(self) -> str:
        """The type of its file."""
        return motion.CONTENT_TYPES[self.format]


class Walks:
    """Makes the files of walks."""

    def __init__(self, drawer: Faces, codec: Codec, store: Store) -> None:
        self._faces, self._codec, self._store = drawer, codec, store

    async def draw(self, version: Version, stations: Sequence[Drawing], shown: Walk, *, deadline: float) -> Made:
        """The walk between `stations`, drawn now, or kept from before.

        Raises:
            LikenessError: it is too large to be answered at once, or cannot be had.
        """
        check(version, shown, stations, most_pixels=MOST_PIXELS)
        frames = walk_frames.plan(stations, frames=shown.frames, loop=shown.loop)
        told = marks.metadata(version, stations[0], shown.frame)
        return await self._faces.assemble(
            version,
            frames,
            shape=["walk", asdict(shown)],
            deadline=deadline,
            finish=lambda drawn: finish(drawn, shown, told=told),
        )

    async def of_job(self, job: Job, shown: Walk) -> Picture:
        """The file of a job's walk, assembled when it is asked for the first time.

        Raises:
            NotFound: the job has not succeeded.
        """
        if job.state is not JobState.SUCCEEDED or job.output is None:
            raise NotFound()
        path, folder = f"jobs/{job.id}/output/walk.{shown.format}", f"jobs/{job.id}/output"
        names = [entry["name"] for entry in job.output["images"]]
        asked = job.request["walk"]
        native = int(job.request["native_size"])

        def assemble() -> Picture:
            try:
                data = self._store.get(path)
            except FileNotFoundError:
                drawn = [_decoded(self._store.get(f"{folder}/{name}")) for name in names]
                data = finish([drawn[i] for i in asked["order"]], shown, told=asked["metadata"]).data
                self._store.put(path, data)
            side = shown.size or native
            return picture(data, width=side, height=side, native_size=native)

        return await self._codec.run(assemble)


def of(job: Job) -> Walk:
    """The walk that a job draws. Raises `NotFound` for a job of another kind."""
    if job.kind != JOB_KIND:
        raise NotFound()
    shown = job.request["walk"]["shown"]
    return Walk(**{**shown, "frame": Portrait(**shown["frame"])})


def check(version: Version, shown: Walk, stations: Sequence[Drawing], *, most_pixels: int) -> None:
    """Raise `BadOption` when a walk has fewer frames than faces, or more pixels than there is room for."""
    side = shown.size or version.size
    if shown.frames < len(stations):
        raise BadOption(name="frames", reason=f"must be at least {len(stations)}, one for each face")
    if shown.frames * side * side > most_pixels:
        most = most_pixels // (side * side)
        raise BadOption(
            name="frames",
            reason=f"may be at most {most} at {side} pixels; ask for fewer, for a smaller size, or for a job "
            "(POST /v1/animate with `Prefer: respond-async`)",
        )


def job_request(version: Version, stations: Sequence[Drawing], shown: Walk) -> dict[str, Any]:
    """What a worker needs to draw the frames, each one once, and what is needed to assemble them."""
    check(version, shown, stations, most_pixels=MOST_JOB_PIXELS)
    frames = walk_frames.plan(stations, frames=shown.frames, loop=shown.loop)
    distinct = list(dict.fromkeys(frames))
    place = {drawing: position for position, drawing in enumerate(distinct)}
    return {
        "model": version.ref,
        "digest": version.digest,
        "drawings": [drawing.model_dump(mode="json") for drawing in distinct],
        "size": None,
        "native_size": version.size,
        "format": "png",
        "quality": None,
        "metadata": None,
        "walk": {
            "order": [place[drawing] for drawing in frames],
            "shown": asdict(shown),
            "metadata": marks.metadata(version, stations[0], shown.frame),
        },
    }


def answer(job: Job, timing: Timing) -> AnimateResponse:
    """The answer of a job that has succeeded."""
    assert job.output is not None
    shown = of(job)
    side = shown.size or int(job.request["native_size"])
    return AnimateResponse(
        model=job.output["model"],
        url=f"/v1/jobs/{job.id}/walk.{shown.format}",
        content_type=shown.media_type,
        width=side,
        height=side,
        frames=shown.frames,
        fps=shown.fps,
        seconds=shown.seconds,
        timing=timing,
    )


def address(version: Version, visited: Sequence[str], asked: AnimateRequest) -> str:
    """Where the same walk is for ever."""
    return pinned.walk(
        version,
        visited[0],
        visited[-1],
        asked.format,
        frames=asked.frames,
        fps=asked.fps,
        loop=None if asked.loop else False,
        via=",".join(visited[1:-1]) or None,
        size=asked.size,
        truncation=asked.truncation,
        label=asked.label,
        edits=asked.edits,
    )


def finish(drawn: Sequence[Raster], shown: Walk, *, told: Mapping[str, str]) -> Picture:
    """The file of frames as the network drew them. Equal frames are framed once."""
    framed: dict[int, Raster] = {}
    for raster in drawn:
        if id(raster) not in framed:
            framed[id(raster)] = portrait.frame(raster, shown.frame, size=shown.size, opaque=True)
    frames = [framed[id(raster)] for raster in drawn]
    data = motion.encode(frames, format=shown.format, fps=shown.fps, loop=shown.loop, metadata=told)
    native = max(drawn[0].width, drawn[0].height)
    return picture(data, width=frames[0].width, height=frames[0].height, native_size=native)


def _decoded(data: bytes) -> Raster:
    width, height = images.dimensions(data)
    return Raster(images.decode(data, size=width, channels=3), width, height, 3)
