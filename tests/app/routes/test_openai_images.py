"""OpenAI's Images API: by hand, and with their own client where it is installed."""

import base64
import io
import json
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.contract.settings import Settings
from app.main import create_app
from tests.app import serving

ROUTE = "/v1/images/generations"


def test_the_prompt_is_the_seed(client: TestClient) -> None:
    told = client.post(ROUTE, json={"prompt": " ada ", "size": "32x32"}).json()

    data = base64.b64decode(told["data"][0]["b64_json"])
    assert data == client.get("/v1/faces/ada.png?size=32").content
    assert client.get(told["data"][0]["url"].removeprefix("http://localhost")).content == data
    assert (told["size"], told["output_format"], told["data"][0]["revised_prompt"]) == ("32x32", "png", "ada")


def test_several_pictures_have_seeds_of_their_own(client: TestClient) -> None:
    told = client.post(ROUTE, json={"prompt": "ada", "n": 3, "response_format": "url"}).json()["data"]

    assert [image["revised_prompt"] for image in told] == ["ada", "ada #2", "ada #3"]
    assert all("b64_json" not in image for image in told)
    assert told[1]["url"].startswith("http://localhost/v1/faces/ada%20%232.png?model=faces@sha256:")


def test_a_class_in_the_prompt_is_drawn(client: TestClient, worker: serving.ProtocolWorker) -> None:
    before = len(worker.batches)

    client.post(ROUTE, json={"model": "clothing-gan", "prompt": "Something very BRIGHT for me"})

    assert [drawing.label for batch in worker.batches[before:] for drawing in getattr(batch, "drawings", ())] == [3]


def test_a_long_prompt_is_a_seed_too(client: TestClient) -> None:
    first, again, other = (
        client.post(ROUTE, json={"prompt": text}).json()["data"][0]["b64_json"]
        for text in ("x" * 3000, "x" * 3000, "x" * 2999)
    )

    assert first == again != other


def test_compression_makes_smaller_files(client: TestClient) -> None:
    def size(compression: int) -> int:
        sent = {"prompt": "a", "output_format": "jpeg", "output_compression": compression, "size": "256x256"}
        return len(client.post(ROUTE, json=sent).json()["data"][0]["b64_json"])

    assert size(10) < size(100)


def test_fields_that_mean_nothing_here_are_taken(client: TestClient) -> None:
    sent = {"prompt": "ada", "quality": "hd", "style": "vivid", "user": "u", "moderation": "low", "background": "auto"}

    assert client.post(ROUTE, json=sent).status_code == 200


@pytest.mark.parametrize(
    "more",
    [
        {"prompt": ""},
        {"n": 0},
        {"n": 11},
        {"size": "1024x1536"},
        {"size": "8x8"},
        {"size": "2048x2048"},
        {"background": "transparent"},
        {"output_format": "gif"},
        {"truncation": 2},
        {"edits": {"nose": 1}},
        {"prompt": "random"},
    ],
)
def test_what_cannot_be_is_refused(client: TestClient, more: dict[str, object]) -> None:
    assert client.post(ROUTE, json={"prompt": "ada", **more}).status_code == 422


def test_a_stream_has_an_event_for_each_picture(client: TestClient) -> None:
    answer = client.post(ROUTE, json={"prompt": "ada", "n": 2, "stream": True})

    events = [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line.startswith("data: ")]
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [event["type"] for event in events] == ["image_generation.completed"] * 2
    assert base64.b64decode(events[0]["b64_json"]) == client.get("/v1/faces/ada.png").content


@pytest.fixture(scope="module")
def address(settings: Settings, worker: serving.ProtocolWorker) -> Iterator[str]:
    with serving.listening(create_app(settings)) as url:
        yield url


def test_openais_own_client_works_unchanged(address: str) -> None:
    openai = pytest.importorskip("openai", reason="needs openai")

    with openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client:
        answer = client.images.generate(prompt="ada", model="faces", n=2, size="64x64", extra_body={"truncation": 0.7})
        streamed = list(client.images.generate(prompt="ada", model="faces", stream=True))
        names = [model.id for model in client.models.list()]
        with pytest.raises(openai.NotFoundError):
            client.images.generate(prompt="ada", model="gpt-image-1")

    picture = Image.open(io.BytesIO(base64.b64decode(answer.data[0].b64_json)))
    assert (len(answer.data), picture.size) == (2, (64, 64))
    assert picture.getpixel((0, 0)) == tuple(serving.colour("ada"))
    assert [event.type for event in streamed] == ["image_generation.completed"]
    assert "faces" in names
