"""Lanes: the oldest job first, and none left to a busy worker while another one is idle."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from app.contract import jobs
from app.contract.database import Database
from app.contract.states import JobState
from app.contract.store import Store
from tests.worker.running import until
from worker.durable.lane import Lane
from worker.durable.lease import Lease
from worker.durable.runner import Runner, Work


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'jobs.db'}")
    database.migrate()
    yield database
    database.close()


@contextmanager
def lane(database: Database, folder: Path, redis_url: str, run: Callable[[Work], dict[str, Any]]) -> Iterator[Lane]:
    """A lane of a worker of its own that runs jobs of the kind "draw" while the block runs."""
    with redis.Redis.from_url(redis_url) as client:
        store = Store((folder / "store").as_uri())
        runner = Runner(database, store, client, worker="w", kinds={"draw": run}, lease_seconds=30, max_attempts=3)
        lane = Lane("draw", kinds=frozenset({"draw"}), database=database, runner=runner)
        lane.start()
        yield lane
        assert lane.stop(timeout_seconds=10)


def accept(database: Database, *kinds: str) -> list[str]:
    made = []
    for kind in kinds:
        with database.session() as session:
            made.append(jobs.create(session, kind=kind, queue="infer", request={}).id)
    return made


def state(database: Database, job_id: str) -> JobState | None:
    with database.session() as session:
        job = jobs.get(session, job_id)
    return job.state if job else None


def test_one_message_is_enough_for_all_that_waits_and_the_oldest_comes_first(
    database: Database, tmp_path: Path, redis_url: str
) -> None:
    ran: list[str] = []

    def draw(work: Work) -> dict[str, Any]:
        ran.append(work.job.id)
        return {}

    first, other, second, third = accept(database, "draw", "bake", "draw", "draw")
    with lane(database, tmp_path, redis_url, draw):
        until(lambda: state(database, third) is JobState.SUCCEEDED)
    assert ran == [first, second, third]
    assert state(database, other) is JobState.QUEUED


def test_an_idle_worker_takes_what_a_busy_one_was_told_of(database: Database, tmp_path: Path, redis_url: str) -> None:
    go_on = threading.Event()

    def hold(work: Work) -> dict[str, Any]:
        go_on.wait(60)
        return {}

    with lane(database, tmp_path, redis_url, hold) as busy:
        (held,) = accept(database, "draw")
        busy.wake()
        until(lambda: state(database, held) is JobState.RUNNING)
        with lane(database, tmp_path, redis_url, lambda _: {}):
            (told_to_the_wrong_one,) = accept(database, "draw")
            busy.wake()
            until(lambda: state(database, told_to_the_wrong_one) is JobState.SUCCEEDED)
            assert state(database, held) is JobState.RUNNING
        go_on.set()


def test_a_lane_that_leaves_hands_its_job_over_and_takes_no_other(
    database: Database, tmp_path: Path, redis_url: str
) -> None:
    def until_stopped(work: Work) -> dict[str, Any]:
        while True:
            work.check()
            time.sleep(0.01)

    held, waiting = accept(database, "draw", "draw")
    with lane(database, tmp_path, redis_url, until_stopped) as leaving:
        until(lambda: state(database, held) is JobState.RUNNING)
        leaving.leave()
        until(lambda: state(database, held) is JobState.QUEUED)
    assert state(database, waiting) is JobState.QUEUED


def test_a_lane_goes_on_after_a_failure_that_nobody_expected(
    database: Database, tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold, refused = Lease.__enter__, []

    def once_without_a_thread(lease: Lease) -> Lease:
        if not refused:
            refused.append(lease)
            raise RuntimeError("can't start new thread")
        return hold(lease)

    monkeypatch.setattr(Lease, "__enter__", once_without_a_thread)
    left, next_one = accept(database, "draw", "draw")
    with lane(database, tmp_path, redis_url, lambda _: {}):
        until(lambda: state(database, next_one) is JobState.SUCCEEDED)
    assert state(database, left) is JobState.RUNNING  # until its lease runs out
