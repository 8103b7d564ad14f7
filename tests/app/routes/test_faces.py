import hashlib
import io
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.contract.registry import read_header
from tests.app import serving

DIGEST = hashlib.sha256(serving.GENERATOR).hexdigest()


def test_a_seed_is_a_picture_of_its_own(client: TestClient) -> None:
    answer = client.get("/v1/faces/ada.png")
    assert answer.status_code == 200
    picture = Image.open(io.BytesIO(answer.content))
    assert (picture.format, picture.size) == ("PNG", (serving.FACE, serving.FACE))
    assert picture.getpixel((0, 0)) == tuple(serving.colour("ada"))


def test_headers_say_what_it_is(client: TestClient) -> None:
    answer = client.get("/v1/faces/ada.png")
    sha256 = hashlib.sha256(answer.content).hexdigest()
    assert answer.headers["etag"] == f'"{sha256}"'
    assert answer.headers["x-likeness-sha256"] == sha256
    assert answer.headers["x-likeness-seed"] == "ada"
    assert answer.headers["x-likeness-model"] == f"faces@sha256:{DIGEST}"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(("extension", "format"), [("png", "PNG"), ("jpg", "JPEG"), ("webp", "WEBP"), ("avif", "AVIF")])
def test_the_extension_is_the_format(client: TestClient, extension: str, format: str) -> None:
    answer = client.get(f"/v1/faces/ada.{extension}?size=32")
    picture = Image.open(io.BytesIO(answer.content))
    assert (picture.format, picture.size) == (format, (32, 32))
    assert answer.headers["content-type"] == f"image/{format.lower()}"


def test_a_pinned_address_may_be_kept_for_ever(client: TestClient) -> None:
    answer = client.get(f"/v1/faces/ada.png?model=faces@sha256:{DIGEST[:12]}")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("model", ["", "?model=faces", "?model=faces@production"])
def test_an_address_that_is_not_pinned_is_kept_for_minutes(client: TestClient, model: str) -> None:
    assert client.get(f"/v1/faces/ada.png{model}").headers["cache-control"] == "public, max-age=300"


@pytest.mark.parametrize("sent", ['"{}"', 'W/"{}"', '"x", "{}"', "*"])
def test_what_the_client_has_is_not_sent_again(client: TestClient, sent: str) -> None:
    tag = client.get("/v1/faces/ada.png").headers["x-likeness-sha256"]
    answer = client.get("/v1/faces/ada.png", headers={"If-None-Match": sent.format(tag)})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == f'"{tag}"'


def test_another_tag_gets_the_picture(client: TestClient) -> None:
    assert client.get("/v1/faces/ada.png", headers={"If-None-Match": '"0"'}).status_code == 200


def test_head_has_the_headers_of_get(client: TestClient) -> None:
    got, head = client.get("/v1/faces/ada.png"), client.head("/v1/faces/ada.png")
    assert head.status_code == 200
    same = ("etag", "content-length", "content-type", "cache-control")
    assert [head.headers[name] for name in same] == [got.headers[name] for name in same]


@pytest.mark.parametrize("seed", ["ada.lovelace", "a/b", "Ζωή", "🙂", "..", "100%", "a b", "x" * 256, "-7", "?&#"])
def test_a_seed_is_any_text(client: TestClient, seed: str) -> None:
    answer = client.get(f"/v1/faces/{quote(seed, safe='')}.png")
    assert answer.status_code == 200
    assert Image.open(io.BytesIO(answer.content)).getpixel((0, 0)) == tuple(serving.colour(seed))


def test_two_spellings_of_a_letter_are_one_seed(client: TestClient) -> None:
    composed, decomposed = client.get("/v1/faces/%C3%A9.png"), client.get("/v1/faces/e%CC%81.png")
    assert composed.content == decomposed.content


def test_random_leads_to_a_fresh_seed_with_the_same_options(client: TestClient) -> None:
    first, second = (client.get("/v1/faces/random.png?size=32", follow_redirects=False) for _ in range(2))
    assert (first.status_code, first.headers["cache-control"]) == (302, "no-store")
    assert first.headers["location"] != second.headers["location"]
    assert first.headers["location"].endswith(".png?size=32")
    assert client.get(first.headers["location"]).status_code == 200


def test_options_reach_the_worker(client: TestClient, worker: serving.ProtocolWorker) -> None:
    client.get("/v1/faces/options.png?truncation=0.25&edits=smile:1.5,age:-2,&model=faces".replace(",&", "&"))
    drawing = worker.batches[-1].drawings[0]  # type: ignore[union-attr]
    assert (drawing.truncation, drawing.edits) == (0.25, (("age", -2.0), ("smile", 1.5)))


def test_a_generator_chooses_its_truncation(client: TestClient, worker: serving.ProtocolWorker) -> None:
    client.get("/v1/faces/chosen.png?model=clothing-gan&label=light")
    drawing = worker.batches[-1].drawings[0]  # type: ignore[union-attr]
    assert drawing.truncation == read_header(serving.CONDITIONAL)["extras"]["truncation"]
    assert drawing.label == serving.LABELS.index("light")


def test_a_face_is_drawn_once(client: TestClient, worker: serving.ProtocolWorker) -> None:
    client.get("/v1/faces/once.png")
    before = len(worker.batches)
    client.get("/v1/faces/once.png")
    client.get(f"/v1/faces/once.png?size={serving.FACE}")
    assert len(worker.batches) == before


def test_a_page_elsewhere_may_ask_first(client: TestClient) -> None:
    answer = client.options("/v1/faces/ada.png", headers={"Origin": "https://elsewhere.example"})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"


def test_other_addresses_are_closed_to_pages_elsewhere(client: TestClient) -> None:
    assert "access-control-allow-origin" not in client.get("/v1/models").headers
