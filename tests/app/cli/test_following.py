"""Following work of a service that is away or busy for a while."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.cli import following
from app.cli.client import Client, ServiceError
from tests.app.cli.local_server import Quiet, serving

HANGS_UP = 0
DONE = {"status": "succeeded"}


@contextmanager
def answering(*statuses: int, retry_after: str = "0") -> Iterator[tuple[str, list[str]]]:
    """A server that gives these answers one after another, and what it was asked."""
    asked: list[str] = []

    class Handler(Quiet):
        def do_GET(self) -> None:
            status = statuses[len(asked)]
            asked.append(self.path)
            if status == HANGS_UP:
                return
            body = json.dumps(DONE if status == 200 else {"detail": "Not now."}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Retry-After", retry_after)
            self.end_headers()
            self.wfile.write(body)

    with serving(Handler) as address:
        yield address, asked


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PAUSE_SECONDS", 0.01)


def test_a_service_that_is_away_or_busy_is_asked_again() -> None:
    statuses = (503, HANGS_UP, 429, 502, 200)
    with answering(*statuses) as (url, asked), Client(url) as service:
        assert following.job(service, "job_1", quiet=True) == DONE
    assert asked == ["/v1/jobs/job_1"] * len(statuses)


def test_a_refusal_ends_it_at_once() -> None:
    with answering(404) as (url, asked), Client(url) as service, pytest.raises(ServiceError, match="Not now"):
        following.job(service, "job_1", quiet=True)
    assert len(asked) == 1


def test_it_waits_as_long_as_the_service_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    with answering(503, 200, retry_after="7") as (url, _), Client(url) as service:
        following.job(service, "job_1", quiet=True)
    assert slept == [7]


def test_after_minutes_without_a_service_it_says_so(monkeypatch: pytest.MonkeyPatch, free_port: int) -> None:
    monkeypatch.setattr(following, "PATIENCE_SECONDS", 0.05)
    with (
        Client(f"http://127.0.0.1:{free_port}") as service,
        pytest.raises(ServiceError, match=r"No Likeness .* minutes"),
    ):
        following.job(service, "job_1", quiet=True)
