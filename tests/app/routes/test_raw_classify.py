"""The short way and the route are one: whatever they are sent, they say the same."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.routing import Match

from app.contract.settings import Settings
from app.main import create_app
from app.routes.raw_classify import RawClassify
from tests.app import serving

PNG = serving.png(200)
LARGE = serving.png(200, size=300)


def scope(**headers: str) -> dict[str, Any]:
    fields = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": "POST", "path": "/v1/classify", "headers": fields}


def test_it_takes_one_raw_picture_and_nothing_else() -> None:
    def match(**headers: str) -> Match:
        return RawClassify().matches(scope(**headers))[0]

    assert match(**{"content-type": "image/png"}) is Match.FULL
    assert match(**{"content-type": "application/json"}) is Match.NONE
    assert match(**{"content-type": "image/png", "prefer": "respond-async"}) is Match.NONE
    assert match(**{"content-type": "image/png", "idempotency-key": "a"}) is Match.NONE
    assert RawClassify().matches({**scope(), "path": "/v1/generate"})[0] is Match.NONE


@pytest.mark.parametrize(
    ("body", "query"),
    [
        (PNG, ""),
        (PNG, "top_k=1&abstain_below=0.9"),
        (PNG, "explain=true"),
        (LARGE, "model=clothing@production"),
        (b"", ""),
        (b"no picture", ""),
        (PNG[:-30], ""),
        (PNG, "top_k=0"),
        (PNG, "top_k=1&top_k=1"),
        (PNG, "tok_k=1"),
        (PNG, "model=nobody"),
        (PNG, "model=faces"),
    ],
)
def test_it_says_what_the_route_says(client: TestClient, body: bytes, query: str) -> None:
    url, headers = f"/v1/classify?{query}", {"content-type": "image/png"}
    short = client.post(url, content=body, headers=headers)
    # A preference that nobody knows changes nothing but the way.
    long = client.post(url, content=body, headers={**headers, "prefer": "handling=lenient"})
    volatile = {"timing", "request_id"}
    assert short.status_code == long.status_code
    assert {k: v for k, v in short.json().items() if k not in volatile} == {
        k: v for k, v in long.json().items() if k not in volatile
    }
    fields = {"x-request-id", "content-length"}
    assert {k: v for k, v in short.headers.items() if k not in fields} == {
        k: v for k, v in long.headers.items() if k not in fields
    }


def test_with_keys_it_asks_for_one(api_redis: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = Settings(
        home=tmp_path_factory.mktemp("keys"), redis_url=api_redis, admin_key="secret-of-the-administrator"
    )
    serving.publish(settings)
    with serving.working(settings, name="short"), TestClient(create_app(settings)) as client:

        def ask(**headers: str) -> tuple[int, str]:
            answer = client.post("/v1/classify", content=PNG, headers={"content-type": "image/png", **headers})
            return answer.status_code, answer.json().get("code", "")

        assert ask() == (401, "unauthenticated")
        assert ask(authorization="Bearer wrong") == (401, "unauthenticated")
        assert ask(authorization="Basic secret-of-the-administrator") == (401, "unauthenticated")
        assert ask(authorization="bearer secret-of-the-administrator") == (200, "")


def test_it_is_counted_as_the_route(client: TestClient) -> None:
    def count() -> float:
        found = [line for line in client.get("/metrics").text.splitlines() if 'route="/v1/classify"' in line]
        return sum(float(line.split()[-1]) for line in found if line.startswith("likeness_requests_total"))

    before = count()
    client.post("/v1/classify", content=PNG, headers={"content-type": "image/png"})
    assert count() == before + 1
