import hashlib
import io
import json
import threading
import zipfile

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.drawing import marks
from models import images
from tests.app import serving

QUERY = "size=64&edits=smile:1.5&radius=50&background=ffcc00&truncation=0.5"


def ask(client: TestClient, data: bytes, kind: str = "png") -> dict[str, object]:
    answer = client.post("/v1/provenance", content=data, headers={"Content-Type": f"image/{kind}"})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def resaved(data: bytes, *, keep_words: bool = True, size: int | None = None, paint: bool = False) -> bytes:
    """The picture as another program would save it: a JPEG, perhaps smaller, or painted over, or without its words."""
    with Image.open(io.BytesIO(data)) as image:
        words = image.info.get("xmp", b"") if keep_words else b""
        image = image.convert("RGB")
    if paint:
        image.paste((0, 0, 0), (0, 0, image.width // 2, image.height))
    if size is not None:
        image = image.resize((size, size))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=70, xmp=words)
    return out.getvalue()


def spoilt_avif() -> bytes:
    """A picture whose head is whole, and whose pixels are gone."""
    data = images.encode(bytes(range(256)) * 12, width=32, height=32, channels=3, format="avif")
    at = data.index(b"mdat") + 4
    return data[:at] + bytes(len(data) - at)


@pytest.mark.parametrize("extension", ["png", "jpg", "webp", "avif"])
def test_our_own_file_is_known_and_leads_to_its_address(client: TestClient, extension: str) -> None:
    data = client.get(f"/v1/faces/ada.{extension}?{QUERY}").content

    told = ask(client, data, "jpeg" if extension == "jpg" else extension)

    assert (told["made_here"], told["verdict"], told["seed"]) == (True, "genuine", "ada")
    address = str(told["address"])
    assert client.get(address).content == client.get(f"/v1/faces/ada.png?{QUERY}").content


def test_a_file_that_was_saved_again_smaller_is_known(client: TestClient) -> None:
    data = client.get("/v1/faces/ada.png?size=128").content

    told = ask(client, resaved(data, size=48), "jpeg")

    assert (told["made_here"], told["verdict"]) == (True, "resaved")
    assert 0 < float(str(told["difference"])) < 0.03


def test_a_file_that_shows_something_else_is_found_out(client: TestClient) -> None:
    data = client.get("/v1/faces/ada.png?size=128").content

    told = ask(client, resaved(data, paint=True), "jpeg")

    assert (told["made_here"], told["verdict"], told["seed"]) == (False, "altered", "ada")


def test_a_file_without_words_is_unknown(client: TestClient) -> None:
    told = ask(client, resaved(client.get("/v1/faces/ada.png").content, keep_words=False), "jpeg")

    assert told == {
        "made_here": None,
        "verdict": "unknown",
        "seed": None,
        "model": None,
        "address": None,
        "difference": None,
        "credentials": None,
    }


@pytest.mark.parametrize(
    "claim",
    [
        {"model": "faces@sha256:" + "0" * 64, "drawing": {"seed": "ada"}},
        {"model": "clothing", "drawing": {"seed": "ada"}},
        {"model": "faces", "drawing": {"seed": ""}},
        {"model": "faces", "drawing": {"seed": "ada", "edits": [["nose", 1]]}},
        {"model": "faces", "drawing": {"seed": "ada", "edits": [["smile", 1e9]]}},
        {"model": "faces", "drawing": {"seed": "ada", "label": 7}},
        {"model": "faces", "drawing": {"seed": "ada"}, "portrait": {"radius": 10**9}},
    ],
)
def test_a_claim_that_cannot_be_tried_stays_a_claim(client: TestClient, claim: dict[str, object]) -> None:
    data = images.encode(
        bytes(3 * 256), width=16, height=16, channels=3, format="png", metadata={"Likeness": json.dumps(claim)}
    )

    told = ask(client, data)

    assert marks.read(data) is not None
    assert (told["made_here"], told["verdict"]) == (None, "claimed")


def test_credentials_hold_until_a_byte_is_changed(client: TestClient) -> None:
    pytest.importorskip("c2pa", reason="needs the extra `marks`")
    data = client.get("/v1/faces/ada.jpg?credentials=true").content

    told = ask(client, data, "jpeg")
    changed = data.replace(b"Software", b"softwarE", 1)  # one word of the metadata, which the signature covers, too
    after = ask(client, changed, "jpeg")

    assert told["verdict"] == "genuine"
    credentials = told["credentials"]
    assert isinstance(credentials, dict)
    assert (credentials["state"], credentials["ours"], credentials["problems"]) == ("trusted", True, [])
    assert isinstance(after["credentials"], dict)
    assert (after["credentials"]["state"], after["credentials"]["ours"]) == ("invalid", False)


def test_a_signed_file_has_the_pixels_of_the_plain_one_and_is_kept_apart_from_it(client: TestClient) -> None:
    pytest.importorskip("c2pa", reason="needs the extra `marks`")
    signed, again, plain = (
        client.get(f"/v1/faces/ada.png{query}").content for query in ("?credentials=true", "?credentials=true", "")
    )

    assert signed == again
    assert len(signed) > len(plain) + 2000
    decoded = (images.decode(data, size=serving.FACE, channels=3) for data in (signed, plain))
    assert next(decoded) == next(decoded)


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"", {"Content-Type": "image/png"}, 422),
        (b"text", {"Content-Type": "image/png"}, 415),
        (b"text", {"Content-Type": "text/plain"}, 415),
        (serving.png(7)[:48], {"Content-Type": "image/png"}, 422),
        (spoilt_avif(), {"Content-Type": "image/avif"}, 422),
    ],
)
def test_what_is_no_picture_is_refused(
    client: TestClient, content: bytes, headers: dict[str, str], status: int
) -> None:
    assert client.post("/v1/provenance", content=content, headers=headers).status_code == status


def test_what_a_file_says_is_read_where_pictures_are_decoded(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    monkeypatch.setattr(marks, "read", lambda _: threads.append(threading.current_thread().name))

    ask(client, serving.png(7))

    assert [name.partition("_")[0] for name in threads] == ["codec"]


def test_options_are_refused(client: TestClient) -> None:
    answer = client.post("/v1/provenance?top_k=3", content=serving.png(7), headers={"Content-Type": "image/png"})

    assert answer.json()["code"] == "invalid_request"


def test_what_is_downloaded_as_an_archive_is_signed_unless_it_must_not_be(client: TestClient) -> None:
    pytest.importorskip("c2pa", reason="needs the extra `marks`")

    def files(**more: object) -> list[bytes]:
        answer = client.post("/v1/generate", json={"seeds": ["a", "b"], **more}, headers={"Accept": "application/zip"})
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            return [archive.read(name) for name in archive.namelist() if name.endswith(".png")]

    assert [ask(client, data)["credentials"] is not None for data in files()] == [True, True]
    assert [ask(client, data)["credentials"] for data in files(credentials=False)] == [None, None]


def test_the_address_of_a_signed_picture_is_signed(client: TestClient) -> None:
    pytest.importorskip("c2pa", reason="needs the extra `marks`")

    image = client.post("/v1/generate", json={"seeds": ["c"], "credentials": True}).json()["images"][0]

    data = client.get(image["url"]).content
    assert hashlib.sha256(data).hexdigest() == image["sha256"]
    assert ask(client, data)["credentials"] is not None


def test_a_durable_job_cannot_be_signed(client: TestClient) -> None:
    answer = client.post(
        "/v1/generate", json={"seeds": ["c"], "credentials": True}, headers={"Prefer": "respond-async"}
    )

    assert answer.json()["code"] == "bad_option"
