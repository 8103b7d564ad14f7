import base64
import hashlib
import io
import json
import zipfile

from fastapi.testclient import TestClient
from PIL import Image

from tests.app import serving


def test_seeds_become_pictures_with_addresses(client: TestClient) -> None:
    answer = client.post("/v1/generate", json={"seeds": ["ada", 7], "size": 32, "response": "base64"}).json()
    assert answer["model"] == f"faces@sha256:{hashlib.sha256(serving.GENERATOR).hexdigest()}"
    assert [image["seed"] for image in answer["images"]] == ["ada", "7"]
    for image in answer["images"]:
        data = base64.b64decode(image["base64"])
        assert hashlib.sha256(data).hexdigest() == image["sha256"]
        assert (image["width"], image["height"], image["native_size"]) == (32, 32, serving.FACE)
        assert client.get(image["url"]).content == data
    assert answer["timing"]["total_ms"] > 0


def test_a_number_and_its_text_are_one_seed(client: TestClient) -> None:
    images = client.post("/v1/generate", json={"seeds": [7, "7"]}).json()["images"]
    assert images[0] == images[1]


def test_the_address_repeats_every_option(client: TestClient) -> None:
    body = {"seeds": ["a/b é"], "truncation": 0.00001, "edits": {"smile": 1.25, "age": -0.1}, "format": "webp"}
    image = client.post("/v1/generate", json=body).json()["images"][0]
    again = client.get(image["url"])
    assert again.headers["x-likeness-sha256"] == image["sha256"]
    assert again.headers["cache-control"].endswith("immutable")


def test_seeds_left_out_are_drawn_and_told(client: TestClient) -> None:
    images = client.post("/v1/generate", json={"count": 3}).json()["images"]
    assert len({image["seed"] for image in images}) == 3


def test_pictures_are_told_without_bytes_unless_asked(client: TestClient) -> None:
    assert "base64" not in client.post("/v1/generate", json={"seeds": ["ada"]}).json()["images"][0]


def test_one_image_may_be_the_answer(client: TestClient) -> None:
    answer = client.post("/v1/generate", json={"seeds": ["é"]}, headers={"Accept": "image/webp, image/*;q=0.5"})
    assert answer.headers["content-type"] == "image/webp"
    assert answer.headers["x-likeness-seed"] == "%C3%A9"
    assert Image.open(io.BytesIO(answer.content)).format == "WEBP"


def test_any_image_is_a_png(client: TestClient) -> None:
    answer = client.post("/v1/generate", json={"seeds": ["a"]}, headers={"Accept": "image/*"})
    assert answer.headers["content-type"] == "image/png"


def test_two_images_do_not_fit_into_one(client: TestClient) -> None:
    answer = client.post("/v1/generate", json={"count": 2}, headers={"Accept": "image/png"})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_option")


def test_an_answer_in_a_type_that_is_not_offered(client: TestClient) -> None:
    answer = client.post("/v1/generate", json={"count": 1}, headers={"Accept": "text/html"})
    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")


def test_an_archive_holds_all_pictures_and_says_what_they_are(client: TestClient) -> None:
    wanted = {"json": {"seeds": ["a", "b"], "format": "jpeg"}, "headers": {"Accept": "application/zip"}}
    answer = client.post("/v1/generate", **wanted)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as files:
        manifest = json.loads(files.read("manifest.json"))
        assert files.namelist() == ["00.jpg", "01.jpg", "manifest.json"]
        for entry in manifest["images"]:
            assert hashlib.sha256(files.read(entry["file"])).hexdigest() == entry["sha256"]
    assert [entry["seed"] for entry in manifest["images"]] == ["a", "b"]
    assert client.post("/v1/generate", **wanted).content == answer.content


def test_pictures_of_one_request_share_a_batch(client: TestClient, worker: serving.ProtocolWorker) -> None:
    client.post("/v1/generate", json={"seeds": [f"together-{n}" for n in range(64)]})
    assert len(worker.batches[-1].drawings) == 64  # type: ignore[union-attr]


def test_a_class_may_be_drawn(client: TestClient) -> None:
    body = {"model": "clothing-gan", "label": "dim", "seeds": ["x"]}
    image = client.post("/v1/generate", json=body).json()["images"][0]
    assert "label=dim" in image["url"]
    assert client.get(image["url"]).status_code == 200


def test_json_that_is_not_sent_as_json_is_told_so(client: TestClient) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}  # what curl says of -d by itself
    answer = client.post("/v1/generate", content='{"seeds": ["ada"]}', headers=form)
    assert answer.status_code == 422
    assert "is not sent as `Content-Type: application/json`" in answer.json()["detail"]
