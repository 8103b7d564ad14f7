"""The lease of a running job."""

from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app.contract import jobs, leases
from app.contract.database import Database
from tests.worker.running import until
from worker.durable.lease import Lease


def test_a_failure_that_nobody_expected_does_not_end_the_watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(f"sqlite:///{tmp_path / 'jobs.db'}")
    database.migrate()
    with database.session() as session:
        job_id = jobs.create(session, kind="draw", queue="infer", request={}).id
        job = leases.claim(session, job_id, worker="w", lease_seconds=30)
    assert job is not None
    get, asked = jobs.get, []

    def failing_once(session: Session, asked_for: str) -> jobs.Job | None:
        asked.append(asked_for)
        if len(asked) == 1:
            raise ValueError("nobody expected this")
        return get(session, asked_for)

    monkeypatch.setattr(jobs, "get", failing_once)
    monkeypatch.setattr("worker.durable.lease.WATCH_SECONDS", 0.001)
    with Lease(database, job, lease_seconds=30) as lease:
        until(lambda: len(asked) > 2)
    assert not lease.lost
    database.close()
