import importlib.metadata
from pathlib import Path

from fastapi.testclient import TestClient

from app.main import create_app
from tests.app import serving


def test_a_living_process_says_so(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}


def test_a_ready_service_names_every_part(client: TestClient) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    said = answer.json()
    assert said["ready"] is True
    assert set(said["parts"]) == {"redis", "database", "store", "models", "worker"}
    assert all(part["ok"] for part in said["parts"].values())


def test_a_service_without_redis_lives_and_is_not_ready(tmp_path: Path) -> None:
    settings = serving.home_settings(tmp_path, f"unix://{tmp_path}/nobody.sock")
    serving.publish(settings)
    with TestClient(create_app(settings), base_url="http://localhost") as alone:
        assert alone.get("/healthz").status_code == 200
        answer = alone.get("/readyz")
        assert answer.status_code == 503
        parts = {name: part["ok"] for name, part in answer.json()["parts"].items()}
        assert parts == {"redis": False, "database": True, "store": True, "models": True, "worker": False}
        busy = alone.get("/v1/faces/ada.png")
        assert (busy.status_code, busy.headers["retry-after"]) == (503, "2")
        status = alone.get("/v1/status")
        assert (status.status_code, status.json()["code"]) == (503, "broker_unavailable")


def test_status_tells_what_is_going_on(client: TestClient) -> None:
    client.get("/v1/faces/status.png")
    said = client.get("/v1/status").json()
    assert said["version"] == importlib.metadata.version("likeness")
    assert set(said["models"]) == {"clothing", "clothing-gan", "faces"}
    assert [worker["name"] for worker in said["workers"]] == ["infer"]
    assert said["coalescing"]["images"] >= said["coalescing"]["batches"] > 0
    assert said["face_cache"]["entries"] > 0
