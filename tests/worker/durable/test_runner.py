"""Durable jobs: claimed once, ended as they should be, handed over when the worker goes."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import obstore.exceptions
import pytest
import redis
import sqlalchemy as sa

from app.contract import events, jobs, leases, messages
from app.contract.database import Database, now
from app.contract.errors import BadOption, StorageUnavailable
from app.contract.states import JobState
from app.contract.store import Store
from app.contract.tables import JobRow
from tests.starvation import quickest
from tests.worker.running import until
from worker.durable import outage
from worker.durable.runner import Runner, Stopped, Work


@pytest.fixture
def database(tmp_path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'jobs.db'}")
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def client(redis_url) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


class Full(Store):
    """A store that takes nothing while it is full, and can be read."""

    full = False

    def put(self, path, data, *, lasting: bool = False) -> None:
        self.try_out()
        super().put(path, data, lasting=lasting)

    def try_out(self) -> None:
        if self.full:
            raise obstore.exceptions.GenericError("No space left on device")
        super().try_out()


@pytest.fixture
def store(tmp_path, monkeypatch) -> Full:
    monkeypatch.setattr(outage, "PAUSE_SECONDS", 0.05)
    return Full((tmp_path / "store").as_uri())


@pytest.fixture
def runner(database, store, client):
    def runner(*, lease_seconds: float = 30.0, **kinds) -> Runner:
        return Runner(database, store, client, worker="w", kinds=kinds, lease_seconds=lease_seconds, max_attempts=2)

    return runner


def accepted(database, kind: str = "add") -> str:
    with database.session() as session:
        return jobs.create(session, kind=kind, queue="infer", request={"a": 1, "b": 2}).id


def read(database, job_id: str) -> jobs.Job:
    with database.session() as session:
        job = jobs.get(session, job_id)
    assert job is not None
    return job


def add(work: Work) -> dict:
    work.say("progress", {"images": 1, "of": 1}, progress={"images": 1})
    return {"sum": work.job.request["a"] + work.job.request["b"]}


def until_stopped(work: Work) -> dict:
    work.say("progress", {"images": 0, "of": 1})
    while True:
        work.check()
        time.sleep(0.01)


def test_a_job_is_run_and_its_output_and_events_are_kept(database, runner):
    job_id = accepted(database)
    runner(add=add).run(job_id)
    job = read(database, job_id)
    assert (job.state, job.output, job.progress) == (JobState.SUCCEEDED, {"sum": 3}, {"images": 1})
    with database.session() as session:
        told = [(event.type, event.data.get("status")) for event in events.page(session, job_id)]
    assert told == [("status", "queued"), ("status", "running"), ("progress", None), ("status", "succeeded")]


def test_a_second_message_does_nothing(database, runner):
    job_id = accepted(database)
    runs = []

    def once(work: Work) -> dict:
        runs.append(work.job.id)
        return {}

    one = runner(add=once)
    one.run(job_id)
    one.run(job_id)
    assert runs == [job_id]


def test_a_job_that_nobody_here_can_do_stays_where_it_is(database, runner):
    job_id = accepted(database, kind="train")
    runner(add=add).run(job_id)
    assert read(database, job_id).state is JobState.QUEUED


def test_a_job_that_raises_fails_with_a_problem(database, runner):
    def broken(work: Work) -> dict:
        raise ZeroDivisionError("by chance")

    def refused(work: Work) -> dict:
        raise BadOption(name="label", reason="must be at most 9")

    first, second = accepted(database), accepted(database)
    runner(add=broken).run(first)
    runner(add=refused).run(second)
    job = read(database, first)
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert job.error["code"] == "internal"
    assert "chance" not in str(job.error)
    assert read(database, second).error == {
        "code": "bad_option",
        "title": "An option is not valid.",
        "detail": "label must be at most 9.",
    }


def test_a_job_whose_storage_fails_although_it_is_there_is_tried_until_its_attempts_are_used(database, runner):
    def away(work: Work) -> dict:
        raise StorageUnavailable

    job_id = accepted(database)
    one = runner(add=away)
    one.run(job_id)
    assert read(database, job_id).state is JobState.QUEUED
    one.run(job_id)
    job = read(database, job_id)
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert job.error["code"] == "storage_unavailable"


def test_an_outage_is_waited_for_and_uses_up_no_attempt(database, store, runner):
    def draw(work: Work) -> dict:
        store.put(f"jobs/{work.job.id}/output/0.png", b"drawn")
        return {}

    job_id = accepted(database)
    one = runner(add=draw)
    for _ in range(3):  # more often than there are attempts
        store.full = True
        thread = threading.Thread(target=one.run, args=(job_id,))
        thread.start()
        time.sleep(0.3)
        assert read(database, job_id).state is JobState.RUNNING
        store.full = False
        thread.join(60)
        job = read(database, job_id)
        assert (job.state, job.attempt) == (JobState.QUEUED, 0)
    one.run(job_id)
    assert read(database, job_id).state is JobState.SUCCEEDED


def test_a_job_that_waits_for_its_storage_can_be_cancelled(database, store, runner):
    def draw(work: Work) -> dict:
        store.put("x", b"")
        return {}

    store.full = True
    job_id = accepted(database)
    thread = threading.Thread(target=runner(add=draw).run, args=(job_id,))
    thread.start()
    until(lambda: read(database, job_id).state is JobState.RUNNING)
    with database.session() as session:
        jobs.ask(session, job_id, JobState.CANCELLED, "someone said so")
    thread.join(60)
    assert read(database, job_id).state is JobState.CANCELLED


def test_attempts_count_from_what_the_job_has_done_meanwhile(database, runner):
    def gets_on(work: Work) -> dict:
        work.say("snapshot", {}, attempt=1)
        raise StorageUnavailable

    job_id = accepted(database)
    one = runner(add=gets_on)
    for _ in range(4):
        one.run(job_id)
        assert read(database, job_id).state is JobState.QUEUED


def test_what_a_job_needs_no_more_goes_once_its_success_is_written_down(database, store, runner):
    def draw(work: Work) -> dict:
        store.put("parts/0", b"part")
        work.needless.append("parts/0")
        if work.job.attempt == 1:
            with database.session() as session:
                session.execute(sa.update(JobRow).values(token=JobRow.token + 1))  # it is somebody else's by now
        return {}

    first, second = accepted(database), accepted(database)
    one = runner(add=draw)
    one.run(first)
    assert store.exists("parts/0")
    with database.session() as session:
        session.execute(sa.update(JobRow).where(JobRow.id == second).values(attempt=1))
    one.run(second)
    assert read(database, second).state is JobState.SUCCEEDED
    assert not store.exists("parts/0")


@pytest.mark.parametrize(
    ("asked", "ended"), [(JobState.CANCELLED, JobState.CANCELLED), (JobState.PAUSED, JobState.PAUSED)]
)
def test_what_is_asked_of_a_running_job_is_seen_within_a_second(database, runner, asked, ended):
    def seconds_until_seen() -> float:
        job_id = accepted(database)
        thread = threading.Thread(target=runner(add=until_stopped).run, args=(job_id,))
        thread.start()
        while read(database, job_id).last_event < 3:
            time.sleep(0.01)
        began = time.monotonic()
        with database.session() as session:
            jobs.ask(session, job_id, asked, "someone said so")
        thread.join(60)
        assert read(database, job_id).state is ended
        return time.monotonic() - began

    assert quickest(seconds_until_seen, enough=1) < 1


def test_a_worker_that_leaves_queues_its_job_again_and_takes_no_other(database, runner):
    job_id, other = accepted(database), accepted(database)
    one = runner(add=until_stopped)
    thread = threading.Thread(target=one.run, args=(job_id,))
    thread.start()
    while read(database, job_id).last_event < 3:
        time.sleep(0.01)
    one.leave()
    thread.join(60)
    one.run(other)
    assert read(database, job_id).state is JobState.QUEUED
    assert read(database, other).attempt == 0


def test_the_lease_is_renewed_while_the_job_runs(database, runner):
    def long(work: Work) -> dict:
        time.sleep(0.8)
        with database.session() as session:
            assert leases.release_lost(session, max_attempts=2, error={}) == []
        return {}

    job_id = accepted(database)
    runner(lease_seconds=0.5, add=long).run(job_id)
    assert read(database, job_id).state is JobState.SUCCEEDED


def test_what_is_written_after_the_lease_was_lost_is_refused(database, runner):
    def overtaken(work: Work) -> dict:
        # As if this process had been frozen beyond its lease and another worker had been given the job.
        with database.session() as session:
            later = now() + timedelta(seconds=1)
            session.execute(jobs.sa.update(jobs.JobRow).values(token=jobs.JobRow.token + 1, lease_until=later))
        with pytest.raises(leases.LeaseLost):
            work.say("progress", {"images": 9, "of": 9})
        for _ in range(200):
            try:
                work.check()
            except Stopped:
                return {"late": True}
            time.sleep(0.01)
        raise AssertionError("the lease's loss is never seen")

    job_id = accepted(database)
    runner(add=overtaken).run(job_id)
    job = read(database, job_id)
    assert job.state is JobState.RUNNING  # the other worker's business
    assert job.output is None


def test_those_who_follow_are_woken(database, client, runner):
    job_id = accepted(database)
    with client.pubsub(ignore_subscribe_messages=True) as follower:
        follower.subscribe(f"{messages.EVENTS_CHANNEL}{job_id}")
        follower.get_message(timeout=5)
        runner(add=add).run(job_id)
        woken = 0
        while follower.get_message(timeout=0.5):
            woken += 1
    assert woken == 3


def test_a_database_that_is_away_does_not_end_the_worker(tmp_path, store, client):
    away = Database(f"sqlite:///{tmp_path / 'missing' / 'jobs.db'}")
    Runner(away, store, client, worker="w", kinds={"add": add}, lease_seconds=30, max_attempts=2).run("job_0")
    away.close()
