"""Addresses that name a version, told in the words that a face's address reads."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from app.contract.registry import Version
from app.drawing import pinned
from app.drawing.face_options import FaceOptions

VERSION = Version(
    model="faces",
    digest="ab" * 32,
    kind="generator",
    header={},
    card="",
    source="bundled",
    size_bytes=1,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)


def read(address: str) -> FaceOptions:
    return FaceOptions.read(parse_qsl(urlsplit(address).query))


def test_what_is_asked_for_is_what_the_address_says() -> None:
    asked: dict[str, Any] = {"size": 96, "truncation": 0.1 + 0.2, "label": "dim & grey", "mix": "bob,1"}
    asked["edits"] = {"smile": 1.5, "age": -2.0}
    address = pinned.face(VERSION, "a/b ü", "jpeg", grey=True, flip=False, **asked)
    assert urlsplit(address).path == "/v1/faces/a%2Fb%20%C3%BC.jpg"
    options = read(address)
    assert {name: getattr(options, name) for name in asked} == asked
    assert (options.grey, options.flip) == (True, False)
    assert "edits=smile:1.5,age:-2" in address, "short where it can be"


def test_what_is_not_given_is_left_out() -> None:
    assert (
        pinned.face(VERSION, "ada", "png", size=None, edits={})
        == "/v1/faces/ada.png?model=faces@sha256:abababababababab"
    )


def test_a_walk_leads_from_seed_to_seed() -> None:
    address = pinned.walk(VERSION, "ada", "x/to/y", "gif", frames=24, loop=False)
    assert address.startswith("/v1/faces/ada/to/x%2Fto%2Fy.gif?model=")
    assert address.endswith("&frames=24&loop=false")
