"""What stays of a run's snapshots: the newest, those that somebody may be about to use, those that are in use."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import obstore.exceptions
import pytest
import sqlalchemy as sa

from app.contract import events, jobs, leases, registry, training
from app.contract.database import Database, now
from app.contract.states import JobState
from app.contract.store import Store, checkpoint_path
from app.contract.tables import VersionRow
from tests.worker import tiny
from worker import redis_client
from worker.trainings import logbook, reports
from worker.trainings.logbook import Logbook


class Run:
    """A training that somebody holds, and what it has told until now."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder, self.store = folder, store
        self.database = Database(f"sqlite:///{folder / 'test.db'}")
        self.database.migrate()
        with self.database.session() as session:
            waiting = jobs.create(session, kind=training.KIND, queue="train", request={})
            job = leases.claim(session, waiting.id, worker="train-0", lease_seconds=60)
        assert job is not None
        self.job = job
        self.log = Logbook(
            job,
            database=self.database,
            store=store,
            client=redis_client.waking(f"unix://{folder}/none.sock"),  # nobody is there to be woken
            patience_seconds=0,
        )

    def snapshot(self, number: int) -> str:
        """Digest of the run's snapshot after 100 x `number` pictures."""
        digest = tiny.save_classifier(self.folder / "served.safetensors", seed=number)
        (self.folder / "state.safetensors").write_bytes(b"a state")
        told = reports.Snapshot(
            images=100 * number,
            resume="state.safetensors",
            checkpoint="served.safetensors",
            seconds=2.5 * number,
            final=False,
        )
        assert self.log.snapshot(told, self.folder).model == f"{self.job.id}@sha256:{digest}"
        return digest

    def usable(self) -> set[str]:
        """Digests of the versions that can be asked for."""
        with self.database.session() as session:
            return {version.digest for model in registry.models(session) for version in model.versions}

    def age(self) -> None:
        """Let everything have been made a little longer ago than it must be kept."""
        past = now() - timedelta(seconds=logbook.KEPT_SECONDS + 1)
        with self.database.session() as session:
            session.execute(sa.update(VersionRow).values(created_at=past))


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    run = Run(tmp_path, Store(f"file://{tmp_path / 'store'}"))
    yield run
    run.database.close()


def test_a_version_that_somebody_was_just_told_of_stays(run: Run) -> None:
    made = [run.snapshot(number) for number in range(1, logbook.KEPT_VERSIONS + 3)]
    assert run.usable() == set(made)
    assert all(run.store.exists(checkpoint_path(digest)) for digest in made)


def test_not_even_those_of_the_last_minute_are_kept_without_end(run: Run) -> None:
    made = [run.snapshot(number) for number in range(logbook.MOST_VERSIONS + 2)]
    assert run.usable() == set(made[2:])


def test_older_ones_make_room_and_so_do_their_files(run: Run) -> None:
    old = run.snapshot(1)
    run.age()
    made = [run.snapshot(number) for number in range(2, logbook.KEPT_VERSIONS + 2)]
    assert run.usable() == set(made)
    assert not run.store.exists(checkpoint_path(old))
    assert len(run.store.list(f"runs/{run.job.id}/snapshots")) == logbook.KEPT_STATES


def test_one_that_an_alias_refers_to_stays(run: Run) -> None:
    used = run.snapshot(1)
    with run.database.session() as session:
        registry.point(session, model=run.job.id, alias="production", digest=used)
    old = run.snapshot(2)
    run.age()
    made = [run.snapshot(number) for number in range(3, logbook.KEPT_VERSIONS + 3)]
    assert run.usable() == {used, *made}
    assert run.store.exists(checkpoint_path(used))
    assert not run.store.exists(checkpoint_path(old))


@pytest.mark.parametrize(
    "request_of", [lambda ref, digest: {"resume_from": ref}, lambda ref, digest: {"digest": digest}]
)
def test_one_that_a_job_waits_to_use_stays_until_that_has_ended(
    run: Run, request_of: Callable[[str, str], dict[str, str]]
) -> None:
    used = run.snapshot(1)
    asked = request_of(f"{run.job.id}@sha256:{used}", used)
    with run.database.session() as session:
        waiting = jobs.create(session, kind="generate", queue="infer", request=asked)
    run.age()
    made = [run.snapshot(number) for number in range(2, logbook.KEPT_VERSIONS + 2)]
    assert run.usable() == {used, *made}
    assert run.store.exists(checkpoint_path(used))
    with run.database.session() as session:
        jobs.ask(session, waiting.id, JobState.CANCELLED, "someone said so")
    run.age()
    run.snapshot(logbook.KEPT_VERSIONS + 2)
    assert used not in run.usable()


def test_a_snapshot_keeps_the_seconds_it_was_told_though_no_progress_came_before(run: Run) -> None:
    run.snapshot(3)
    with run.database.session() as session:
        last = training.snapshots(session, run.job.id)[-1]
    assert last is not None
    assert last.seconds == 7.5


class Unlisted(Store):
    """A bucket that takes what it is given and does not answer when it is asked what it has."""

    def list(self, prefix: str) -> list[str]:
        raise obstore.exceptions.GenericError("busy")


def test_a_run_goes_on_while_old_ones_cannot_be_removed(tmp_path: Path) -> None:
    run = Run(tmp_path, Unlisted(f"file://{tmp_path / 'store'}"))
    made = run.snapshot(1)
    with run.database.session() as session:
        assert [event.data["images"] for event in events.of_types(session, run.job.id, "snapshot")] == [100]
    assert run.usable() == {made}
    run.database.close()
