"""Leases, fences and the sweep, on SQLite and on PostgreSQL."""

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.contract import events, jobs, leases
from app.contract.database import Database, now
from app.contract.states import ForbiddenMove, JobState
from app.contract.tables import JobRow

LOST = {"code": "worker_lost"}


def accept(database: Database, **request: object) -> jobs.Job:
    with database.session() as session:
        return jobs.create(session, kind="generate", queue="infer", request=dict(request))


def claim(database: Database, job: jobs.Job, worker: str = "infer-0") -> jobs.Job | None:
    with database.session() as session:
        return leases.claim(session, job.id, worker=worker, lease_seconds=30)


def claimed(database: Database, worker: str = "infer-0") -> jobs.Job:
    job = claim(database, accept(database), worker)
    assert job is not None
    return job


def expire(database: Database, job: jobs.Job) -> None:
    with database.session() as session:
        session.execute(sa.update(JobRow).where(JobRow.id == job.id).values(lease_until=now() - timedelta(seconds=1)))


def sweep(database: Database, max_attempts: int = 3) -> list[jobs.Job]:
    with database.session() as session:
        return leases.release_lost(session, max_attempts=max_attempts, error=LOST)


def read(database: Database, job: jobs.Job) -> jobs.Job:
    with database.session() as session:
        found = jobs.get(session, job.id)
    assert found is not None
    return found


def test_an_accepted_job_is_queued_with_its_request(database: Database) -> None:
    job = read(database, accept(database, seeds=["ada"]))
    assert (job.state, job.request, job.attempt) == (JobState.QUEUED, {"seeds": ["ada"]}, 0)


