import json
import re
import time
from pathlib import Path

import pytest
import redis
import yaml
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from app.contract import jobs
from app.contract.database import Database
from app.contract.messages import WORKERS_KEY, WorkerReport, WorkerState
from app.contract.settings import Settings
from tests.app import serving

DOCS = Path(__file__).parents[3] / "docs"


def figures(client: TestClient) -> dict[tuple[str, frozenset[str]], float]:
    """Every sample by its name and the values of its labels."""
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(answer.text)
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def test_one_scrape_shows_requests_batches_queues_and_workers(client: TestClient) -> None:
    before = figures(client)
    assert client.post("/v1/generate", json={"count": 3}).status_code == 200
    files = [("image", ("a.png", serving.png(10), "image/png"))]
    assert client.post("/v1/classify", files=files).status_code == 200
    after = figures(client)

    def grew(name: str, *labels: str) -> float:
        place = name, frozenset(labels)
        return after.get(place, 0) - before.get(place, 0)

    assert grew("likeness_requests_total", "/v1/generate", "POST", "200") == 1
    assert grew("likeness_request_seconds_count", "/v1/classify") == 1
    assert grew("likeness_batch_images_sum", "generate") == 3
    assert grew("likeness_batch_images_count", "classify") == 1
    assert grew("likeness_face_cache_misses_total") == 3
    for stage in ("wait", "queue", "compute", "decode", "encode"):
        assert grew("likeness_stage_seconds_count", stage) >= 1, stage
    assert after["likeness_worker_state", frozenset({"infer", "ready"})] == 1
    assert after["likeness_worker_report_age_seconds", frozenset({"infer"})] < 15
    assert after["likeness_part_up", frozenset({"redis"})] == after["likeness_part_up", frozenset({"database"})] == 1
    assert after["likeness_queue_messages", frozenset({"infer"})] >= 0
    assert after["process_resident_memory_bytes", frozenset()] > 0


def expressions() -> list[str]:
    """Every expression of the dashboard, the alerts and the autoscaler."""
    panels = json.loads((DOCS / "operations" / "dashboard.json").read_text(encoding="utf-8"))["panels"]
    rules = yaml.safe_load((DOCS / "operations" / "alerts.yml").read_text(encoding="utf-8"))
    scalers = yaml.safe_load_all((DOCS / "kubernetes" / "keda.yaml").read_text(encoding="utf-8"))
    return [
        *(target["expr"] for panel in panels for target in panel.get("targets", ())),
        *(rule["expr"] for group in rules["groups"] for rule in group["rules"]),
        *(trigger["metadata"]["query"] for scaler in scalers for trigger in scaler["spec"]["triggers"]),
    ]


def test_the_labels_that_the_operators_files_ask_for_are_told(client: TestClient) -> None:
    client.post("/v1/generate", json={"count": 1})
    client.post("/v1/generate", json={"count": 1}, headers={"Prefer": "respond-async"})
    labels: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            labels.setdefault(sample.name, {"job", "instance"}).update(sample.labels)  # two that Prometheus adds
    labels.setdefault("likeness_batch_failures_total", set()).update(("work", "code"))  # no batch has failed here
    for expression in expressions():
        named = re.findall(r"\b(likeness_[a-z_]+)(?:\{([^}]*)\})?", expression)
        for name, matchers in named:
            assert set(re.findall(r"([a-z_]+)(?:=|!)", matchers)) <= labels[name], expression
        told = set().union(*(labels[name] for name, _ in named))
        for grouped in re.findall(r"by \(([a-z_, ]+)\)", expression):
            assert set(grouped.split(", ")) <= told, expression


def test_the_alert_meets_a_worker_that_fell_silent(client: TestClient, settings: Settings) -> None:
    (rule,) = (expression for expression in expressions() if "report_age" in expression and ">" in expression)
    threshold = re.search(r"likeness_worker_report_age_seconds\) > (\d+)", rule)
    assert threshold is not None
    report = WorkerReport(
        name="killed",
        boot="1",
        queue="infer",
        state=WorkerState.READY,
        device="cpu",
        engine="onnx",
        at=time.time() - 2 * 60,  # the rule wants it for a minute
    )
    with redis.Redis.from_url(settings.redis) as connection:
        connection.hset(WORKERS_KEY, report.name, report.model_dump_json())
        client.get("/readyz")  # looks for workers
        missed, names = figures(client), {worker["name"] for worker in client.get("/v1/status").json()["workers"]}
        connection.hdel(WORKERS_KEY, report.name)
        client.get("/readyz")
    age = "likeness_worker_report_age_seconds", frozenset({"killed", "infer"})
    assert missed[age] > int(threshold[1])
    assert names == {"infer"}
    assert not any("killed" in labels for name, labels in missed if name.startswith("likeness_worker_state"))
    assert age not in figures(client)


def test_a_job_that_waits_grows_old(client: TestClient, settings: Settings) -> None:
    database = Database(settings.database)
    with database.session() as session:
        job = jobs.create(session, kind="oldest", queue="train", request={})
    found = figures(client)
    assert found["likeness_jobs", frozenset({"oldest", "queued"})] == 1
    assert found["likeness_jobs_oldest_queued_seconds", frozenset({"train"})] > 0
    with database.session() as session:
        jobs.ask(session, job.id, jobs.JobState.CANCELLED, "the test is over")
    database.close()


@pytest.mark.parametrize("path", ["/no/such/place", "/v1/faces/one.png", "/v1/faces/two.png"])
def test_addresses_make_no_series_of_their_own(path: str, client: TestClient) -> None:
    client.get(path)
    text = client.get("/metrics").text
    assert path not in text
    routes = set(re.findall(r'route="([^"]*)"', text))
    assert routes <= {"none"} | {route for route in routes if route.startswith("/")}


def test_no_secret_and_no_owner_is_told(client: TestClient) -> None:
    text = client.get("/metrics").text
    assert not re.search(r"key_[0-9a-f]{24}|lk_", text)
