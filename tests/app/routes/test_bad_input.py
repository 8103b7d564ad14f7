"""Whatever is sent, the answer is a documented status and code, and nothing is logged as a crash."""

import base64
import io
import json
import logging
import struct
import time
import zlib
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from tests.app import serving

PNG = serving.png(200)
BASE64 = {"base64": base64.b64encode(PNG).decode()}


def photo() -> bytes:
    out = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(out, "JPEG")
    return out.getvalue()


def bomb(side: int) -> bytes:
    """A PNG that says it is `side` pixels wide and high."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def image(data: bytes, kind: str = "image/png", **headers: str) -> dict[str, Any]:
    return {"content": data, "headers": {"content-type": kind, **headers}}


def files(*pictures: bytes) -> dict[str, Any]:
    return {"files": [("image", (f"{i}.png", data, "image/png")) for i, data in enumerate(pictures)]}


def names(table: list[Any]) -> list[str]:
    return [row[0] for row in table]


def cases(table: list[Any]) -> list[Any]:
    return [row[1:] for row in table]


CLASSIFY = [
    ("nothing at all", {}, 422, "no_images"),
    ("an empty picture", image(b""), 422, "no_images"),
    ("an empty file", files(b""), 415, "not_a_picture"),
    ("an empty form", {"data": {"top_k": "1"}, "files": [("x", (None, "1"))]}, 422, "invalid_request"),
    ("text called .png", files(b"hello, this is text"), 415, "not_a_picture"),
    ("text sent as a picture", image(b"hello, this is text"), 415, "not_a_picture"),
    ("a JPEG that is cut short", image(photo()[:-600], "image/jpeg"), 422, "undecodable_picture"),
    ("a PNG that is cut short", image(PNG[:-30]), 422, "undecodable_picture"),
    ("the second of two is damaged", files(PNG, PNG[:-30]), 422, "undecodable_picture"),
    ("a bomb of 2,500 megapixels", image(bomb(50_000)), 422, "too_many_pixels"),
    ("a bomb of 60 megapixels", image(bomb(7_800)), 422, "too_many_pixels"),
    ("65 pictures in a form", files(*[PNG] * 65), 422, "too_many_images"),
    ("100 pictures in a form", files(*[PNG] * 100), 422, "too_many_images"),
    ("65 pictures in JSON", {"json": {"images": [BASE64] * 65}}, 422, "too_many_images"),
    ("no pictures in JSON", {"json": {"images": []}}, 422, "no_images"),
    ("JSON without pictures", {"json": {}}, 422, "invalid_request"),
    ("JSON that is none", image(b"{", "application/json"), 422, "invalid_request"),
    ("JSON that is not UTF-8", image(b'{"\xff":1}', "application/json"), 422, "invalid_request"),
    ("JSON that is deep", image(b"[" * 100_000, "application/json"), 422, "invalid_request"),
    ("base64 that is none", {"json": {"images": [{"base64": "not base64!"}]}}, 422, "invalid_request"),
    ("a form that is none", image(b"--x", "multipart/form-data; boundary=y"), 422, "invalid_request"),
    ("a form without boundary", image(b"--x", "multipart/form-data"), 422, "invalid_request"),
    ("another content type", image(b"x", "text/plain"), 415, "unsupported_media_type"),
    ("a file in another field", {"files": [("picture", ("0.png", PNG, "image/png"))]}, 422, "invalid_request"),
    ("an unknown option", {**image(PNG), "params": {"tok_k": "1"}}, 422, "invalid_request"),
    ("an option given twice", {**files(PNG), "data": {"top_k": "1"}, "params": {"top_k": "1"}}, 422, "invalid_request"),
    ("a bad number", {**image(PNG), "params": {"top_k": "0"}}, 422, "invalid_request"),
    ("a boolean for a number", {"json": {"images": [{"base64": ""}], "top_k": True}}, 422, "invalid_request"),
    ("an unknown model", {**image(PNG), "params": {"model": "nobody"}}, 404, "unknown_model"),
    ("an unknown version", {**image(PNG), "params": {"model": "clothing@sha256:000000000000"}}, 404, "unknown_version"),
    ("a version of too few digits", {**image(PNG), "params": {"model": "clothing@sha256:0"}}, 404, "unknown_version"),
    ("a generator", {**image(PNG), "params": {"model": "faces"}}, 422, "wrong_kind"),
    ("a wait that is no number", image(PNG, prefer="wait=x"), 422, "bad_option"),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "status", "code"), cases(CLASSIFY), ids=names(CLASSIFY))
def test_classify_refuses(
    client: TestClient, caplog: pytest.LogCaptureFixture, request_: dict[str, Any], status: int, code: str
) -> None:
    expect(client.post("/v1/classify", **request_), status, code, caplog)


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/v1/classify", {"images": [{}] * 100_000}),
        ("/v1/generate", {"seeds": [True] * 90_000}),
        ("/v1/generate", {str(number): 1 for number in range(40_000)}),
        ("/v1/training-jobs", {"webhook": {"url": "http://x", "events": [1] * 100_000}}),
    ],
)
def test_very_many_faults_are_refused_soon_and_in_few_words(
    client: TestClient, caplog: pytest.LogCaptureFixture, path: str, asked: dict[str, Any]
) -> None:
    began = time.perf_counter()
    answer = client.post(path, json=asked)
    assert time.perf_counter() - began < 3
    expect(answer, 422, "invalid_request", caplog)
    assert len(answer.content) < 50_000


GENERATE = [
    ("a classifier", {"model": "clothing"}, 422, "wrong_kind"),
    ("an unknown model", {"model": "nobody"}, 404, "unknown_model"),
    ("a model's name of 10,000 characters", {"model": "x" * 10_000}, 422, "invalid_request"),
    ("size 5", {"size": 5}, 422, "invalid_request"),
    ("size 1025", {"size": 1025}, 422, "invalid_request"),
    ("a boolean size", {"size": True}, 422, "invalid_request"),
    ("a size that is text", {"size": "64"}, 422, "invalid_request"),
    ("truncation 2", {"truncation": 2}, 422, "invalid_request"),
    ("truncation -1", {"truncation": -1}, 422, "invalid_request"),
    ("65 seeds", {"seeds": list(range(65))}, 422, "too_many_images"),
    ("count 65", {"count": 65}, 422, "too_many_images"),
    ("count 0", {"count": 0}, 422, "invalid_request"),
    ("no seeds", {"seeds": []}, 422, "invalid_request"),
    ("seeds and count", {"seeds": ["a"], "count": 1}, 422, "bad_option"),
    ("a boolean seed", {"seeds": [True]}, 422, "invalid_request"),
    ("a fractional seed", {"seeds": [1.5]}, 422, "invalid_request"),
    ("a seed of 10,000 characters", {"seeds": ["x" * 10_000]}, 422, "bad_option"),
    ("a seed of 300 digits", {"seeds": [10**300]}, 422, "bad_option"),
    ("an empty seed", {"seeds": [""]}, 422, "bad_option"),
    ("a seed with a NUL", {"seeds": ["a\0b"]}, 422, "bad_option"),
    ("the reserved seed", {"seeds": ["random"]}, 422, "bad_option"),
    ("a label where there are none", {"label": "dark"}, 422, "bad_option"),
    ("an unknown label", {"model": "clothing-gan", "label": "pink"}, 422, "unknown_label"),
    ("an unknown edit", {"edits": {"hair": 1}}, 422, "bad_option"),
    ("an edit that goes too far", {"edits": {"smile": 1000}}, 422, "invalid_request"),
    ("an unknown format", {"format": "gif"}, 422, "invalid_request"),
    ("an unknown field", {"sedes": ["a"]}, 422, "invalid_request"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status", "code"), cases(GENERATE), ids=names(GENERATE))
def test_generate_refuses(
    client: TestClient, caplog: pytest.LogCaptureFixture, body: dict[str, Any], status: int, code: str
) -> None:
    expect(client.post("/v1/generate", json=body), status, code, caplog)


RAW = [
    ("half a surrogate pair", b'{"seeds": ["\\ud800"]}', 422, "bad_option"),
    ("a number of 5,000 digits", b'{"seeds": [' + b"9" * 5000 + b"]}", 422, "invalid_request"),
    ("not a number", b'{"truncation": NaN}', 422, "invalid_request"),
    ("infinity", b'{"edits": {"smile": Infinity}}', 422, "invalid_request"),
    ("broken JSON", b'{"seeds": ', 422, "invalid_request"),
    ("bytes that are not UTF-8", b'{"seeds": ["\xff"]}', 422, "invalid_request"),
    ("a list", b"[]", 422, "invalid_request"),
    ("nothing", b"", 422, "invalid_request"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status", "code"), cases(RAW), ids=names(RAW))
def test_generate_refuses_bytes(
    client: TestClient, caplog: pytest.LogCaptureFixture, body: bytes, status: int, code: str
) -> None:
    answer = client.post("/v1/generate", content=body, headers={"content-type": "application/json"})
    expect(answer, status, code, caplog)


FACES = [
    ("size 5", "ada.png?size=5", 422, "invalid_request"),
    ("size 64.0", "ada.png?size=64.0", 422, "invalid_request"),
    ("size in other digits", "ada.png?size=%D9%A6%D9%A4", 422, "invalid_request"),
    ("size twice", "ada.png?size=64&size=64", 422, "invalid_request"),
    ("truncation 2", "ada.png?truncation=2", 422, "invalid_request"),
    ("truncation nan", "ada.png?truncation=nan", 422, "invalid_request"),
    ("an unknown option", "ada.png?sise=64", 422, "invalid_request"),
    ("an unknown option on random", "random.png?sise=64", 422, "invalid_request"),
    ("no extension", "ada", 422, "bad_option"),
    ("another extension", "ada.gif", 422, "bad_option"),
    ("no seed", ".png", 422, "bad_option"),
    ("a seed of 10,000 characters", "x" * 10_000 + ".png", 422, "bad_option"),
    ("a seed that is not UTF-8", "%FF.png", 422, "bad_option"),
    ("edits that are none", "ada.png?edits=smile", 422, "invalid_request"),
    ("an edit twice", "ada.png?edits=smile:1,smile:2", 422, "invalid_request"),
    ("an edit that goes too far", "ada.png?edits=smile:99", 422, "invalid_request"),
    ("an unknown edit", "ada.png?edits=hair:1", 422, "bad_option"),
    ("a classifier", "ada.png?model=clothing", 422, "wrong_kind"),
    ("an unknown model", "ada.png?model=nobody", 404, "unknown_model"),
]  # fmt: skip


@pytest.mark.parametrize(("address", "status", "code"), cases(FACES), ids=names(FACES))
def test_a_face_refuses(
    client: TestClient, caplog: pytest.LogCaptureFixture, address: str, status: int, code: str
) -> None:
    expect(client.get(f"/v1/faces/{address}", follow_redirects=False), status, code, caplog)


def expect(answer: Any, status: int, code: str, caplog: pytest.LogCaptureFixture) -> None:
    """The answer is this problem, and the log has nothing to say about it."""
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert (answer.status_code, said["status"], said["code"]) == (status, status, code), json.dumps(said)
    assert said["request_id"] == answer.headers["x-request-id"]
    assert said["title"]
    assert len(said["detail"]) < 400
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
