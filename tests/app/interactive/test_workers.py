import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app import redis_client
from app.contract.messages import WORKER_TTL_SECONDS, WorkerState
from app.contract.settings import Settings
from app.interactive.workers import SILENT_SECONDS, Workers
from app.signals import Signals
from tests.app import serving
from tests.running import running_redis

pytestmark = pytest.mark.anyio


@pytest.fixture
def own(short_dir: Path, tmp_path: Path) -> Iterator[Settings]:
    """Settings with a Redis in which no other worker reports."""
    path = short_dir / f"w-{tmp_path.name[-20:]}" / "redis.sock"
    with running_redis(path):
        yield serving.home_settings(tmp_path, f"unix://{path}")


@asynccontextmanager
async def watching(settings: Settings) -> AsyncIterator[tuple[Workers, list[float], list[bool]]]:
    """The workers as an api sees them, with the restarts and looks it noticed."""
    restarts: list[float] = []
    looks: list[bool] = []
    async with redis_client.connect(settings.redis) as client:
        workers = Workers(client, Signals(client), on_poll=looks.append)
        workers.on_restart(restarts.append)
        yield workers, restarts, looks


async def test_only_a_worker_that_is_warm_takes_work(own: Settings) -> None:
    worker = serving.ProtocolWorker(own)
    async with watching(own) as (workers, _, _):
        seen = []
        for state in (WorkerState.STARTING, WorkerState.READY, WorkerState.DRAINING):
            worker.report(state=state)
            await workers.look()
            seen.append((workers.ready("infer"), workers.ready("train")))
    assert seen == [(False, False), (True, False), (False, False)]


async def test_a_worker_that_comes_back_has_lost_what_was_sent_before_it_was_seen(own: Settings) -> None:
    worker = serving.ProtocolWorker(own)
    async with watching(own) as (workers, restarts, _):
        worker.report()
        await workers.look()
        worker.report(boot="2", state=WorkerState.STARTING)
        await workers.look()
        first_seen = asyncio.get_running_loop().time()
        assert restarts == []
        worker.report(boot="2")
        for _ in range(3):
            await workers.look()
    assert len(restarts) == 1
    assert restarts[0] <= first_seen


async def test_two_workers_with_one_name_do_not_restart_for_ever(own: Settings) -> None:
    worker = serving.ProtocolWorker(own)
    async with watching(own) as (workers, restarts, _):
        for boot in "1212121212":
            worker.report(boot=boot)
            await workers.look()
    assert len(restarts) == 1


async def test_a_new_worker_is_no_restart(own: Settings) -> None:
    async with watching(own) as (workers, restarts, _):
        for name in ("infer-1", "infer-2"):
            serving.ProtocolWorker(own, name=name).report()
            await workers.look()
    assert restarts == []
    assert [report.name for report in workers.reports] == ["infer-1", "infer-2"]


async def test_restarts_are_counted_also_of_a_worker_that_dies_before_its_first_batch(own: Settings) -> None:
    async with watching(own) as (workers, _, _):
        serving.ProtocolWorker(own, name="infer-1").report()
        for boot in "112233":
            serving.ProtocolWorker(own, name="infer-2").report(boot=boot, state=WorkerState.STARTING)
            await workers.look()
        assert workers.restarts == {"infer-1": 0, "infer-2": 2}


async def test_a_worker_that_fell_silent_is_missed_for_some_minutes(
    own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("infer-1", "infer-3"):
        serving.ProtocolWorker(own, name=name).report()
    with serving.working(own, name="infer-2"):
        pass  # it leaves in order
    later = time.time() + WORKER_TTL_SECONDS + 1
    async with watching(own) as (workers, _, _):
        monkeypatch.setattr(time, "time", lambda: later)
        serving.ProtocolWorker(own, name="infer-3").report()
        await workers.look()
        assert [report.name for report in workers.reports] == ["infer-3"]
        assert [report.name for report in workers.silent] == ["infer-1"]
        assert not workers.silent[0].takes("infer")
        monkeypatch.setattr(time, "time", lambda: later + SILENT_SECONDS)
        await workers.look()
        assert [report.name for report in workers.silent] == ["infer-3"]


async def test_a_redis_that_is_away_is_noticed(tmp_path: Path) -> None:
    async with watching(serving.home_settings(tmp_path, f"unix://{tmp_path}/nobody.sock")) as (workers, _, looks):
        await workers.look()
    assert looks == [False]
