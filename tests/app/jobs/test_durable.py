import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
import redis
import sqlalchemy.exc
from sqlalchemy.orm import Session

from app import redis_client
from app.access import limits
from app.access.caller import ANYONE, Caller
from app.access.limits import Limits, Spender
from app.contract import jobs, leases
from app.contract.errors import IdempotencyConflict, JobFinished, LimitReached, QueueFull, UnknownJob
from app.contract.jobs import Job
from app.contract.messages import PREFIX
from app.contract.settings import Settings
from app.contract.states import JobState
from app.contract.store import Store
from app.interactive.publisher import Publisher
from app.jobs.durable import Durable
from app.jobs.idempotency import Claim
from app.jobs.sweep import Sweep
from app.metrics import Metrics
from app.signals import Signals
from tests.app import serving
from tests.app.jobs.test_datasets import Cut

pytestmark = pytest.mark.anyio

ADA, BOB = Caller("key_ada", frozenset({"predict"})), Caller("key_bob", frozenset({"predict"}))


class World:
    """A durable part on a real database and store, and a queue that nobody empties."""

    def __init__(self, settings: Settings, database: Cut, durable: Durable) -> None:
        self.settings, self.database, self.durable = settings, database, durable
        self.store = Store(settings.store)

    async def accept(self, caller: Caller = ANYONE, claim: Claim | None = None) -> Job:
        return await self.durable.accept(
            kind="generate", queue="nobody", request={"a": 1}, caller=caller, claim=claim, inputs={"pixels": b"xyz"}
        )

    def claim(self, job: Job) -> Job:
        with self.database.session() as session:
            claimed = leases.claim(session, job.id, worker="w", lease_seconds=30)
        assert claimed is not None
        return claimed

    def finish(self, job: Job, state: JobState = JobState.SUCCEEDED) -> None:
        with self.database.session() as session:
            leases.finish(session, job, state, "done", output={"x": 1})


@asynccontextmanager
async def living(home: Path, redis_url: str, **options: float) -> AsyncIterator[World]:
    settings = serving.home_settings(home, redis_url, **options)
    database = Cut(settings.database)
    database.migrate()
    with closing(database):
        async with (
            redis_client.connect(redis_url) as client,
            Publisher(settings) as publisher,
            Signals(client) as signals,
        ):
            yield World(
                settings,
                database,
                Durable(
                    database,
                    Store(settings.store),
                    publisher,
                    client,
                    signals,
                    Limits(client, settings),
                    most_waiting=settings.key_waiting_jobs,
                ),
            )


def sweep(world: World, *, takes: bool = True) -> Sweep:
    return Sweep(world.database, world.durable, Metrics(), world.settings, takes=lambda _queue: takes)


async def test_what_is_accepted_is_in_the_store_the_database_and_the_queue(tmp_path: Path, api_redis: str) -> None:
    async with living(tmp_path, api_redis) as world:
        job = await world.accept()
        assert world.store.get(f"jobs/{job.id}/input/pixels") == b"xyz"
        assert world.durable.get(job.id, ANYONE).state is JobState.QUEUED
        with redis.Redis.from_url(api_redis) as client:
            messages = [json.loads(message)["body"] for message in client.lrange(f"{PREFIX}nobody", 0, -1)]
        told = [json.loads(base64.b64decode(body))[0][0] for body in messages]
        assert job.id in told


async def test_a_job_is_accepted_while_the_broker_is_away_and_sent_later(tmp_path: Path, api_redis: str) -> None:
    async with living(tmp_path, f"unix://{tmp_path}/nobody.sock") as world:
        job = await world.accept()
    async with living(tmp_path, api_redis) as world:
        sent: list[str] = []

        async def send(found: Job) -> None:
            sent.append(found.id)

        world.durable.send = send  # type: ignore[method-assign]
        await sweep(world).sweep()
    assert sent == [job.id]


async def test_nothing_is_sent_again_while_no_worker_takes_it(tmp_path: Path, api_redis: str) -> None:
    async with living(tmp_path, api_redis, lease_seconds=0.01, sweep_seconds=0.01) as world:
        await world.accept()
        with redis.Redis.from_url(api_redis) as client:
            lengths = []
            for takes in (False, False, True):
                await asyncio.sleep(0.05)
                await sweep(world, takes=takes).sweep()
                lengths.append(client.llen(f"{PREFIX}nobody"))
    assert lengths[1] == lengths[0]
    assert lengths[2] == lengths[0] + 1


async def test_the_same_key_and_body_make_one_job(tmp_path: Path, api_redis: str) -> None:
    async with living(tmp_path, api_redis) as world:
        claim = Claim.of("k", owner=None, route="/r", body=b"body")
        first, second = await world.accept(claim=claim), await world.accept(claim=claim)
    assert first.id == second.id


async def test_images_that_are_asked_for_again_are_counted_once(tmp_path: Path, api_redis: str) -> None:
    async with living(tmp_path, api_redis, key_images_per_minute=10) as world:
        limits.spender.set(Spender(f"key:{tmp_path}", "key", limited=True))

        async def accept(key: str) -> Job:
            claim = Claim.of(key, owner=None, route="/r", body=b"body")
            return await world.durable.accept(
                kind="generate", queue="nobody", request={}, caller=ANYONE, claim=claim, images=8
            )

        assert (await accept("k")).id == (await accept("k")).id
        with pytest.raises(LimitReached):
            await accept("another")
        limits.spender.set(None)


async def test_the_same_request_many_times_at_once_makes_one_job(tmp_path: Path, api_redis: str) -> None:
    async with living(tmp_path, api_redis) as world:
        claim = Claim.of("k", owner=None, route="/r", body=b"body")
        made = await asyncio.gather(*(world.accept(claim=claim) for _ in range(8)))
        assert len({job.id for job in made}) == 1
        assert len(world.store.list("jobs/")) == 1


