import json
import re
from pathlib import Path

import pydantic
import pytest
import sqlalchemy.exc
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app import errors
from app.contract.errors import BY_CODE, BadOption, Busy, Unauthenticated
from app.contract.schemas.generate import GenerateRequest
from tests.app import serving


def test_every_error_has_a_status_of_its_own() -> None:
    assert set(errors.STATUS) == set(BY_CODE.values())


def test_busy_says_when_to_come_back() -> None:
    answer = errors.response(Busy(retry_after=7))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")


def test_who_needs_a_key_is_told_which_kind() -> None:
    assert errors.response(Unauthenticated()).headers["www-authenticate"] == "Bearer"


def test_a_problem_has_the_members_of_the_rfc() -> None:
    said = json.loads(errors.response(BadOption(name="size", reason="is odd")).body)
    assert said == {
        "type": "urn:likeness:problem:bad_option",
        "title": "An option is not valid.",
        "status": 422,
        "detail": "size is odd.",
        "code": "bad_option",
        "request_id": "",
    }


def test_fields_are_named() -> None:
    with pytest.raises(pydantic.ValidationError) as refusal:
        GenerateRequest.model_validate({"size": 5, "count": True, "colour": "red"})
    problem = errors.problem(errors.InvalidFields.of(refusal.value, "body"))
    assert problem.errors is not None
    said = {tuple(field.loc): field.msg for field in problem.errors}
    assert said.keys() == {("body", "size"), ("body", "count"), ("body", "colour")}
    assert said["body", "colour"] == "is not known here"


def test_of_very_many_wrong_fields_some_are_named() -> None:
    refused = errors.InvalidFields([{"loc": ("body", number), "msg": "is odd"} for number in range(1000)])
    assert [field.loc for field in refused.fields] == [["body", number] for number in range(errors.MOST_FIELDS)]


def test_what_nobody_expected_is_told_without_its_inside(caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()

    @app.get("/")
    async def fail() -> None:
        raise RuntimeError("a secret path: /etc/passwd")

    errors.install(app)
    serving.gate(app)
    answer = TestClient(app, base_url="http://localhost", raise_server_exceptions=False).get("/")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert "a secret path" in caplog.text


def test_a_database_that_lets_all_connections_wait_is_told_as_one_that_is_away() -> None:
    app = FastAPI()

    @app.get("/")
    async def fail() -> None:
        raise sqlalchemy.exc.TimeoutError("QueuePool limit of size 5 overflow 10 reached")

    errors.install(app)
    answer = TestClient(app, base_url="http://localhost").get("/")
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")


def test_a_value_that_the_database_refuses_is_the_clients(caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()

    @app.get("/")
    async def fail() -> None:
        raise sqlalchemy.exc.DataError("SELECT secret", {}, ValueError("text fields cannot contain NUL (0x00) bytes"))

    errors.install(app)
    answer = TestClient(app, base_url="http://localhost").get("/")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "secret" not in answer.text


def test_every_declared_failure_is_documented(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                if int(status) >= 400 and path.startswith("/v1/") and "$ref" not in answer:
                    assert "application/problem+json" in answer["content"], (path, method, status)


def test_statuses_are_nowhere_else() -> None:
    source = (Path(errors.__file__).parent / "contract" / "errors.py").read_text()
    assert not re.search(r"\b[45]\d\d\b", source)
