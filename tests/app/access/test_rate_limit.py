"""Limits as a client meets them."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from app.access import keys
from app.contract.database import Database
from app.contract.settings import Settings
from app.main import create_app
from tests.app import serving

ADMIN = {"Authorization": "Bearer the-secret-of-the-administrator"}


@pytest.fixture(scope="module")
def settings(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(
        home=tmp_path_factory.mktemp("home"),
        redis_url=redis_url,
        admin_key="the-secret-of-the-administrator",
        key_requests_per_minute=5,
        key_images_per_minute=4,
        address_requests_per_minute=6,
    )
    serving.publish(settings)
    return settings


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[TestClient]:
    with serving.working(settings, name="limited"), TestClient(create_app(settings)) as client:
        yield client


@pytest.fixture
def key(settings: Settings) -> dict[str, str]:
    database = Database(settings.database)
    with database.session() as session:
        _, secret = keys.create(session, name="test", scopes=["predict"])
    database.close()
    return {"Authorization": f"Bearer {secret}"}


def test_a_key_that_asks_too_often_is_told_to_wait(client: TestClient, key: dict[str, str]) -> None:
    answers = [client.get("/v1/models", headers=key) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[0].headers["RateLimit-Policy"] == '"requests";q=5;w=60'
    assert [answer.headers["RateLimit"].partition(";t=")[0] for answer in answers] == [
        f'"requests";r={left}' for left in (4, 3, 2, 1, 0, 0)
    ]
    assert answers[5].json()["code"] == "limit_reached"
    assert 1 <= int(answers[5].headers["Retry-After"]) <= 60
    assert answers[5].headers["X-Request-ID"]


def test_administrators_and_health_checks_are_never_told_to_wait(client: TestClient) -> None:
    assert {client.get("/v1/models", headers=ADMIN).status_code for _ in range(10)} == {200}
    assert {client.get("/healthz").status_code for _ in range(10)} == {200}


def test_images_are_counted_where_a_worker_draws_them(client: TestClient, key: dict[str, str]) -> None:
    drawn = client.post("/v1/generate", json={"seeds": ["a", "b", "c"]}, headers=key)
    again = client.post("/v1/generate", json={"seeds": ["a", "b", "c"]}, headers=key)
    more = client.post("/v1/generate", json={"seeds": ["d", "e"]}, headers=key)
    assert (drawn.status_code, again.status_code, more.status_code) == (200, 200, 429)
    assert "4 images a minute" in more.json()["detail"]


def test_guessing_keys_uses_up_the_allowance_of_the_address(client: TestClient) -> None:
    guesses = [client.get("/v1/models", headers={"Authorization": f"Bearer {n}"}).status_code for n in range(12)]
    assert set(guesses[:3]) <= {401, 429}
    assert guesses[-1] == 429
