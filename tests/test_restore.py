"""The backup that `docs/operations.md` describes, restored on an empty machine: the same faces, models and jobs."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.running import Service, running_service
from tests.worker import tiny

FACES = ("/v1/faces/ada.png", "/v1/faces/ada.webp?size=96", "/v1/faces/eve.png?model=own")


def likeness(*arguments: str | Path) -> None:
    """Run a command as an operator does."""
    subprocess.run([sys.executable, "-m", "app.cli", *map(str, arguments)], check=True, capture_output=True)


def seen(client: httpx.Client, job: str) -> dict[str, Any]:
    """What a service answers to everything that a restored one must answer alike."""
    answers = {
        path: client.get(path) for path in (*FACES, "/v1/models", f"/v1/jobs/{job}", f"/v1/jobs/{job}/output/1.png")
    }
    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(answers, 200)
    return {
        path: answer.content if answer.headers["content-type"].startswith("image/") else answer.json()
        for path, answer in answers.items()
    }


@pytest.mark.service
@pytest.mark.timeout(300)
def test_a_service_restored_from_a_backup_serves_the_same(service: Service, short_dir: Path, tmp_path: Path) -> None:
    tiny.save_generator(tmp_path / "own.safetensors", seed=5)
    with httpx.Client(base_url=service.base_url, timeout=60, trust_env=False) as client:
        with open(tmp_path / "own.safetensors", "rb") as file:
            imported = client.post("/v1/models", files={"file": file}, data={"name": "own"})
        assert imported.status_code == 201, imported.text
        version = imported.json()["versions"][0]["version"]
        promoted = client.put("/v1/models/own/aliases/production", json={"version": version})
        assert promoted.status_code == 200, promoted.text
        asked = client.post("/v1/generate", json={"seeds": ["a", "b"]}, headers={"Prefer": "respond-async, wait=30"})
        job = asked.headers["location"].rpartition("/")[2]
        until = time.monotonic() + 60
        while client.get(f"/v1/jobs/{job}").json()["status"] != "succeeded":
            assert time.monotonic() < until
            time.sleep(0.1)
        before = seen(client, job)
        likeness("backup", tmp_path / "copy", "--data-dir", service.home)
    empty = short_dir / "restored"
    likeness("restore", tmp_path / "copy", "--data-dir", empty)
    with (
        running_service(empty) as restored,
        httpx.Client(base_url=restored.base_url, timeout=60, trust_env=False) as client,
    ):
        assert seen(client, job) == before
