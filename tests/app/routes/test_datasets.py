"""Uploads of pictures: straight into the store, looked through by a worker, refused with a reason."""

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from app.contract import datasets, jobs, leases, training
from app.contract.database import Database
from app.contract.settings import Settings
from app.contract.store import Store
from app.main import create_app
from tests.app import serving
from tests.worker import trainable
from worker.datasets.dataset_jobs import DatasetJobs


class Directly:
    """A claimed job, run in this process."""

    def __init__(self, database: Database, job: jobs.Job) -> None:
        self.job, self._database = job, database

    def check(self) -> None:
        return

    def say(self, kind: str, data: dict[str, object], **columns: object) -> None:
        with self._database.session() as session:
            leases.append(session, self.job, kind, data, **columns)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.database)
    yield database
    database.close()


@pytest.fixture
def store(settings: Settings) -> Store:
    return Store(settings.store)


def look_through(database: Database, store: Store, job_id: str, folder: Path) -> None:
    """Do what a train worker does with the job of a data set."""
    with database.session() as session:
        job = leases.claim(session, job_id, worker="train-0", lease_seconds=30)
    assert job is not None
    output = DatasetJobs(database, store, folder=folder).run(Directly(database, job))  # type: ignore[arg-type]
    with database.session() as session:
        leases.finish(session, job, jobs.JobState.SUCCEEDED, "done", output=output)


def upload(client: TestClient, file: Path, **fields: str) -> dict[str, object]:
    answer = client.post("/v1/datasets", files={"file": (file.name, file.read_bytes())}, data=fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_uploaded_pictures_are_looked_through_and_shown(
    client: TestClient, database: Database, store: Store, tmp_path: Path
) -> None:
    file = trainable.archive(tmp_path / "squares.zip", per_class=20)
    made = upload(client, file)
    assert (made["name"], made["status"], made["report"]) == ("squares", "validating", None)
    assert store.get(datasets.upload_path(str(made["id"]), 0)) == file.read_bytes()
    assert client.get(f"/v1/datasets/{made['id']}/sheet.png").json()["code"] == "nothing_yet"

    look_through(database, store, str(made["job"]), tmp_path)
    found = client.get(f"/v1/datasets/{made['id']}").json()
    assert (found["status"], found["images"], found["classes"]) == ("ready", 40, {"bright": 20, "dark": 20})
    assert (found["report"]["train"], found["report"]["test"], found["report"]["grey"]) == (36, 4, True)
    assert client.get(f"/v1/datasets/{made['id']}/sheet.png").content.startswith(b"\x89PNG")
    assert found in client.get("/v1/datasets").json()["data"]


def test_an_archive_that_means_harm_fails_with_its_reason(
    client: TestClient, database: Database, store: Store, tmp_path: Path
) -> None:
    file = tmp_path / "evil.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../evil.png", b"x")
    made = upload(client, file)
    with database.session() as session:
        job = leases.claim(session, str(made["job"]), worker="train-0", lease_seconds=30)
    assert job is not None
    with pytest.raises(Exception, match="no name for a file") as failure:
        DatasetJobs(database, store, folder=tmp_path).run(Directly(database, job))  # type: ignore[arg-type]
    problem = {"code": "bad_archive", "title": "", "detail": str(failure.value)}
    with database.session() as session:
        leases.finish(session, job, jobs.JobState.FAILED, "bad_archive", error=problem)
    found = client.get(f"/v1/datasets/{made['id']}").json()
    assert (found["status"], found["error"]["code"]) == ("failed", "bad_archive")


def test_the_same_key_and_body_make_one_data_set(client: TestClient, store: Store, tmp_path: Path) -> None:
    file = trainable.archive(tmp_path / "squares.zip", per_class=2).read_bytes()

    def post(name: str) -> dict[str, object]:
        files = {"file": ("squares.zip", file)}
        return client.post(
            "/v1/datasets", files=files, data={"name": name}, headers={"Idempotency-Key": "squares"}
        ).json()

    before = len(store.list("datasets"))
    first, second = post("one"), post("one")
    assert first["id"] == second["id"]
    assert len(store.list("datasets")) == before + 1
    assert post("another")["code"] == "idempotency_conflict"
    assert len(store.list("datasets")) == before + 1


