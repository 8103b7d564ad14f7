"""What is written down of a run: its child's reports become events, columns and objects, all under the job's lease."""

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore.exceptions
import redis
import sqlalchemy.exc
import structlog

from app.contract import events, jobs, leases, registry, retention, training
from app.contract.database import Database, now
from app.contract.store import Store, StorePath, checkpoint_path
from worker import wakes
from worker.durable.patience import patiently
from worker.trainings import reports

_log = structlog.get_logger()

KEPT_STATES = 2

KEPT_VERSIONS = 5
"""Of a run's checkpoints the newest stay usable; others make room unless an alias refers to them, or a job that has
not ended."""

KEPT_SECONDS = 60.0
MOST_VERSIONS = 20
"""Whoever was just told of a checkpoint is about to use it: it stays for a while unless so many newer ones came."""

ATTEMPTS_BEGIN = 1
"""A job is given up after some attempts in a row that got nowhere; a snapshot lets the count begin again."""


class Logbook:
    """Writes for one claimed job. Everything raises `LeaseLost` once the job is somebody else's.

    Attributes:
        images_per_second: the speed that was told last; 0 before any was.
        device: where the run computes.

    Args:
        patience_seconds: how long a pause of database or store is waited for.
    """

    def __init__(
        self, job: jobs.Job, *, database: Database, store: Store, client: redis.Redis, patience_seconds: float
    ) -> None:
        self.job = job
        self._database = database
        self._store = store
        self._redis = client
        self._patience_seconds = patience_seconds
        self._metrics = dict(job.metrics)
        self.images_per_second = 0.0
        self.device = ""

    def note(self, kind: str, data: dict[str, Any], **columns: Any) -> None:
        """Append an event, and set columns with it."""

        def write() -> None:
            with self._database.session() as session:
                leases.append(session, self.job, kind, data, **columns)

        patiently(write, seconds=self._patience_seconds)
        wakes.job(self._redis, self.job.id)

    def resolved(self, report: reports.Resolved) -> None:
        """Note the settings of the run."""
        self.device = report.device
        self.note("resolved", report.model_dump(exclude={"report"}))

    def stage(self, stage: training.Stage) -> None:
        """Note what begins."""
        self.note("stage", {"stage": stage}, stage=stage)

    def progress(self, report: reports.Progress) -> None:
        """Note how far the run is."""
        rate = self.images_per_second = report.images_per_second
        eta = round((report.of - report.images) / rate, 1) if rate > 0 else None
        facts = {"images": report.images, "of": report.of, "images_per_second": round(rate, 2), "eta_seconds": eta}
        self.note("progress", facts, progress=facts)

    def metrics(self, images: int, values: dict[str, Any]) -> None:
        """Note figures; the newest of each name stand in the job itself."""
        self._metrics |= values
        self.note("metrics", {"images": images, **values}, metrics=self._metrics)

    def sample(self, report: reports.Sample, folder: Path) -> None:
        """Keep pictures that show how the network learns."""
        path = training.sample_path(self.job.id, images=report.images)
        patiently(lambda: self._store.put(path, folder / report.file), seconds=self._patience_seconds)
        self.note("sample", {"images": report.images, "path": path})

    def snapshot(self, report: reports.Snapshot, folder: Path) -> training.Snapshot:
        """Keep what the run can go on from, and let its checkpoint be used at once."""
        state, served = folder / report.resume, folder / report.checkpoint if report.checkpoint else None
        path = training.snapshot_path(self.job.id, images=report.images, token=self.job.token)
        digest = _digest(served) if served else None
        found = training.Snapshot(
            images=report.images,
            seconds=report.seconds,
            resume=path,
            resume_sha256=_digest(state),
            model=f"{self.job.id}@sha256:{digest}" if digest else None,
            final=report.final,
        )

        def write() -> None:
            self._store.put(path, state, lasting=True)
            if digest and served and not self._store.exists(checkpoint_path(digest)):
                self._store.put(checkpoint_path(digest), served, lasting=True)
            with self._database.session() as session:
                # The event first: it asks for the lease, and holds the row until the end of the transaction.
                leases.append(session, self.job, "snapshot", found.model_dump(mode="json"), attempt=ATTEMPTS_BEGIN)
                if served:
                    registry.publish(
                        session,
                        self._store,
                        name=self.job.id,
                        checkpoint=served,
                        onnx=None,
                        source=self.job.id,
                        owner=self.job.owner,
                    )

        patiently(write, seconds=self._patience_seconds)
        if served:  # first, so that the api knows the version when those who follow the job ask for it
            wakes.registry(self._redis, self.job.id)
        wakes.job(self._redis, self.job.id)
        self._make_room()
        for file in (state, served):
            if file is not None:
                file.unlink()
        return found

    def states(self) -> list[StorePath]:
        """What the run could go on from; nobody needs it once the run has ended well. Empty where that cannot be told
        now, and found by the retention then."""
        try:
            return self._store.list(training.snapshots_folder(self.job.id))
        except obstore.exceptions.BaseError as error:
            _log.warning("the states of a run stay for now", job=self.job.id, error=str(error))
            return []

    def _make_room(self) -> None:
        """Remove what is kept no longer. What cannot be removed now is removed after the next snapshot."""
        try:
            self._remove_old_states()
            self._remove_old_versions()
        except (sqlalchemy.exc.DBAPIError, obstore.exceptions.BaseError) as error:
            _log.warning("old snapshots stay for now", job=self.job.id, error=str(error))

    def _remove_old_states(self) -> None:
        with self._database.session() as session:
            kept = [event.data["resume"] for event in events.of_types(session, self.job.id, "snapshot")]
        states = self._store.list(training.snapshots_folder(self.job.id))
        self._store.delete(*(path for path in states if path not in kept[-KEPT_STATES:]))

    def _remove_old_versions(self) -> None:
        told = now() - timedelta(seconds=KEPT_SECONDS)
        with self._database.session() as session:
            run = registry.model(session, self.job.id)
            if run is None:
                return
            recent = [version for version in run.versions[:MOST_VERSIONS] if version.created_at >= told]
            kept = {version.digest for version in (*run.versions[:KEPT_VERSIONS], *recent)}
            kept |= {*run.aliases.values(), *retention.named_by_living_jobs(session)}
            gone = [version.digest for version in run.versions if version.digest not in kept]
            unused = [digest for digest in gone if registry.clear_away(session, model=run.name, digest=digest)]
        if gone:
            wakes.registry(self._redis, self.job.id)
        self._store.delete(*map(checkpoint_path, unused))


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
