import pytest

from app.contract.errors import BadOption
from app.http.prefer import Prefer


@pytest.mark.parametrize(
    ("header", "preference"),
    [
        (None, Prefer()),
        ("respond-async", Prefer(respond_async=True)),
        ("Respond-Async", Prefer(respond_async=True)),
        ("wait=10", Prefer(wait_seconds=10)),
        ("respond-async, wait=10", Prefer(respond_async=True, wait_seconds=10)),
        ('respond-async; x=1, wait="5"', Prefer(respond_async=True, wait_seconds=5)),
        ("wait=9999", Prefer(wait_seconds=60)),
        ("wait=0", Prefer()),
        ("return=minimal", Prefer()),
    ],
)
def test_preferences_are_read(header: str | None, preference: Prefer) -> None:
    assert Prefer.parse(header) == preference


@pytest.mark.parametrize("header", ["wait", "wait=", "wait=x", "wait=-1", "wait=1.5"])
def test_a_bad_wait_is_refused(header: str) -> None:
    with pytest.raises(BadOption):
        Prefer.parse(header)


def test_either_makes_a_durable_job() -> None:
    assert [Prefer.parse(header).durable for header in ("", "respond-async", "wait=1")] == [False, True, True]
