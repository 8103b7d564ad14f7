"""A face's address in all its shapes: framed, in the path, as Gravatar and as DiceBear, and without a worker."""

import base64
import hashlib
import io
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.drawing import marks
from app.drawing.portrait import Portrait
from app.main import create_app
from tests.app import serving
from tests.running import running_redis

KINDS = ["mp", "identicon", "monsterid", "wavatar", "retro", "robohash", "blank"]


def picture(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client of an api that no worker serves."""
    with tempfile.TemporaryDirectory(prefix="likeness-") as folder, running_redis(Path(folder) / "redis.sock"):
        settings = serving.home_settings(tmp_path_factory.mktemp("idle"), f"unix://{folder}/redis.sock")
        serving.publish(settings)
        with TestClient(create_app(settings), base_url="http://localhost") as client:
            yield client


def test_a_round_face_is_transparent_outside(client: TestClient) -> None:
    image = picture(client.get("/v1/faces/ada.webp?size=64&radius=50").content)

    assert (image.mode, image.size) == ("RGBA", (64, 64))
    assert image.getpixel((0, 0))[3] == 0  # type: ignore[index]


def test_a_frame_is_told_in_the_file(client: TestClient) -> None:
    content = client.get(
        "/v1/faces/ada.png?radius=20&background=FF8800&scale=80&grey=true&flip=true&rotate=360"
    ).content

    told = marks.read(content)
    assert told is not None
    assert told.portrait == Portrait(radius=20, background="ff8800", scale=80, grey=True, flip=True)


def test_a_second_seed_is_mixed_in(client: TestClient, worker: serving.ProtocolWorker) -> None:
    assert client.get("/v1/faces/ada.png?mix=eve").status_code == 200

    assert [drawing.mix for batch in worker.batches for drawing in getattr(batch, "drawings", ())][-1] == "eve"


@pytest.mark.parametrize(
    "query",
    [
        "radius=51",
        "radius=5.5",
        "radius=",
        "radius=1&radius=2",
        "background=red",
        "background=fff",
        "grey=1",
        "flip=TRUE",
        "rotate=361",
        "scale=9",
        "mix=",
        "mix=random",
        "fallback=cat",
        "credentials=yes",
    ],
)
def test_a_bad_frame_is_refused(client: TestClient, query: str) -> None:
    answer = client.get(f"/v1/faces/ada.png?{query}")

    assert answer.status_code == 422
    assert answer.json()["code"] in {"invalid_request", "bad_option"}


def test_options_in_the_path_give_the_same_bytes(client: TestClient) -> None:
    by_query = client.get("/v1/faces/ada.png?size=32&radius=50&edits=smile:1.5,age:-2")
    by_path = client.get("/f/size=32&radius=50&edits=smile:1.5,age:-2/ada.png")

    assert by_path.status_code == 200
    assert by_path.content == by_query.content
    assert by_path.headers["etag"] == by_query.headers["etag"]
    assert by_path.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("options", ["size", "size=32&", "=32", "sise=32", "size=32&size=32", "-"])
def test_bad_options_in_the_path_are_refused(client: TestClient, options: str) -> None:
    assert client.get(f"/f/{options}/ada.png").status_code == 422


def test_a_query_adds_to_the_options_in_the_path(client: TestClient) -> None:
    answer = client.get("/f/size=32/ada.png?radius=50")

    assert answer.content == client.get("/v1/faces/ada.png?size=32&radius=50").content


@pytest.mark.parametrize("query", ["size=64", "nonsense=1", "radius=51"])
def test_a_bad_query_beside_options_in_the_path_is_refused(client: TestClient, query: str) -> None:
    assert client.get(f"/f/size=32/ada.png?{query}").status_code == 422


def test_random_keeps_the_options_in_the_path(client: TestClient) -> None:
    answer = client.get("/f/size=32&edits=smile:1&mix=5%25%3F/random.png?radius=50", follow_redirects=False)

    assert answer.status_code == 302
    location = r"/f/size=32&edits=smile:1&mix=5%25%3F/[a-z0-9]{12}\.png\?radius=50"
    assert re.fullmatch(location, answer.headers["location"])


def test_an_address_and_its_hash_are_one_person(client: TestClient) -> None:
    digest = hashlib.sha256(b"ada@example.org").hexdigest()

    answers = [client.get(f"/avatar/{name}") for name in (digest, digest.upper(), "Ada@Example.ORG", f"{digest}.jpg")]

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert picture(answers[0].content).size == (80, 80)
    assert answers[0].headers["content-type"] == "image/jpeg"


def test_gravatars_options_are_understood(client: TestClient) -> None:
    answer = client.get("/avatar/ada.png?s=40&d=mp&r=pg&radius=50")

    assert answer.content == client.get("/v1/faces/ada.png?size=40&radius=50").content


@pytest.mark.parametrize("kind", KINDS)
def test_the_stand_in_can_be_asked_for(client: TestClient, kind: str) -> None:
    answer = client.get(f"/avatar/ada.png?f=y&d={kind}&s=48")

    assert answer.headers["x-likeness-fallback"] == kind
    assert picture(answer.content).size == (48, 48)
    assert answer.headers["cache-control"] == "public, max-age=300"


@pytest.mark.parametrize(
    "query",
    ["s=0", "s=2000", "s=80&size=80", "d=https://example.org/a.png", "d=cat", "r=z", "f=1", "what=1", "d=none&d=mp"],
)
def test_a_bad_gravatar_option_is_refused(client: TestClient, query: str) -> None:
    assert client.get(f"/avatar/ada?{query}").status_code == 422


def test_dicebears_address_is_a_face(client: TestClient) -> None:
    by_query = client.get("/9.x/faces/png?seed=Felix&radius=50&backgroundColor=ff0000&flip=true")
    by_path = client.get("/9.x/faces/png/seed%3DFelix%26radius%3D50%26backgroundColor%3Dff0000%26flip%3Dtrue")
    ours = client.get("/v1/faces/Felix.png?size=128&radius=50&background=ff0000&flip=true&model=faces")

    assert by_query.content == by_path.content == ours.content


def test_an_svg_holds_the_same_picture(client: TestClient) -> None:
    answer = client.get("/7.x/faces/svg?seed=Felix&size=64")

    held = re.search(r'width="64" height="64" href="data:image/webp;base64,([^"]+)"', answer.text)
    assert held is not None
    assert base64.b64decode(held[1]) == client.get("/v1/faces/Felix.webp?size=64").content
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["etag"] != client.get("/v1/faces/Felix.webp?size=64").headers["etag"]


def test_the_tag_of_an_svg_is_not_that_of_the_picture_in_it(client: TestClient) -> None:
    address = "/9.x/faces/svg?seed=Felix&size=64"
    tags = [client.get(path).headers["etag"] for path in (address.replace("svg", "webp"), address)]

    # GET would be answered by the hot addresses, which compare with the header that was sent.
    answers = [client.head(address, headers={"If-None-Match": tag}) for tag in tags]

    assert [answer.status_code for answer in answers] == [200, 304]
    assert [answer.headers["etag"] for answer in answers] == [tags[1]] * 2


def test_dicebear_without_a_seed_is_a_fresh_face(client: TestClient) -> None:
    first, second = (client.get("/9.x/faces/png") for _ in range(2))

    assert first.content != second.content
    assert first.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("/9.x/lorelei/png?seed=a", "unknown_model"),
        ("/9.x/clothing/png?seed=a", "wrong_kind"),
        ("/9.x/faces/json?seed=a", "bad_option"),
        ("/9.x/faces/png?seed=a&translateX=10", "invalid_request"),
        ("/9.x/faces/png?seed=a&backgroundColor=ff0000,00ff00", "invalid_request"),
        ("/9.x/faces/png?seed=a&backgroundColor=ff0000&background=ff0000", "bad_option"),
        ("/0.x/faces/png?seed=a", "invalid_request"),
        ("/x.x/faces/png?seed=a", "not_found"),
    ],
)
def test_a_bad_dicebear_address_is_refused(client: TestClient, address: str, code: str) -> None:
    answer = client.get(address)

    assert answer.json()["code"] == code
    assert answer.status_code < 500


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("extension", ["png", "jpg", "webp", "avif"])
def test_without_a_worker_a_face_has_a_stand_in(idle: TestClient, kind: str, extension: str) -> None:
    answer = idle.get(f"/v1/faces/ada.{extension}?size=32&fallback={kind}")

    assert answer.status_code == 200
    assert picture(answer.content).size == (32, 32)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-likeness-fallback"] == kind
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    "address", ["/avatar/ada", "/avatar/ada.png?s=32", "/9.x/faces/png?seed=ada", "/9.x/faces/svg"]
)
def test_without_a_worker_other_services_shapes_are_no_broken_picture(idle: TestClient, address: str) -> None:
    answer = idle.get(address)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("image/")
    assert answer.headers["cache-control"] == "no-store"


def test_without_a_worker_and_a_stand_in_the_client_is_told(idle: TestClient) -> None:
    assert idle.get("/v1/faces/ada.png").json()["code"] == "no_worker"
    assert idle.get("/avatar/ada?d=404").status_code == 404


def test_a_round_stand_in_is_round(idle: TestClient) -> None:
    image = picture(idle.get("/v1/faces/ada.png?radius=50&fallback=identicon").content)

    assert image.mode == "RGBA"
    assert image.getpixel((0, 0))[3] == 0  # type: ignore[index]
