"""Durable jobs on the api's side: accepted in the database first, then told to a worker; read, followed, cancelled."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any

import redis.asyncio
import redis.exceptions
import sqlalchemy.exc

from app import signals
from app.access import job_bounds
from app.access.caller import Caller
from app.access.limits import Limits
from app.contract import datasets, events, jobs, training
from app.contract.database import Database
from app.contract.errors import BrokerUnavailable, Forbidden, JobFinished, NotNow, UnknownJob
from app.contract.events import Event
from app.contract.jobs import Job
from app.contract.messages import EVENTS_CHANNEL, JOB_TASK
from app.contract.states import ForbiddenMove, JobState
from app.contract.store import Store
from app.interactive.publisher import Publisher
from app.jobs.idempotency import Claim

POLL_SECONDS = 1.0  # a wake-up may be lost, so the table is looked at this often all the same
KEEP_ALIVE_SECONDS = 15.0
OF_TRAINERS = frozenset({training.KIND, training.PROBE_KIND, datasets.KIND})
"""Kinds of jobs that keys with the scope `train` make; no other key steers them, whoever's they are."""

_log = logging.getLogger(__name__)


class Durable:
    """Jobs of this service. Belongs to one event loop; tables and store are used in threads."""

    def __init__(
        self,
        database: Database,
        store: Store,
        publisher: Publisher,
        client: redis.asyncio.Redis,
        wakes: signals.Signals,
        allowances: Limits,
        *,
        most_waiting: int,
    ) -> None:
        self._database, self._store, self._client = database, store, client
        self._publisher, self._signals = publisher, wakes
        self._allowances, self._most_waiting = allowances, most_waiting

    async def accept(
        self,
        *,
        kind: str,
        queue: str,
        request: dict[str, Any],
        caller: Caller,
        claim: Claim | None = None,
        inputs: Mapping[str, bytes] | None = None,
        images: int = 0,
    ) -> Job:
        """Accept a job, or return the one that the same `Idempotency-Key` made before.

        The bytes are in the store before the row is in the database, and the row before the message is sent: what was
        accepted is never lost, and what a worker is told of is there.

        Args:
            kind: what the worker is to do.
            queue: queue of the workers who can.
            request: what they need to know.
            caller: whose job it is.
            claim: the client's idempotency key.
            inputs: bytes by their name below `jobs/{id}/input/`.
            images: how many a worker is to draw or classify.

        Raises:
            IdempotencyConflict: the key came before with another body.
            LimitReached, QueueFull: the caller has had enough images, or too many jobs of it wait.
        """
        if claim is not None and (before := await asyncio.to_thread(self._made_before, claim)) is not None:
            return before  # the first answer was lost on its way, and the images are counted
        await self._allowances.images(images)
        job, new = await asyncio.to_thread(self._create, kind, queue, request, caller, claim, inputs or {})
        if new:
            _log.info("job %s (%s) is accepted", job.id, job.kind, extra={"job": job.id})
            await self.send(job)
        return job

    async def send(self, job: Job) -> None:
        """Tell a worker of a queued job. When the broker is away the sweep does so later."""
        try:
            await self._publisher.publish(JOB_TASK, job.id, queue=job.queue)
        except BrokerUnavailable:
            _log.warning("job %s is accepted, but the broker is away; it is sent later", job.id, extra={"job": job.id})
            return
        # The note saves the sweep from sending once more, which does no harm. The job is accepted without it.
        with contextlib.suppress(sqlalchemy.exc.OperationalError, sqlalchemy.exc.TimeoutError):
            await asyncio.to_thread(self._mark_sent, job.id)

    def get(self, job_id: str, caller: Caller) -> Job:
        """The job, if the caller may see it. Raises `UnknownJob`."""
        with self._database.session() as session:
            job = jobs.get(session, job_id)
        if job is None or caller.owner not in (None, job.owner):
            raise UnknownJob(job=job_id[:60])
        return job

    def page(
        self,
        caller: Caller,
        *,
        limit: int,
        after: str | None,
        kinds: Collection[str] = (),
        states: Collection[JobState] = (),
    ) -> list[Job]:
        """Jobs that the caller may see, newest first; of some kinds and states when they are given."""
        with self._database.session() as session:
            return jobs.page(session, kinds=kinds, states=states, owner=caller.owner, after=after, limit=limit)

    def queue_position(self, job: Job) -> int | None:
        """How many jobs come before this one, or None once it has started."""
        if job.state is not JobState.QUEUED:
            return None
        with self._database.session() as session:
            return jobs.queue_position(session, job)

    async def steer(self, job_id: str, wanted: JobState, why: str, caller: Caller) -> Job:
        """Cancel, pause or resume a job. Asking again for what was asked before changes nothing.

        Raises:
            UnknownJob, JobFinished, NotNow: it cannot be done.
            Forbidden: it is a job of training, and the caller's key is not for that.
        """
        job = await asyncio.to_thread(self._ask, job_id, wanted, why, caller)
        await self.wake(job)
        if job.state is JobState.QUEUED:
            await self.send(job)
        return job

    async def wake(self, job: Job) -> None:
        """Tell whoever follows the job that something happened to it. Lost when Redis is away; they look anyway."""
        with contextlib.suppress(redis.exceptions.RedisError, OSError):
            await self._client.publish(f"{EVENTS_CHANNEL}{job.id}", str(job.last_event))

    def events(self, job: Job, *, after: int, limit: int) -> list[Event]:
        """Events with numbers above `after`, in order."""
        with self._database.session() as session:
            return events.page(session, job.id, after=after, limit=limit)

    async def follow(self, job: Job, *, after: int) -> AsyncIterator[Event | None]:
        """Events with numbers above `after` as they come, until the job has ended. None now and then: still there."""
        silent = 0.0
        with self._signals.sleeper(f"{EVENTS_CHANNEL}{job.id}") as signal:
            while True:
                signal.clear()
                found = await asyncio.to_thread(self.events, job, after=after, limit=500)
                for event in found:
                    after = event.number
                    yield event
                    if event.type == "status" and JobState(event.data["status"]).final:
                        return
                silent = 0.0 if found else silent + POLL_SECONDS
                if silent >= KEEP_ALIVE_SECONDS:
                    silent = 0.0
                    yield None
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await signal.wait()

    async def wait(self, job: Job, *, seconds: float) -> Job:
        """The job as it stands when it has ended, or after `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for _ in self.follow(job, after=0):
                    pass
        return await asyncio.to_thread(self._reread, job)

    def _create(
        self,
        kind: str,
        queue: str,
        request: dict[str, Any],
        caller: Caller,
        claim: Claim | None,
        inputs: Mapping[str, bytes],
    ) -> tuple[Job, bool]:
        job_id = jobs.new_id()
        try:
            for name, data in inputs.items():
                self._store.put(f"jobs/{job_id}/input/{name}", data, lasting=True)
            with self._database.session() as session:
                job_bounds.check_room(session, caller, most=self._most_waiting)
                job = jobs.create(session, kind=kind, queue=queue, request=request, owner=caller.key, job_id=job_id)
                if claim is not None:
                    claim.record(session, job.id)
            return job, True
        except sqlalchemy.exc.IntegrityError:
            # The same request came twice at once, and the other one was first.
            self._discard(job_id, inputs)
            if claim is None or (before := self._made_before(claim)) is None:
                raise
            return before, False
        except sqlalchemy.exc.OperationalError:
            # The database may have gone after it took the row and before it said so: what the row speaks of must stay
            # while that is not known. The client comes again.
            with self._database.session() as session:
                taken = jobs.get(session, job_id) is not None
            if not taken:
                self._discard(job_id, inputs)
            raise
        except BaseException:
            self._discard(job_id, inputs)
            raise

    def _discard(self, job_id: str, inputs: Collection[str]) -> None:
        """Remove the bytes of a job that is not accepted."""
        self._store.delete(*(f"jobs/{job_id}/input/{name}" for name in inputs))

    def _made_before(self, claim: Claim) -> Job | None:
        with self._database.session() as session:
            made = claim.made_before(session)
            return None if made is None else jobs.get(session, made)

    def _ask(self, job_id: str, wanted: JobState, why: str, caller: Caller) -> Job:
        if self.get(job_id, caller).kind in OF_TRAINERS and not caller.may("train"):
            raise Forbidden(scope="train")
        with self._database.session() as session:
            try:
                job = jobs.ask(session, job_id, wanted, why)
            except ForbiddenMove as refusal:
                if refusal.current.final:
                    raise JobFinished(status=refusal.current) from None
                raise NotNow(status=refusal.current, wanted=refusal.wanted) from None
        if job is None:
            raise UnknownJob(job=job_id[:60])
        return job

    def _mark_sent(self, job_id: str) -> None:
        with self._database.session() as session:
            jobs.mark_sent(session, job_id)

    def _reread(self, job: Job) -> Job:
        with self._database.session() as session:
            return jobs.get(session, job.id) or job
