import asyncio

import pytest
import sqlalchemy.exc

from app.rounds import Rounds

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "error", [sqlalchemy.exc.OperationalError("SELECT", {}, OSError("gone")), KeyError("nobody expected this")]
)
async def test_a_round_that_fails_is_made_up_for(error: Exception) -> None:
    done, again = 0, asyncio.Event()

    async def work() -> None:
        nonlocal done
        done += 1
        if done == 1:
            raise error
        again.set()

    async with Rounds("work", work, pause_seconds=0.001), asyncio.timeout(60):
        await again.wait()
    before = done
    await asyncio.sleep(0.01)
    assert done == before


async def test_the_first_round_waits_for_its_time() -> None:
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()

    async with Rounds("work", work, pause_seconds=60, first_seconds=60):
        await asyncio.sleep(0.01)
    assert not begun.is_set()
