import asyncio
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.http.cross_origin import POLICY
from tests.app import serving

pytestmark = pytest.mark.anyio


class Site:
    """A small application behind the gateway, whose `/slow` answers when it is let go."""

    def __init__(self, **options: Any) -> None:
        self.go = asyncio.Event()

        async def slow(_request: Request) -> Response:
            await self.go.wait()
            return Response()

        async def quick(_request: Request) -> Response:
            return Response(headers={"Content-Security-Policy": "default-src 'self'"})

        names = {"/slow": slow, "/quick": quick, "/healthz": quick}
        app = Starlette(routes=[Route(path, endpoint) for path, endpoint in names.items()])
        serving.gate(app, **options)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


async def test_who_comes_on_top_of_the_most_is_refused_at_once_and_probes_are_not() -> None:
    site = Site(most=2)
    inside = [asyncio.create_task(site.client.get("/slow")) for _ in range(2)]
    await asyncio.sleep(0.05)
    refused, probed = await site.client.get("/quick"), await site.client.get("/healthz")
    site.go.set()
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (503, "busy", "1")
    assert probed.status_code == 200
    assert [answer.status_code for answer in await asyncio.gather(*inside)] == [200, 200]
    assert (await site.client.get("/quick")).status_code == 200


async def test_every_answer_is_careful_and_an_answer_of_its_own_mind_is_left_alone() -> None:
    site = Site()
    refused, own = await site.client.get("/nowhere"), await site.client.get("/quick")
    assert refused.headers["content-security-policy"] == POLICY
    assert own.headers["content-security-policy"] == "default-src 'self'"
    assert {answer.headers["x-content-type-options"] for answer in (refused, own)} == {"nosniff"}


async def test_of_a_field_that_comes_twice_the_first_one_counts() -> None:
    hosts = [("Host", "localhost"), ("Host", "evil.example")]
    assert (await Site().client.get("/quick", headers=hosts)).status_code == 200
    assert (await Site().client.get("/quick", headers=hosts[::-1])).status_code == 421
