"""Real sockets against a real server whose application refuses everything, and counts how often it was asked."""

import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app import errors
from app.contract.errors import Busy
from app.http.refusals import REPEATED_SECONDS, Refusals
from app.http.repeating import RepeatingProtocol
from tests.app import serving


class Site:
    """`/full` refuses unread, `/read` refuses what it has read, `/` echoes. Time moves when it is moved."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.now = 100.0
        refusals = Refusals(lambda: self.now)

        async def full(request: Request) -> Response:
            self.asked.append(request.url.path)
            return errors.response(Busy())

        async def read(request: Request) -> Response:
            await request.body()
            return await full(request)

        async def echo(request: Request) -> Response:
            return PlainTextResponse(await request.body())

        @contextlib.asynccontextmanager
        async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, object]]:
            yield {"refusals": refusals}

        any_method = ["GET", "HEAD", "POST"]
        self.app = Starlette(
            routes=[
                Route("/full", full, methods=any_method),
                Route("/read", read, methods=any_method),
                Route("/", echo, methods=any_method),
            ],
            lifespan=lifespan,
        )
        serving.gate(self.app, kept=refusals)
        self.client = httpx.Client(trust_env=False)

    def counted(self) -> float:
        """Refusals in the metrics."""
        found = self.app.state.parts.metrics.registry.get_sample_value(
            "likeness_requests_total", {"route": "/full", "method": "POST", "status": "503"}
        )
        return found or 0.0


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    with serving.listening(site.app, http=RepeatingProtocol) as address, site.client:
        site.client.base_url = httpx.URL(address)
        yield site


def exchange(connection: socket.socket, *, answers: int) -> list[bytes]:
    """So many answers with bodies from a connection, without their heads' lengths being looked at by a library."""
    said, bodies = b"", list[bytes]()
    while len(bodies) < answers:
        start, end, rest = said.partition(b"\r\n\r\n")
        length = int(start.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]) if end else 0
        if end and len(rest) >= length:
            bodies.append(rest[:length])
            said = rest[length:]
            continue
        read = connection.recv(65_536)
        assert read, "the connection ended"
        said += read
    return bodies


def raw(site: Site) -> socket.socket:
    address = urlsplit(str(site.client.base_url))
    connection = socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def test_what_was_refused_is_refused_again_without_being_asked_for(site: Site) -> None:
    first = site.client.post("/full", content=b"a", headers={"X-Request-ID": "first"})
    again = site.client.post("/full", content=b"another", headers={"X-Request-ID": "second"})
    assert site.asked == ["/full"]
    assert (first.status_code, again.status_code) == (503, 503)
    assert {**first.json(), "request_id": "second"} == again.json()
    assert again.headers["x-request-id"] == "second"
    own = {"x-request-id", "content-length", "date"}
    assert {name: first.headers[name] for name in first.headers.keys() - own} == {
        name: again.headers[name] for name in again.headers.keys() - own
    }
    assert site.counted() == 2


def test_a_moment_later_it_is_asked_for(site: Site) -> None:
    site.client.post("/full", content=b"a")
    site.client.get("/")  # so that the server is through with the one before
    site.now += 2 * REPEATED_SECONDS
    site.client.post("/full", content=b"a")
    assert site.asked == ["/full", "/full"]


def test_what_was_read_and_what_has_no_body_to_answer_with_is_asked_for_each_time(site: Site) -> None:
    for _ in range(2):
        site.client.post("/read", content=b"a")
        site.client.head("/full")
    assert site.asked == ["/read", "/full", "/read", "/full"]


def test_a_body_that_follows_its_refusal_is_passed_over(site: Site) -> None:
    request = b"POST /full HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n"
    with raw(site) as connection:
        connection.sendall(request + b"abc")
        exchange(connection, answers=1)
        connection.sendall(request)
        exchange(connection, answers=1)
        connection.sendall(b"ab")
        connection.sendall(b"c" + b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello")
        assert exchange(connection, answers=1) == [b"hello"]
    assert site.asked == ["/full"]


def test_requests_that_come_at_once_are_answered_in_their_order(site: Site) -> None:
    refused = b"POST /full HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: %d\r\nContent-Length: 0\r\n\r\n"
    echoed = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n%d"
    with raw(site) as connection:
        connection.sendall(refused % 0)
        exchange(connection, answers=1)
        connection.sendall(refused % 1 + echoed % 2 + refused % 3 + refused % 4)
        first, second, third, fourth = exchange(connection, answers=4)
    assert (b'"1"' in first, second, b'"3"' in third, b'"4"' in fourth) == (True, b"2", True, True)


def test_whom_a_proxy_speaks_for_makes_a_difference(site: Site) -> None:
    for client in ("10.0.0.1", "10.0.0.1", "10.0.0.2"):
        assert site.client.post("/full", headers={"X-Forwarded-For": client}).status_code == 503
    assert site.asked == ["/full", "/full"]


def test_a_connection_that_shall_end_ends(site: Site) -> None:
    site.client.post("/full")
    with raw(site) as connection:
        connection.sendall(b"POST /full HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        exchange(connection, answers=1)
        assert connection.recv(10) == b""
