import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis.asyncio
from sqlalchemy.orm import Session

from app import redis_client
from app.access import job_bounds, limits
from app.access.caller import ANYONE, EVERYTHING, NOBODY, Caller
from app.access.limits import Limits, Spender
from app.contract import events, jobs, training
from app.contract.database import Database, now
from app.contract.errors import LimitReached, QueueFull
from app.contract.settings import Settings
from app.contract.states import JobState
from app.contract.tables import EventRow, JobRow

pytestmark = pytest.mark.anyio

SHOP = Caller("key_shop", frozenset({"predict", "train"}), "key_shop")


def spending(name: str) -> Spender:
    return Spender(name, "key", limited=True)


@pytest.fixture
async def client(api_redis: str) -> AsyncIterator[redis.asyncio.Redis]:
    client = redis_client.connect(api_redis, read_seconds=0.25)
    yield client
    await client.aclose()


async def test_the_request_after_the_last_one_is_told_when_to_come_back(client: redis.asyncio.Redis) -> None:
    allowances = Limits(client, Settings(key_requests_per_minute=3))
    left = [standing.remaining for _ in range(3) if (standing := await allowances.request(spending("last")))]
    assert left == [2, 1, 0]
    with pytest.raises(LimitReached) as refused:
        await allowances.request(spending("last"))
    assert 1 <= refused.value.retry_after <= 60
    assert await allowances.request(spending("another")) is not None


async def test_processes_share_the_count(client: redis.asyncio.Redis) -> None:
    settings = Settings(key_requests_per_minute=4)
    both = Limits(client, settings), Limits(client, settings)
    for allowances in (*both, *both):
        await allowances.request(spending("shared"))
    for allowances in both:
        with pytest.raises(LimitReached):
            await allowances.request(spending("shared"))


async def test_administrators_and_switched_off_limits_are_not_counted(client: redis.asyncio.Redis) -> None:
    admin = limits.who(Caller("admin", EVERYTHING, "admin"), "192.0.2.1")
    assert await Limits(client, Settings(key_requests_per_minute=1)).request(admin) is None
    assert await Limits(client, Settings(key_requests_per_minute=0)).request(spending("off")) is None


async def test_while_redis_is_away_a_process_counts_by_itself() -> None:
    nobody = redis_client.connect("redis://127.0.0.1:1", read_seconds=0.25)
    allowances = Limits(nobody, Settings(key_requests_per_minute=2))
    for _ in range(2):
        await allowances.request(spending("alone"))
    with pytest.raises(LimitReached):
        await allowances.request(spending("alone"))
    await nobody.aclose()


async def test_images_are_counted_in_the_name_of_the_request(client: redis.asyncio.Redis) -> None:
    allowances = Limits(client, Settings(key_images_per_minute=10))
    limits.spender.set(spending("painter"))
    await asyncio.gather(*(allowances.images(1) for _ in range(8)))
    with pytest.raises(LimitReached):
        await allowances.images(3)
    await allowances.images(2)
    limits.spender.set(None)
    await allowances.images(1000)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("", "", True),
    ],
)
async def test_an_allowance_is_that_of_a_network(one: str, other: str, same: bool) -> None:
    assert (limits.who(NOBODY, one) == limits.who(NOBODY, other)) is same


async def test_a_key_has_so_many_jobs_that_wait(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    database.migrate()
    with database.session() as session:
        for _ in range(3):
            jobs.create(session, kind="generate", queue="infer", request={}, owner=SHOP.key)
        job_bounds.check_room(session, SHOP, most=4)
        with pytest.raises(QueueFull):
            job_bounds.check_room(session, SHOP, most=3)
        job_bounds.check_room(session, Caller("key_other", frozenset({"predict"}), "key_other"), most=1)
        job_bounds.check_room(session, ANYONE, most=1)
    database.close()


async def test_trainings_use_up_the_minutes_of_a_day(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    database.migrate()
    with database.session() as session:
        # Two hours, of which one lies within the window; one that ended long ago; one that runs.
        _trained(session, (25, JobState.RUNNING), (23, JobState.SUCCEEDED))
        _trained(session, (40, JobState.RUNNING), (30, JobState.SUCCEEDED))
        _trained(session, (1, JobState.RUNNING))
        job_bounds.check_training_minutes(session, SHOP, most=121)
        with pytest.raises(LimitReached) as refused:
            job_bounds.check_training_minutes(session, SHOP, most=119)
        assert refused.value.retry_after == 60
        job_bounds.check_training_minutes(session, SHOP, most=0)
    database.close()


async def test_a_training_costs_no_minutes_while_it_waits_or_is_paused(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    database.migrate()
    with database.session() as session:
        # Ten hours and a half of twenty: two until a worker was lost, eight until it was paused, half of one since.
        lost = (20, JobState.RUNNING), (18, JobState.QUEUED)
        paused = (15, JobState.RUNNING), (8, JobState.PAUSING), (7, JobState.PAUSED)
        _trained(session, *lost, *paused, (0.75, JobState.QUEUED), (0.5, JobState.RUNNING))
        job_bounds.check_training_minutes(session, SHOP, most=640)
        with pytest.raises(LimitReached) as refused:
            job_bounds.check_training_minutes(session, SHOP, most=620)
        assert 4 * 3600 - 60 <= refused.value.retry_after <= 4 * 3600
    database.close()


def _trained(session: Session, *changes: tuple[float, JobState]) -> None:
    """A training of the shop that came to stand so, so many hours ago."""
    job = jobs.create(session, kind=training.KIND, queue="train", request={}, owner=SHOP.key)
    row = session.get_one(JobRow, job.id)
    for hours, state in changes:
        at = now() - timedelta(hours=hours)
        number = events.add(session, job.id, "status", {"status": state})
        session.get_one(EventRow, (job.id, number)).at = at
        row.started_at, row.finished_at = row.started_at or at, at if state.final else None
    session.flush()
