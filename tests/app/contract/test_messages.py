import pytest

from app.contract.messages import Reply, pack, unpack


def test_a_reply_comes_back_with_its_arrays_in_order() -> None:
    reply = Reply(batch="b1", shape=(2, 3), compute_ms=1.5)
    header, body = unpack(pack(reply, b"first", memoryview(b"second")))
    assert header == reply
    assert bytes(body) == b"firstsecond"


@pytest.mark.parametrize("message", [b"", b"\x00\x00\x00\x09{}", b"\xff\xff\xff\xff", b"\x00\x00\x00\x02[]"])
def test_what_is_no_reply_is_a_value_error(message: bytes) -> None:
    with pytest.raises(ValueError, match="validation error"):
        unpack(message)
