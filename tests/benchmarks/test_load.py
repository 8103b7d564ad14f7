"""The load generator against a server whose answers are known."""

import itertools
from collections.abc import AsyncIterator, Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from benchmarks import connections, load
from tests.app import serving


async def twice(request: Request) -> Response:
    """Says the body twice; asked to be busy, it is."""
    body = await request.body()
    return Response(status_code=503) if body == b"busy" else Response(body * 2)


async def chunks(_request: Request) -> Response:
    """Does not say how long it is."""

    async def body() -> AsyncIterator[bytes]:
        yield b"a"

    return StreamingResponse(body())


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    routes = [Route("/", twice, methods=["POST"]), Route("/chunks", chunks)]
    with serving.listening(Starlette(routes=routes)) as address:
        yield address


def right(request: connections.Request, status: int, body: bytes) -> bool:
    return status == 200 and body == request.expected


def requests() -> Iterator[connections.Request]:
    bodies = (str(number).encode() for number in itertools.count())
    return (connections.Request.of("POST", "/", body=body, expected=body * 2) for body in bodies)


def test_clients_ask_again_and_again_and_every_answer_is_checked(url: str) -> None:
    outcome = load.closed(url, requests(), clients=4, seconds=0.3, check=right)
    assert outcome.statuses.keys() == {200}
    assert outcome.answers == len(outcome.latencies_ms) > 8
    assert outcome.wrong == 0
    assert outcome.quantile_ms(0.5) <= outcome.quantile_ms(0.99)
    assert outcome.seconds >= 0.3


def test_a_schedule_is_kept_whatever_the_answers_are(url: str) -> None:
    outcome = load.open_loop(url, requests(), rate=200, seconds=0.5, check=right)
    assert (outcome.answers, outcome.wrong) == (100, 0)
    assert outcome.seconds >= 0.49


def test_connections_that_were_opened_beforehand_are_used_in_turn(url: str) -> None:
    outcome = load.open_loop(url, requests(), rate=200, seconds=0.1, connections=30, check=right)
    assert (outcome.answers, outcome.wrong, outcome.opened) == (20, 0, 0)


def test_an_answer_in_pieces_is_put_together_and_so_is_a_request(url: str) -> None:
    body = bytes(3_000_000)
    outcome = load.closed(
        url,
        itertools.repeat(connections.Request.of("POST", "/", body=body, expected=body * 2)),
        clients=1,
        seconds=0.01,
        check=right,
    )
    assert (outcome.statuses.keys(), outcome.wrong) == ({200}, 0)


def test_refusals_and_wrong_answers_are_told_apart(url: str) -> None:
    pair = [
        connections.Request.of("POST", "/", body=b"busy"),
        connections.Request.of("POST", "/", body=b"a", expected=b"another"),
    ]
    outcome = load.open_loop(url, itertools.cycle(pair), rate=200, seconds=0.1, check=right)
    assert outcome.statuses == {200: 10, 503: 10}
    assert len(outcome.refusals_ms) == 10
    assert outcome.wrong == 20


def test_an_answer_that_does_not_say_how_long_it_is_counts_as_broken(url: str) -> None:
    outcome = load.open_loop(url, itertools.repeat(connections.Request.of("GET", "/chunks")), rate=100, seconds=0.1)
    assert outcome.statuses == {connections.BROKEN: 10}


def test_nobody_at_the_address_is_a_broken_connection(free_port: int) -> None:
    outcome = load.open_loop(f"http://127.0.0.1:{free_port}", requests(), rate=100, seconds=0.05)
    assert outcome.statuses == {connections.BROKEN: 5}
