import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from app import redis_client
from app.contract.errors import BrokerUnavailable, DeadlineExceeded, NoWorker, WorkerLost
from app.contract.messages import Drawing, GenerateBatch, WorkerState
from app.contract.settings import Settings
from app.interactive.dispatch import Dispatcher
from app.interactive.publisher import Publisher
from app.interactive.workers import Workers
from app.signals import Signals
from tests.app import serving
from tests.running import running_redis

pytestmark = pytest.mark.anyio

AT_ONCE_SECONDS = 5.0
"""Far less than a deadline, and than what publishing twenty times in vain may cost; more than a busy machine takes."""


@pytest.fixture
def own(short_dir: Path, tmp_path: Path) -> Iterator[SimpleNamespace]:
    """Settings, and a Redis that the test may stop and start again."""
    path = short_dir / f"d{time.monotonic_ns()}" / "redis.sock"
    servers = [running_redis(path)]
    servers[0].__enter__()

    def stop() -> None:
        servers.pop().__exit__(None, None, None)

    def start() -> None:
        servers.append(running_redis(path))
        servers[0].__enter__()

    yield SimpleNamespace(
        settings=serving.home_settings(tmp_path, f"unix://{path}", publish_budget_seconds=1.0), stop=stop, start=start
    )
    if servers:
        stop()


@asynccontextmanager
async def dispatching(settings: Settings) -> AsyncIterator[tuple[Dispatcher, Workers]]:
    """A dispatcher with all that it needs."""
    async with (
        redis_client.connect(settings.redis) as client,
        redis_client.connect(settings.redis) as reader,
        Publisher(settings) as publisher,
        Signals(client) as signals,
        Workers(client, signals, on_poll=publisher.note) as workers,
        Dispatcher(reader, publisher, workers) as dispatcher,
    ):
        yield dispatcher, workers


def batch(dispatcher: Dispatcher, *, seconds: float = 10) -> GenerateBatch:
    return GenerateBatch(
        id=dispatcher.next_id(),
        reply_to=dispatcher.reply_to,
        digest="0" * 64,
        sent_at=time.time(),
        deadline=time.time() + seconds,
        drawings=(Drawing(seed="ada"),),
    )


def soon(seconds: float = 10) -> float:
    return asyncio.get_running_loop().time() + seconds


async def eventually(condition) -> None:  # type: ignore[no-untyped-def]
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_batch_comes_back_answered(own: SimpleNamespace) -> None:
    with serving.working(own.settings):
        async with dispatching(own.settings) as (dispatcher, _):
            reply, body = await dispatcher.send(batch(dispatcher), deadline=soon())
    assert reply.shape == (1, serving.FACE, serving.FACE, 3)
    assert bytes(body[:3]) == serving.colour("ada")


async def test_without_a_worker_it_is_refused_at_once(own: SimpleNamespace) -> None:
    async with dispatching(own.settings) as (dispatcher, _):
        began = time.monotonic()
        with pytest.raises(NoWorker):
            await dispatcher.send(batch(dispatcher), deadline=soon())
        assert time.monotonic() - began < AT_ONCE_SECONDS


async def test_a_deadline_ends_the_waiting(own: SimpleNamespace) -> None:
    with serving.working(own.settings) as worker:
        worker.deaf.set()
        async with dispatching(own.settings) as (dispatcher, _):
            with pytest.raises(DeadlineExceeded):
                await dispatcher.send(batch(dispatcher), deadline=soon(0.3))


async def test_what_a_worker_took_with_it_is_sent_once_more(own: SimpleNamespace) -> None:
    with serving.working(own.settings) as worker:
        worker.deaf.set()
        async with dispatching(own.settings) as (dispatcher, _):
            task = asyncio.create_task(dispatcher.send(batch(dispatcher), deadline=soon()))
            await eventually(lambda: worker.batches)
            worker.deaf.clear()
            worker.report(boot="2", state=WorkerState.STARTING)
            worker.report(boot="2")
            reply, _ = await task
    assert [sent.attempt for sent in worker.batches] == [1, 2]
    assert reply.batch == worker.batches[0].id


async def test_a_worker_that_joins_sends_nothing_again(own: SimpleNamespace) -> None:
    with serving.working(own.settings, delay=1.5) as worker:
        async with dispatching(own.settings) as (dispatcher, workers):
            task = asyncio.create_task(dispatcher.send(batch(dispatcher), deadline=soon()))
            await eventually(lambda: worker.batches)
            other = serving.ProtocolWorker(own.settings, name="infer-2")
            other.report()
            await eventually(lambda: len(workers.reports) == 2)
            await task
    assert [sent.attempt for sent in worker.batches] == [1]


async def test_what_is_lost_twice_is_told(own: SimpleNamespace) -> None:
    with serving.working(own.settings) as worker:
        worker.deaf.set()
        async with dispatching(own.settings) as (dispatcher, _):
            task = asyncio.create_task(dispatcher.send(batch(dispatcher), deadline=soon()))
            for attempt in (1, 2):
                await eventually(lambda attempt=attempt: len(worker.batches) == attempt)
                worker.report(boot=f"again-{attempt}")
            with pytest.raises(WorkerLost):
                await task


async def test_a_broker_that_is_away_costs_a_request_nothing(own: SimpleNamespace) -> None:
    serving.ProtocolWorker(own.settings).report()
    async with dispatching(own.settings) as (dispatcher, workers):
        own.stop()
        await workers.look()
        began = time.monotonic()
        for _ in range(20):
            with pytest.raises(BrokerUnavailable):
                await dispatcher.send(batch(dispatcher), deadline=soon())
        assert time.monotonic() - began < AT_ONCE_SECONDS


async def test_a_broker_that_comes_back_is_used_again(own: SimpleNamespace) -> None:
    serving.ProtocolWorker(own.settings).report()
    async with dispatching(own.settings) as (dispatcher, workers):
        own.stop()
        with pytest.raises(BrokerUnavailable):
            await dispatcher.send(batch(dispatcher), deadline=soon())
        own.start()
        with serving.working(own.settings):
            await workers.look()  # finds that its connection is broken
            await workers.look()
            reply, _ = await dispatcher.send(batch(dispatcher), deadline=soon())
    assert reply.code is None


async def test_what_a_restart_of_redis_may_have_lost_is_sent_once_more(own: SimpleNamespace) -> None:
    async with dispatching(own.settings) as (dispatcher, workers):
        with serving.working(own.settings) as taker:
            taker.deaf.set()
            await workers.look()
            task = asyncio.create_task(dispatcher.send(batch(dispatcher), deadline=soon()))
            await eventually(lambda: taker.batches)
        own.stop()
        await asyncio.sleep(0.3)
        own.start()
        with serving.working(own.settings) as worker:
            reply, _ = await task
    assert [sent.attempt for sent in worker.batches] == [2]
    assert reply.batch == taker.batches[0].id
