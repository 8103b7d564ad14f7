"""What a version is asked before others use it, and which answers are sane."""

import math

import pytest

from app.contract import trial
from app.contract.database import now
from app.contract.registry import Kind, Version


def version(kind: Kind, *labels: str) -> Version:
    header = {"input": {"size": 16, "channels": 3}, "labels": labels, "extras": {}}
    return Version(
        model="m", digest="0" * 64, kind=kind, header=header, card="", source="test", size_bytes=1, created_at=now()
    )


def test_a_classifier_sees_every_brightness_in_a_picture_of_its_size() -> None:
    asked = trial.picture(version("classifier", "a", "b"))
    assert (len(asked), len(set(asked))) == (16 * 16 * 3, 256)


def test_a_generator_is_asked_for_a_class_only_where_it_has_some() -> None:
    assert trial.drawing(version("generator")).label is None
    assert trial.drawing(version("generator", "a")).label == 0


@pytest.mark.parametrize(
    ("found", "sane"),
    [((0.25, 0.75), True), ((0.5, 0.6), False), ((math.nan, 1.0), False), ((1.0,), False), ((0.2, 0.3, 0.5), False)],
)
def test_probabilities_are_one_for_each_class_and_sum_to_one(found: tuple[float, ...], sane: bool) -> None:
    assert trial.are_probabilities(found, version("classifier", "a", "b")) is sane


@pytest.mark.parametrize(("pixels", "sane"), [(b"\x00\x01\x00", True), (b"\x80\x80\x80", False), (b"", False)])
def test_a_picture_of_one_grey_shows_nothing(pixels: bytes, sane: bool) -> None:
    assert trial.shows_something(pixels) is sane
