"""The whole way on several machines: api, infer and train workers that share Redis, PostgreSQL and a bucket only."""

import contextlib
import hashlib
import importlib.util
import json
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.host import embedded
from tests import bucket, postgres
from tests.hosts import Host, Hosts
from tests.worker import trainable

pytestmark = [
    pytest.mark.service,
    pytest.mark.postgres,
    pytest.mark.skipif(postgres.binaries() is None, reason="no PostgreSQL server is installed"),
    pytest.mark.skipif(importlib.util.find_spec("moto") is None, reason="no S3 server is installed"),
    pytest.mark.timeout(300),
]

KEY = "several-hosts"


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """A client of a service on three hosts that is ready."""
    with contextlib.ExitStack() as running:
        # Not one of pytest's directories: they are closed to the user that PostgreSQL runs as.
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="likeness-")))
        folder.chmod(0o755)
        hosts = running.enter_context(Hosts(folder))
        front, infer, train = (hosts.add(name) for name in ("front", "infer", "train"))
        with hosts.hub():
            ports = serve_hub(running, folder, listen="0.0.0.0" if hosts.apart else "127.0.0.1")
            port = free_port()
        told = {host: environment(host, ports) for host in (front, infer, train)}
        own = {"LIKENESS_HOST": "0.0.0.0" if hosts.apart else "127.0.0.1", "LIKENESS_ADMIN_KEY": KEY}
        likeness = (sys.executable, "-m", "app.cli")
        prepared = front.start(*likeness, "prepare", **told[front])
        running.callback(end, prepared)
        assert prepared.wait(120) == 0
        started = (
            front.start(*likeness, "api", "--port", str(port), **told[front], **own),
            infer.start(*likeness, "worker", "infer", "--name", "infer-0", **told[infer]),
            train.start(*likeness, "worker", "train", "--name", "train-0", **told[train]),
        )
        for process in started:
            running.callback(end, process)
        headers = {"Authorization": f"Bearer {KEY}"}
        running.enter_context(hosts.hub())  # until the end: the test's own connections are the hub's
        client = running.enter_context(
            httpx.Client(base_url=f"http://{front.address}:{port}", headers=headers, timeout=30)
        )
        until(lambda: client.get("/readyz").status_code == 200)
        yield client


def serve_hub(running: contextlib.ExitStack, folder: Path, *, listen: str) -> dict[str, int]:
    """Start what hosts share; the ports."""
    ports = {name: free_port() for name in ("redis", "postgres", "bucket")}
    options = ("--bind", listen, "--protected-mode", "no", "--save", "", "--dir", str(folder))
    server = subprocess.Popen(
        [embedded.find_server(), "--port", str(ports["redis"]), "--loglevel", "warning", *options]
    )
    running.callback(end, server)
    (folder / "postgres").mkdir()
    running.enter_context(postgres.server(folder / "postgres", listen=listen, port=ports["postgres"]))
    running.enter_context(bucket.server(ports["bucket"], host=listen))
    return ports


def environment(host: Host, ports: dict[str, int]) -> dict[str, str]:
    """What a process on a host is told: where to find what all share."""
    return {
        "LIKENESS_REDIS_URL": f"redis://{host.hub}:{ports['redis']}/0",
        "LIKENESS_DATABASE_URL": f"postgresql+psycopg://postgres@{host.hub}:{ports['postgres']}/postgres",
        "LIKENESS_STORE_URL": bucket.URL,
        "LIKENESS_STORE_OPTIONS": json.dumps(bucket.options(f"http://{host.hub}:{ports['bucket']}")),
        "LIKENESS_WORKER_THREADS": "1",
        "LIKENESS_TRAIN_THREADS": "1",
        "LIKENESS_TRAIN_NICENESS": "0",
    }


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(40)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def until(condition: Callable[[], Any], *, seconds: float = 120) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(httpx.TransportError):
            if found := condition():
                return found
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.1)


def asked(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


def test_pictures_become_a_model_that_serves_and_faces_are_drawn(client: httpx.Client, tmp_path: Path) -> None:
    squares = trainable.archive(tmp_path / "squares.zip").read_bytes()
    made = asked(client.post("/v1/datasets", files={"file": ("squares.zip", squares)}, headers={"Prefer": "wait=60"}))
    assert made["status"] == "ready", made
    body = {"dataset": made["id"], "model": "squares", "settings": trainable.FAST, "promote": "if_better"}
    job = asked(client.post("/v1/training-jobs", json={"preset": "pictures-tiny", **body}))
    address = job["urls"]["self"]
    job = until(lambda: found if (found := asked(client.get(address)))["finished_at"] else None)
    assert job["status"] == "succeeded", job["error"]
    assert (job["result"]["promoted"], job["result"]["why"]) == (True, "nothing was in production")

    for name, picture in pictures(tmp_path / "squares.zip").items():
        named = asked(client.post("/v1/classify?model=squares", files={"image": picture}))
        assert named["model"] == job["result"]["model"]
        assert named["results"][0]["predictions"][0]["label"] == name

    drawing = asked(client.post("/v1/generate", json={"seeds": ["ada"]}, headers={"Prefer": "respond-async"}))
    drawn = until(lambda: found if (found := asked(client.get(drawing["urls"]["self"])))["finished_at"] else None)
    (later,) = drawn["output"]["images"]
    (at_once,) = asked(client.post("/v1/generate", json={"seeds": ["ada"]}))["images"]
    assert hashlib.sha256(client.get(later["url"]).content).hexdigest() == later["sha256"] == at_once["sha256"]

    assert client.get(f"/v1/datasets/{made['id']}/sheet.png").headers["content-type"] == "image/png"
    workers = {worker["name"] for worker in asked(client.get("/v1/status"))["workers"]}
    assert workers == {"infer-0", "train-0"}


def pictures(archive: Path) -> dict[str, bytes]:
    """One picture of each class."""
    with zipfile.ZipFile(archive) as packed:
        return {name.split("/")[0]: packed.read(name) for name in packed.namelist()}
