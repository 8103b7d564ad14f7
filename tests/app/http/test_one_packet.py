"""What reaches the real transport, and in how many pieces."""

import asyncio
from typing import Any

from app.http.one_packet import LONGEST_BYTES, OnePacket


class Recorder:
    """A transport that remembers what it was asked for."""

    def __init__(self) -> None:
        self.did: list[Any] = []

    def write(self, data: bytes) -> None:
        """Remember the piece."""
        self.did.append(data)

    def close(self) -> None:
        """Remember that it was closed."""
        self.did.append("close")

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return "close" in self.did


def sent(*pieces: bytes, close: bool = False, turns: bool = False) -> list[Any]:
    """What the real transport was asked for, when `pieces` are written in one turn or each in a turn of its own."""

    async def run() -> list[Any]:
        recorder = Recorder()
        packet = OnePacket(recorder)  # type: ignore[arg-type]
        for piece in pieces:
            packet.write(piece)
            if turns:
                await asyncio.sleep(0)
        if close:
            packet.close()
            assert packet.is_closing()
        before_the_turn_ends = list(recorder.did)
        await asyncio.sleep(0)
        assert recorder.did[: len(before_the_turn_ends)] == before_the_turn_ends
        return recorder.did

    return asyncio.run(run())


def test_a_head_and_its_body_are_one_piece():
    assert sent(b"head", b"body") == [b"headbody"]
    assert sent(b"head", b"body", b"head", b"body") == [b"headbody", b"headbody"]


def test_a_head_alone_waits_for_no_more_than_a_turn():
    assert sent(b"head") == [b"head"]
    assert sent(b"head", b"event", b"event", turns=True) == [b"head", b"event", b"event"]


def test_a_long_body_is_not_copied_behind_its_head():
    long = bytes(LONGEST_BYTES + 1)
    assert sent(b"head", long, b"head", b"body") == [b"head", long, b"headbody"]


def test_closing_sends_what_was_kept_first():
    assert sent(b"head", close=True) == [b"head", "close"]
    assert sent(b"head", b"", close=True) == [b"head", "close"]
