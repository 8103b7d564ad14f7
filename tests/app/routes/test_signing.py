"""A closed service whose faces a public page shows by signed addresses."""

import re
import tempfile
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from app.main import create_app
from tests.app import serving
from tests.running import running_redis

ADMIN = {"Authorization": "Bearer the-admin-key"}
BUDGET = 40


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service that wants a key, with a Redis and a worker of its own."""
    with tempfile.TemporaryDirectory(prefix="likeness-") as folder, running_redis(Path(folder) / "redis.sock"):
        settings = serving.home_settings(
            tmp_path_factory.mktemp("closed"),
            f"unix://{folder}/redis.sock",
            admin_key=SecretStr("the-admin-key"),
            signed_daily_faces=BUDGET,
        )
        serving.publish(settings)
        with (
            serving.working(settings),
            TestClient(create_app(settings), base_url="http://faces.example") as client,
        ):
            yield client


def key(client: TestClient, name: str, *scopes: str) -> tuple[str, dict[str, str]]:
    """A new key: its id, and the header that shows its secret."""
    made = client.post("/v1/keys", json={"name": name, "scopes": list(scopes)}, headers=ADMIN)
    assert made.status_code in (200, 201), made.text
    return made.json()["id"], {"Authorization": f"Bearer {made.json()['secret']}"}


def sign(client: TestClient, path: str, headers: dict[str, str], **options: object) -> str:
    """The signed address, from its first slash on."""
    answer = client.post("/v1/signatures", json={"path": path, **options}, headers=headers)
    assert answer.status_code == 200, answer.text
    url = urlsplit(answer.json()["url"])
    assert url.netloc == "faces.example"
    return f"{url.path}?{url.query}"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/faces/ada.webp?size=32&radius=50",
        "/v1/faces/a%2Fb%20%C3%BC.png",
        "/v1/faces/ada/to/bob.webp?frames=2",
        "/v1/faces/AC%2FDC/to/b%2Fto%2Fc.webp?frames=2",
        "/v1/sheets.png?seeds=a,b",
        "/f/size=32&radius=50/ada.png",
        "/avatar/ada@example.org?s=40",
        "/9.x/faces/svg?seed=ada",
        "/f/size=32/ada.png?radius=50",
        "/embed/ada?size=32",
    ],
)
def test_a_signed_address_needs_no_key(closed: TestClient, path: str) -> None:
    assert closed.get(path).status_code == 401

    assert closed.get(sign(closed, path, ADMIN)).status_code == 200


def test_a_signed_face_is_the_face_and_may_be_kept_by_all(closed: TestClient) -> None:
    signed = closed.get(sign(closed, "/v1/faces/ada.png?size=32", ADMIN))
    plain = closed.get("/v1/faces/ada.png?size=32", headers=ADMIN)

    assert signed.content == plain.content
    assert signed.headers["cache-control"] == "public, max-age=300"
    assert plain.headers["cache-control"] == "private, max-age=300"


def test_nobody_keeps_it_longer_than_it_holds(closed: TestClient) -> None:
    pinned = closed.get("/v1/faces/ada.png", headers=ADMIN).headers["x-likeness-model"]

    signed = closed.get(sign(closed, f"/v1/faces/ada.png?model={pinned}", ADMIN, expires_in=100))

    age = re.fullmatch(r"public, max-age=(\d+)", signed.headers["cache-control"])
    assert age is not None
    assert 90 <= int(age[1]) <= 100


def test_an_address_of_a_domain_is_for_its_pages_and_no_shared_cache(closed: TestClient) -> None:
    address = sign(closed, "/v1/faces/ada.png", ADMIN, domain="example.org")

    assert closed.get(address).json()["code"] == "bad_signature"
    assert closed.get(address, headers={"Referer": "https://evil.net/"}).status_code == 403
    shown = closed.get(address, headers={"Referer": "https://www.example.org/page"})
    assert shown.status_code == 200
    assert shown.headers["cache-control"].startswith("private")


@pytest.mark.parametrize("change", [("ada", "bob"), ("size=32", "size=64"), ("signature=", "signature=A")])
def test_a_changed_address_is_refused(closed: TestClient, change: tuple[str, str]) -> None:
    address = sign(closed, "/v1/faces/ada.png?size=32", ADMIN).replace(*change)

    assert closed.get(address).json()["code"] == "bad_signature"


@pytest.mark.parametrize("character", ["%09", "%0A", "%0D", "%20", "%23", "%3F", "%5C"])
def test_a_signature_is_for_every_character_of_a_seed(closed: TestClient, character: str) -> None:
    path = f"/v1/faces/a{character}da.png?size=32"

    signed = closed.get(sign(closed, path, ADMIN))
    elsewhere = closed.get(sign(closed, "/v1/faces/ada.png?size=32", ADMIN).replace("ada", f"a{character}da"))

    assert signed.content == closed.get(path, headers=ADMIN).content
    assert elsewhere.json()["code"] == "bad_signature"


def test_a_framed_page_shows_its_picture(closed: TestClient) -> None:
    page = closed.get(
        sign(closed, "/embed/ada?size=32", ADMIN, domain="example.org"), headers={"Origin": "https://example.org"}
    )

    picture = re.search('img src="([^"]+)"', page.text)
    assert picture is not None
    assert closed.get(unescape(picture[1])).status_code == 200


@pytest.mark.parametrize("path", ["/v1/faces/ada.png?size=64&radius=50", "/embed/a%2Fto%2Fb?size=64"])
def test_oembed_tells_a_signed_address_as_it_is(closed: TestClient, path: str) -> None:
    address = sign(closed, path, ADMIN)

    told = closed.get("/oembed", params={"url": f"http://faces.example{address}", "maxwidth": 32}).json()

    assert (told["width"], told["height"]) == (32, 32)
    shown = told.get("url") or unescape(re.findall('iframe src="([^"]+)"', told["html"])[0])
    assert shown == f"http://faces.example{address}"
    assert closed.get(shown).status_code == 200


def test_random_leads_to_a_signed_face(closed: TestClient) -> None:
    answer = closed.get(sign(closed, "/v1/faces/random.png?size=32", ADMIN))

    assert answer.history[0].status_code == 302
    assert answer.status_code == 200


def test_a_key_that_may_not_look_signs_nothing(closed: TestClient) -> None:
    _, headers = key(closed, "trainer", "train")

    assert closed.post("/v1/signatures", json={"path": "/v1/faces/a.png"}, headers=headers).status_code == 403


def test_hits_are_counted_and_the_budget_is_for_what_is_drawn(closed: TestClient) -> None:
    key_id, headers = key(closed, "site", "predict")
    addresses = [sign(closed, f"/v1/faces/budget-{number}.png", headers) for number in range(BUDGET + 1)]

    statuses = [closed.get(address).status_code for address in addresses[:BUDGET] for _ in range(2)]
    refused = closed.get(addresses[BUDGET])

    assert statuses == [200] * (2 * BUDGET)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 86_400
    told = closed.get("/v1/usage", headers=headers).json()
    assert (told["key"], told["budget"]) == (key_id, BUDGET)
    today = time.strftime("%Y-%m-%d", time.gmtime())
    assert told["data"] == [{"day": today, "hits": 2 * BUDGET, "drawn": BUDGET}]
    assert closed.get(f"/v1/usage?key={key_id}", headers=ADMIN).json()["data"] == told["data"]
    assert closed.get("/v1/usage?key=admin", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "asked",
    [
        {"path": "/v1/models"},
        {"path": "https://elsewhere/v1/faces/a.png"},
        {"path": "v1/faces/a.png"},
        {"path": "/v1/faces/%ff.png"},
        {"path": "/v1/faces/a.png", "expires_in": 0},
        {"path": "/v1/faces/a.png", "domain": "https://example.org"},
        {"path": "/v1/faces/a.png", "domain": "Example.org"},
    ],
)
def test_what_cannot_be_signed_is_refused(closed: TestClient, asked: dict[str, object]) -> None:
    assert closed.post("/v1/signatures", json=asked, headers=ADMIN).status_code == 422


def test_a_signature_means_nothing_to_an_open_service(client: TestClient) -> None:
    assert client.get("/v1/faces/ada.png?key=admin&signature=x").json()["code"] == "bad_option"
    assert client.post("/v1/signatures", json={"path": "/v1/faces/a.png"}).json()["code"] == "bad_option"
