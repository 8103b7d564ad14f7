import asyncio
import time
from collections.abc import Callable, Sequence

import pytest

from app.contract.errors import Busy, DeadlineExceeded, NoWorker
from app.interactive.coalesce import Answer, Coalescer

pytestmark = pytest.mark.anyio

LONG = 1e9  # a deadline that no test reaches


class Worker:
    """Answers each item with its double, once it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.deadlines: list[float] = []
        self.go = asyncio.Event()
        self.error: Exception | None = None

    async def send(self, _lane: str, items: Sequence[int], deadline: float) -> Answer[int]:
        self.batches.append(list(items))
        self.deadlines.append(deadline)
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return Answer([2 * item for item in items], queue_ms=1, compute_ms=2)


def coalescer(
    worker: Worker,
    *,
    batch: int = 4,
    in_flight: int = 1,
    queued: int = 100,
    clock: Callable[[], float] = time.monotonic,
) -> Coalescer[str, int, int]:
    return Coalescer(
        worker.send,
        max_batch_images=batch,
        in_flight=lambda: in_flight,
        max_queued_images=queued,
        max_queue_seconds=1.0,
        clock=clock,
    )


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_an_idle_service_sends_at_once() -> None:
    worker = Worker()
    task = asyncio.create_task(coalescer(worker).run("lane", [1], deadline=LONG))
    await settle()
    assert worker.batches == [[1]]
    worker.go.set()
    assert (await task).results == [2]


async def test_requests_of_one_turn_share_a_batch() -> None:
    worker = Worker()
    worker.go.set()
    shared = coalescer(worker)
    answers = await asyncio.gather(*(shared.run("lane", [n], deadline=LONG) for n in range(4)))
    assert worker.batches == [[0, 1, 2, 3]]
    assert [answer.results for answer in answers] == [[0], [2], [4], [6]]


async def test_while_a_batch_is_out_requests_gather() -> None:
    worker = Worker()
    shared = coalescer(worker)
    tasks = []
    for n in range(5):
        tasks.append(asyncio.create_task(shared.run("lane", [n], deadline=LONG)))
        await settle()
    assert worker.batches == [[0]]
    assert shared.waiting_images == 4
    worker.go.set()
    assert [(await task).results for task in tasks] == [[0], [2], [4], [6], [8]]
    assert worker.batches == [[0], [1, 2, 3, 4]]


async def test_as_many_batches_are_out_as_may_be() -> None:
    worker = Worker()
    shared = coalescer(worker, batch=1, in_flight=3)
    tasks = [asyncio.create_task(shared.run("lane", [n], deadline=LONG)) for n in range(5)]
    await settle()
    assert worker.batches == [[0], [1], [2]]
    worker.go.set()
    await asyncio.gather(*tasks)
    assert len(worker.batches) == 5


async def test_the_next_batch_leaves_before_the_last_one_is_answered() -> None:
    worker = Worker()
    shared = coalescer(worker)
    batches_at_answer = []

    async def ask(item: int) -> None:
        await shared.run("lane", [item], deadline=LONG)
        batches_at_answer.append(len(worker.batches))

    first = asyncio.create_task(ask(0))
    await settle()
    second = asyncio.create_task(ask(1))
    await settle()
    assert worker.batches == [[0]]
    worker.go.set()
    await asyncio.gather(first, second)
    assert batches_at_answer == [2, 2]


async def test_a_request_larger_than_a_batch_is_split_and_put_together_again() -> None:
    worker = Worker()
    worker.go.set()
    answer = await coalescer(worker, batch=4).run("lane", list(range(10)), deadline=LONG)
    assert worker.batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert answer.results == [2 * n for n in range(10)]
    assert answer.compute_ms == 6


async def test_first_come_first_served() -> None:
    worker = Worker()
    worker.go.set()
    shared = coalescer(worker, batch=4)
    await asyncio.gather(*(shared.run("lane", [n, n], deadline=LONG) for n in range(5)))
    assert [item for batch in worker.batches for item in batch] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


async def test_lanes_do_not_wait_for_each_other() -> None:
    worker = Worker()
    shared = coalescer(worker)
    tasks = [asyncio.create_task(shared.run(lane, [n], deadline=LONG)) for n, lane in enumerate("ab")]
    await settle()
    assert worker.batches == [[0], [1]]
    worker.go.set()
    await asyncio.gather(*tasks)


async def test_a_full_queue_is_told_at_once() -> None:
    worker = Worker()
    shared = coalescer(worker, queued=4)
    tasks = [asyncio.create_task(shared.run("lane", [n], deadline=LONG)) for n in range(1)]
    await settle()
    tasks += [asyncio.create_task(shared.run("lane", [n], deadline=LONG)) for n in range(4)]
    await settle()
    with pytest.raises(Busy):
        await shared.run("lane", [9], deadline=LONG)
    worker.go.set()
    await asyncio.gather(*tasks)
    assert (await shared.run("lane", [9], deadline=LONG)).results == [18]


async def test_a_deadline_ends_the_waiting_and_leaves_the_queue() -> None:
    worker = Worker()
    shared = coalescer(worker)
    first = asyncio.create_task(shared.run("lane", [1], deadline=LONG))
    await settle()
    with pytest.raises(DeadlineExceeded):
        await shared.run("lane", [2], deadline=asyncio.get_running_loop().time() + 0.01)
    assert shared.waiting_images == 0
    worker.go.set()
    await first
    await settle()
    assert worker.batches == [[1]]


async def test_a_cancelled_request_leaves_the_queue() -> None:
    worker = Worker()
    shared = coalescer(worker)
    first, second = (asyncio.create_task(shared.run("lane", [n], deadline=LONG)) for n in (1, 2))
    third = asyncio.create_task(shared.run("lane", [3] * 8, deadline=LONG))
    await settle()
    third.cancel()
    worker.go.set()
    await asyncio.gather(first, second)
    await settle()
    # Two of the third request's eight were in the first batch already.
    assert worker.batches == [[1, 2, 3, 3]]
    assert shared.waiting_images == 0


async def test_a_batch_is_good_until_the_last_of_its_deadlines() -> None:
    worker = Worker()
    worker.go.set()
    shared = coalescer(worker)
    await asyncio.gather(*(shared.run("lane", [1], deadline=LONG + n) for n in range(3)))
    assert worker.deadlines == [LONG + 2]


async def test_everyone_in_a_batch_learns_of_its_failure_and_the_lane_goes_on() -> None:
    worker = Worker()
    worker.go.set()
    worker.error = NoWorker()
    shared = coalescer(worker)
    failed = await asyncio.gather(*(shared.run("lane", [n], deadline=LONG) for n in range(3)), return_exceptions=True)
    assert all(isinstance(error, NoWorker) for error in failed)
    worker.error = None
    assert (await shared.run("lane", [5], deadline=LONG)).results == [10]


async def test_what_is_left_of_a_failed_request_is_not_sent() -> None:
    worker = Worker()
    worker.go.set()
    worker.error = NoWorker()
    shared = coalescer(worker, batch=2)
    with pytest.raises(NoWorker):
        await shared.run("lane", list(range(100)), deadline=LONG)
    await settle()
    assert shared.waiting_images == 0
    assert len(worker.batches) <= 2


async def test_nothing_is_left_behind() -> None:
    worker = Worker()
    worker.go.set()
    shared = coalescer(worker)
    await asyncio.gather(*(shared.run(f"lane-{n}", [n], deadline=LONG) for n in range(50)))
    await settle()
    assert shared._lanes == {}
    assert (shared.batches_sent, shared.images_sent) == (50, 50)


async def test_a_flood_of_one_owner_does_not_keep_another_waiting() -> None:
    worker = Worker()
    shared = coalescer(worker, batch=16)
    flood = [asyncio.create_task(shared.run("lane", [n] * 4, deadline=LONG, owner="flood")) for n in range(20)]
    await settle()
    single = asyncio.create_task(shared.run("lane", [99], deadline=LONG, owner="single"))
    await settle()
    worker.go.set()
    assert (await single).results == [198]
    await asyncio.gather(*flood)
    assert 99 in worker.batches[1]
    assert worker.batches[1].count(99) == 1
    assert len(worker.batches[1]) == 16


async def test_owners_who_wait_have_equal_shares_of_each_batch() -> None:
    worker = Worker()
    shared = coalescer(worker, batch=16)
    first = asyncio.create_task(shared.run("lane", [0], deadline=LONG))
    await settle()
    tasks = [
        asyncio.create_task(shared.run("lane", [owner] * 4, deadline=LONG, owner=str(owner)))
        for owner in (1, 1, 1, 1, 1, 1, 2, 2, 2, 2)
    ]
    await settle()
    worker.go.set()
    await asyncio.gather(first, *tasks)
    assert [sorted(batch) for batch in worker.batches[1:]] == [[1] * 8 + [2] * 8, [1] * 8 + [2] * 8, [1] * 8]


async def test_a_full_line_of_one_owner_leaves_room_for_another() -> None:
    worker = Worker()
    shared = coalescer(worker, batch=4, queued=8)
    tasks = []
    for _ in range(3):  # the first one leaves as a batch
        tasks.append(asyncio.create_task(shared.run("lane", [0] * 4, deadline=LONG, owner="flood")))
        await settle()
    with pytest.raises(Busy):
        await shared.run("lane", [0], deadline=LONG, owner="flood")
    tasks.append(asyncio.create_task(shared.run("lane", [1], deadline=LONG, owner="single")))
    await settle()
    worker.go.set()
    assert [len((await task).results) for task in tasks] == [4, 4, 4, 1]


async def test_who_gives_up_leaves_the_line() -> None:
    worker = Worker()
    shared = coalescer(worker, batch=4)
    first = asyncio.create_task(shared.run("lane", [0] * 4, deadline=LONG, owner="a"))
    await settle()
    given_up = asyncio.create_task(shared.run("lane", [1] * 4, deadline=LONG, owner="b"))
    await settle()
    given_up.cancel()
    await settle()
    assert shared.waiting_images == 0
    worker.go.set()
    await first
    assert worker.batches == [[0] * 4]


class Paced(Worker):
    """Each batch takes `seconds` of a clock that nothing else moves; those after the first `quick` wait for `go`."""

    def __init__(self, *, seconds: float, quick: int) -> None:
        super().__init__()
        self.now, self.seconds, self.quick = 0.0, seconds, quick

    async def send(self, lane: str, items: Sequence[int], deadline: float) -> Answer[int]:
        if len(self.batches) < self.quick:
            self.go.set()
        else:
            self.go.clear()
        answer = await super().send(lane, items, deadline)
        self.now += self.seconds
        return answer


async def test_no_more_wait_than_are_answered_in_time_once_that_is_known() -> None:
    worker = Paced(seconds=0.4, quick=6)  # four images in each batch, so that ten take a second
    shared = coalescer(worker, clock=lambda: worker.now)
    first = [asyncio.create_task(shared.run("lane", [n], deadline=LONG)) for n in range(28)]
    await asyncio.gather(*first[:24])
    more = [asyncio.create_task(shared.run("lane", [n], deadline=LONG)) for n in range(12)]
    await settle()
    assert [task.done() for task in more] == [False] * 10 + [True] * 2
    worker.quick = 100
    worker.go.set()
    answers = await asyncio.gather(*first, *more, return_exceptions=True)
    assert [type(answer) for answer in answers[-2:]] == [Busy, Busy]


async def test_a_slow_lane_refuses_nobody_who_is_in_its_next_batch() -> None:
    worker = Paced(seconds=100, quick=6)
    shared = coalescer(worker, clock=lambda: worker.now)
    first = [asyncio.create_task(shared.run("lane", [n], deadline=LONG)) for n in range(28)]
    await asyncio.gather(*first[:24])
    more = [asyncio.create_task(shared.run("lane", [n], deadline=LONG)) for n in range(5)]
    await settle()
    assert [task.done() for task in more] == [False, False, False, False, True]
    worker.quick = 100
    worker.go.set()
    assert [(await task).results for task in more[:4]] == [[0], [2], [4], [6]]
    with pytest.raises(Busy):
        await more[4]
    await asyncio.gather(*first)
