"""What is kept no longer: ended jobs, checkpoints that runs made on their way, and claims of idempotency.

Nothing goes that something else speaks of: a run's record stays as long as a version that it published, the check of a
data set as long as the data set, and a run's checkpoint as long as an alias or a job that has not ended names it.
Every function takes an open session, so that the caller decides what is one transaction.
"""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.contract import datasets, registry, training
from app.contract.states import JobState
from app.contract.store import StorePath
from app.contract.tables import AliasRow, DatasetRow, IdempotencyRow, JobRow, VersionRow

_FINAL = [state for state in JobState if state.final]
_ALIVE = [state for state in JobState if not state.final]


def remove_jobs(session: Session, *, before: datetime, limit: int = 100) -> list[str]:
    """Remove jobs that ended before that time, with their events, deliveries and claims; their ids, `limit` at most.

    Their objects are the caller's to remove once this is committed: see `folders`.
    """
    gone = (
        sa.select(JobRow.id)
        .where(
            JobRow.state.in_(_FINAL),
            JobRow.finished_at < before,
            JobRow.id.not_in(sa.select(VersionRow.source)),
            JobRow.id.not_in(sa.select(DatasetRow.job)),
        )
        .order_by(JobRow.finished_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(session.scalars(gone))
    session.execute(sa.delete(IdempotencyRow).where(IdempotencyRow.made.in_(ids)))
    session.execute(sa.delete(JobRow).where(JobRow.id.in_(ids)))  # the tables of what belongs to them follow
    return ids


def remove_run_versions(session: Session, *, before: datetime) -> list[str]:
    """Remove the checkpoints of runs that ended before that time; digests whose bytes are of no use any more."""
    of_runs = (
        sa.select(VersionRow.model, VersionRow.digest)
        .join(JobRow, JobRow.id == VersionRow.model)
        .where(JobRow.state.in_(_FINAL), JobRow.finished_at < before)
        .where(~sa.exists().where(AliasRow.model == VersionRow.model, AliasRow.digest == VersionRow.digest))
        .order_by(VersionRow.model, VersionRow.digest)  # two who remove at once wait for each other in the same order
    )
    wanted = named_by_living_jobs(session)
    gone = [found for found in session.execute(of_runs).all() if found.digest not in wanted]
    return [found.digest for found in gone if registry.clear_away(session, model=found.model, digest=found.digest)]


def named_by_living_jobs(session: Session) -> set[str]:
    """Digests that jobs which have not ended draw with, classify with or start from."""
    names = sa.select(JobRow.request["digest"].as_string(), JobRow.request["resume_from"].as_string())
    found = session.execute(names.where(JobRow.state.in_(_ALIVE))).all()
    return {name.rpartition(":")[2] for row in found for name in row if name}


def remove_claims(session: Session, *, before: datetime) -> int:
    """Remove claims from before that time, those of jobs that are still there excepted; how many."""
    old = sa.and_(IdempotencyRow.created_at < before, IdempotencyRow.made.not_in(sa.select(JobRow.id)))
    return len(session.scalars(sa.delete(IdempotencyRow).where(old).returning(IdempotencyRow.key)).all())


def done_with(session: Session, *, since: datetime) -> list[StorePath]:
    """Folders that no job needs any more: of runs that ended since then the states, of data sets the files as they
    came, once these were looked through."""
    ended = sa.select(JobRow).where(
        JobRow.state.in_(_FINAL), JobRow.finished_at >= since, JobRow.kind.in_((training.KIND, datasets.KIND))
    )
    return [
        training.snapshots_folder(job.id)
        if job.kind == training.KIND
        else datasets.uploads_folder(job.request["dataset"])
        for job in session.scalars(ended)
    ]


def folders(job_id: str) -> Sequence[StorePath]:
    """Where the objects of a job lie."""
    return (f"jobs/{job_id}", f"runs/{job_id}")
