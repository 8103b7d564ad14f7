"""Refusals that are repeated: what was refused for want of room is refused for a moment to all who ask for the same.

A service that is asked for three times as much as it can do says no twice for every answer that it gives. A request's
way through the application to a full queue takes 140 microseconds of CPU time. To repeat what another one was told
there takes a fifth of that, and the rest goes into answers.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple

from app import request_ids

Field = tuple[bytes, bytes]

STATUSES = frozenset({429, 503})

PEER = "likeness.peer"
"""Key of a request's scope under which the protocol lays who is at the other end of the connection: the client of the
scope may be what a proxy says it is."""

ROOM = "likeness.room"
"""Key of a request's scope under which who refuses it may lay what tells how many such requests there is room for."""

REPEATED_SECONDS = 0.1
"""What is refused has `Retry-After` of a second or more, so that this much longer makes no difference to anybody."""

HELD_SECONDS = 1.0
"""The same where it is known when there is room again."""

LET_IN_AT_ONCE = 16
"""Who are let in again in one turn of the event loop: each takes 0.2 ms, for which those who are refused wait, too."""

MOST_HEADS = 64

_ITS_OWN = frozenset({b"content-length", request_ids.FIELD, b"traceparent", b"tracestate"})
"""Fields in which requests for the same differ."""


class Head(NamedTuple):
    """What decides about a request before its body is read.

    Attributes:
        target: path and query as they were sent.
        peer: address at the other end of the connection, without the port.
        fields: of the head, but those in which requests for the same differ.
    """

    method: bytes
    target: bytes
    peer: str
    fields: tuple[Field, ...]

    @classmethod
    def of(cls, method: bytes, target: bytes, peer: tuple[str, int] | None, fields: Iterable[Field]) -> "Head":
        """The head of a request; the names of its fields are in small letters."""
        kept = tuple([field for field in fields if field[0] not in _ITS_OWN])
        return cls(method, target, peer[0] if peer else "", kept)


@dataclass(frozen=True)
class Refusal:
    """An answer in pieces between which the id of a request belongs.

    Attributes:
        start: status line and fields.
        body: what comes before the id, and after it.
        until: when it is repeated no more; monotonic clock.
        count: notes that it was sent once more.
        room: tells how many such requests there would be room for by now, where that is known.
    """

    start: bytes
    body: tuple[bytes, bytes]
    until: float
    count: Callable[[], None]
    room: Callable[[], int] | None

    @classmethod
    def of(
        cls,
        status: int,
        fields: Iterable[Field],
        body: bytes,
        *,
        until: float,
        count: Callable[[], None],
        room: Callable[[], int] | None,
    ) -> "Refusal | None":
        """What was sent; None when the request's id does not stand in the body exactly once, as in a problem."""
        said = dict(fields)
        pieces = body.split(said.get(request_ids.FIELD, b'"'))
        if len(pieces) != 2 or b"retry-after" not in said:
            return None
        lines = [b"HTTP/1.1 %d %s" % (status, HTTPStatus(status).phrase.encode())]
        lines += [b"%s: %s" % field for field in said.items() if field[0] not in _ITS_OWN]
        return cls(b"\r\n".join(lines) + b"\r\n", (pieces[0], pieces[1]), until, count, room)

    def to(self, request_id: str, *, common: Iterable[Field]) -> bytes:
        """The answer to the request of this id, with fields that all answers have."""
        before, after = self.body
        told = request_id.encode()
        return b"%s%sx-request-id: %s\r\ncontent-length: %d\r\n\r\n%s%s%s" % (
            self.start,
            b"".join([b"%s: %s\r\n" % field for field in common]),
            told,
            len(before) + len(told) + len(after),
            before,
            told,
            after,
        )


class Refusals:
    """The latest refusals of one process by the head that was refused. `clock` tells seconds and never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[Head, Refusal] = {}
        self._until = 0.0
        self._let_in: Counter[Head] = Counter()  # in this turn of the event loop

    @property
    def any(self) -> bool:
        """Whether there may be one to repeat."""
        return self._clock() < self._until

    def remember(
        self,
        head: Head,
        status: int,
        fields: Iterable[Field],
        body: bytes,
        *,
        count: Callable[[], None],
        room: Callable[[], int] | None = None,
    ) -> None:
        """Repeat for a moment what was sent to a request that nobody had read further than its head.

        Args:
            fields: of the answer, in small letters.
            body: of the answer.
            count: called each time that it is repeated.
            room: tells how many such requests there is room for.
        """
        until = self._clock() + (REPEATED_SECONDS if room is None else HELD_SECONDS)
        refusal = Refusal.of(status, fields, body, until=until, count=count, room=room)
        if refusal is None:
            return
        if len(self._kept) >= MOST_HEADS:
            self._kept.clear()
        self._kept[head] = refusal
        self._until = max(self._until, until)

    def again(self, head: Head) -> Refusal | None:
        """What has just been said to such a request; None once there is room again."""
        refusal = self._kept.get(head)
        if refusal is None or self._clock() >= refusal.until:
            return None
        if refusal.room is None:
            return refusal
        # Those who are let in take their places later in this turn of the event loop.
        if min(refusal.room(), LET_IN_AT_ONCE) > self._let_in[head]:
            if not self._let_in:
                asyncio.get_running_loop().call_soon(self._let_in.clear)
            self._let_in[head] += 1
            return None
        return refusal
