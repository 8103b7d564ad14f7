import asyncio
import json
from collections.abc import Callable

import pytest

from app.http.refusals import HELD_SECONDS, LET_IN_AT_ONCE, MOST_HEADS, REPEATED_SECONDS, Head, Refusals

ID = b"req_0123456789abcdef"
BODY = json.dumps({"code": "busy", "request_id": ID.decode()}).encode()
FIELDS = [(b"retry-after", b"1"), (b"content-length", b"50"), (b"x-request-id", ID)]


class Kept:
    """Refusals whose time stands still until it is moved."""

    def __init__(self) -> None:
        self.now, self.counted = 100.0, 0
        self.refusals = Refusals(lambda: self.now)

    def remember(
        self,
        head: Head,
        *,
        fields: list[tuple[bytes, bytes]] = FIELDS,
        body: bytes = BODY,
        room: Callable[[], int] | None = None,
    ) -> None:
        self.refusals.remember(head, 503, fields, body, count=self.count, room=room)

    def count(self) -> None:
        self.counted += 1


def head(target: bytes = b"/", *fields: tuple[bytes, bytes], peer: str = "10.0.0.1") -> Head:
    return Head.of(b"POST", target, (peer, 1234), fields)


def test_the_same_head_is_told_the_same_under_its_own_id() -> None:
    kept = Kept()
    kept.remember(head())
    refusal = kept.refusals.again(head())
    assert refusal is not None
    start, _, body = refusal.to("mine", common=[(b"date", b"today")]).partition(b"\r\n\r\n")
    status, *fields = start.split(b"\r\n")
    assert status == b"HTTP/1.1 503 Service Unavailable"
    assert sorted(fields) == [
        b"content-length: %d" % len(body),
        b"date: today",
        b"retry-after: 1",
        b"x-request-id: mine",
    ]
    assert json.loads(body) == {"code": "busy", "request_id": "mine"}


def test_what_differs_between_requests_for_the_same_makes_no_difference() -> None:
    kept = Kept()
    kept.remember(head(b"/", (b"content-length", b"1"), (b"x-request-id", b"a"), (b"traceparent", b"b")))
    assert kept.refusals.again(head(b"/", (b"content-length", b"2"))) is not None


def test_another_target_key_or_client_is_asked_anew() -> None:
    kept = Kept()
    kept.remember(head(b"/", (b"authorization", b"Bearer a")))
    assert kept.refusals.again(head(b"/?a", (b"authorization", b"Bearer a"))) is None
    assert kept.refusals.again(head(b"/", (b"authorization", b"Bearer b"))) is None
    assert kept.refusals.again(head(b"/", (b"authorization", b"Bearer a"), peer="10.0.0.2")) is None


def test_it_is_for_a_moment() -> None:
    kept = Kept()
    assert not kept.refusals.any
    kept.remember(head())
    kept.now += 0.9 * REPEATED_SECONDS
    assert kept.refusals.any
    assert kept.refusals.again(head()) is not None
    kept.now += 0.2 * REPEATED_SECONDS
    assert not kept.refusals.any
    assert kept.refusals.again(head()) is None


def test_what_cannot_be_repeated_is_not() -> None:
    kept = Kept()
    kept.remember(head(), fields=[field for field in FIELDS if field[0] != b"retry-after"])
    kept.remember(head(), body=b"no id in it")
    kept.remember(head(), body=BODY + BODY)
    kept.remember(head(), fields=FIELDS[:2])
    assert kept.refusals.again(head()) is None


def test_no_more_are_kept_than_a_few() -> None:
    kept = Kept()
    for number in range(10 * MOST_HEADS):
        kept.remember(head(b"/%d" % number))
    found = [kept.refusals.again(head(b"/%d" % number)) is not None for number in range(10 * MOST_HEADS)]
    assert 0 < sum(found) <= MOST_HEADS
    assert found[-1]


@pytest.mark.anyio
async def test_as_many_are_let_in_as_there_is_room_for() -> None:
    kept, room = Kept(), 0
    kept.remember(head(), room=lambda: room)
    assert kept.refusals.again(head()) is not None
    room = 3
    assert [kept.refusals.again(head()) is None for _ in range(5)] == [True, True, True, False, False]
    room = 1  # two of the three have found their places by the next turn, and one was refused for another reason
    await asyncio.sleep(0)
    assert [kept.refusals.again(head()) is None for _ in range(3)] == [True, False, False]
    room = 100
    await asyncio.sleep(0)
    assert [kept.refusals.again(head()) is None for _ in range(100)].count(True) == LET_IN_AT_ONCE


def test_a_refusal_that_knows_of_its_room_is_held_longer() -> None:
    kept = Kept()
    kept.remember(head(), room=lambda: 0)
    kept.now += 2 * REPEATED_SECONDS
    assert kept.refusals.again(head()) is not None
    kept.now += HELD_SECONDS
    assert kept.refusals.again(head()) is None
