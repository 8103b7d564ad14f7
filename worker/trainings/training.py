"""Training jobs: a worker owns the process that trains, and writes down what it reports.

The child computes and tells; only this side touches the database and the store, always under the job's lease. Whatever
dies, the run goes on from its last snapshot, on this machine or on another one.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, assert_never

import redis
import sqlalchemy.exc
import structlog

from app.contract import datasets, events, jobs, presets, tracing, training
from app.contract.database import Database
from app.contract.errors import TrainingFailed, UnknownDataset, UnknownVersion
from app.contract.states import JobState
from app.contract.store import Store, checkpoint_path
from app.contract.training import Snapshot, Stage, TrainingRequest
from worker.durable.runner import Stopped, Work
from worker.trainings import reports
from worker.trainings.logbook import Logbook
from worker.trainings.owned import Owned, Rules
from worker.trainings.publishing import Publishing

_log = structlog.get_logger()

LOOK_SECONDS = 0.1
SAVE_SECONDS = 6.0
"""How long a child that is told to stop may take to save; then it is killed, and its last snapshot counts."""

MOST_RESTARTS = 3
"""A child that dies so often in a row without a new snapshot is given up."""

PICTURES = "pictures.zip"
INITIAL = "initial.safetensors"


class Training:
    """Runs jobs of the kind "training".

    Args:
        folder: where runs keep their files while they run.
        rules: for the child that trains.
        lease_seconds: a worker silent for longer has lost its job.
    """

    def __init__(
        self,
        database: Database,
        store: Store,
        client: redis.Redis,
        *,
        folder: Path,
        publishing: Publishing,
        rules: Rules,
        lease_seconds: float,
    ) -> None:
        self._database = database
        self._store = store
        self._redis = client
        self._folder = folder
        self._publishing = publishing
        self._rules = rules
        self._lease_seconds = lease_seconds

    def run(self, work: Work) -> dict[str, Any]:
        """Train, judge, publish; the job's output.

        Raises:
            TrainingFailed: the settings or the pictures do not fit, or the child died again and again.
            UnknownDataset, UnknownVersion: the data set, or the version to start from, is gone.
            Stopped, LeaseLost: the job leaves off here.
        """
        request = TrainingRequest.model_validate(work.job.request)
        log = Logbook(
            work.job,
            database=self._database,
            store=self._store,
            client=self._redis,
            patience_seconds=self._lease_seconds / 2,
        )
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{work.job.id}-", dir=self._folder) as scratch:
            with tracing.span("train"):
                snapshot = self._train(work, request, log, Path(scratch))
            if log.images_per_second and not request.settings:
                self._note_speed(request.preset, log)
            assert snapshot.model is not None
            with tracing.span("publish"):
                output = self._publishing.publish(work, request, log, snapshot=snapshot, folder=Path(scratch))
        work.needless += log.states()
        return output

    def _note_speed(self, preset: str, log: Logbook) -> None:
        with self._database.session() as session:
            presets.measured(session, preset, images_per_second=log.images_per_second, device=log.device)

    def _train(self, work: Work, request: TrainingRequest, log: Logbook, folder: Path) -> Snapshot:
        """The final snapshot."""
        snapshot = self._newest(work.job)
        if snapshot is None or not snapshot.final:
            log.stage(Stage.PREPARING)
        self._fetch_pictures(request, folder)
        if request.resume_from and snapshot is None:
            self._fetch_initial(request.resume_from, folder)
        restarts = 0
        while snapshot is None or not snapshot.final:
            run = _Run(work, log, folder, rules=self._rules, watch=self._wants_saving)
            found = run.of(self._asked(work, request, snapshot, folder))
            restarts = 0 if found is not None else restarts + 1
            snapshot = found or snapshot
            if restarts > MOST_RESTARTS:
                raise TrainingFailed(reason=f"its process {run.ending} {restarts} times without getting any further")
            if not (snapshot and snapshot.final):
                log.note("log", {"line": f"the process {run.ending}; it starts again from the last snapshot"})
                time.sleep(min(0.2 * 2**restarts, 2.0))
        return snapshot

    def _newest(self, job: jobs.Job) -> Snapshot | None:
        """The last snapshot that can be gone on from. In a service made of a backup the very last may be none: a run
        removes old states while they are copied."""
        with self._database.session() as session:
            found = training.snapshots(session, job.id)
        return next((one for one in reversed(found) if one.final or self._store.exists(one.resume)), None)

    def _asked(self, work: Work, request: TrainingRequest, snapshot: Snapshot | None, folder: Path) -> dict[str, Any]:
        """The child's request; the state it goes on from lies in `folder` afterwards."""
        with self._database.session() as session:
            resolved = events.last(session, work.job.id, "resolved")
        state = folder / "out" / "resume.safetensors"
        state.unlink(missing_ok=True)
        if snapshot is not None:
            self._store.download(snapshot.resume, state)
        return {
            "preset": request.preset,
            "settings": request.settings,
            "pictures": PICTURES,
            "dataset_name": request.dataset_name,
            "images": resolved.data["images"] if resolved else request.images,
            "minutes": request.minutes,
            "seconds_spent": snapshot.seconds if snapshot else 0.0,
            "resume": snapshot is not None,
            "initial": INITIAL if request.resume_from and snapshot is None else None,
        }

    def _fetch_pictures(self, request: TrainingRequest, folder: Path) -> None:
        try:
            self._store.download(datasets.pictures_path(request.dataset), folder / PICTURES)
        except FileNotFoundError:
            raise UnknownDataset(dataset=request.dataset) from None

    def _fetch_initial(self, ref: str, folder: Path) -> None:
        model, _, version = ref.partition("@")
        try:
            self._store.download(checkpoint_path(version.removeprefix("sha256:")), folder / INITIAL)
        except FileNotFoundError:
            raise UnknownVersion(model=model, version=version) from None

    def _wants_saving(self, job: jobs.Job) -> bool:
        """Whether a job that must leave off should save first: not when it is cancelled, or somebody else's."""
        try:
            with self._database.session() as session:
                row = jobs.get(session, job.id)
        except sqlalchemy.exc.OperationalError:
            return False
        return row is not None and row.token == job.token and row.state is not JobState.CANCELLING


