"""Whatever fits the OpenAPI document, or does not, is answered as the document says: call by call, and in chains of
calls in which one uses what an earlier one made.

Runs against a real server with a real Redis and database; only the networks are pretended. More of it, with the numbers
of requests and statuses at the end:

    FUZZ_EXAMPLES=200 pytest -s tests/test_openapi_fuzz.py
"""

import contextlib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Flaky
from schemathesis import GenerationMode, checks
from schemathesis.core.transport import Response
from schemathesis.generation.stateful import run_state_machine_as_test
from schemathesis.specs.openapi import checks as openapi_checks
from schemathesis.specs.openapi.schemas import OpenApiSchema

from app.access import keys
from app.contract.database import Database
from app.contract.settings import Settings
from app.main import create_app
from tests.app import serving

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2"))
"""Cases of each operation, and as many calls in chains for each that takes part in them."""

CHAIN_STEPS = 8

CHECKS: list[Any] = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
    openapi_checks.response_headers_conformance,
]

STAYS = "/v1/keys/{key_id}"
"""What can be read after it was deleted: a key that was revoked, since one wants to know who had it."""

EXPLORING = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=EXAMPLES < 10,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)

pytestmark = pytest.mark.timeout(30 + 60 * EXAMPLES)


class Tally:
    """What was asked and answered, and what was wrong about it: each fault once."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.operations: Counter[str] = Counter()
        self.faults: dict[str, str] = {}

    def judge(self, case: schemathesis.Case, response: Response, *more: Any, **options: Any) -> None:
        """Count an answer, and keep what is wrong with it."""
        self.statuses[response.status_code] += 1
        self.operations[case.operation.label] += 1
        try:
            case.validate_response(response, checks=[*CHECKS, *more], **options)
        except* Exception as group:
            for fault in group.exceptions:
                self.faults.setdefault(
                    f"{case.operation.label} {response.status_code} {type(fault).__name__}", str(fault)
                )

    def told(self) -> str:
        """The figures in a line."""
        asked = self.statuses.total()
        return f"{asked} requests to {len(self.operations)} operations: {dict(sorted(self.statuses.items()))}"


@pytest.fixture(scope="module")
def address(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    service = Settings(home=tmp_path_factory.mktemp("home"), redis_url=redis_url, interactive_deadline_seconds=5)
    serving.publish(service)
    with serving.working(service, name="fuzzed"), serving.listening(create_app(service)) as address:
        yield address


def test_every_answer_is_as_documented(address: str) -> None:
    operations = [found.ok() for found in document(address).get_all_operations()]
    tally = Tally()
    for operation in operations:

        @EXPLORING
        @given(operation.as_strategy() | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
        def ask(case: schemathesis.Case) -> None:
            tally.judge(case, case.call(timeout=60))

        ask()
    print(tally.told())
    assert len(tally.operations) == len(operations) > 50
    assert not tally.faults, "\n\n".join(f"{what}: {fault}" for what, fault in tally.faults.items())


@pytest.mark.parametrize("scope", [None, "train", "predict"])
def test_who_may_not_is_told_so_as_documented(
    scope: Literal["train", "predict"] | None, redis_url: str, tmp_path: Path
) -> None:
    service = Settings(home=tmp_path, redis_url=redis_url, admin_key="a" * 40, interactive_deadline_seconds=5)
    serving.publish(service)
    headers = {"Authorization": f"Bearer {key(service, scope)}"} if scope else {}
    tally = Tally()
    with serving.working(service, name="guarded"), serving.listening(create_app(service)) as address:
        for found in document(address).get_all_operations():

            @settings(EXPLORING, max_examples=1)
            @given(found.ok().as_strategy())
            def ask(case: schemathesis.Case) -> None:
                tally.judge(case, case.call(headers=headers, timeout=60))

            ask()
    assert tally.statuses[403 if scope else 401] > 5
    assert not tally.faults, "\n\n".join(f"{what}: {fault}" for what, fault in tally.faults.items())


def key(service: Settings, scope: Literal["train", "predict"]) -> str:
    """The secret of a new key."""
    with contextlib.closing(Database(service.database)) as database, database.session() as session:
        return keys.create(session, name=scope, scopes=[scope])[1]


def test_chains_of_calls_are_answered_as_documented(address: str) -> None:
    found = document(address)
    found.analysis.inject_links()  # what one answer has that another call takes, found by name and shape
    tally, wanted = Tally(), EXAMPLES * len(found.analysis.dependency_graph.operations)

    class Chain(found.as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: schemathesis.Case) -> dict[str, Any]:
            return {"timeout": 60}

        def validate_response(self, response: Response, case: schemathesis.Case, *_: Any, **__: Any) -> None:
            more = () if case.operation.path == STAYS else (openapi_checks.use_after_free,)
            tally.judge(case, response, *more, recorder=self.recorder)

    exploring = settings(EXPLORING, max_examples=20, stateful_step_count=CHAIN_STEPS)
    while tally.statuses.total() < wanted:
        # Hypothesis expects the same of the same calls, and a service remembers: then it begins anew.
        with contextlib.suppress(Flaky):
            run_state_machine_as_test(Chain, settings=exploring)
        print(tally.told())  # each time, since a long run may be ended by hand
    assert not tally.faults, "\n\n".join(f"{what}: {fault}" for what, fault in tally.faults.items())


def document(address: str) -> OpenApiSchema:
    """The OpenAPI document that the api at `address` tells."""
    return schemathesis.openapi.from_url(f"{address}/openapi.json", timeout=60)
