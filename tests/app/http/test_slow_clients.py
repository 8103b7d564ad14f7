"""Real sockets against a real server: what sends slowly is ended, and what sends quickly is served meanwhile."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.http import body, slow_clients
from app.http.slow_clients import PatientProtocol
from tests.app import serving

PATIENCE = 0.6


async def length(request: Request) -> Response:
    """Tells how long the body is."""
    return PlainTextResponse(str(len(await request.body())))


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(slow_clients, "HEAD_SECONDS", PATIENCE)
    application = Starlette(routes=[Route("/", length, methods=["GET", "POST"])])
    serving.gate(application, seconds=PATIENCE)
    server = uvicorn.Server(
        uvicorn.Config(application, port=0, http=PatientProtocol, lifespan="off", log_level="error")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(5)


def until_closed(connection: socket.socket, *, drip: bytes = b"") -> tuple[float, bytes]:
    """Seconds until the server closes, and what it said; meanwhile a byte of `drip` at a time is sent."""
    began, said = time.monotonic(), b""
    connection.settimeout(0.05)
    while time.monotonic() - began < 10 * PATIENCE:
        with contextlib.suppress(TimeoutError):
            try:
                if drip:
                    connection.sendall(drip[:1])
                if not (read := connection.recv(4096)):
                    break
                said += read
            except (ConnectionResetError, BrokenPipeError):
                break
    return time.monotonic() - began, said


@pytest.mark.parametrize("head", [b"", b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "])
def test_a_head_that_does_not_come_ends_the_connection(head: bytes, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head)
        seconds, said = until_closed(connection, drip=head and b"a")
    assert 0.5 * PATIENCE < seconds < 5 * PATIENCE
    assert said == b""


def test_a_head_without_end_is_refused(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ")
        time.sleep(0.1 * PATIENCE)
        connection.sendall(b"a" * (slow_clients.LARGEST_HEAD_BYTES + 1))
        assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")
        assert connection.recv(4096) == b""


def test_a_head_of_many_pieces_is_read(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        for _ in range(2):  # the second request has as much room as the first
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ")
            for _ in range(6):
                connection.sendall(b"a" * 10_000)
                time.sleep(0.01 * PATIENCE)
            connection.sendall(b"\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_a_body_that_stops_is_answered_and_ended(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n\r\nabc")
        seconds, said = until_closed(connection, drip=b"a")
    assert 0.5 * PATIENCE < seconds < 5 * PATIENCE
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"slow_body" in said


def test_a_body_whose_rest_does_not_come_after_the_answer_ends_the_connection() -> None:
    async def early(_request: Request) -> Response:
        return Response(status_code=204)

    application = Starlette(routes=[Route("/", early, methods=["POST"])])
    with (
        serving.listening(application, http=PatientProtocol, timeout_keep_alive=1) as address,
        socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), timeout=20) as connection,
    ):
        connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n\r\nabc")
        assert connection.recv(4096).startswith(b"HTTP/1.1 204 ")
        connection.sendall(b"abc")
        assert connection.recv(4096) == b""


def test_a_long_body_that_keeps_coming_may_take_longer(port: int) -> None:
    piece, pieces = b"x" * body.BYTES_IN_TIME, 5

    def keeps_coming() -> Iterator[bytes]:
        for _ in range(pieces):
            time.sleep(0.6 * PATIENCE)
            yield piece

    answer = httpx.post(f"http://127.0.0.1:{port}/", content=keeps_coming(), trust_env=False, timeout=30)
    assert answer.text == str(pieces * len(piece))


def test_slow_clients_do_not_hold_up_a_fast_one(port: int) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            slow.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nabc")
        began = time.monotonic()
        for _ in range(20):
            assert httpx.get(f"http://127.0.0.1:{port}/", trust_env=False, timeout=60).text == "0"
        assert time.monotonic() - began < 5
