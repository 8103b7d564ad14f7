"""One request is one trace, whichever processes work on it; and who does not trace does not pay for it."""

import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app import contract
from app.contract import tracing
from app.contract.settings import Settings
from app.main import create_app
from tests.app import serving
from tests.collector import Collector, Told, collecting
from tests.running import running_redis
from tests.worker import running, tiny

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = f"00-{TRACE}-b7ad6b7169203331-01"


@dataclass(frozen=True)
class Traced:
    """An api and a real worker that tell the same collector."""

    client: TestClient
    collector: Collector


@pytest.fixture(scope="module")
def traced(short_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    home = tmp_path_factory.mktemp("home")
    with running_redis(short_dir / "traced.sock"), collecting() as collector, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")  # milliseconds
        settings = Settings(home=home, redis_url=f"unix://{short_dir / 'traced.sock'}", otlp_endpoint=collector.address)
        tiny.publish(tiny.make(tmp_path_factory.mktemp("versions")), settings)
        with (
            running.client(settings) as connected,
            running.worker(settings, connected, name="traced", LIKENESS_OTLP_ENDPOINT=collector.address),
            TestClient(create_app(settings), base_url="http://localhost") as client,
        ):
            yield Traced(client, collector)


def of_trace(spans: list[Told], trace: str) -> dict[tuple[str, str], Told]:
    """The spans of one trace by service and name."""
    return {(span.service.removeprefix("likeness-"), span.name): span for span in spans if span.trace == trace}


def test_a_request_goes_on_with_its_clients_trace_up_to_the_network(traced: Traced) -> None:
    files = [("image", ("grey.png", serving.png(90), "image/png"))]
    assert traced.client.post("/v1/classify", files=files, headers={"traceparent": CALLER}).status_code == 200

    route = ("api", "POST /v1/classify")
    spans = of_trace(traced.collector.wait(lambda all: route in of_trace(all, TRACE)), TRACE)
    wanted = {route, ("api", "decode"), ("api", "batch"), ("infer", "classify"), ("infer", "compute")}
    spans = of_trace(traced.collector.wait(lambda all: wanted <= of_trace(all, TRACE).keys()), TRACE)
    request, batch, work = spans[route], spans["api", "batch"], spans["infer", "classify"]
    assert request.parent == CALLER.split("-")[2]
    assert batch.parent == request.span
    assert work.parent == spans["infer", "queue"].parent == batch.span
    assert spans["infer", "compute"].parent == work.span
    assert spans["infer", "compute"].seconds <= work.seconds <= batch.seconds <= request.seconds
    assert request.attributes["http.response.status_code"] == 200
    assert request.attributes["http.route"] == "/v1/classify"


def test_a_durable_job_is_part_of_the_trace_of_the_request_that_it_was_accepted_by(traced: Traced) -> None:
    answer = traced.client.post("/v1/generate", json={"seeds": ["a", "b"]}, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202
    job = ("infer", "job generate")
    told = traced.collector.wait(
        lambda all: any((span.service, span.name) == ("likeness-infer", job[1]) for span in all)
    )
    trace = next(span.trace for span in told if span.name == job[1])
    wanted = {("api", "POST /v1/generate"), job, ("infer", "queue"), ("infer", "compute"), ("infer", "encode")}
    spans = of_trace(traced.collector.wait(lambda all: wanted <= of_trace(all, trace).keys()), trace)
    assert spans[job].parent == spans["infer", "queue"].parent == spans["api", "POST /v1/generate"].span
    assert spans["infer", "compute"].parent == spans[job].span
    assert spans[job].attributes["likeness.job"] == answer.json()["id"]


def test_the_load_of_a_network_is_told_and_an_address_is_not(traced: Traced) -> None:
    assert [span for span in traced.collector.spans if span.name == "load"]
    assert traced.client.get("/v1/faces/someone.png").status_code == 200
    spans = traced.collector.wait(lambda all: any(span.name == "GET /v1/faces/{name:path}" for span in all))
    assert "someone" not in str(spans), "it may be somebody's name"


def test_what_machines_ask_every_few_seconds_is_not_traced(traced: Traced) -> None:
    assert traced.client.get("/readyz").status_code == 200
    assert traced.client.get("/v1/models").status_code == 200
    spans = traced.collector.wait(lambda all: any(span.name == "GET /v1/models" for span in all))
    assert not [span for span in spans if "readyz" in span.name]


def test_a_batch_of_several_requests_is_in_the_first_ones_trace_and_linked_to_the_others(tmp_path: Path) -> None:
    with collecting() as there, tracing.exported(settings(tmp_path, there), service="api", instance="1"):
        with tracing.span("first"):
            first = tracing.here()
        with tracing.span("second"):
            second = tracing.here()
        with tracing.span("unrelated"), tracing.joined("batch", [first, None, second, first]):
            pass
    found = {span.name: span for span in there.spans}
    assert len({first, second}) == 2
    assert (found["batch"].trace, found["batch"].parent) == (found["first"].trace, found["first"].span)
    assert found["batch"].links == (found["second"].span,)


def test_what_a_span_ends_with_is_told_by_its_kind_and_not_by_its_words(tmp_path: Path) -> None:
    with (
        collecting() as there,
        tracing.exported(settings(tmp_path, there), service="api", instance="1"),
        pytest.raises(KeyError),
        tracing.span("work"),
    ):
        raise KeyError("a secret")
    (span,) = there.spans
    assert (span.failed, span.attributes["error.type"]) == (True, "KeyError")
    assert "secret" not in str(span)


def test_nonsense_for_a_parent_begins_a_trace(tmp_path: Path) -> None:
    with collecting() as there, tracing.exported(settings(tmp_path, there), service="api", instance="1"):
        with tracing.span("work", parent="00-nonsense"):
            pass
        tracing.past("wait", seconds=1.0)
    (span,) = there.spans
    assert (span.name, span.parent) == ("work", "")


def test_a_collector_that_is_away_delays_nobody(tmp_path: Path, free_port: int) -> None:
    away = Settings(home=tmp_path, otlp_endpoint=f"http://127.0.0.1:{free_port}")
    with tracing.exported(away, service="api", instance="1"):
        began = time.monotonic()
        for _ in range(100):
            with tracing.span("work"):
                pass
        assert time.monotonic() - began < 1
        began = time.monotonic()
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("process", ["app.main", "worker.infer, worker.train"])
def test_a_process_that_does_not_trace_loads_nothing_for_it(process: str) -> None:
    # redis-py imports the SDK's metrics by itself where they are installed; what traces and exports is not there.
    program = (
        f"import sys, {process}, app.contract.tracing as t\n"
        "with t.span('x'), t.joined('y', [None]): t.past('z', seconds=1)\n"
        "assert t.here() is None\n"
        "parts = ('opentelemetry.sdk.trace', 'opentelemetry.exporter', 'google.protobuf', 'app.contract.otlp')\n"
        "print([name for name in sys.modules if name.startswith(parts)])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"LIKENESS_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"LIKENESS_OTLP_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_traces_are_wanted_once_a_collector_is_named(
    variables: dict[str, str], wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert tracing.wanted(Settings()) is wanted


def test_a_client_that_is_not_installed_is_said_and_not_died_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "app.contract.otlp", None)
    monkeypatch.delattr(contract, "otlp", raising=False)
    named = Settings(home=tmp_path, otlp_endpoint="http://collector:4318")
    # Straight to its logger: an api that another test started has taken the root's handlers away.
    monkeypatch.setattr(logging.getLogger(tracing.__name__), "handlers", [caplog.handler])
    with tracing.exported(named, service="api", instance="1"):
        assert tracing.here() is None
    assert "likeness[tracing]" in caplog.text


def settings(home: Path, there: Collector) -> Settings:
    """Settings of a process that tells `there`."""
    return Settings(home=home, otlp_endpoint=there.address)
