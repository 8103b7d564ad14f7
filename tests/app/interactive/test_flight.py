import asyncio

import pytest

from app.interactive.flight import SingleFlight

pytestmark = pytest.mark.anyio


def personal(failure: Exception) -> bool:
    return isinstance(failure, PermissionError)


async def test_what_is_being_made_is_made_once() -> None:
    flights, made = SingleFlight[int](personal), []

    async def make() -> int:
        await asyncio.sleep(0)
        made.append(1)
        return len(made)

    results = await asyncio.gather(*(flights.once("key", make) for _ in range(5)))
    assert sorted(results) == [(1, False)] * 4 + [(1, True)]
    assert await flights.once("key", make) == (2, True)


async def test_a_failure_is_shared_and_not_remembered() -> None:
    flights = SingleFlight[int](personal)

    async def fail() -> int:
        await asyncio.sleep(0)
        raise ValueError

    async def make() -> int:
        return 1

    failures = await asyncio.gather(*(flights.once("key", fail) for _ in range(2)), return_exceptions=True)
    assert [type(failure) for failure in failures] == [ValueError, ValueError]
    assert await flights.once("key", make) == (1, True)


async def test_a_failure_of_the_one_who_began_is_not_shared() -> None:
    flights, begun = SingleFlight[int](personal), []

    async def refused() -> int:
        begun.append("refused")
        await asyncio.sleep(0)
        raise PermissionError

    async def make() -> int:
        begun.append("made")
        await asyncio.sleep(0)
        return 1

    makers = (refused, refused, make, make)
    results = await asyncio.gather(*(flights.once("key", each) for each in makers), return_exceptions=True)
    assert [type(result) for result in results[:2]] == [PermissionError, PermissionError]
    assert sorted(results[2:]) == [(1, False), (1, True)]
    assert begun == ["refused", "refused", "made"]
    assert flights._flights == {}


async def test_one_who_leaves_does_not_take_the_work_from_the_others() -> None:
    flights, go = SingleFlight[int](personal), asyncio.Event()

    async def make() -> int:
        await go.wait()
        return 1

    first, second = (asyncio.create_task(flights.once("key", make)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    go.set()
    assert await second == (1, True)  # and bears what it cost


async def test_when_all_have_left_the_work_ends() -> None:
    flights, ended = SingleFlight[int](personal), asyncio.Event()

    async def make() -> int:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return 1

    task = asyncio.create_task(flights.once("key", make))
    await asyncio.sleep(0.01)
    task.cancel()
    async with asyncio.timeout(30):
        await ended.wait()
    assert flights._flights == {}
