"""Trainings on a real worker."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.contract.states import JobState
from tests import starvation
from tests.worker import running, trainable
from tests.worker.trainable import Bench

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, short_dir: Path) -> Iterator[Bench]:
    with trainable.bench(tmp_path_factory.mktemp("trainings"), short_dir / "trainings.sock") as bench:
        yield bench


@pytest.fixture(scope="module")
def shared(bench: Bench) -> Iterator[subprocess.Popen]:
    """One worker for all of them."""
    with trainable.worker(bench, "train-shared") as process:
        yield process


def test_pictures_become_a_published_network(bench: Bench, shared: subprocess.Popen) -> None:
    job_id = bench.submit()
    job = bench.until(job_id, lambda job: job.state.final)
    assert job.state is JobState.SUCCEEDED
    trainable.check_story(bench, job_id)
    stages = [event.data["stage"] for event in bench.events(job_id, "stage")]
    assert stages == ["preparing", "training", "evaluating", "publishing"]
    assert job.output is not None
    assert job.output["metrics"]["accuracy"] > 0.9
    assert job.metrics["test_accuracy"] == job.output["metrics"]["accuracy"]
    assert (job.output["promoted"], job.output["why"]) == (False, "it was not asked for")
    assert bench.store.list(f"runs/{job_id}/snapshots") == []
    assert list((bench.settings.home / "train-shared" / "training").glob("train-shared-*/job_*")) == []
    running.until(lambda: busy_seconds(bench, "train-shared") > 0)


def busy_seconds(bench: Bench, worker: str) -> float:
    """How long a worker says that it has worked."""
    report = bench.client.report(worker)
    return report.busy_seconds if report else 0.0


def test_a_run_whose_process_is_killed_goes_on_from_its_last_snapshot(bench: Bench, shared: subprocess.Popen) -> None:
    job_id = bench.submit(settings=trainable.LONG)
    bench.until_snapshots(job_id, 3)
    trainable.child_of(shared).kill()
    job = bench.until(job_id, lambda job: job.state.final)
    assert job.state is JobState.SUCCEEDED
    trainable.check_story(bench, job_id)
    assert any("killed by signal 9" in event.data["line"] for event in bench.events(job_id, "log"))
    resumed = bench.events(job_id, "resolved")[-1].number
    last_before = max(e.data["images"] for e in bench.events(job_id, "snapshot") if e.number < resumed)
    first_after = min(e.data["images"] for e in bench.events(job_id, "progress") if e.number > resumed)
    assert first_after > last_before


def test_a_run_is_saved_and_paused_within_two_seconds_and_goes_on(bench: Bench, shared: subprocess.Popen) -> None:
    job_id = bench.submit(settings={**trainable.LONG, "images": 19_200})

    def seconds_until_paused() -> float:
        bench.until_snapshots(job_id, len(bench.events(job_id, "snapshot")) + 1)
        began = time.monotonic()
        bench.ask(job_id, JobState.PAUSED)
        paused = bench.until(job_id, lambda job: job.state is JobState.PAUSED)
        took = time.monotonic() - began
        assert bench.events(job_id, "snapshot")[-1].data["images"] >= paused.progress["images"]
        bench.ask(job_id, JobState.QUEUED)
        return took

    assert starvation.quickest(seconds_until_paused, enough=2) < 2
    assert bench.until(job_id, lambda job: job.state.final).state is JobState.SUCCEEDED
    trainable.check_story(bench, job_id)


def test_a_run_whose_last_state_is_not_there_goes_on_from_the_one_before(
    bench: Bench, shared: subprocess.Popen
) -> None:
    job_id = bench.submit(settings={**trainable.LONG, "images": 12_800})
    bench.until_snapshots(job_id, 3)
    bench.ask(job_id, JobState.PAUSED)
    bench.until(job_id, lambda job: job.state is JobState.PAUSED)
    before, last = bench.events(job_id, "snapshot")[-2:]
    bench.store.delete(last.data["resume"])  # as in a service that was restored from a backup
    bench.ask(job_id, JobState.QUEUED)
    assert bench.until(job_id, lambda job: job.state.final).state is JobState.SUCCEEDED
    first = min(e.data["images"] for e in bench.events(job_id, "progress") if e.number > last.number)
    assert before.data["images"] < first <= before.data["images"] + trainable.FAST["report_images"]


def test_a_cancelled_run_ends_within_two_seconds(bench: Bench, shared: subprocess.Popen) -> None:
    def seconds_until_cancelled() -> float:
        job_id = bench.submit(settings={**trainable.LONG, "images": 10**9})
        bench.until_snapshots(job_id, 1)
        child = trainable.child_of(shared)
        began = time.monotonic()
        bench.ask(job_id, JobState.CANCELLED)
        bench.until(job_id, lambda job: job.state is JobState.CANCELLED)
        took = time.monotonic() - began
        assert trainable.is_over(child)
        return took

    assert starvation.quickest(seconds_until_cancelled, enough=2) < 2


def test_what_cannot_be_trained_says_why(bench: Bench, shared: subprocess.Popen) -> None:
    job_id = bench.submit(settings={**trainable.FAST, "learning_rate": 1e30})
    job = bench.until(job_id, lambda job: job.state is JobState.FAILED)
    assert job.error is not None
    assert job.error["code"] == "training_failed"
    assert "lower learning rate may help" in job.error["detail"]
