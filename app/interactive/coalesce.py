"""Gathers the images of many requests into one batch for a worker.

A batch leaves at once while fewer than `in_flight` batches of its lane (one model, one kind of work) are out.
Otherwise requests gather until an answer comes back or a batch is full. There is no timer: an idle service adds no
waiting, a busy one batches by itself. Owners take turns: who waits with one image is in the next batch, however many
another one has in front of it. No more may wait in a lane than is answered while that is of use. Knows nothing of
networks, Redis or pictures: an item is one image, whatever that is.
"""

import asyncio
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from app.contract import tracing
from app.contract.errors import Busy, DeadlineExceeded
from app.interactive.pace import Pace

TURN_IMAGES = 8
"""Images of one owner that go into a batch before the next owner has its turn. A request may be split between batches,
so turns need no credit to be even."""

SHARED_AT_ONCE = 16
"""Requests that are given their results in one turn of the event loop. Their answers are written in the next one, which
takes a tenth of a millisecond each; who has just come, and may only be refused, shall not wait for a whole batch."""

L = TypeVar("L", bound=Hashable)
I = TypeVar("I")
R = TypeVar("R")


@dataclass(frozen=True)
class Answer(Generic[R]):
    """Results in the order of the items, and where the time went."""

    results: Sequence[R]
    queue_ms: float
    compute_ms: float


Send = Callable[[L, Sequence[I], float], Awaitable[Answer[R]]]
"""Sends the items of a lane as one batch, which nobody waits for after the deadline (time of the event loop)."""


@dataclass(eq=False)
class _Request(Generic[I, R]):
    items: Sequence[I]
    deadline: float
    arrived: float
    done: asyncio.Future[None]
    trace: str | None = field(default_factory=tracing.here)
    results: dict[int, R] = field(default_factory=dict)
    taken: int = 0  # items that have left in a batch
    queue_ms: float = 0.0
    compute_ms: float = 0.0
    error: Exception | None = None

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.error = error
            self.done.set_result(None)

    def expire(self) -> None:
        self.fail(DeadlineExceeded())


@dataclass(frozen=True)
class _Part(Generic[I, R]):
    """Consecutive items of one request that travel in one batch."""

    request: _Request[I, R]
    start: int
    items: Sequence[I]


@dataclass(eq=False)
class _Line(Generic[I, R]):
    """Requests of one owner, first come first served."""

    requests: deque[_Request[I, R]] = field(default_factory=deque)
    waiting: int = 0  # images that are in no batch yet


@dataclass(eq=False)
class _Lane(Generic[I, R]):
    lines: dict[str, _Line[I, R]] = field(default_factory=dict)  # owners who wait; the next turn is the first one's
    out: int = 0  # batches at the workers
    pump_due: bool = False
    pace: Pace = field(default_factory=Pace)

    @property
    def waiting(self) -> int:
        return sum(line.waiting for line in self.lines.values())


