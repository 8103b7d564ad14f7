import http.server
import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.cli.client import Client, ServiceError
from tests.app.cli.local_server import Quiet, serving


@contextmanager
def answering(
    status: int, body: bytes, **headers: str
) -> Iterator[tuple[str, list[http.server.BaseHTTPRequestHandler]]]:
    """A server that gives every request this answer, and what it was asked."""
    asked: list[http.server.BaseHTTPRequestHandler] = []

    class Handler(Quiet):
        def do_GET(self) -> None:
            asked.append(self)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with serving(Handler) as address:
        yield address, asked


def test_a_service_that_does_not_run_is_told_with_the_command_that_starts_one(free_port: int) -> None:
    with Client(f"http://127.0.0.1:{free_port}") as client, pytest.raises(ServiceError, match="`likeness up`"):
        client.get("/v1/models")


def test_a_problem_is_told_in_its_own_words() -> None:
    problem = {"detail": "No model is called hats.", "errors": [{"loc": ["body", "model"], "msg": "unknown"}]}
    with (
        answering(404, json.dumps(problem).encode()) as (url, _),
        Client(url) as client,
        pytest.raises(ServiceError) as raised,
    ):
        client.get("/v1/models/hats")
    assert str(raised.value) == "No model is called hats.; body.model: unknown"
    assert raised.value.status == 404


def test_a_busy_service_says_when_to_come_back() -> None:
    with (
        answering(503, b'{"detail": "All workers are busy."}', Retry_After="2") as (url, _),
        Client(url) as client,
        pytest.raises(ServiceError, match="Try again in 2 s") as raised,
    ):
        client.get("/v1/models")
    assert (raised.value.temporary, raised.value.retry_after) == (True, 2)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"errors": [7]}', b'{"errors": [{"loc": ["a"]}]}'])
def test_an_error_that_is_no_problem_document_still_tells_its_status(body: bytes) -> None:
    with answering(502, body) as (url, _), Client(url) as client, pytest.raises(ServiceError, match="502 Bad Gateway"):
        client.get("/v1/models")


def test_another_kind_of_server_is_recognised() -> None:
    with (
        answering(200, b"<html>") as (url, _),
        Client(url) as client,
        pytest.raises(ServiceError, match="LIKENESS_URL") as raised,
    ):
        client.get("/v1/models")
    assert not raised.value.temporary


def test_address_and_key_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(200, b"{}") as (url, asked):
        monkeypatch.setenv("LIKENESS_URL", f"{url}/")
        monkeypatch.setenv("LIKENESS_KEY", "secret")
        with Client() as client:
            client.get("/v1/models", limit=3, after=None)
    assert asked[0].path == "/v1/models?limit=3"
    assert asked[0].headers["Authorization"] == "Bearer secret"


def test_spaces_around_a_key_are_not_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKENESS_KEY", " secret\n")
    with answering(200, b"{}") as (url, asked), Client(url) as client:
        client.get("/v1/models")
    assert asked[0].headers["Authorization"] == "Bearer secret"


@pytest.mark.parametrize("key", ["ключ", "two\nlines"])
def test_a_key_that_cannot_be_sent_is_blamed_itself(key: str) -> None:
    with pytest.raises(ServiceError, match="LIKENESS_KEY"):
        Client(key=key)
