"""Rows go, and with them the objects that only they speak of."""

import contextlib
import time
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.contract import jobs, leases, registry, training
from app.contract.database import Database, now
from app.contract.states import JobState
from app.contract.store import Store, checkpoint_path
from app.contract.tables import JobRow
from app.jobs.retention import Retention
from app.main import create_app
from tests.app import serving
from tests.app.contract.test_registry import checkpoint


def ended_run(database: Database, store: Store, *, days_ago: float) -> tuple[str, str]:
    """Ids of a training that failed so long ago, and of a checkpoint that it made."""
    with database.session() as session:
        job_id = jobs.create(session, kind=training.KIND, queue="q", request={}).id
        version = registry.publish(
            session, store, name=job_id, checkpoint=checkpoint(note=job_id), onnx=None, source=job_id
        )
        job = leases.claim(session, job_id, worker="w", lease_seconds=30)
        assert job is not None
        leases.finish(session, job, JobState.FAILED, "no luck")
        session.execute(
            sa.update(JobRow).where(JobRow.id == job_id).values(finished_at=now() - timedelta(days=days_ago))
        )
    store.put(training.snapshot_path(job_id, images=1, token=1), b"state")
    store.put(training.sample_path(job_id, images=1), b"sample")
    store.put(f"jobs/{job_id}/output/0.png", b"picture")
    return job_id, version.digest


@pytest.mark.anyio
async def test_a_job_and_its_objects_go_after_its_days(tmp_path: Path, database: Database) -> None:
    store = Store((tmp_path / "store").as_uri())
    ended_run(database, store, days_ago=8)
    young, digest = ended_run(database, store, days_ago=1)
    await Retention(database, store, days=7).remove()
    with database.session() as session:
        assert [job.id for job in jobs.page(session)] == [young]
    assert store.list("jobs") == [f"jobs/{young}/output/0.png"]
    assert store.list("runs") == [training.sample_path(young, images=1)]  # a run that has ended needs no state
    assert store.list("checkpoints") == [checkpoint_path(digest)]


@pytest.mark.anyio
async def test_zero_days_keep_everything_but_what_is_of_no_use(tmp_path: Path, database: Database) -> None:
    store = Store((tmp_path / "store").as_uri())
    old, digest = ended_run(database, store, days_ago=400)
    late, _ = ended_run(database, store, days_ago=0)
    await Retention(database, store, days=0).remove()
    assert store.exists(checkpoint_path(digest))
    assert store.exists(training.sample_path(old, images=1))
    assert not store.exists(training.snapshot_path(late, images=1, token=1))


def test_a_running_api_removes_what_is_old(tmp_path: Path, api_redis: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = serving.home_settings(tmp_path, api_redis, job_days=1)
    serving.publish(settings)
    monkeypatch.setattr("app.jobs.retention.FIRST_SECONDS", 0.0)
    store = Store(settings.store)
    with contextlib.closing(Database(settings.database)) as database:
        ended_run(database, store, days_ago=2)
        with TestClient(create_app(settings)):
            until = time.monotonic() + 60
            while store.list("runs") and time.monotonic() < until:
                time.sleep(0.02)
        assert store.list("runs") == store.list("jobs") == []
        with database.session() as session:
            assert jobs.page(session) == []
