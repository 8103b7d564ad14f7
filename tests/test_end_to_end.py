"""The whole path as a newcomer meets it: `likeness up`, then faces, labels and errors over HTTP."""

import concurrent.futures
import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.running import Service, running_service

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.base_url, timeout=30) as client:
        yield client


def picture(response: httpx.Response) -> Image.Image:
    assert response.status_code == 200, response.text
    return Image.open(io.BytesIO(response.content))


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_a_face_is_a_picture_of_the_networks_own_size(client: httpx.Client) -> None:
    face = picture(client.get("/v1/faces/ada.png"))
    assert (face.format, face.mode, face.size) == ("PNG", "RGB", (64, 64))
    assert face.convert("L").getextrema()[1] - face.convert("L").getextrema()[0] > 80


def test_the_same_seed_is_the_same_file_and_another_seed_is_another_face(client: httpx.Client) -> None:
    ada, again, grace = (client.get(f"/v1/faces/{seed}.png").content for seed in ("ada", "ada", "grace"))
    assert ada == again
    assert ada != grace


@pytest.mark.parametrize("size", [96, 128, 256])
def test_a_large_face_is_the_same_person_in_more_detail(client: httpx.Client, size: int) -> None:
    own = client.get("/v1/faces/ada.png")
    large, pinned = client.get("/v1/faces/ada.png", params={"size": size}), own.headers["X-Likeness-Model"]
    assert [pinned[:13], large.headers["X-Likeness-Model"][:17]] == ["faces@sha256:", "faces-128@sha256:"]
    resampled = client.get("/v1/faces/ada.png", params={"size": size, "model": pinned})
    shrunk, same, face = (picture(answer).resize((64, 64), Image.Resampling.BOX) for answer in (large, resampled, own))
    assert np.abs(np.asarray(shrunk, float) - np.asarray(face, float)).mean() < 5
    assert np.abs(np.asarray(same, float) - np.asarray(face, float)).mean() < 5
    edges = [np.abs(np.diff(np.asarray(picture(answer), float), axis=1)).mean() for answer in (large, resampled)]
    assert edges[0] > 1.05 * edges[1]


def test_a_face_does_not_depend_on_what_it_is_drawn_with(client: httpx.Client) -> None:
    alone = {seed: hashlib.sha256(client.get(f"/v1/faces/{seed}.png").content).hexdigest() for seed in ("b1", "b2")}
    for others in (1, 5, 63):
        seeds = ["b1", *(f"other-{others}-{number}" for number in range(others - 1)), "b2"]
        images = client.post("/v1/generate", json={"seeds": seeds}).json()["images"]
        together = {image["seed"]: image["sha256"] for image in images}
        assert {seed: together[seed] for seed in alone} == alone


def test_a_face_is_the_same_after_a_restart_and_from_another_api_process(
    client: httpx.Client, tmp_path_factory: pytest.TempPathFactory, short_dir: Path
) -> None:
    before = client.get("/v1/faces/ada.png").content
    for _ in range(2):
        with running_service(short_dir / "other") as other:
            assert httpx.get(f"{other.base_url}/v1/faces/ada.png", timeout=30).content == before


def test_a_thousand_faces_asked_for_at_once_are_all_drawn(client: httpx.Client) -> None:
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        statuses = list(pool.map(lambda seed: client.get(f"/v1/faces/crowd-{seed}.webp").status_code, range(1000)))
    assert statuses == [200] * 1000


def test_a_clothing_picture_gets_calibrated_labels(client: httpx.Client) -> None:
    drawn = client.post("/v1/generate", json={"model": "clothing-gan", "label": "Sneaker", "seeds": ["s"]}).json()
    shoe = client.get(drawn["images"][0]["url"])
    answer = client.post("/v1/classify", content=shoe.content, headers={"Content-Type": "image/png"}).json()
    (result,) = answer["results"]
    assert answer["model"].startswith("clothing@sha256:")
    assert result["predictions"][0]["label"] in {"Sneaker", "Ankle boot", "Sandal"}
    assert sum(each["probability"] for each in result["predictions"]) <= 1.0001


def test_a_durable_job_is_accepted_and_done(client: httpx.Client) -> None:
    accepted = client.post("/v1/generate", json={"seeds": ["ada", "bob"]}, headers={"Prefer": "respond-async, wait=20"})
    assert accepted.status_code in (200, 202), accepted.text
    job = client.get(accepted.headers["Location"]).json()
    for event in client.get(job["urls"]["events"]).json()["data"]:
        assert event["type"] in {"status", "progress"}
    assert job["status"] == "succeeded", job
    assert [image["seed"] for image in job["output"]["images"]] == ["ada", "bob"]
    assert picture(client.get(job["output"]["images"][0]["url"])).size == (64, 64)


def fashion_mnist() -> Path:
    data = Path(os.environ.get("LIKENESS_DATA", "")) / "fashion-mnist"
    if not os.environ.get("LIKENESS_DATA") or not data.is_dir():
        pytest.skip("LIKENESS_DATA names no folder with fashion-mnist")
    return data


@pytest.mark.timeout(600)
def test_ten_thousand_test_pictures_are_labelled_as_in_process(client: httpx.Client) -> None:
    from models import checkpoint, data, predict

    tests = data.load(fashion_mnist(), split="test", size=28, channels=1)
    assert tests.labels is not None
    bundled = Path(__file__).parents[1] / "models" / "checkpoints" / "clothing.safetensors"
    in_process = predict.predict(checkpoint.build(checkpoint.load(bundled)), tests.images).argmax(1).tolist()

    def classify(first: int) -> list[int]:
        files = [
            ("image", (f"{number}.png", png(Image.fromarray(tests.images[number, 0].numpy())), "image/png"))
            for number in range(first, min(first + 50, len(tests.images)))
        ]
        response = client.post("/v1/classify", params={"top_k": 1}, files=files)
        assert response.status_code == 200, response.text
        return [result["predictions"][0]["index"] for result in response.json()["results"]]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        served = [index for part in pool.map(classify, range(0, 10_000, 50)) for index in part]
    right = sum(index == label for index, label in zip(served, tests.labels.tolist(), strict=True))
    assert right >= 9_450
    assert served == in_process
