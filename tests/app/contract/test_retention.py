"""What goes after its time and what stays, on SQLite and on PostgreSQL."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.contract import datasets, jobs, leases, registry, retention, training, webhooks
from app.contract.database import Database, now
from app.contract.states import JobState
from app.contract.store import Store
from app.contract.tables import DeliveryRow, EventRow, IdempotencyRow, JobRow, WebhookRow
from tests.app.contract.meanwhile import meanwhile
from tests.app.contract.test_registry import checkpoint

OLD, CUT = now() - timedelta(days=40), now() - timedelta(days=30)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store((tmp_path / "store").as_uri())


def accept(database: Database, kind: str = "generate", **request: Any) -> str:
    with database.session() as session:
        return jobs.create(session, kind=kind, queue="q", request=request).id


def end(database: Database, job_id: str, *, old: bool = True) -> None:
    with database.session() as session:
        job = leases.claim(session, job_id, worker="w", lease_seconds=30)
        assert job is not None
        leases.finish(session, job, JobState.SUCCEEDED, "done")
        if old:
            session.execute(sa.update(JobRow).where(JobRow.id == job_id).values(finished_at=OLD))


def publish(database: Database, store: Store, name: str, *, source: str, note: str = "") -> str:
    with database.session() as session:
        return registry.publish(
            session, store, name=name, checkpoint=checkpoint(note=note), onnx=None, source=source
        ).digest


def remove(database: Database) -> list[str]:
    with database.session() as session:
        return retention.remove_jobs(session, before=CUT)


def remove_versions(database: Database) -> list[str]:
    with database.session() as session:
        return retention.remove_run_versions(session, before=CUT)


def claim(database: Database, made: str, *, old: bool) -> None:
    with database.session() as session:
        at = OLD if old else now()
        session.add(IdempotencyRow(owner="", route="r", key=made, body_sha256="0" * 64, made=made, created_at=at))


def rows(database: Database, table: type) -> int:
    with database.session() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def test_a_job_that_ended_long_ago_goes_with_all_that_belongs_to_it(database: Database) -> None:
    job_id = accept(database)
    with database.session() as session:
        webhooks.register(session, job_id=job_id, url="http://a", events=["job.succeeded"])
        webhooks.write_messages(session)
    end(database, job_id)
    claim(database, job_id, old=True)
    assert remove(database) == [job_id]
    assert [rows(database, table) for table in (JobRow, EventRow, WebhookRow, DeliveryRow, IdempotencyRow)] == [0] * 5


def test_a_job_that_ended_lately_or_not_at_all_stays(database: Database) -> None:
    lately, waiting = accept(database), accept(database)
    end(database, lately, old=False)
    with database.session() as session:
        session.execute(sa.update(JobRow).where(JobRow.id == waiting).values(created_at=OLD))
    claim(database, waiting, old=True)
    assert remove(database) == []
    with database.session() as session:
        assert retention.remove_claims(session, before=CUT) == 0
    assert rows(database, JobRow) == 2


def test_jobs_go_in_portions(database: Database) -> None:
    for _ in range(3):
        end(database, accept(database))
    with database.session() as session:
        assert len(retention.remove_jobs(session, before=CUT, limit=2)) == 2
    assert len(remove(database)) == 1


def test_claims_of_what_is_no_job_go_by_their_age(database: Database) -> None:
    claim(database, "ds_old", old=True)
    claim(database, "ds_new", old=False)
    with database.session() as session:
        assert retention.remove_claims(session, before=CUT) == 1
        assert session.scalar(sa.select(IdempotencyRow.made)) == "ds_new"


def test_the_check_of_a_data_set_stays_as_long_as_the_data_set(database: Database) -> None:
    upload = datasets.Upload(name="a.zip", size_bytes=3, sha256="0" * 64)
    with database.session() as session:
        made = datasets.create(session, dataset_id=datasets.new_id(), name="a", uploads=[upload])
    end(database, made.job)
    assert remove(database) == []
    with database.session() as session:
        datasets.delete(session, made.id)
    assert remove(database) == [made.job]


def test_the_record_of_a_run_stays_as_long_as_what_it_published(database: Database, store: Store) -> None:
    run = accept(database, training.KIND)
    end(database, run)
    digest = publish(database, store, "mine", source=run)
    assert remove(database) == []
    with database.session() as session:
        registry.withdraw(session, model="mine", digest=digest)
    assert remove(database) == [run]


def test_checkpoints_of_a_run_go_after_it_and_the_published_one_keeps_its_bytes(
    database: Database, store: Store
) -> None:
    run = accept(database, training.KIND)
    passing, final = (publish(database, store, run, source=run, note=note) for note in ("passing", "final"))
    publish(database, store, "mine", source=run, note="final")
    assert remove_versions(database) == []  # it still runs
    end(database, run)
    assert remove_versions(database) == [passing]
    with database.session() as session:
        assert registry.model(session, run) is None
        assert registry.is_published(session, final)


def test_a_checkpoint_of_a_run_stays_while_an_alias_or_a_living_job_names_it(database: Database, store: Store) -> None:
    run = accept(database, training.KIND)
    named, drawn, begun, free = (publish(database, store, run, source=run, note=str(note)) for note in range(4))
    end(database, run)
    with database.session() as session:
        registry.point(session, model=run, alias="favourite", digest=named)
    drawing = accept(database, digest=drawn)
    accept(database, training.KIND, resume_from=f"{run}@sha256:{begun}")
    assert remove_versions(database) == [free]
    end(database, drawing)
    assert remove_versions(database) == [drawn]
    assert remove(database) == [drawing]


def test_a_checkpoint_that_another_process_removes_at_the_same_time_is_left_to_it(
    database: Database, store: Store
) -> None:
    run = accept(database, training.KIND)
    digests = sorted(publish(database, store, run, source=run, note=str(note)) for note in range(2))
    end(database, run)
    theirs: list[str] = []
    with meanwhile(database, "versions.header", lambda: theirs.extend(remove_versions(database))):
        assert remove_versions(database) == []
    assert theirs == digests


def test_a_checkpoint_that_gets_a_name_at_the_same_time_stays_and_the_others_go(
    database: Database, store: Store
) -> None:
    run = accept(database, training.KIND)
    named, free = sorted(publish(database, store, run, source=run, note=str(note)) for note in range(2))
    end(database, run)

    def name() -> None:
        with database.session() as session:
            registry.point(session, model=run, alias="favourite", digest=named)

    with meanwhile(database, "versions.header", name):
        assert remove_versions(database) == [free]


def test_states_of_ended_runs_and_uploads_that_were_looked_through_are_done_with(database: Database) -> None:
    upload = datasets.Upload(name="a.zip", size_bytes=3, sha256="0" * 64)
    with database.session() as session:
        made = datasets.create(session, dataset_id="ds_a", name="a", uploads=[upload])
        datasets.create(session, dataset_id="ds_waits", name="b", uploads=[upload])
    run = accept(database, training.KIND)
    accept(database, training.KIND)
    drawing = accept(database)
    for ended in (run, drawing, made.job):
        end(database, ended, old=False)
    with database.session() as session:
        found = retention.done_with(session, since=CUT)
    assert sorted(found) == ["datasets/ds_a/upload", f"runs/{run}/snapshots"]
