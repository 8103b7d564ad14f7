"""`likeness train` against a running api."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.cli import datasets
from app.cli.main import application
from app.contract import jobs, leases, presets
from app.contract.database import Database
from app.contract.settings import Settings
from app.contract.states import JobState
from app.contract.store import Store
from app.main import create_app
from models import presets as model_presets
from tests.app import serving
from tests.worker import trainable
from tests.worker.running import until


@pytest.fixture(scope="module")
def settings(api_redis: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(home=tmp_path_factory.mktemp("home"), redis_url=api_redis)
    serving.publish(settings)
    return settings


@pytest.fixture(scope="module")
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.database)
    with database.session() as session:
        presets.offer(session, [model_presets.describe("pictures-tiny")])
        presets.measured(session, "pictures-tiny", images_per_second=600, device="cpu")
    yield database
    database.close()


@pytest.fixture(scope="module")
def dataset(settings: Settings, database: Database, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Id of pictures that are ready to train on."""
    return trainable.dataset(database, Store(settings.store), tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def address(settings: Settings) -> Iterator[str]:
    with serving.listening(create_app(settings)) as address:
        yield address


def run(address: str, *arguments: str) -> Result:
    return CliRunner().invoke(application, ["train", *arguments], env={"LIKENESS_URL": address})


def newest(database: Database) -> jobs.Job:
    with database.session() as session:
        return jobs.page(session, kinds=["training"], limit=1)[0]


def test_presets_are_listed(address: str, database: Database) -> None:
    result = run(address)
    assert result.exit_code == 0, result.output
    assert "pictures-tiny" in result.stdout


WRONG = {
    "no pictures": ["pictures-tiny", "--model", "squares"],
    "no name": ["pictures-tiny", "--data", "ds_1"],
    "two budgets": ["pictures-tiny", "--data", "ds_1", "--model", "squares", "--images", "5", "--minutes", "1"],
    "no value": ["pictures-tiny", "--data", "ds_1", "--model", "squares", "--set", "batch"],
    "no name for a model": ["pictures-tiny", "--data", "ds_1", "--model", "My squares"],
    "no such rule": ["pictures-tiny", "--data", "ds_1", "--model", "squares", "--promote", "yes"],
    "no such file": ["pictures-tiny", "--data", "nowhere.zip", "--model", "squares"],
}


@pytest.mark.parametrize("arguments", WRONG.values(), ids=WRONG.keys())
def test_wrong_usage_ends_with_2(address: str, arguments: list[str]) -> None:
    assert run(address, *arguments).exit_code == 2


def test_a_dry_run_tells_the_cost_and_queues_nothing(address: str, database: Database, dataset: str) -> None:
    result = run(address, "pictures-tiny", "--data", dataset, "--model", "squares", "--dry-run", "--json")
    assert result.exit_code == 0, result.output
    plan = json.loads(result.stdout)
    assert (plan["images"], plan["seconds"], plan["device"]) == (12_000, 20.0, "cpu")
    with database.session() as session:
        assert jobs.page(session, kinds=["training"]) == []


def test_what_is_asked_for_is_what_a_worker_is_told(address: str, database: Database, dataset: str) -> None:
    options = ("--set", "batch=16", "--set", "network.size=8", "--images", "320", "--promote", "if_better")
    result = run(address, "pictures-tiny", "--data", dataset, "--model", "squares", *options)
    job = newest(database)
    assert (result.exit_code, result.stdout.strip()) == (0, f"{job.id} is queued")
    told = {name: job.request[name] for name in ("dataset", "model", "settings", "images", "promote")}
    assert told == {
        "dataset": dataset,
        "model": "squares",
        "settings": {"batch": 16, "network": {"size": 8}},
        "images": 320,
        "promote": "if_better",
    }


def test_a_refusal_is_told_in_the_services_words(address: str, dataset: str) -> None:
    refused = run(address, "pictures-tiny", "--data", dataset, "--model", "squares", "--set", "batch=1")
    assert refused.exit_code == 1
    assert "batch" in refused.stderr
    assert "no preset called huge" in run(address, "huge", "--data", dataset, "--model", "squares").stderr


ENDS: dict[str, tuple[JobState, dict[str, Any], int, str]] = {
    "well": (
        JobState.SUCCEEDED,
        {"output": {"model": "squares@sha256:1", "metrics": {"accuracy": 0.9}, "promoted": True, "why": "of course"}},
        0,
        "accuracy 0.9; in production: of course",
    ),
    "unasked": (
        JobState.SUCCEEDED,
        {"output": {"model": "squares@sha256:1", "metrics": {}, "promoted": False, "why": "it was not asked for"}},
        0,
        "likeness models promote squares sha256:1",
    ),
    "badly": (JobState.FAILED, {"error": {"code": "training_failed", "detail": "The loss is nan."}}, 1, "loss is nan"),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_training_is_watched_to_its_end(end: str, address: str, database: Database, dataset: str) -> None:
    state, facts, code, said = ENDS[end]
    model = f"watched-{end}"

    def train() -> None:
        until(lambda: newest(database).request["model"] == model)
        with database.session() as session:
            job = leases.claim(session, newest(database).id, worker="train-0", lease_seconds=60)
        assert job is not None
        with database.session() as session:
            leases.append(session, job, "stage", {"stage": "training"}, stage="training")
            leases.finish(session, job, state, "done", **facts)

    worker = threading.Thread(target=train)
    worker.start()
    result = run(address, "pictures-tiny", "--data", dataset, "--model", model, "--watch")
    worker.join()
    assert result.exit_code == code, result.output
    assert said in result.output
    assert "training" in result.stderr.splitlines()


def test_a_folder_is_packed_and_sent_and_what_is_wrong_with_it_is_told(
    address: str, database: Database, tmp_path: Path
) -> None:
    (tmp_path / "photos" / "cats").mkdir(parents=True)
    (tmp_path / "photos" / "cats" / "1.png").write_bytes(serving.png(7))

    def look_through() -> None:
        until(lambda: waiting(database) is not None)
        with database.session() as session:
            job = leases.claim(session, waiting(database) or "", worker="train-0", lease_seconds=60)
        assert job is not None
        error = {"code": "bad_dataset", "title": "", "detail": "These pictures cannot be trained on: too few."}
        with database.session() as session:
            leases.finish(session, job, JobState.FAILED, "bad_dataset", error=error)

    worker = threading.Thread(target=look_through)
    worker.start()
    result = run(address, "pictures-tiny", "--data", str(tmp_path / "photos"), "--model", "cats")
    worker.join()
    assert result.exit_code == 1
    assert "These pictures cannot be trained on: too few." in result.stderr


def test_no_pictures_are_sent_for_a_preset_that_is_not_there(
    address: str, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos.zip").write_bytes(b"pictures")
    monkeypatch.setattr(datasets, "upload", lambda *_, **__: pytest.fail("they are sent"))
    result = run(address, "huge", "--data", str(tmp_path / "photos.zip"), "--model", "squares")
    assert (result.exit_code, "no preset called huge" in result.stderr) == (1, True), result.output


def waiting(database: Database) -> str | None:
    """Id of an upload that nobody has looked through yet."""
    with database.session() as session:
        return jobs.oldest_waiting(session, ["dataset"])