class _Run:
    """One child from its start to its end."""

    def __init__(
        self, work: Work, log: Logbook, folder: Path, *, rules: Rules, watch: Callable[[jobs.Job], bool]
    ) -> None:
        self._work = work
        self._log = log
        self._folder = folder
        self._rules = rules
        self._wants_saving = watch
        self._kill_at: float | None = None
        self.ending = "ended"

    def of(self, request: dict[str, Any]) -> Snapshot | None:
        """Run the child; its last snapshot, if it made one. Raises `Stopped`, `LeaseLost` or `TrainingFailed`."""
        last: Snapshot | None = None
        with Owned("worker.trainings.training_child", request, self._folder, rules=self._rules) as child:
            _log.info("child started", job=self._work.job.id, child=child.pid)
            for report in child.reports(every_seconds=LOOK_SECONDS):
                self._heed(child)
                if report is not None:
                    last = self._write_down(report) or last
                # What was waited for is here; the process may take seconds to take itself down.
                if last is not None and last.final:
                    return last
                if self._kill_at is not None and isinstance(report, reports.Snapshot):
                    raise Stopped
            self.ending = _ending(child.exit_code)
            if self._kill_at is not None:
                raise Stopped
            if child.exit_code != 0:
                _log.warning("child died", job=self._work.job.id, how=self.ending, output=child.tail)
        return last

    def _heed(self, child: Owned) -> None:
        """Leave off when the job should: at once, or after the child has saved."""
        if self._kill_at is not None:
            if time.monotonic() > self._kill_at:
                raise Stopped
            return
        try:
            self._work.check()
        except Stopped:
            if not self._wants_saving(self._work.job):
                raise
            child.ask_to_stop()
            self._kill_at = time.monotonic() + SAVE_SECONDS

    def _write_down(self, report: reports.Report) -> Snapshot | None:
        match report:
            case reports.Resolved():
                self._log.resolved(report)
                self._log.stage(Stage.TRAINING)
            case reports.Progress():
                self._log.progress(report)
            case reports.Metrics():
                self._log.metrics(report.images, report.values)
            case reports.Sample():
                self._log.sample(report, self._folder)
            case reports.Finding():
                self._log.note("finding", report.model_dump(exclude={"report"}))
            case reports.Snapshot():
                return self._log.snapshot(report, self._folder)
            case reports.Failed():
                raise TrainingFailed(reason=report.reason)
            case reports.Result():
                raise AssertionError("a training has no result but its snapshots")
            case _:
                assert_never(report)
        return None


def _ending(code: int | None) -> str:
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    return f"was killed by signal {-code}"
