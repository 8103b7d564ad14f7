import json
import time
from typing import Any

import pytest
from pydantic import TypeAdapter

from app.contract.messages import InteractiveBatch, Reply, WorkerReport, living, pack, unpack
from tests import recorded

BATCH: TypeAdapter[Any] = TypeAdapter(InteractiveBatch)
KINDS = ["classify", "generate", "similar"]


def test_a_reply_comes_back_with_its_arrays_in_order() -> None:
    reply = Reply(batch="b1", shape=(2, 3), compute_ms=1.5)
    header, body = unpack(pack(reply, b"first", memoryview(b"second")))
    assert header == reply
    assert bytes(body) == b"firstsecond"


@pytest.mark.parametrize("message", [b"", b"\x00\x00\x00\x09{}", b"\xff\xff\xff\xff", b"\x00\x00\x00\x02[]"])
def test_what_is_no_reply_is_a_value_error(message: bytes) -> None:
    with pytest.raises(ValueError, match="validation error"):
        unpack(message)


@pytest.mark.parametrize("kind", KINDS)
def test_batches_of_an_earlier_version_are_understood(kind: str) -> None:
    said = recorded.argument(recorded.RECORDED["messages"][kind])
    batch = BATCH.validate_python(said)
    assert batch.kind == kind
    assert {name: value for name, value in batch.model_dump(mode="json").items() if name in said} == said


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_later_version_adds_to_a_batch_is_passed_over(kind: str) -> None:
    said = recorded.argument(recorded.RECORDED["messages"][kind])
    assert BATCH.validate_python({**said, **recorded.FROM_THE_FUTURE}) == BATCH.validate_python(said)


def test_replies_of_an_earlier_and_of_a_later_version_are_understood() -> None:
    (done, body), (failed, nothing) = map(unpack, recorded.replies())
    assert (done.batch, done.shape, len(body)) == ("recorded-1", (1, 2), 12)
    assert (failed.code, len(nothing)) == ("out_of_memory", 0)
    header = json.dumps({**done.model_dump(mode="json"), **recorded.FROM_THE_FUTURE}).encode()
    assert unpack(len(header).to_bytes(4, "big") + header + b"rest") == (done, b"rest")


def test_reports_of_workers_of_an_earlier_and_of_a_later_version_are_understood() -> None:
    said = recorded.RECORDED["worker_report"]
    report = WorkerReport.model_validate_json(json.dumps(said))
    assert {name: value for name, value in report.model_dump(mode="json").items() if name in said} == said
    assert WorkerReport.model_validate_json(json.dumps({**said, **recorded.FROM_THE_FUTURE})) == report


def test_the_living_are_those_whose_report_is_young_and_can_be_read() -> None:
    report = WorkerReport.model_validate_json(json.dumps(recorded.RECORDED["worker_report"]))
    young, old = (report.model_copy(update={"at": time.time() - seconds}) for seconds in (0, 3600))
    assert living([old.model_dump_json(), b"{}", "no report", young.model_dump_json()]) == [young]
    assert (young.takes(report.queue), old.takes(report.queue), young.takes("other")) == (True, False, False)
