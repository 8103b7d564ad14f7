"""A durable job as clients see it, with its answer in the shape that the interactive path gives."""

import asyncio
import base64

from app.contract.jobs import Job
from app.contract.messages import unpack
from app.contract.schemas.base import Timing
from app.contract.schemas.classify import ClassifyResponse
from app.contract.schemas.generate import GeneratedImage, GenerateResponse
from app.contract.schemas.jobs import JobOutput, JobProgress, JobUrls, JobView
from app.contract.store import Store
from app.drawing import walks
from app.interactive.classification import Classification, Shaping
from app.interactive.inference import read_scores

INPUT_PIXELS = "pixels"
"""Where the pixels of a classify job lie below its input: uint8 [N, size, size, channels]."""


def view(job: Job, *, queue_position: int | None, output: JobOutput | None) -> JobView:
    """The record of a job."""
    base = f"/v1/jobs/{job.id}"
    return JobView(
        id=job.id,
        kind=job.kind,
        status=job.state,
        stage=job.stage,
        worker=job.lease_owner.partition("/")[0] if job.lease_owner else None,  # without the boot behind the name
        queue_position=queue_position,
        progress=JobProgress.model_validate({"images": job.progress.get("images", 0), "of": job.progress.get("of")}),
        output=output,
        error=job.error,
        attempt=job.attempt,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        urls=JobUrls(self=base, events=f"{base}/events", cancel=f"{base}/cancel"),
    )


class Outputs:
    """Reads what workers left behind."""

    def __init__(self, store: Store, classification: Classification) -> None:
        self._store, self._classification = store, classification

    async def of(self, job: Job) -> JobOutput | None:
        """The answer of a job that has succeeded, or None."""
        if job.output is None:
            return None
        match job.kind:
            case "classify":
                return await self._classified(job)
            case "generate":
                return await self._generated(job)
            case walks.JOB_KIND:
                return walks.answer(job, _timing(job))
            case _:
                return None

    async def _classified(self, job: Job) -> ClassifyResponse:
        assert job.output is not None
        packed = await asyncio.to_thread(self._store.get, job.output["reply"])
        pixels = await asyncio.to_thread(self._store.get, f"jobs/{job.id}/input/{INPUT_PIXELS}")
        reply, body = unpack(packed)
        count: int = job.request["count"]
        height, width, channels = (int(side) for side in job.request["shape"])
        step = height * width * channels
        pictures = [pixels[i * step : (i + 1) * step] for i in range(count)]
        explained = range(count) if job.request["explain"] else ()
        shaping = Shaping(
            labels=tuple(job.request["labels"]),
            size=width,
            channels=channels,
            top_k=job.request["top_k"],
            abstain_below=job.request["abstain_below"],
            energy_limit=job.request.get("energy_limit"),  # a job of before there was one
        )
        results = await self._classification.results(read_scores(reply, body, explained=explained), pictures, shaping)
        return ClassifyResponse(model=job.output["model"], results=results, timing=_timing(job))

    async def _generated(self, job: Job) -> GenerateResponse:
        assert job.output is not None
        images = []
        for entry in job.output["images"]:
            data = None
            if job.request["response"] == "base64":
                data = await asyncio.to_thread(self._store.get, f"jobs/{job.id}/output/{entry['name']}")
            images.append(
                GeneratedImage(
                    seed=entry["seed"],
                    url=f"/v1/jobs/{job.id}/output/{entry['name']}",
                    content_type=entry["content_type"],
                    width=entry["width"],
                    height=entry["height"],
                    native_size=job.request["native_size"],
                    sha256=entry["sha256"],
                    base64=None if data is None else base64.b64encode(data).decode(),
                )
            )
        return GenerateResponse(model=job.output["model"], images=images, timing=_timing(job))


def _timing(job: Job) -> Timing:
    told = (job.output or {}).get("timing", {})
    return Timing(
        queue_ms=told.get("queue_ms", 0), compute_ms=told.get("compute_ms", 0), total_ms=told.get("total_ms", 0)
    )
