import concurrent.futures

import httpx
import pytest
from fastapi.testclient import TestClient

from app.contract.settings import Settings
from app.main import create_app
from app.pages import PAGES
from tests.app import serving

OEMBED = "/oembed?url=http://localhost/embed/ada"


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1", "127.0.0.1:1", "[::1]:8000", "LOCALHOST"])
def test_without_a_key_it_answers_to_its_own_names(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil", "", "::1"]
)
def test_without_a_key_it_answers_to_no_other_name(client: TestClient, host: str) -> None:
    answer = client.get("/v1/models", headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (421, "wrong_host")


def test_without_a_key_a_page_elsewhere_cannot_post_here(client: TestClient) -> None:
    files = {"image": ("x.png", serving.png(1), "image/png")}
    foreign = client.post("/v1/classify", files=files, headers={"Origin": "https://evil.example"})
    assert (foreign.status_code, foreign.json()["code"]) == (421, "wrong_host")
    assert client.post("/v1/classify", files=files, headers={"Origin": "http://localhost"}).status_code == 200


def test_an_address_that_is_none_and_a_method_that_is_wrong(client: TestClient) -> None:
    assert client.get("/v1/nothing").json()["code"] == "not_found"
    wrong = client.put("/v1/generate")
    assert (wrong.status_code, wrong.json()["code"], wrong.headers["allow"]) == (405, "method_not_allowed", "POST")


@pytest.mark.parametrize(
    "path",
    [*PAGES, "/favicon.ico", "/healthz", "/readyz", "/embed.js", "/embed/ada", "/embed/random", OEMBED],
)
def test_what_browsers_and_monitors_ask_for_has_the_head_of_get(client: TestClient, path: str) -> None:
    got, head = (client.request(method, path, follow_redirects=False) for method in ("GET", "HEAD"))
    assert (head.status_code, head.content) == (got.status_code, b"")
    own = {"x-request-id"}
    assert {name: value for name, value in head.headers.items() if name not in own} == {
        name: value for name, value in got.headers.items() if name not in own
    }


def test_only_what_takes_pictures_takes_large_bodies(client: TestClient) -> None:
    large, json = bytes(1_000_000), {"Content-Type": "application/json"}
    for path in ("/v1/generate", "/v1/keys", "/v1/keys/key_1/rotate", "/v1/training-jobs", "/v1/images/generations"):
        refused = client.post(path, content=large, headers=json)
        assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large"), path
    for path in ("/v1/classify", "/v1/provenance", "/v2/models/clothing/infer"):
        assert client.post(path, content=large, headers=json).status_code in (415, 422), path


def test_concurrent_requests_share_batches(settings: Settings, worker: serving.ProtocolWorker) -> None:

    worker.delay = 0.05
    before = len(worker.batches)
    try:
        with (
            serving.listening(create_app(settings)) as address,
            httpx.Client(base_url=address, trust_env=False, timeout=60) as client,
            concurrent.futures.ThreadPoolExecutor(32) as threads,
        ):
            answers = list(threads.map(lambda n: client.get(f"/v1/faces/together-{n}.png"), range(64)))
    finally:
        worker.delay = 0
    assert [answer.status_code for answer in answers] == [200] * 64
    batches = worker.batches[before:]
    assert sum(len(batch.drawings) for batch in batches) == 64  # type: ignore[union-attr]
    assert len(batches) < 24
