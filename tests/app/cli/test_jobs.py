"""`likeness jobs` against a running api."""

import json
import threading
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from app.cli.main import application
from app.contract import jobs, leases, training
from app.contract.database import Database
from app.contract.settings import Settings
from app.contract.states import JobState
from app.main import create_app
from tests.app import serving
from tests.worker.running import until


@pytest.fixture(scope="module")
def settings(api_redis: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(home=tmp_path_factory.mktemp("home"), redis_url=api_redis)
    serving.publish(settings)
    return settings


@pytest.fixture(scope="module")
def address(settings: Settings) -> Iterator[str]:
    with serving.listening(create_app(settings)) as address:
        yield address


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.database)
    yield database
    database.close()


def run(address: str, *arguments: str) -> Result:
    return CliRunner().invoke(application, ["jobs", *arguments], env={"LIKENESS_URL": address})


def accepted(database: Database, kind: str = training.KIND) -> jobs.Job:
    asked = {"preset": "pictures-tiny", "dataset": "ds_1", "dataset_name": "squares", "model": "squares"}
    request = training.TrainingRequest.model_validate(asked).model_dump() if kind == training.KIND else {}
    with database.session() as session:
        return jobs.create(session, kind=kind, queue="train", request=request, owner="")


def test_a_training_is_paused_resumed_and_cancelled(address: str, database: Database) -> None:
    job = accepted(database)
    told = [run(address, job.id, action).stdout.strip() for action in ("pause", "resume", "cancel", "cancel")]
    assert told == [f"{job.id} is {state}" for state in ("paused", "queued", "cancelled", "cancelled")]
    refused = run(address, job.id, "resume")
    assert refused.exit_code == 1
    assert "The job is cancelled; nothing more can be done to it." in refused.stderr
    assert run(address, job.id, "--wait").exit_code == 1
    assert json.loads(run(address, job.id, "--json").stdout)["object"] == "training_job"


def test_waiting_for_a_pause_ends_when_the_worker_has_let_go(address: str, database: Database) -> None:
    job = accepted(database)
    with database.session() as session:
        claimed = leases.claim(session, job.id, worker="train-0", lease_seconds=60)
    assert claimed is not None

    def let_go() -> None:
        until(lambda: read(database, job.id).state is JobState.PAUSING)
        with database.session() as session:
            leases.hand_over(session, claimed, "saved", spent=False)

    worker = threading.Thread(target=let_go)
    worker.start()
    result = run(address, job.id, "pause", "--wait", "--json")
    worker.join()
    assert (result.exit_code, json.loads(result.stdout)["status"]) == (0, "paused")


def test_other_jobs_are_cancelled_and_never_paused(address: str, database: Database) -> None:
    job = accepted(database, kind="dataset")
    refused = run(address, job.id, "pause")
    assert refused.exit_code == 1
    assert "only trainings can be paused" in refused.stderr
    assert run(address, job.id, "cancel").stdout.strip() == f"{job.id} is cancelled"
    assert job.id in run(address).stdout


@pytest.mark.parametrize("arguments", [["--wait"], ["job_1", "restart"]])
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(application, ["jobs", *arguments]).exit_code == 2


def read(database: Database, job_id: str) -> jobs.Job:
    with database.session() as session:
        found = jobs.get(session, job_id)
    assert found is not None
    return found