def test_whoever_has_too_much_waiting_is_told_before_the_body_is_read(settings: Settings) -> None:
    closed = settings.model_copy(update={"admin_key": SecretStr("root"), "key_waiting_jobs": 1})
    with TestClient(create_app(closed), base_url="http://localhost") as client:
        asked = {"name": "shop", "scopes": ["train"]}
        made = client.post("/v1/keys", json=asked, headers={"Authorization": "Bearer root"}).json()
        headers = {"Authorization": f"Bearer {made['secret']}"}
        accepted = client.post("/v1/datasets", files={"file": ("a.zip", b"x")}, headers=headers)
        refused = client.post("/v1/datasets", content=b"nothing that could be read", headers=headers)
    assert accepted.status_code == 201
    assert (refused.status_code, refused.json()["code"]) == (429, "queue_full")


def test_a_data_set_in_use_stays_until_the_training_has_ended(
    client: TestClient, database: Database, store: Store, tmp_path: Path
) -> None:
    dataset = trainable.dataset(database, store, tmp_path)
    with database.session() as session:
        request = {"preset": "pictures-tiny", "model": "mine", "dataset": dataset, "dataset_name": "pictures"}
        job = jobs.create(session, kind=training.KIND, queue="train", request=request)
    refused = client.delete(f"/v1/datasets/{dataset}")
    assert (refused.status_code, refused.json()["code"]) == (409, "dataset_in_use")
    with database.session() as session:
        jobs.ask(session, job.id, jobs.JobState.CANCELLED, "test")
    assert client.delete(f"/v1/datasets/{dataset}").status_code == 204
    assert store.list(f"datasets/{dataset}") == []
    assert client.get(f"/v1/datasets/{dataset}").status_code == 404


BAD: dict[str, tuple[Callable[[TestClient], object], int]] = {
    "no file": (lambda client: client.post("/v1/datasets", data={"name": "x"}, files={}), 415),
    "no file in the form": (lambda client: client.post("/v1/datasets", files={"name": (None, "x")}), 422),
    "JSON": (lambda client: client.post("/v1/datasets", json={"name": "x"}), 415),
    "unknown field": (
        lambda client: client.post("/v1/datasets", files={"file": ("a.zip", b"x"), "x": (None, "x")}),
        422,
    ),
    "classes twice": (
        lambda client: client.post("/v1/datasets", files={"file": ("a", b"x"), "classes": (None, "a,a")}),
        422,
    ),
    "a class with NUL": (
        lambda client: client.post("/v1/datasets", files={"file": ("a", b"x"), "classes": (None, "a,b\0")}),
        422,
    ),
    "a class that reads as a leftover": (
        lambda client: client.post("/v1/datasets", files={"file": ("a", b"x"), "classes": (None, ".net,java")}),
        422,
    ),
    "cut short": (
        lambda client: client.post(
            "/v1/datasets",
            content=b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc',
            headers={"Content-Type": "multipart/form-data; boundary=x"},
        ),
        422,
    ),
}


@pytest.mark.parametrize(("send", "status"), BAD.values(), ids=BAD.keys())
def test_a_body_that_is_none_is_refused_and_leaves_nothing(
    send: Callable[[TestClient], object], status: int, client: TestClient, store: Store
) -> None:
    before = store.list("datasets")
    answer = send(client)
    assert answer.status_code == status  # type: ignore[attr-defined]
    assert answer.headers["content-type"] == "application/problem+json"  # type: ignore[attr-defined]
    assert store.list("datasets") == before


def test_large_files_come_whole_and_may_be_larger_than_other_bodies(
    settings: Settings, worker: serving.ProtocolWorker, store: Store
) -> None:
    data = bytes(range(256)) * 40_000  # ten megabytes, in parts of five
    small = settings.model_copy(update={"max_upload_bytes": 100_000})
    with TestClient(create_app(small), base_url="http://localhost") as client:
        made = client.post("/v1/datasets", files={"file": ("a.zip", io.BytesIO(data))}).json()
        refused = client.post("/v1/classify", content=data, headers={"Content-Type": "image/png"})
    assert hashlib.sha256(store.get(datasets.upload_path(made["id"], 0))).digest() == hashlib.sha256(data).digest()
    assert refused.status_code == 413


def test_too_large_an_upload_is_refused_and_leaves_nothing(settings: Settings, store: Store) -> None:
    before = store.list("datasets")
    small = settings.model_copy(update={"max_dataset_bytes": 1_000_000})
    with TestClient(create_app(small), base_url="http://localhost") as client:
        answer = client.post("/v1/datasets", files={"file": ("a.zip", bytes(2_000_000))})
    assert answer.status_code == 413
    assert store.list("datasets") == before
