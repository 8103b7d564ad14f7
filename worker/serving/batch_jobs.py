"""The durable kinds of classifying and drawing: many pictures in slices, each slice one turn at the device.

What a slice made is in the store, and on its disk, before the job's progress says so. An attempt that comes after
another one goes on from that progress, perhaps in slices of another size; a picture that is done twice becomes the same
bytes.
"""

import hashlib
import io
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from app.contract import tracing
from app.contract.database import now
from app.contract.messages import Drawing, Reply, pack
from app.contract.schemas.generate import EXTENSIONS
from app.contract.store import Store, StorePath
from models import images
from worker.durable.runner import Kind, Work
from worker.reporter import Reporter
from worker.serving.inference import pictures
from worker.serving.loaded import Loaded


class BatchJobs:
    """Runs jobs of the kinds `generate`, `animate` and `classify`; to a worker, a walk is the pictures of its frames.

    Args:
        turns: held while a network runs, so that interactive batches come in beside or between.
        slice_images: pictures of one turn.
        reporter: told of each slice, which is as much a batch as one that somebody waits for.
    """

    def __init__(
        self,
        store: Store,
        *,
        loaded: Loaded,
        turns: AbstractContextManager[object],
        slice_images: int,
        reporter: Reporter,
    ) -> None:
        self._store = store
        self._loaded = loaded
        self._turns = turns
        self._slice_images = slice_images
        self._reporter = reporter

    def kinds(self) -> dict[str, Kind]:
        """What a worker with this can do."""
        return {"generate": self.generate, "animate": self.generate, "classify": self.classify}

    def generate(self, work: Work) -> dict[str, Any]:
        """Draw the request's `drawings`, encode them, and put them under `jobs/{id}/output/`."""
        request, engine = work.job.request, self._loaded.engine(work.job.request["digest"])
        drawings = [Drawing.model_validate(drawing) for drawing in request["drawings"]]

        def draw(start: int, end: int) -> None:
            with self._turns, tracing.span("compute"):
                drawn = engine.generate(drawings[start:end])
            with tracing.span("encode"):
                for position, pixels in enumerate(drawn, start):
                    self._store.put(self._picture_path(work, position), _encoded(pixels, request, position))
                self._store.settle(*(self._picture_path(work, position) for position in range(start, end)))

        compute_ms = self._slices(work, draw, total=len(drawings))
        made = [self._described(work, drawing.seed, position) for position, drawing in enumerate(drawings)]
        return {"model": request["model"], "images": made, "timing": _timing(work, compute_ms)}

    def classify(self, work: Work) -> dict[str, Any]:
        """Classify the pixels under `jobs/{id}/input/pixels`; `output/reply` is the reply of one large batch."""
        request, engine = work.job.request, self._loaded.engine(work.job.request["digest"])
        count, shape = int(request["count"]), tuple(request["shape"])
        pixels = pictures(self._store.get(f"jobs/{work.job.id}/input/pixels"), shape=shape, count=count)
        parts = f"jobs/{work.job.id}/parts"

        def classify(start: int, end: int) -> None:
            part = pixels[start:end]
            with self._turns, tracing.span("compute"):
                arrays: list[np.ndarray] = [*engine.classify(part)]
                if request["explain"]:
                    arrays.append(engine.explain(part, range(len(part))))
            self._store.put(f"{parts}/{start}-{end}", _to_bytes(arrays), lasting=True)

        compute_ms = self._slices(work, classify, total=count)
        work.needless += self._store.list(parts)
        arrays = self._joined(work.needless, count=count)
        told = Reply(batch=work.job.id, compute_ms=compute_ms, shape=arrays[0].shape)
        path = f"jobs/{work.job.id}/output/reply"
        self._store.put(path, pack(told, *(array.tobytes() for array in arrays)), lasting=True)
        return {"model": request["model"], "reply": path, "count": count, "timing": _timing(work, compute_ms)}

    def _slices(self, work: Work, run: Callable[[int, int], None], *, total: int) -> float:
        """Run what is left of `total` pictures slice by slice; the milliseconds of all attempts together."""
        done, spent = int(work.job.progress.get("images", 0)), float(work.job.progress.get("compute_ms", 0))
        for start in range(done, total, self._slice_images):
            work.check()
            clock = time.perf_counter()
            end = min(start + self._slice_images, total)
            run(start, end)
            seconds = time.perf_counter() - clock
            self._reporter.count(images=end - start, seconds=seconds)
            spent += 1000 * seconds
            progress = {"images": end, "of": total}
            work.say("progress", progress, progress={**progress, "compute_ms": round(spent, 3)})
        return round(spent, 3)

    def _described(self, work: Work, seed: str, position: int) -> dict[str, Any]:
        path = self._picture_path(work, position)
        data = self._store.get(path)
        width, height = images.dimensions(data)
        return {
            "seed": seed,
            "name": path.rsplit("/", 1)[1],
            "content_type": f"image/{work.job.request['format']}",
            "width": width,
            "height": height,
            "sha256": hashlib.sha256(data).hexdigest(),
        }

    def _picture_path(self, work: Work, position: int) -> str:
        return f"jobs/{work.job.id}/output/{position}.{EXTENSIONS[work.job.request['format']]}"

    def _joined(self, parts: Sequence[StorePath], *, count: int) -> list[np.ndarray]:
        """The arrays of all `count` pictures, from parts whose names begin with the number of their first one. They
        overlap where another attempt had slices of another size."""
        pieces, done = [], 0
        for first, path in sorted((int(path.rsplit("/", 1)[1].partition("-")[0]), path) for path in parts):
            arrays = [array[max(done - first, 0) :] for array in _from_bytes(self._store.get(path))]
            pieces.append(arrays)
            done += len(arrays[0])
        if done != count:
            raise AssertionError(f"parts of {done} pictures where {count} are done")
        return [np.concatenate(column) for column in zip(*pieces, strict=True)]


def _encoded(pixels: np.ndarray, request: dict[str, Any], position: int) -> bytes:
    height, width, channels = pixels.shape
    metadata = request.get("metadata")
    return images.encode(
        pixels.tobytes(),
        width=width,
        height=height,
        channels=channels,
        format=request["format"],
        size=request.get("size"),
        metadata=metadata[position] if metadata else None,
        quality=request.get("quality"),
    )


def _to_bytes(arrays: Sequence[np.ndarray]) -> bytes:
    file = io.BytesIO()
    np.savez(file, *arrays)
    return file.getvalue()


def _from_bytes(data: bytes) -> list[np.ndarray]:
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return [file[name] for name in file.files]


def _timing(work: Work, compute_ms: float) -> dict[str, float]:
    job = work.job
    queued = (job.started_at - job.created_at).total_seconds() if job.started_at else 0.0
    total = (now() - job.created_at).total_seconds()
    return {"queue_ms": round(1000 * queued, 3), "compute_ms": compute_ms, "total_ms": round(1000 * total, 3)}
