"""Data sets and trainings small enough for tests: bright and dark squares, networks eight channels wide."""

import io
import subprocess
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

from app.contract import datasets, events, jobs, leases, registry, training
from app.contract.database import Database
from app.contract.settings import Settings
from app.contract.states import JobState
from app.contract.store import Store
from tests.running import running_redis
from tests.worker import running
from tests.worker.running import Client
from worker.datasets import archives, inspection

FAST = {
    "network": {"widths": [8, 8], "blocks": [0, 1], "size": 8},
    "augment": {"translate": 0, "cutout": 0},
    "batch": 16,
    "images": 1_600,
    "snapshot_images": 320,
    "report_images": 160,
}
"""Changes of the preset `pictures-tiny` that make a run of a second or two."""

LONG = {**FAST, "images": 6_400}
"""A run that lasts long enough to be disturbed."""

ENVIRONMENT = {
    "LIKENESS_CPU_ENGINE": "torch",
    "LIKENESS_TRAIN_THREADS": "1",
    "LIKENESS_TRAIN_NICENESS": "0",
    "LIKENESS_LEASE_SECONDS": "3",
}
"""Workers that lose a job soon, and that publish without the ten seconds of an export."""


def archive(path: Path, *, per_class: int = 60) -> Path:
    """A zip of noisy squares of 8 pixels: dark ones and bright ones."""
    random = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as packed:
        for name, level in (("bright", 180), ("dark", 70)):
            for number in range(per_class):
                pixels = (random.normal(level, 30, (8, 8)).clip(0, 255)).astype(np.uint8)
                out = io.BytesIO()
                Image.fromarray(pixels).save(out, "PNG")
                packed.writestr(f"{name}/{number:03d}.png", out.getvalue())
    return path


def dataset(database: Database, store: Store, folder: Path) -> str:
    """Id of a data set that is ready to train on, looked through in this process."""
    packed = folder / "pictures.zip"
    members = archives.members(archive(folder / "upload.zip"))
    found = inspection.inspect(members, target=packed, scratch=folder / "scratch.zip", seen=lambda _: None)
    dataset_id = datasets.new_id()
    store.put(datasets.pictures_path(dataset_id), packed)
    with database.session() as session:
        created = datasets.create(session, dataset_id=dataset_id, name="squares", uploads=[])
        datasets.mark_ready(
            session,
            dataset_id,
            digest=found.digest,
            images=found.images,
            classes=found.classes,
            report=found.report,
        )
        jobs.ask(session, created.job, JobState.CANCELLED, "looked through already")
    return dataset_id


class Bench:
    """One database, store and queue, and what an api does with them."""

    def __init__(self, settings: Settings, client: Client, folder: Path) -> None:
        self.settings, self.client = settings, client
        self.database, self.store = Database(settings.database), Store(settings.store)
        self.database.migrate()
        self.dataset = dataset(self.database, self.store, folder)

    def submit(self, *, preset: str = "pictures-tiny", **changes: Any) -> str:
        """Id of a new training job."""
        asked = {"preset": preset, "dataset": self.dataset, "dataset_name": "squares", "model": "squares"}
        request = training.TrainingRequest.model_validate({**asked, "settings": FAST, **changes})
        with self.database.session() as session:
            job = jobs.create(session, kind=training.KIND, queue="train", request=request.model_dump())
        self.client.job(job.id, queue="train")
        return job.id

    def job(self, job_id: str) -> jobs.Job:
        """The job as it is now."""
        with self.database.session() as session:
            found = jobs.get(session, job_id)
        assert found is not None
        return found

    def events(self, job_id: str, kind: str = "") -> list[events.Event]:
        """Its events, of one type when one is given."""
        with self.database.session() as session:
            return [event for event in events.page(session, job_id, limit=100_000) if kind in ("", event.type)]

    def ask(self, job_id: str, wanted: JobState) -> None:
        """Cancel, pause or resume."""
        with self.database.session() as session:
            jobs.ask(session, job_id, wanted, "asked")
        self.client.job(job_id, queue="train")

    def until(self, job_id: str, condition: Callable[[jobs.Job], bool], *, seconds: float = 120) -> jobs.Job:
        """The job once `condition` holds. Fails when it does not in time, or when the job ends before."""
        end = time.monotonic() + seconds
        while not condition(job := self.job(job_id)):
            assert not job.state.final, job.error
            assert time.monotonic() < end, f"still {job.state}, {job.progress}"
            time.sleep(0.02)
        return job

    def until_snapshots(self, job_id: str, count: int) -> None:
        """Return once the job has made so many snapshots."""
        self.until(job_id, lambda _: len(self.events(job_id, "snapshot")) >= count)

    @contextmanager
    def sweeping(self) -> Iterator[None]:
        """Take jobs away from silent workers while the block runs, as every api does."""
        over = threading.Event()

        def sweep() -> None:
            while not over.wait(0.2):
                with self.database.session() as session:
                    leases.release_lost(session, max_attempts=3, error={"code": "worker_lost"})
                    waiting = jobs.take_unsent(session, silent_seconds=1)
                for job in waiting:
                    self.client.job(job.id, queue=job.queue)

        thread = threading.Thread(target=sweep)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()


@contextmanager
def bench(folder: Path, socket: Path) -> Iterator[Bench]:
    """A bench with a queue of its own, since other tests' workers would take its jobs."""
    with running_redis(socket):
        settings = Settings(home=folder / "home", redis_url=f"unix://{socket}")
        with running.client(settings) as client:
            bench = Bench(settings, client, folder)
            yield bench
            bench.close()


def worker(bench: Bench, name: str) -> AbstractContextManager[subprocess.Popen]:
    """A train worker until the block ends. Workers share nothing but the queue, the database and the store."""
    shared = {
        "LIKENESS_HOME": str(bench.settings.home / name),
        "LIKENESS_DATABASE_URL": bench.settings.database,
        "LIKENESS_STORE_URL": bench.settings.store,
    }
    return running.worker(bench.settings, bench.client, queue="train", name=name, **ENVIRONMENT, **shared)


def child_of(process: subprocess.Popen) -> psutil.Process:
    """The one process that trains."""
    children = psutil.Process(process.pid).children()
    (child,) = [each for each in children if "worker.trainings.training_child" in each.cmdline()]
    return child


def is_over(child: psutil.Process) -> bool:
    """Whether it runs no more; it stays listed while its frozen owner cannot take note of its end."""
    return not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def check_story(bench: Bench, job_id: str) -> None:
    """Events have no gap and no repeat, and what was trained is registered once."""
    events = bench.events(job_id)
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    snapshots = [event.data["images"] for event in events if event.type == "snapshot"]
    assert len(set(snapshots)) == len(snapshots), "a snapshot was made twice"
    with bench.database.session() as session:
        made = [
            version
            for model in registry.models(session)
            for version in model.versions
            if model.name == "squares" and version.source == job_id
        ]
    assert len(made) == 1
