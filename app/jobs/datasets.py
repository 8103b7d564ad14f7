"""Data sets on the api's side: accepted, shown, removed."""

import contextlib

import sqlalchemy.exc

from app.access import job_bounds
from app.access.caller import Caller
from app.contract import datasets, jobs
from app.contract.database import Database
from app.contract.datasets import Dataset
from app.contract.errors import UnknownDataset
from app.contract.jobs import Job
from app.contract.states import ForbiddenMove, JobState
from app.contract.store import Store
from app.jobs import dataset_upload, idempotency
from app.jobs.dataset_upload import Received
from app.jobs.idempotency import Claim


class Datasets:
    """The data sets of this service. Everything here waits for the database: use it in a thread."""

    def __init__(self, database: Database, store: Store, *, most_waiting: int) -> None:
        self._database, self._store, self._most_waiting = database, store, most_waiting

    def check_room(self, caller: Caller, *, route: str, key: str | None) -> None:
        """Look whether an upload may come, before it does. One that came before may come again with its key.

        Raises:
            QueueFull: too many jobs of the caller wait.
        """
        with self._database.session() as session:
            if key is None or not idempotency.is_taken(session, key, owner=caller.key, route=route):
                job_bounds.check_room(session, caller, most=self._most_waiting)

    def accept(self, dataset_id: str, received: Received, caller: Caller, claim: Claim | None) -> tuple[Dataset, Job]:
        """Note an upload whose files are in the store, or find the one that the same `Idempotency-Key` made before.

        Raises:
            IdempotencyConflict: the key came before with another body.
            QueueFull: too many jobs of the caller wait.
        """
        try:
            with self._database.session() as session:
                made = claim.made_before(session) if claim else None
                if made is None:
                    job_bounds.check_room(session, caller, most=self._most_waiting)
                    created = datasets.create(
                        session,
                        dataset_id=dataset_id,
                        name=received.name,
                        uploads=received.uploads,
                        class_names=received.class_names,
                        owner=caller.key,
                    )
                    if claim is not None:
                        claim.record(session, created.id)
        except sqlalchemy.exc.IntegrityError:
            # The same request came twice at once, and the other one was first.
            with self._database.session() as session:
                made = claim.made_before(session) if claim else None
            if made is None:
                raise
        except sqlalchemy.exc.OperationalError:
            # The database may have gone after it took the row and before it said so. While that is not known, what the
            # row speaks of must stay: the client comes again with the same key and finds its data set.
            with self._database.session() as session:
                taken = datasets.get(session, dataset_id) is not None
            if not taken:
                dataset_upload.discard(self._store, dataset_id)
            raise
        except BaseException:
            dataset_upload.discard(self._store, dataset_id)
            raise
        if made is not None:
            dataset_upload.discard(self._store, dataset_id)
        found = self.get(made or dataset_id, caller)
        with self._database.session() as session:
            job = jobs.get(session, found.job)
        assert job is not None
        return found, job

    def get(self, dataset_id: str, caller: Caller) -> Dataset:
        """The data set, if the caller may see it. Raises `UnknownDataset`."""
        with self._database.session() as session:
            found = datasets.get(session, dataset_id)
        if found is None or caller.owner not in (None, found.owner):
            raise UnknownDataset(dataset=dataset_id[:60])
        return found

    def page(self, caller: Caller, *, limit: int, after: str | None) -> list[Dataset]:
        """Data sets that the caller may see, newest first."""
        with self._database.session() as session:
            return datasets.page(session, owner=caller.owner, after=after, limit=limit)

    def delete(self, dataset_id: str, caller: Caller) -> None:
        """Remove the data set and its pictures.

        Raises:
            UnknownDataset: there is none.
            DatasetInUse: a job that has not ended trains on it.
        """
        found = self.get(dataset_id, caller)
        with self._database.session() as session:
            datasets.delete(session, dataset_id)
            with contextlib.suppress(ForbiddenMove):  # it was looked through long ago
                jobs.ask(session, found.job, JobState.CANCELLED, "its data set is removed")
        dataset_upload.discard(self._store, dataset_id)