async def test_a_job_that_is_refused_leaves_nothing(tmp_path: Path, api_redis: str) -> None:
    async with living(tmp_path, api_redis, key_waiting_jobs=1) as world:
        job = await world.accept(ADA)
        with pytest.raises(QueueFull):
            await world.accept(ADA)
        assert world.store.list("jobs") == [f"jobs/{job.id}/input/pixels"]


@pytest.mark.parametrize(("lose", "kept"), [("before", 0), ("after", 1)])
async def test_what_belongs_to_a_job_stays_where_the_database_may_have_taken_it(
    lose: str, kept: int, tmp_path: Path, api_redis: str
) -> None:
    async with living(tmp_path, api_redis) as world:
        world.database.lose = lose
        with pytest.raises(sqlalchemy.exc.OperationalError):
            await world.accept()
        assert len(world.store.list("jobs")) == kept
        assert len(world.durable.page(ANYONE, limit=10, after=None)) == kept


async def test_a_job_is_accepted_though_it_cannot_be_noted_that_it_was_sent(
    tmp_path: Path, api_redis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_session: Session, _job_id: str) -> None:
        raise sqlalchemy.exc.OperationalError("UPDATE", {}, OSError("the server closed the connection"))

    monkeypatch.setattr(jobs, "mark_sent", away)
    async with living(tmp_path, api_redis) as world:
        job = await world.accept()
        assert world.durable.get(job.id, ANYONE).state is JobState.QUEUED


async def test_the_same_key_with_another_body_is_refused(tmp_path: Path, api_redis: str) -> None:
    async with living(tmp_path, api_redis) as world:
        await world.accept(claim=Claim.of("k", owner=None, route="/r", body=b"body"))
        with pytest.raises(IdempotencyConflict):
            await world.accept(claim=Claim.of("k", owner=None, route="/r", body=b"another"))


async def test_two_callers_may_use_one_key(tmp_path: Path, api_redis: str) -> None:
    async with living(tmp_path, api_redis) as world:
        made = [
            await world.accept(caller, Claim.of("k", owner=caller.key, route="/r", body=b"body"))
            for caller in (ADA, BOB)
        ]
    assert made[0].id != made[1].id


async def test_a_job_is_seen_by_its_owner_and_by_administrators(tmp_path: Path, api_redis: str) -> None:
    async with living(tmp_path, api_redis) as world:
        job = await world.accept(ADA)
        assert world.durable.get(job.id, ADA).id == job.id
        assert world.durable.get(job.id, Caller("key_root", frozenset({"admin"}))).id == job.id
        assert world.durable.page(BOB, limit=10, after=None) == []
        with pytest.raises(UnknownJob):
            world.durable.get(job.id, BOB)
        with pytest.raises(UnknownJob):
            await world.durable.steer(job.id, JobState.CANCELLED, "", BOB)


async def test_following_a_job_tells_everything_in_order_until_it_ends(tmp_path: Path, api_redis: str) -> None:
    async with living(tmp_path, api_redis) as world:
        job = await world.accept()
        following = asyncio.create_task(_collect(world, job))
        await asyncio.sleep(0.05)
        held = world.claim(job)
        with world.database.session() as session:
            leases.append(session, held, "progress", {"images": 1})
        await world.durable.wake(job)
        await asyncio.sleep(0.05)
        world.finish(held)
        await world.durable.wake(job)
        async with asyncio.timeout(60):
            seen = await following
    assert [number for number, _ in seen] == [1, 2, 3, 4]
    assert [kind for _, kind in seen] == ["status", "status", "progress", "status"]


async def test_waiting_ends_with_the_job_or_with_the_patience(tmp_path: Path, api_redis: str) -> None:
    async with living(tmp_path, api_redis) as world:
        job = await world.accept()
        assert (await world.durable.wait(job, seconds=0.05)).state is JobState.QUEUED
        world.finish(world.claim(job))
        assert (await world.durable.wait(job, seconds=60)).state is JobState.SUCCEEDED


async def test_cancelling_ends_a_waiting_job_and_asks_a_running_one(tmp_path: Path, api_redis: str) -> None:
    async with living(tmp_path, api_redis) as world:
        waiting, running, ended = [await world.accept() for _ in range(3)]
        world.claim(running)
        world.finish(world.claim(ended))

        async def cancel(job: Job) -> JobState:
            return (await world.durable.steer(job.id, JobState.CANCELLED, "cancelled", ANYONE)).state

        assert await cancel(waiting) is JobState.CANCELLED
        assert await cancel(running) is JobState.CANCELLING
        assert await cancel(waiting) is JobState.CANCELLED
        with pytest.raises(JobFinished):
            await cancel(ended)


async def test_the_sweep_takes_jobs_from_silent_workers(tmp_path: Path, api_redis: str) -> None:
    async with living(tmp_path, api_redis, max_attempts=2, lease_seconds=0.01) as world:
        job = await world.accept()
        states = []
        for _ in range(2):
            with world.database.session() as session:
                assert leases.claim(session, job.id, worker="w", lease_seconds=0.01) is not None
            await asyncio.sleep(0.05)
            await sweep(world).sweep()
            states.append(world.durable.get(job.id, ANYONE))
    assert [found.state for found in states] == [JobState.QUEUED, JobState.FAILED]
    assert states[1].error is not None
    assert states[1].error["code"] == "worker_lost"


async def _collect(world: World, job: Job) -> list[tuple[int, str]]:
    return [(event.number, event.type) async for event in world.durable.follow(job, after=0) if event is not None]
