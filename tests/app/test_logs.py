import json
import logging
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.contract.settings import Settings
from app.main import create_app
from tests.app import serving

ADMIN = "the-secret-of-the-administrator"


@pytest.fixture(autouse=True)
def _loggers_as_before() -> Any:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def test_no_secret_is_ever_logged_and_lines_name_request_key_and_job(
    redis_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(home=tmp_path, redis_url=redis_url, admin_key=ADMIN, log_level="debug", log_format="json")
    serving.publish(settings)
    with (
        serving.working(settings, name="logged"),
        TestClient(create_app(settings), raise_server_exceptions=False) as client,
    ):
        logging.getLogger("httpx2").setLevel(logging.WARNING)  # the client of this test, not a part of the service
        key = client.post("/v1/keys", json={"name": "shop", "scopes": ["predict"]}, headers=bearer(ADMIN)).json()
        fresh = client.post(f"/v1/keys/{key['id']}/rotate", json={}, headers=bearer(ADMIN)).json()["secret"]
        path = "/v1/faces/somebodys-name.png"
        signed = client.post("/v1/signatures", json={"path": path}, headers=bearer(fresh))
        assert signed.status_code == 200
        client.get(path, headers=bearer("wrong-secret"))
        client.get(f"{path}?key={key['id']}&signature=forged-signature")
        client.get(path, headers={**bearer(fresh), "X-Request-ID": "mine-1"})
        client.post("/v1/generate", json={"count": "many"}, headers=bearer(fresh))
        job = client.post(
            "/v1/generate", json={"count": 1}, headers={**bearer(fresh), "Prefer": "respond-async"}
        ).json()
    written = capsys.readouterr().out
    secrets = [ADMIN, key["secret"], fresh, "wrong-secret", "forged-signature", "somebodys-name", signed.text[-40:]]
    assert [secret for secret in secrets if secret in written] == []

    lines = [json.loads(line) for line in written.splitlines() if line.startswith("{")]
    assert any(line.get("request_id") == "mine-1" and line.get("key") == key["id"] for line in lines)
    accepted = next(line for line in lines if line.get("job") == job["id"])
    assert accepted["key"] == key["id"]
    assert accepted["request_id"].startswith("req_")


def test_a_service_that_starts_is_not_told_of_as_failing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(home=tmp_path, redis_url=f"unix://{tmp_path}/not-yet.sock", log_format="json")
    serving.publish(settings)
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        assert client.get("/readyz").status_code == 503
        assert client.get("/v1/faces/ada.png").status_code == 503
    events = [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert [event for event in events if "GET /readyz" in event] == []
    assert [event for event in events if "GET /v1/faces" in event]