def test_eight_workers_that_claim_fifty_jobs_get_each_of_them_once(database: Database) -> None:
    accepted = [accept(database) for _ in range(50)]
    taken: list[str] = []

    def work(name: str) -> None:
        for job in accepted:
            if claim(database, job, name) is not None:
                taken.append(job.id)

    threads = [threading.Thread(target=work, args=(f"infer-{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(job.id for job in accepted)


def test_events_are_numbered_without_a_gap(database: Database) -> None:
    job = claimed(database)
    with database.session() as session:
        for images in (1, 2, 3):
            leases.append(session, job, "progress", {"images": images}, progress={"images": images})
    with database.session() as session:
        told = events.page(session, job.id)
        later = events.page(session, job.id, after=3)
    assert [event.number for event in told] == [1, 2, 3, 4, 5]
    assert [event.data for event in later] == [{"images": 2}, {"images": 3}]
    assert read(database, job).progress == {"images": 3}


def test_a_worker_that_lost_its_lease_can_no_longer_write(database: Database) -> None:
    frozen = claimed(database, "frozen")
    expire(database, frozen)
    assert [job.state for job in sweep(database)] == [JobState.QUEUED]
    successor = claim(database, frozen, "successor")
    assert successor is not None
    for write in (
        lambda session: leases.renew(session, frozen, lease_seconds=30),
        lambda session: leases.append(session, frozen, "progress", {"images": 999}),
        lambda session: leases.finish(session, frozen, JobState.SUCCEEDED, "done"),
    ):
        with pytest.raises(leases.LeaseLost), database.session() as session:
            write(session)
    with database.session() as session:
        leases.finish(session, successor, JobState.SUCCEEDED, "done", output={"images": 1})
        numbers = [event.number for event in events.page(session, frozen.id)]
    assert read(database, frozen).output == {"images": 1}
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_job_whose_worker_is_lost_three_times_fails(database: Database) -> None:
    job = accept(database)
    for _ in range(3):
        assert claim(database, job) is not None
        expire(database, job)
        sweep(database)
    ended = read(database, job)
    assert (ended.state, ended.error, ended.attempt) == (JobState.FAILED, LOST, 3)
    assert ended.finished_at is not None


def test_a_job_that_workers_hand_over_in_order_has_spent_no_attempt(database: Database) -> None:
    job = accept(database)
    for _ in range(4):
        held = claim(database, job)
        assert held is not None
        with database.session() as session:
            leases.hand_over(session, held, "the worker goes away", spent=False)
    assert read(database, job).attempt == 0


def test_a_lease_that_still_runs_is_left_alone(database: Database) -> None:
    job = claimed(database)
    assert sweep(database) == []
    assert read(database, job).state is JobState.RUNNING


def test_renewing_tells_of_a_wanted_cancellation(database: Database) -> None:
    job = claimed(database)
    with database.session() as session:
        jobs.ask(session, job.id, JobState.CANCELLED, "asked by its owner")
    with database.session() as session:
        assert leases.renew(session, job, lease_seconds=30) is JobState.CANCELLING
        leases.finish(session, job, JobState.CANCELLED, "stopped as asked")
    assert read(database, job).state is JobState.CANCELLED


def test_a_queued_job_is_cancelled_at_once_and_cannot_be_claimed(database: Database) -> None:
    job = accept(database)
    with database.session() as session:
        jobs.ask(session, job.id, JobState.CANCELLED, "asked by its owner")
    assert read(database, job).state is JobState.CANCELLED
    assert claim(database, job) is None


def test_asking_twice_changes_nothing_and_asking_too_late_is_refused(database: Database) -> None:
    job = claimed(database)
    for _ in range(2):
        with database.session() as session:
            asked = jobs.ask(session, job.id, JobState.CANCELLED, "asked by its owner")
        assert asked is not None
        assert asked.state is JobState.CANCELLING
    with database.session() as session:
        leases.finish(session, job, JobState.SUCCEEDED, "was done already")
    with pytest.raises(ForbiddenMove), database.session() as session:
        jobs.ask(session, job.id, JobState.CANCELLED, "asked by its owner")


def test_resuming_takes_no_job_from_its_worker(database: Database) -> None:
    job = claimed(database)
    with database.session() as session:
        resumed = jobs.ask(session, job.id, JobState.QUEUED, "asked by its owner")
        leases.renew(session, job, lease_seconds=30)
    assert resumed is not None
    assert (resumed.state, resumed.token, resumed.last_event) == (JobState.RUNNING, job.token, job.last_event)


def test_a_job_that_is_about_to_stop_is_not_resumed(database: Database) -> None:
    job = claimed(database)
    for wanted in (JobState.PAUSED, JobState.CANCELLED):
        with database.session() as session:
            jobs.ask(session, job.id, wanted, "asked by its owner")
        with pytest.raises(ForbiddenMove), database.session() as session:
            jobs.ask(session, job.id, JobState.QUEUED, "asked by its owner")
    with database.session() as session:
        assert leases.renew(session, job, lease_seconds=30) is JobState.CANCELLING


@pytest.mark.parametrize("wanted", [JobState.CANCELLED, JobState.PAUSED])
def test_what_was_asked_of_a_job_is_done_even_when_its_worker_is_lost(database: Database, wanted: JobState) -> None:
    job = claimed(database)
    with database.session() as session:
        jobs.ask(session, job.id, wanted, "asked by its owner")
    expire(database, job)
    sweep(database)
    assert read(database, job).state is wanted


def test_a_queued_job_is_sent_again_only_when_its_message_is_old(database: Database) -> None:
    job = accept(database)
    with database.session() as session:
        assert [unsent.id for unsent in jobs.take_unsent(session, silent_seconds=60)] == [job.id]
    with database.session() as session:
        assert jobs.take_unsent(session, silent_seconds=60) == []
        assert [unsent.id for unsent in jobs.take_unsent(session, silent_seconds=0)] == [job.id]


def test_a_page_ends_where_the_next_one_starts(database: Database) -> None:
    accepted = [accept(database).id for _ in range(5)]
    with database.session() as session:
        first = jobs.page(session, limit=2)
        second = jobs.page(session, limit=2, after=first[-1].id)
        third = jobs.page(session, limit=2, after=second[-1].id)
    assert [job.id for job in (*first, *second, *third)] == accepted[::-1]


def test_the_queue_position_counts_those_before(database: Database) -> None:
    first, second = accept(database), accept(database)
    with database.session() as session:
        assert (jobs.queue_position(session, first), jobs.queue_position(session, second)) == (0, 1)
