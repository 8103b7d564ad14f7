import re

import pytest

from app.contract.errors import BY_CODE, Busy, InternalError, LikenessError, UnknownModel, from_code


def test_codes_are_unique_and_plain() -> None:
    def classes(root: type[LikenessError]) -> list[type[LikenessError]]:
        return [root, *(each for child in root.__subclasses__() for each in classes(child))]

    # The api may carry one with more facts; a code of its own it may not have.
    ours = [each for each in classes(LikenessError)[1:] if each.__module__ == LikenessError.__module__]
    others = [each for each in classes(LikenessError)[1:] if each not in ours]
    codes = [each.code for each in ours]
    assert {each.code for each in others} <= set(codes)
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


@pytest.mark.parametrize("error", BY_CODE.values(), ids=lambda error: error.code)
def test_every_error_says_a_whole_sentence(error: type[LikenessError]) -> None:
    assert error.title.endswith(".")
    assert error.sentence.endswith(".")
    assert error.__doc__ is None or "Traceback" not in error.__doc__


def test_an_error_crosses_by_code_and_detail() -> None:
    sent = UnknownModel(model="mona")
    assert sent.detail == "There is no model called mona; GET /v1/models lists them."
    received = from_code(sent.code, sent.detail)
    assert (type(received), received.detail) == (UnknownModel, sent.detail)
    assert isinstance(from_code("never heard of", "x"), InternalError)


def test_a_busy_service_says_when_to_come_back() -> None:
    assert Busy(retry_after=3).retry_after == 3
    assert "3 s" in Busy(retry_after=3).detail
