"""Changes of models over HTTP: promotion, roll-back, import, export, removal."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from app.contract import registry
from app.contract.database import Database
from app.contract.settings import Settings
from app.contract.store import Store, checkpoint_path, onnx_path
from app.main import create_app
from tests.app import serving


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.database)
    yield database
    database.close()


def checkpoint(note: str) -> bytes:
    return serving.checkpoint("classifier", size=serving.SIZE, channels=1, labels=serving.LABELS, note=note)


def send(client: TestClient, data: bytes, **fields: str) -> object:
    return client.post("/v1/models", files={"file": ("x.safetensors", data)}, data=fields)


def versions(client: TestClient, name: str) -> list[str]:
    return [each["version"] for each in client.get(f"/v1/models/{name}").json()["versions"]]


def test_an_imported_checkpoint_is_served_and_promoted_and_rolled_back(client: TestClient) -> None:
    first, second = checkpoint("one"), checkpoint("two")
    made = send(client, first, name="brought", card="# Brought")
    assert made.status_code == 201, made.text  # type: ignore[attr-defined]
    send(client, second, name="brought")
    newest, oldest = versions(client, "brought")
    for version in (newest, oldest):
        put = client.put("/v1/models/brought/aliases/production", json={"version": version[:19]})
        assert put.status_code == 200, put.text
        assert put.json()["version"] == version
        answer = client.post(
            "/v1/classify?model=brought", content=serving.png(0), headers={"Content-Type": "image/png"}
        )
        assert answer.json()["model"] == f"brought@{version}"
    assert client.get("/v1/models/brought").json()["card"] == "# Brought"


def test_an_exported_version_is_the_file_that_was_imported(client: TestClient, settings: Settings) -> None:
    data = checkpoint("round trip")
    send(client, data, name="trip")
    (version,) = versions(client, "trip")
    answer = client.get(f"/v1/models/trip/versions/{version}/export")
    assert answer.content == data
    assert answer.headers["Content-Length"] == str(len(data))
    again = client.get(f"/v1/models/trip/versions/{version}/export", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])
    missing = client.get(f"/v1/models/trip/versions/{version}/export?format=onnx")
    assert (missing.status_code, missing.json()["code"]) == (404, "nothing_yet")
    assert "models.export" in missing.json()["detail"], "it does not come by itself"
    Store(settings.store).put(onnx_path(version.removeprefix("sha256:")), b"graph")
    graph = client.get(
        f"/v1/models/trip/versions/{version}/export?format=onnx", headers={"If-None-Match": answer.headers["etag"]}
    )
    assert graph.content == b"graph"


def test_a_version_in_production_stays_and_others_go(client: TestClient, settings: Settings) -> None:
    send(client, checkpoint("kept"), name="thinned")
    send(client, checkpoint("gone"), name="thinned")
    gone, kept = versions(client, "thinned")
    client.put("/v1/models/thinned/aliases/production", json={"version": kept})
    refused = client.delete(f"/v1/models/thinned/versions/{kept}")
    assert (refused.status_code, refused.json()["code"]) == (409, "version_in_use")
    assert client.delete(f"/v1/models/thinned/versions/{gone}").status_code == 204
    assert versions(client, "thinned") == [kept]
    store = Store(settings.store)
    assert not store.exists(checkpoint_path(gone.removeprefix("sha256:")))
    assert store.exists(checkpoint_path(kept.removeprefix("sha256:")))


def test_bytes_that_another_model_uses_stay(client: TestClient, settings: Settings) -> None:
    data = checkpoint("shared")
    send(client, data, name="left")
    send(client, data, name="right")
    (version,) = versions(client, "left")
    assert client.delete(f"/v1/models/left/versions/{version}").status_code == 204
    assert client.get("/v1/models/left").status_code == 404
    assert Store(settings.store).exists(checkpoint_path(version.removeprefix("sha256:")))


BAD = {
    "no checkpoint": (b"\x80\x04 a pickle, perhaps", "fresh", 422, "bad_checkpoint"),
    "empty": (b"", "fresh", 422, "bad_checkpoint"),
    "a bad name": (checkpoint("x"), "No Name", 422, "bad_checkpoint"),
    "the name of a run": (checkpoint("x"), "job_1", 422, "bad_checkpoint"),
    "the other kind": (checkpoint("x"), "faces", 422, "wrong_kind"),
    "vast pictures": (
        serving.checkpoint("classifier", size=10**9, channels=1, labels=("a", "b")),
        "fresh",
        422,
        "bad_checkpoint",
    ),
}


@pytest.mark.parametrize(("data", "name", "status", "code"), BAD.values(), ids=BAD.keys())
def test_what_is_no_checkpoint_is_refused_and_leaves_nothing(
    data: bytes, name: str, status: int, code: str, client: TestClient, settings: Settings
) -> None:
    before = Store(settings.store).list("checkpoints")
    answer = send(client, data, name=name)
    assert (answer.status_code, answer.json()["code"]) == (status, code)  # type: ignore[attr-defined]
    assert Store(settings.store).list("checkpoints") == before


def test_an_import_that_fails_leaves_the_bytes_that_a_version_has(client: TestClient, settings: Settings) -> None:
    data = checkpoint("x")
    send(client, data, name="mine")
    (version,) = versions(client, "mine")
    assert send(client, data, name="faces").status_code == 422  # type: ignore[attr-defined]
    assert Store(settings.store).get(checkpoint_path(version.removeprefix("sha256:"))) == data


def test_a_checkpoint_that_workers_cannot_use_is_not_promoted(
    client: TestClient, database: Database, settings: Settings
) -> None:
    # The worker of these tests answers with four classes, so that a checkpoint of two classes is not sane.
    data = serving.checkpoint("classifier", size=serving.SIZE, channels=1, labels=("a", "b"))
    store = Store(settings.store)
    with database.session() as session:
        version = registry.publish(session, store, name="odd", checkpoint=data, onnx=None, source="test")
    with TestClient(create_app(settings), base_url="http://localhost") as fresh:
        answer = fresh.put("/v1/models/odd/aliases/production", json={"version": f"sha256:{version.digest}"})
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_checkpoint")
        assert fresh.get("/v1/models/odd").json()["aliases"] == {}


def test_unknown_versions_and_bad_names_of_them_are_refused(client: TestClient) -> None:
    zeros = "sha256:" + "0" * 64
    assert client.put("/v1/models/clothing/aliases/production", json={"version": zeros}).status_code == 404
    assert client.put("/v1/models/none/aliases/production", json={"version": zeros}).status_code == 404
    assert client.put("/v1/models/clothing/aliases/production", json={"version": "latest"}).status_code == 422
    assert client.delete("/v1/models/clothing/versions/latest").status_code == 422
