"""Trainings that change their worker: because it goes away, is killed, or is frozen."""

import contextlib
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.contract.states import JobState
from tests.worker import running, trainable
from tests.worker.trainable import Bench

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, short_dir: Path) -> Iterator[Bench]:
    with trainable.bench(tmp_path_factory.mktemp("handover"), short_dir / "handover.sock") as bench:
        yield bench


def test_a_worker_that_goes_away_hands_its_run_to_another(bench: Bench) -> None:
    with trainable.worker(bench, "train-0") as first:
        job_id = bench.submit(settings=trainable.LONG)
        bench.until_snapshots(job_id, 1)
        first.send_signal(signal.SIGTERM)
        assert first.wait(60) == 0
    left = bench.job(job_id)
    assert left.state is JobState.QUEUED
    assert bench.events(job_id, "snapshot")[-1].data["images"] >= left.progress["images"]
    with trainable.worker(bench, "train-1"):
        job = bench.until(job_id, lambda job: job.state.final)
    assert job.state is JobState.SUCCEEDED
    trainable.check_story(bench, job_id)


def test_another_worker_goes_on_when_the_first_is_killed(bench: Bench) -> None:
    with bench.sweeping():
        with trainable.worker(bench, "train-0") as first:
            job_id = bench.submit(settings=trainable.LONG)
            bench.until_snapshots(job_id, 2)
            child = trainable.child_of(first)
            first.kill()
            child.wait(60)  # it never outlives its owner
        with trainable.worker(bench, "train-1"):
            job = bench.until(job_id, lambda job: job.state.final)
    assert job.state is JobState.SUCCEEDED
    trainable.check_story(bench, job_id)


def test_a_frozen_worker_that_wakes_up_can_write_nothing_more(bench: Bench) -> None:
    with bench.sweeping(), trainable.worker(bench, "train-0") as first:
        job_id = bench.submit(settings=trainable.LONG)
        bench.until_snapshots(job_id, 2)
        child = trainable.child_of(first)
        freeze(first.pid, bench)
        running.until(
            lambda: trainable.is_over(child), seconds=10
        )  # nobody owns it any more, so it ends before another begins
        with trainable.worker(bench, "train-1"):
            bench.until(job_id, lambda job: "train-1" in (job.lease_owner or ""))
            os.kill(first.pid, signal.SIGCONT)
            job = bench.until(job_id, lambda job: job.state.final)
    assert job.state is JobState.SUCCEEDED
    trainable.check_story(bench, job_id)


def freeze(pid: int, bench: Bench) -> None:
    """Stop a process between its transactions: SQLite's one lock would stay with it, and nobody else could write."""
    for _ in range(50):
        os.kill(pid, signal.SIGSTOP)
        if takes_writes(bench):
            return
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.05)
    raise AssertionError("the worker was never between two transactions")


def takes_writes(bench: Bench) -> bool:
    with contextlib.closing(sqlite3.connect(str(bench.database.engine.url.database), timeout=1)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        return True
