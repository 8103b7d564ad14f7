import asyncio
import io
from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message

from app.http.body import BodyBroken, BodyRules
from tests.app import serving

LIMIT = 100_000


async def length(request: Request) -> Response:
    """Tells how long the body is; a body that breaks off it takes for a bad request."""
    try:
        return PlainTextResponse(str(len(await request.body())))
    except Exception:
        return Response(status_code=400)


@pytest.fixture(scope="module")
def service() -> Iterator[httpx.Client]:
    app = Starlette(routes=[Route(path, length, methods=["POST"]) for path in ("/", "/large", "/below/it/")])
    serving.gate(app, limit=LIMIT, paths={"/large": 10 * LIMIT, "/below/": 10 * LIMIT})
    with serving.listening(app) as address, httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
        yield client


def in_pieces(total: int) -> Iterator[bytes]:
    """A body without a length: it is sent in chunks."""
    for start in range(0, total, 10_000):
        yield bytes(min(10_000, total - start))


def test_a_body_of_just_the_limit_is_read(service: httpx.Client) -> None:
    assert service.post("/", content=bytes(LIMIT)).text == str(LIMIT)
    assert service.post("/", content=in_pieces(LIMIT)).text == str(LIMIT)


@pytest.mark.parametrize("total", [LIMIT + 1, 50 * LIMIT])
def test_a_longer_one_is_refused_and_the_client_learns_of_it(service: httpx.Client, total: int) -> None:
    answer = service.post("/", content=bytes(total))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("total", [LIMIT + 1, 5 * LIMIT])
def test_so_is_one_that_does_not_say_how_long_it_is(service: httpx.Client, total: int) -> None:
    answer = service.post("/", content=in_pieces(total))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_path_may_have_a_limit_of_its_own(service: httpx.Client) -> None:
    assert service.post("/large", content=bytes(5 * LIMIT)).text == str(5 * LIMIT)
    assert service.post("/below/it/", content=bytes(5 * LIMIT)).text == str(5 * LIMIT)
    assert service.post("/large", content=io.BytesIO(bytes(11 * LIMIT))).status_code == 413


@pytest.mark.anyio
async def test_a_service_that_takes_its_time_does_not_blame_the_client() -> None:
    async def receive() -> Message:
        await asyncio.sleep(0.001)
        return {"type": "http.request", "body": b"x", "more_body": True}

    body = BodyRules(LIMIT, seconds=0.2).of("/", receive)
    await body()
    await asyncio.sleep(0.3)
    assert (await body())["body"] == b"x"


@pytest.mark.anyio
async def test_a_client_that_dawdles_between_the_pieces_is_refused() -> None:
    async def receive() -> Message:
        await asyncio.sleep(0.03)
        return {"type": "http.request", "body": b"x", "more_body": True}

    body = BodyRules(LIMIT, seconds=0.2).of("/", receive)

    async def read() -> None:
        for _ in range(20):
            await body()

    with pytest.raises(BodyBroken):
        await read()
    assert body.refusal is not None
    assert body.refusal.code == "slow_body"
