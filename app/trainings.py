"""Training jobs on the api's side: checked, accepted, planned, followed, steered."""

import asyncio
import contextlib
import logging
from typing import Any

import sqlalchemy.exc

from app import job_bounds, preset_settings, webhook_address
from app.caller import Caller
from app.catalog import Catalog
from app.contract import datasets, events, jobs, presets, registry, training, webhooks
from app.contract.database import Database
from app.contract.datasets import Dataset
from app.contract.errors import (
    BadDataset,
    BadOption,
    Forbidden,
    JobFinished,
    UnknownJob,
    UnknownModel,
    UnknownPreset,
    WrongKind,
)
from app.contract.events import Event
from app.contract.jobs import Job
from app.contract.messages import TRAIN_QUEUE
from app.contract.presets import Preset
from app.contract.schemas.training import ImagesBudget, MinutesBudget, TrainingJobRequest, TrainingPlan
from app.contract.settings import Settings
from app.contract.states import JobState
from app.contract.training import TrainingRequest
from app.datasets import Datasets
from app.durable import Durable
from app.idempotency import Claim

ROUTE = "/v1/training-jobs"
LEAST_OF_A_CLASS = 2
PROBE_SECONDS = 25.0
RUNS = "job_"
_FREE = frozenset({"seed", "images", "licence", "credit", "report_images", "report_every"})
"""Settings that do not change the speed much."""

_log = logging.getLogger(__name__)


class Trainings:
    """The training jobs of this service."""

    def __init__(
        self, database: Database, durable: Durable, catalog: Catalog, found: Datasets, settings: Settings
    ) -> None:
        self._database, self._durable, self._catalog, self._datasets = database, durable, catalog, found
        self._private_webhooks = settings.webhook_private_addresses
        self._most_waiting, self._most_minutes = settings.key_waiting_jobs, settings.key_training_minutes_per_day

    async def check(self, asked: TrainingJobRequest, caller: Caller) -> tuple[TrainingRequest, Preset]:
        """What a worker will be told, and the preset.

        Raises:
            UnknownPreset, UnknownDataset, DatasetNotReady, BadDataset, UnknownModel, UnknownVersion, WrongKind: what
                the request names is not there, or does not fit.
            InvalidFields, BadOption: a setting is not valid.
            Forbidden: the model belongs to another key.
            WebhookRefused: nothing is sent to that address.
        """
        preset, dataset = await asyncio.to_thread(self._named, asked, caller)
        changes = preset_settings.check(asked.settings, preset.settings)
        settings = preset_settings.merged(preset_settings.defaults(preset.settings), changes)
        if "data" in changes:
            raise BadOption(name="settings.data", reason="is said by `dataset`")
        if asked.budget is not None and "images" in changes:
            raise BadOption(name="settings.images", reason="is said by `budget`, too; give one of them")
        _check_pictures(dataset, preset, settings)
        self._check_model(asked.model, preset, caller)
        start = self._catalog.resolve(asked.resume_from, kind=preset.kind) if asked.resume_from else None
        if asked.webhook is not None:
            await webhook_address.check(asked.webhook.url, private=self._private_webhooks)
        request = TrainingRequest(
            preset=preset.name,
            dataset=dataset.id,
            dataset_name=dataset.name,
            model=asked.model,
            settings=changes,
            images=asked.budget.images if isinstance(asked.budget, ImagesBudget) else None,
            minutes=asked.budget.minutes if isinstance(asked.budget, MinutesBudget) else None,
            resume_from=start.ref if start else None,
            promote=asked.promote,
        )
        return request, preset

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
            run = next((model for model in registry.models(session) if model.name == job.id), None)
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
            found = presets.get(session, name)
        if found is None:
            raise UnknownPreset(preset=name[:60])
        return found

    def _named(self, asked: TrainingJobRequest, caller: Caller) -> tuple[Preset, Dataset]:
        preset, dataset = self.preset(asked.preset), self._datasets.get(asked.dataset, caller)
        with self._database.session() as session:
            return preset, datasets.take(session, dataset.id)

    def _check_model(self, name: str, preset: Preset, caller: Caller) -> None:
        if name.startswith(RUNS):
            raise BadOption(name="model", reason=f"does not begin with {RUNS}; such names are those of running jobs")
        if not self._catalog.is_taken(name):
            return
        try:
            model = self._catalog.model(name)
        except UnknownModel:
            raise Forbidden(f"The name {name} is taken by a model of another key; choose another name.") from None
        if model.kind != preset.kind:
            raise WrongKind(model=name, kind=model.kind, wanted=preset.kind)
        if caller.owner is not None and model.owner != caller.key:
            raise Forbidden(scope="admin")

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


def _check_pictures(dataset: Dataset, preset: Preset, settings: dict[str, Any]) -> None:
    """Refuse what the training would refuse, before it waits for a worker."""
    report = dataset.report
    strangers = sorted(set(dataset.classes) - set(report["train_classes"]))
    if strangers:
        raise BadDataset(reason=f"the class {strangers[0]!r} has pictures to test and none to train on")
    if preset.kind != "classifier":
        return
    if len(dataset.classes) < 2:
        raise BadDataset(reason="a classifier needs pictures in a folder for each of at least two classes")
    for name, count in report["train_classes"].items():
        if count < LEAST_OF_A_CLASS:
            raise BadDataset(
                reason=f"the class {name!r} has {count} picture to train on, and a classifier needs at least "
                f"{LEAST_OF_A_CLASS} of each"
            )
    left = report["train"] - round(report["train"] * float(settings["validation"]))
    if left < settings["batch"] or report["train"] - left < 2:
        raise BadDataset(
            reason=f"{report['train']} pictures to train on are too few for batches of {settings['batch']} and a "
            "validation part; lower `batch`, or add pictures"
        )
