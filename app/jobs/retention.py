"""Removes what has been kept for long enough, in every api process; docs/operations.md has the table."""

import asyncio
import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from app.contract import retention
from app.contract.database import Database, now
from app.contract.store import Store, StorePath, checkpoint_path, onnx_path

ROUND_SECONDS = 3600.0
FIRST_SECONDS = 60.0
LATELY = timedelta(days=2)
"""Objects of jobs that ended earlier were removed in earlier rounds, or go with their jobs."""

_log = logging.getLogger(__name__)


class Retention:
    """Several processes may remove at once: what one of them has removed is no error to another.

    Rows go before the objects that they speak of, so that nothing can be seen that is no longer there.

    Args:
        days: for so long after its end a job is kept; 0 for ever.
    """

    def __init__(self, database: Database, store: Store, *, days: int) -> None:
        self._database, self._store, self._days = database, store, days

    async def remove(self) -> None:
        """One round."""
        await asyncio.to_thread(self._remove_needless)
        if self._days:
            await asyncio.to_thread(self._remove_old)

    def _remove_needless(self) -> None:
        with self._database.session() as session:
            found = retention.done_with(session, since=now() - LATELY)
        self._empty(found)

    def _remove_old(self) -> None:
        before = now() - timedelta(days=self._days)
        with self._database.session() as session:
            unused = retention.remove_run_versions(session, before=before)
        self._store.delete(*(path(digest) for digest in unused for path in (checkpoint_path, onnx_path)))
        removed = 0
        while ids := self._remove_jobs(before):
            self._empty(folder for job_id in ids for folder in retention.folders(job_id))
            removed += len(ids)
        with self._database.session() as session:
            claims = retention.remove_claims(session, before=before)
        if removed or unused or claims:
            _log.info(
                "kept for %d days and removed now: %d jobs, %d checkpoints of runs, %d claims",
                self._days,
                removed,
                len(unused),
                claims,
            )

    def _remove_jobs(self, before: datetime) -> list[str]:
        with self._database.session() as session:
            return retention.remove_jobs(session, before=before)

    def _empty(self, folders: Iterable[StorePath]) -> None:
        for folder in folders:
            self._store.delete(*self._store.list(folder))
