import asyncio

import pytest
import sqlalchemy.exc

from app.rounds import Rounds

pytestmark = pytest.mark.anyio


async def test_a_round_that_fails_for_want_of_the_database_is_made_up_for() -> None:
    done, again = 0, asyncio.Event()

    async def work() -> None:
        nonlocal done
        done += 1
        if done == 1:
            raise sqlalchemy.exc.OperationalError("SELECT", {}, OSError("gone"))
        again.set()

    rounds = Rounds("work", work, pause_seconds=0.001)
    rounds.start()
    async with asyncio.timeout(60):
        await again.wait()
    await rounds.stop()
    before = done
    await asyncio.sleep(0.01)
    assert done == before


async def test_the_first_round_waits_for_its_time() -> None:
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()

    rounds = Rounds("work", work, pause_seconds=60, first_seconds=60)
    rounds.start()
    await asyncio.sleep(0.01)
    await rounds.stop()
    assert not begun.is_set()
