"""Whatever fits the OpenAPI document, or does not, is answered as the document says.

Runs against a real server with a real Redis and database; only the networks are pretended. More examples:

    FUZZ_EXAMPLES=200 pytest tests/test_openapi_fuzz.py
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode, checks
from schemathesis.specs.openapi import checks as openapi_checks

from app.contract.settings import Settings
from app.main import create_app
from tests.app import serving

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2"))

CHECKS: list[Any] = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
    openapi_checks.response_headers_conformance,
]

pytestmark = pytest.mark.timeout(30 + 60 * EXAMPLES)


@pytest.fixture(scope="module")
def address(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    service = Settings(home=tmp_path_factory.mktemp("home"), redis_url=redis_url, interactive_deadline_seconds=5)
    serving.publish(service)
    with serving.working(service, name="fuzzed"), serving.listening(create_app(service)) as address:
        yield address


def test_every_answer_is_as_documented(address: str) -> None:
    document = schemathesis.openapi.from_url(f"{address}/openapi.json")
    failures, asked, operations = [], 0, [found.ok() for found in document.get_all_operations()]
    for operation in operations:

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=EXAMPLES < 10,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )
        @given(operation.as_strategy() | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
        def ask(case: schemathesis.Case) -> None:
            nonlocal asked
            asked += 1
            case.call_and_validate(checks=CHECKS, timeout=20)

        try:
            ask()
        except* Exception as group:
            failures += [f"{operation.label}: {failure}" for failure in group.exceptions]
    print(f"{asked} requests")
    assert asked >= len(operations) > 50
    assert not failures, "\n\n".join(failures)
