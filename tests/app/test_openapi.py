"""The OpenAPI document says of every answer what it is."""

from typing import Any

import pytest

from app.main import create_app


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app().openapi()


def test_no_answer_is_described_by_the_framework(document: dict[str, Any]) -> None:
    said = {
        f"{method} {path}: {status}": answer["description"]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for status, answer in operation["responses"].items()
    }
    assert [where for where, text in said.items() if text in ("", "Successful Response", "Validation Error")] == []


def test_a_record_is_described_in_its_own_words(document: dict[str, Any]) -> None:
    answers = document["paths"]["/v1/datasets"]["get"]["responses"]
    assert answers["200"]["description"] == "Data sets, newest first."


def test_what_stands_in_front_of_every_route_is_told_of_each(document: dict[str, Any]) -> None:
    asks, is_open = document["paths"]["/v1/classify"]["post"], document["paths"]["/healthz"]["get"]
    for status, code in (("403", "forbidden"), ("408", "slow_body"), ("429", "limit_reached")):
        assert f"`{code}`" in asks["responses"][status]["description"]
        assert asks["responses"][status]["content"].keys() == {"application/problem+json"}
        assert status not in is_open["responses"]
