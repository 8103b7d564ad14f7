"""Trainings over HTTP: what is checked before anything is queued, and what is told of a run."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.contract import jobs, leases, presets, training
from app.contract.database import Database
from app.contract.settings import Settings
from app.contract.states import JobState
from app.contract.store import Store
from app.contract.tables import DatasetRow
from models import presets as table
from tests.app import serving
from tests.worker import trainable


@pytest.fixture(scope="module")
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.database)
    with database.session() as session:
        presets.offer(session, [table.describe(name) for name in ("pictures-tiny", "clothing-gan-tiny", "faces-128")])
    yield database
    database.close()


@pytest.fixture(scope="module")
def dataset(database: Database, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> str:
    return trainable.dataset(database, Store(settings.store), tmp_path_factory.mktemp("pictures"))


def asked(dataset: str, /, **changes: Any) -> dict[str, Any]:
    return {"preset": "pictures-tiny", "dataset": dataset, "model": "squares"} | changes


def create(client: TestClient, dataset: str, /, **changes: Any) -> dict[str, Any]:
    answer = client.post("/v1/training-jobs", json=asked(dataset, **changes))
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/v1/training-jobs/{answer.json()['id']}"
    found: dict[str, Any] = answer.json()
    return found


def claim(database: Database, job_id: str) -> jobs.Job:
    with database.session() as session:
        job = leases.claim(session, job_id, worker="train-0", lease_seconds=60)
    assert job is not None
    return job


def test_presets_tell_their_settings_as_a_schema(client: TestClient, database: Database) -> None:
    found = client.get("/v1/presets/pictures-tiny").json()
    assert (found["kind"], found["defaults"]["batch"], found["cost"]) == ("classifier", 32, None)
    assert found["settings"]["properties"]["batch"]["minimum"] == 2
    assert [each["name"] for each in client.get("/v1/presets").json()["data"]] == [
        "clothing-gan-tiny",
        "faces-128",
        "pictures-tiny",
    ]
    assert client.get("/v1/presets/none").json()["code"] == "unknown_preset"


def test_a_training_is_queued_as_it_was_asked(client: TestClient, dataset: str) -> None:
    job = create(client, dataset, settings={"network.widths": [8, 8], "network": {"blocks": [0, 1]}, "batch": 16})
    assert (job["status"], job["progress"]["images"], job["result"]) == ("queued", 0, None)
    assert job["settings"] == {"network": {"widths": [8, 8], "blocks": [0, 1]}, "batch": 16}
    assert job["resume_from"] is None
    assert [step["status"] for step in job["transitions"]] == ["queued"]
    assert client.get(f"/v1/training-jobs/{job['id']}").json()["id"] == job["id"]
    assert client.get(f"/v1/jobs/{job['id']}").json()["kind"] == "training"


def test_a_training_starts_from_the_version_that_counts_now(client: TestClient, dataset: str) -> None:
    version = client.get("/v1/models/clothing").json()["version"]
    assert create(client, dataset, resume_from="clothing")["resume_from"] == f"clothing@{version}"
    assert create(client, dataset, preset="faces-128", model="new-faces", resume_from="faces")["resume_from"]


REFUSED = {
    "unknown preset": ({"preset": "none"}, 404, "unknown_preset"),
    "unknown data set": ({"dataset": "ds_none"}, 404, "unknown_dataset"),
    "unknown setting": ({"settings": {"batches": 3}}, 422, "invalid_request"),
    "unknown inner setting": ({"settings": {"network.depth": 3}}, 422, "invalid_request"),
    "wrong type": ({"settings": {"batch": "many"}}, 422, "invalid_request"),
    "a boolean for a number": ({"settings": {"batch": True}}, 422, "invalid_request"),
    "out of range": ({"settings": {"batch": 1}}, 422, "invalid_request"),
    "twice": ({"settings": {"network.size": 8, "network": {"size": 8}}}, 422, "invalid_request"),
    "data": ({"settings": {"data": "/etc"}}, 422, "bad_option"),
    "two budgets": ({"settings": {"images": 5}, "budget": {"images": 6}}, 422, "bad_option"),
    "no budget": ({"budget": {"minutes": 0}}, 422, "invalid_request"),
    "too few pictures": ({"settings": {"batch": 128}}, 422, "bad_dataset"),
    "a bad name": ({"model": "My Model"}, 422, "invalid_request"),
    "the name of a run": ({"model": "job_1"}, 422, "bad_option"),
    "a generator's name": ({"model": "faces"}, 422, "wrong_kind"),
    "an unknown start": ({"resume_from": "clothing@sha256:" + "0" * 12}, 404, "unknown_version"),
    "a start of the other kind": ({"resume_from": "faces"}, 422, "wrong_kind"),
    "an enlarger of nothing": ({"preset": "faces-128", "model": "new-faces"}, 422, "bad_option"),
    "judges first of nothing": (
        {"preset": "clothing-gan-tiny", "model": "new-faces", "settings": {"judges_first": 64}},
        422,
        "bad_option",
    ),
    "an unknown field": ({"epochs": 3}, 422, "invalid_request"),
    "a webhook to this machine": ({"webhook": {"url": "http://127.0.0.1/x"}}, 422, "webhook_refused"),
    "a webhook to its network": ({"webhook": {"url": "http://10.0.0.7/x"}}, 422, "webhook_refused"),
    "a webhook to a cloud's secrets": ({"webhook": {"url": "http://169.254.169.254/x"}}, 422, "webhook_refused"),
    "a webhook with a line break": ({"webhook": {"url": "http://9.9.9.9/\n"}}, 422, "webhook_refused"),
    "a webhook to a file": ({"webhook": {"url": "file:///etc/passwd"}}, 422, "invalid_request"),
}


@pytest.mark.parametrize(("changes", "status", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_trained_is_refused_before_it_is_queued(
    changes: dict[str, Any], status: int, code: str, client: TestClient, dataset: str
) -> None:
    before = len(client.get("/v1/training-jobs", params={"limit": 100}).json()["data"])
    answer = client.post("/v1/training-jobs", json=asked(dataset, **changes))
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert len(client.get("/v1/training-jobs", params={"limit": 100}).json()["data"]) == before


UNSTORABLE = {
    "not a number": {"learning_rate": float("nan")},
    "infinity": {"learning_rate": float("inf")},
    "not a number in a list": {"network.widths": [8, float("nan")]},
    "half a surrogate pair": {"licence": "\ud800"},
    "NUL": {"credit": "a\0b"},
    "an integer of 400 digits": {"seed": 10**400},
}


@pytest.mark.parametrize("changes", UNSTORABLE.values(), ids=UNSTORABLE.keys())
def test_a_setting_that_json_cannot_hold_is_refused_where_it_stands(
    changes: dict[str, Any], client: TestClient, dataset: str
) -> None:
    body = json.dumps(asked(dataset, settings=changes))
    answer = client.post("/v1/training-jobs", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), answer.text
    [name] = changes
    assert answer.json()["errors"][0]["loc"] == ["body", "settings", *name.split(".")]


def test_a_class_with_one_picture_is_refused_by_name(
    client: TestClient, database: Database, settings: Settings, tmp_path: Path
) -> None:
    dataset = trainable.dataset(database, Store(settings.store), tmp_path)
    with database.session() as session:
        row = session.get_one(DatasetRow, dataset)
        row.report = {**row.report, "train_classes": {"bright": 54, "dark": 1}}
    answer = client.post("/v1/training-jobs", json=asked(dataset)).json()
    assert answer["code"] == "bad_dataset"
    assert "'dark' has 1 picture" in answer["detail"]


def test_the_same_key_makes_one_training(client: TestClient, dataset: str) -> None:
    headers = {"Idempotency-Key": "one training"}
    first, second = (
        client.post("/v1/training-jobs", json=asked(dataset), headers=headers).json()["id"] for _ in range(2)
    )
    assert first == second
    other = client.post("/v1/training-jobs", json=asked(dataset, promote="always"), headers=headers)
    assert other.status_code == 409


def test_a_dry_run_tells_what_an_earlier_measurement_says(client: TestClient, database: Database, dataset: str) -> None:
    with database.session() as session:
        presets.measured(session, "pictures-tiny", images_per_second=600, device="cpu")
    plan = client.post("/v1/training-jobs", json=asked(dataset, dry_run=True))
    assert plan.status_code == 200
    told = plan.json()
    assert (told["images"], told["seconds"], told["measured"]) == (12_000, 20.0, "earlier")
    assert told["settings"]["batch"] == 32
    budget = client.post("/v1/training-jobs", json=asked(dataset, dry_run=True, budget={"minutes": 2})).json()
    assert (budget["images"], budget["seconds"]) == (72_000, 120.0)


def test_figures_samples_and_checkpoints_of_a_run_are_told(
    client: TestClient, database: Database, settings: Settings, dataset: str
) -> None:
    job_id = create(client, dataset)["id"]
    base = f"/v1/training-jobs/{job_id}"
    assert client.get(f"{base}/samples/latest.png").json()["code"] == "nothing_yet"
    assert client.get(f"{base}/samples/timelapse.webp").json()["code"] == "nothing_yet"
    job, store = claim(database, job_id), Store(settings.store)
    with database.session() as session:
        for images, loss in ((100, 2.0), (200, 1.0)):
            facts = {"images": images, "of": 400}
            leases.append(session, job, "progress", facts, progress=facts)
            leases.append(session, job, "metrics", {"images": images, "loss": loss}, metrics={"loss": loss})
            path = training.sample_path(job_id, images=images)
            store.put(path, serving.png(images))
            leases.append(session, job, "sample", {"images": images, "path": path})
        leases.append(session, job, "metrics", {"images": 200, "accuracy": None}, metrics={"loss": 1.0})
    told = client.get(base).json()
    assert (told["status"], told["progress"]["of"], told["metrics"]) == ("running", 400, {"loss": 1.0})
    values = [point["values"] for point in client.get(f"{base}/metrics").json()["data"]]
    assert values == [{"loss": 2.0}, {"loss": 1.0}, {"accuracy": None}]
    rows = list(csv.reader(io.StringIO(client.get(f"{base}/metrics", params={"format": "csv"}).text)))
    assert [row[:1] + row[2:] for row in rows] == [
        ["images", "accuracy", "loss"],
        ["100", "", "2.0"],
        ["200", "", "1.0"],
        ["200", "", ""],
    ]
    assert client.get(f"{base}/samples/latest.png").content == serving.png(200)
    assert client.get(f"{base}/samples/100.png").content == serving.png(100)
    assert [each["images"] for each in client.get(f"{base}/samples").json()["data"]] == [100, 200]
    lapse = Image.open(io.BytesIO(client.get(f"{base}/samples/timelapse.webp").content))
    assert (lapse.format, lapse.n_frames) == ("WEBP", 2)  # type: ignore[attr-defined]
    assert client.get(f"{base}/checkpoints").json()["data"] == []


def test_events_are_streamed_from_where_a_client_left_off(client: TestClient, database: Database, dataset: str) -> None:
    job_id = create(client, dataset)["id"]
    client.post(f"/v1/training-jobs/{job_id}/cancel")
    headers = {"Accept": "text/event-stream"}
    whole = client.get(f"/v1/training-jobs/{job_id}/events", headers=headers).text
    assert [line for line in whole.splitlines() if line.startswith("id:")] == ["id: 1", "id: 2"]
    rest = client.get(f"/v1/training-jobs/{job_id}/events", headers={**headers, "Last-Event-ID": "1"}).text
    assert [line for line in rest.splitlines() if line.startswith("id:")] == ["id: 2"]
    assert (
        client.get(f"/v1/training-jobs/{job_id}/events", headers={**headers, "Last-Event-ID": "2"}).status_code == 204
    )


def test_pausing_cancelling_and_going_on_follow_the_table(client: TestClient, database: Database, dataset: str) -> None:
    job_id = create(client, dataset)["id"]
    base = f"/v1/training-jobs/{job_id}"
    assert client.post(f"{base}/pause").json()["status"] == "paused"
    assert client.post(f"{base}/pause").json()["status"] == "paused"
    assert client.post(f"{base}/resume").json()["status"] == "queued"
    claim(database, job_id)
    assert client.post(f"{base}/resume").json()["status"] == "running"
    assert client.post(f"{base}/pause").json()["status"] == "pausing"
    assert client.post(f"{base}/resume").json()["code"] == "not_now"
    assert client.post(f"{base}/cancel").json()["status"] == "cancelling"
    refused = client.post(f"{base}/pause")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_now")
    with database.session() as session:
        found = jobs.get(session, job_id)
        assert found is not None
        leases.finish(session, found, JobState.CANCELLED, "as was asked")
    assert client.post(f"{base}/resume").json()["code"] == "job_finished"
    assert client.post("/v1/training-jobs/job_none/cancel").status_code == 404


def test_other_jobs_are_no_trainings(client: TestClient, database: Database) -> None:
    with database.session() as session:
        job = jobs.create(session, kind="dataset", queue="train", request={})
    assert client.get(f"/v1/training-jobs/{job.id}").status_code == 404
