"""Training jobs on the api's side: accepted, planned, followed, steered. What they ask was checked before."""

import asyncio
import contextlib
import logging
from typing import Any

import sqlalchemy.exc

from app.access import job_bounds
from app.access.caller import Caller
from app.contract import datasets, events, jobs, presets, registry, training, webhooks
from app.contract.database import Database
from app.contract.errors import (
    JobFinished,
    UnknownJob,
)
from app.contract.events import Event
from app.contract.jobs import Job
from app.contract.messages import TRAIN_QUEUE
from app.contract.presets import Preset
from app.contract.schemas.training import TrainingJobRequest, TrainingPlan
from app.contract.settings import Settings
from app.contract.states import JobState
from app.contract.training import TrainingRequest
from app.jobs import preset_settings
from app.jobs.durable import Durable
from app.jobs.idempotency import Claim

ROUTE = "/v1/training-jobs"
PROBE_SECONDS = 25.0
_FREE = frozenset({"seed", "images", "licence", "credit", "report_images", "report_every"})
"""Settings that do not change the speed much."""

_log = logging.getLogger(__name__)


class Trainings:
    """The training jobs of this service."""

    def __init__(self, database: Database, durable: Durable, settings: Settings) -> None:
        self._database, self._durable = database, durable
        self._most_waiting, self._most_minutes = settings.key_waiting_jobs, settings.key_training_minutes_per_day

    async def accept(
        self, request: TrainingRequest, asked: TrainingJobRequest, caller: Caller, claim: Claim | None
    ) -> Job:
        """Queue the training, or return the one that the same `Idempotency-Key` made before.

        Raises:
            UnknownDataset, DatasetNotReady: the data set went away a moment ago.
            IdempotencyConflict: the key came before with another body.
            QueueFull, LimitReached: too many jobs of the caller wait, or its trainings ran for long enough today.
        """
        job, new = await asyncio.to_thread(self._create, request, asked, caller, claim)
        if new:
            _log.info("job %s (training) is accepted", job.id, extra={"job": job.id})
            await self._durable.send(job)
        return job

    async def plan(self, request: TrainingRequest, preset: Preset, caller: Caller) -> TrainingPlan:
        """What the training would be and cost. When nobody has timed it before, a worker does so now, in seconds."""
        settings = preset_settings.merged(preset_settings.defaults(preset.settings), request.settings)
        rate, device, measured = None, None, None
        if preset.cost is not None and set(request.settings) <= _FREE:
            rate, device, measured = preset.cost.images_per_second, preset.cost.device, "earlier"
        elif (found := await self._probe(request, caller)) is not None:
            rate, device, measured = found["images_per_second"], found["device"], "now"
        images: int | None = request.images or int(settings["images"])
        if request.minutes is not None:
            images = int(rate * 60 * request.minutes) if rate else None
        return TrainingPlan(
            preset=preset.name,
            kind=preset.kind,
            dataset=request.dataset,
            model=request.model,
            settings=settings | ({"images": images} if images else {}),
            images=images,
            images_per_second=round(rate, 2) if rate else None,
            seconds=round(images / rate, 1) if rate and images else None,
            device=device,
            measured=measured,
        )

    def get(self, job_id: str, caller: Caller) -> Job:
        """The training job, if the caller may see it. Raises `UnknownJob`."""
        job = self._durable.get(job_id, caller)
        if job.kind != training.KIND:
            raise UnknownJob(job=job_id[:60])
        return job

    def page(self, caller: Caller, *, limit: int, after: str | None) -> list[Job]:
        """Training jobs that the caller may see, newest first."""
        with self._database.session() as session:
            return jobs.page(session, kinds=[training.KIND], owner=caller.owner, after=after, limit=limit)

    async def steer(self, job_id: str, wanted: JobState, why: str, caller: Caller) -> Job:
        """Cancel, pause or resume.

        Raises:
            UnknownJob, JobFinished, NotNow: it cannot be done.
        """
        await asyncio.to_thread(self.get, job_id, caller)
        return await self._durable.steer(job_id, wanted, why, caller)

    def events(self, job: Job, *kinds: str) -> list[Event]:
        """All events of some types, in order."""
        with self._database.session() as session:
            return events.of_types(session, job.id, *kinds)

    def usable(self, job: Job) -> set[str]:
        """Pinned names of the versions that the job has made and that are still there."""
        with self._database.session() as session:
            run = registry.model(session, job.id)
        return {version.ref for version in run.versions} if run else set()

    def deliveries(self, job: Job) -> list[webhooks.Delivery]:
        """What was sent to the job's webhook."""
        with self._database.session() as session:
            return webhooks.of_job(session, job.id)

    def webhook_secret(self, caller: Caller) -> str:
        """What the caller's webhooks are signed with."""
        with self._database.session() as session:
            return webhooks.secret(session, caller.key)

    def presets(self) -> list[Preset]:
        """What can be trained."""
        with self._database.session() as session:
            return presets.presets(session)

    def preset(self, name: str) -> Preset:
        """One of them. Raises `UnknownPreset`."""
        with self._database.session() as session:
            return presets.get(session, name)

    def _create(
        self, request: TrainingRequest, asked: TrainingJobRequest, caller: Caller, claim: Claim | None
    ) -> tuple[Job, bool]:
        try:
            with self._database.session() as session:
                if claim is not None and (made := claim.made_before(session)) is not None:
                    before = jobs.get(session, made)
                    if before is not None:
                        return before, False
                job_bounds.check_room(session, caller, most=self._most_waiting)
                job_bounds.check_training_minutes(session, caller, most=self._most_minutes)
                datasets.take(session, request.dataset)  # it cannot be deleted before this job is there to keep it
                job = jobs.create(
                    session, kind=training.KIND, queue=TRAIN_QUEUE, request=request.model_dump(), owner=caller.key
                )
                if asked.webhook is not None:
                    webhooks.register(session, job_id=job.id, url=asked.webhook.url, events=asked.webhook.events)
                if claim is not None:
                    claim.record(session, job.id)
                return job, True
        except sqlalchemy.exc.IntegrityError:
            # The same request came twice at once, and the other one was first.
            with self._database.session() as session:
                made = claim.made_before(session) if claim else None
                before = jobs.get(session, made) if made else None
            if before is None:
                raise
            return before, False

    async def _probe(self, request: TrainingRequest, caller: Caller) -> dict[str, Any] | None:
        """The speed as a worker measures it now, or None when none does so in time."""
        job = await self._durable.accept(
            kind=training.PROBE_KIND,
            queue=TRAIN_QUEUE,
            request={"preset": request.preset, "settings": request.settings},
            caller=caller,
        )
        job = await self._durable.wait(job, seconds=PROBE_SECONDS)
        if not job.state.final:
            with contextlib.suppress(JobFinished):  # a moment ago
                await self._durable.steer(job.id, JobState.CANCELLED, "nobody waits for it any more", caller)
        return job.output if job.state is JobState.SUCCEEDED else None