class Coalescer(Generic[L, I, R]):
    """Lanes of waiting requests. Belongs to one event loop.

    Args:
        max_batch_images: the largest batch; so many may wait at any time, since they are in the next one.
        in_flight: tells how many batches of a lane may be out.
        max_queued_images: so many wait at the most.
        max_queue_seconds: no more wait than are answered in this time, as soon as it is known how many that are.
        clock: seconds of a steady clock.
    """

    def __init__(
        self,
        send: Send[L, I, R],
        *,
        max_batch_images: int,
        in_flight: Callable[[], int],
        max_queued_images: int,
        max_queue_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._send, self._clock = send, clock
        self._max_batch_images = max_batch_images
        self._in_flight = in_flight
        self._max_queued_images = max_queued_images
        self._max_queue_seconds = max_queue_seconds
        self._lanes: dict[L, _Lane[I, R]] = {}
        self._batches: set[asyncio.Task[None]] = set()
        self.batches_sent = 0
        self.images_sent = 0

    @property
    def waiting_images(self) -> int:
        """Images that are in no batch yet."""
        return sum(lane.waiting for lane in self._lanes.values())

    def check(self, key: L, count: int, *, owner: str = "") -> None:
        """Raise `Busy` when the owner's share of the lane has no room for so many more."""
        if count > self.room(key, owner=owner):
            raise Busy()

    def room(self, key: L, *, owner: str = "") -> int:
        """How many more images of an owner may wait in a lane; owners who wait share alike."""
        lane = self._lanes.get(key)
        line = None if lane is None else lane.lines.get(owner)
        if lane is None or line is None or not line.waiting:
            return sys.maxsize  # whoever waits for nothing may ask for as much as fits into one request
        room = lane.pace.room(self._max_queue_seconds, least=self._max_batch_images, most=self._max_queued_images)
        return room // len(lane.lines) - line.waiting

    async def run(self, key: L, items: Sequence[I], *, deadline: float, owner: str = "") -> Answer[R]:
        """The results of `items`, which may travel in one batch with those of others, or in several.

        Raises:
            Busy: the owner's share of the lane is full; owners who wait have equal shares.
            DeadlineExceeded: the event loop's time reached `deadline`.
        """
        self.check(key, len(items), owner=owner)
        loop = asyncio.get_running_loop()
        lane = self._lanes.setdefault(key, _Lane())
        line = lane.lines.setdefault(owner, _Line())
        request = _Request[I, R](items, deadline, loop.time(), loop.create_future())
        line.requests.append(request)
        line.waiting += len(items)
        self._schedule(key, lane)
        alarm = loop.call_at(deadline, request.expire)
        try:
            await request.done
        finally:
            alarm.cancel()
            self._leave(key, lane, request, owner)
        if request.error is not None:
            raise request.error.with_traceback(None)
        return Answer([request.results[i] for i in range(len(items))], request.queue_ms, request.compute_ms)

    async def stop(self) -> None:
        """Give up every batch that is out."""
        for task in tuple(self._batches):
            task.cancel()
        await asyncio.gather(*self._batches, return_exceptions=True)

    def _schedule(self, key: L, lane: _Lane[I, R]) -> None:
        # One turn of the event loop later, so that requests which arrive in the same turn share a batch.
        if not lane.pump_due:
            lane.pump_due = True
            asyncio.get_running_loop().call_soon(self._pump, key, lane)

    def _pump(self, key: L, lane: _Lane[I, R]) -> None:
        lane.pump_due = False
        while lane.out < self._in_flight() and (parts := self._take(lane)):
            lane.out += 1
            task = asyncio.get_running_loop().create_task(self._run_batch(key, lane, parts))
            self._batches.add(task)
            task.add_done_callback(self._batches.discard)

    def _take(self, lane: _Lane[I, R]) -> list[_Part[I, R]]:
        """The next batch: turn by turn of its owners, who go to the end of the lane when they have more."""
        parts: list[_Part[I, R]] = []
        room = self._max_batch_images
        while room and lane.lines:
            owner = next(iter(lane.lines))
            line = lane.lines.pop(owner)
            turn = _turn(line, min(room, TURN_IMAGES) if lane.lines else room)
            parts += turn
            room -= sum(len(part.items) for part in turn)
            if line.requests:
                lane.lines[owner] = line
        return parts

    async def _run_batch(self, key: L, lane: _Lane[I, R], parts: Sequence[_Part[I, R]]) -> None:
        items = [item for part in parts for item in part.items]
        self.batches_sent += 1
        self.images_sent += len(items)
        sent = asyncio.get_running_loop().time()
        answer = None
        try:
            with tracing.joined("batch", [part.request.trace for part in parts], attributes={"images": len(items)}):
                answer = await self._send(key, items, max(part.request.deadline for part in parts))
        except Exception as error:  # whatever it is, those who wait must learn of it
            for part in parts:
                part.request.fail(error)
        finally:
            lane.out -= 1
            if answer is None:
                lane.pace.failed()
                self._schedule(key, lane)  # when what is left of the failed requests has gone
            else:
                lane.pace.answered(len(items), now=self._clock(), waiting=lane.waiting)
                # Before this batch is shared out: a worker may be waiting, and writing the answers takes as long as
                # computing half of them.
                self._pump(key, lane)
                await self._share(parts, answer, sent)
            self._forget(key, lane)

    async def _share(self, parts: Sequence[_Part[I, R]], answer: Answer[R], sent: float) -> None:
        position = 0
        for number, part in enumerate(parts, start=1):
            request = part.request
            for offset in range(len(part.items)):
                request.results[part.start + offset] = answer.results[position]
                position += 1
            waited_ms = 1000 * (sent - request.arrived)
            request.queue_ms = max(request.queue_ms, waited_ms + answer.queue_ms)
            request.compute_ms += answer.compute_ms
            if len(request.results) == len(request.items) and not request.done.done():
                request.done.set_result(None)
            if number % SHARED_AT_ONCE == 0:
                await asyncio.sleep(0)

    def _leave(self, key: L, lane: _Lane[I, R], request: _Request[I, R], owner: str) -> None:
        """Take what is left of a request that ended, failed or was given up out of its line."""
        if request.taken < len(request.items):
            line = lane.lines[owner]
            line.requests.remove(request)
            line.waiting -= len(request.items) - request.taken
            if not line.requests:
                del lane.lines[owner]
        self._forget(key, lane)

    def _forget(self, key: L, lane: _Lane[I, R]) -> None:
        if not lane.lines and not lane.out and self._lanes.get(key) is lane:
            del self._lanes[key]


def _turn(line: _Line[I, R], room: int) -> list[_Part[I, R]]:
    """Up to `room` images of one owner; a request that does not fit whole is split."""
    parts: list[_Part[I, R]] = []
    while room and line.requests:
        request = line.requests[0]
        items = request.items[request.taken : request.taken + room]
        parts.append(_Part(request, request.taken, items))
        request.taken += len(items)
        line.waiting -= len(items)
        room -= len(items)
        if request.taken == len(request.items):
            line.requests.popleft()
    return parts
