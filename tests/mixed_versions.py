"""An upgrade as `docs/operations.md` describes it, from an earlier commit to what is checked out, under requests.

    python -m tests.mixed_versions COMMIT

Old and new api, infer worker and train worker processes stand next to each other in every pairing, on the old schema
and on the new one, and all of them end in order. A run that an old train worker began goes on at a new one.
"""

import argparse
import contextlib
import io
import os
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from tests.running import running_redis
from tests.worker import trainable

ROOT = Path(__file__).parent.parent
PATIENCE_SECONDS = 120.0


class Site:
    """One home and one Redis, for processes of several versions."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        self._home, self._redis_url = folder / "home", redis_url
        self._folder = folder

    def prepare(self, code: Path) -> None:
        """Run `likeness prepare` of a version."""
        subprocess.run(self._command("app.cli", "prepare"), env=self._environment(code), cwd=self._folder, check=True)

    @contextlib.contextmanager
    def process(self, code: Path, module: str, *options: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a process of a version while the block runs. It ends in order at the end, if not before."""
        command = self._command(module, *options)
        with subprocess.Popen(command, env=self._environment(code) | environment, cwd=self._folder) as process:
            try:
                yield process
                if process.poll() is None:
                    leave(process)
            finally:
                process.kill()

    def _command(self, module: str, *options: str) -> list[str]:
        return [sys.executable, "-P", "-m", module, *options]

    def _environment(self, code: Path) -> dict[str, str]:
        home = {"LIKENESS_HOME": str(self._home), "LIKENESS_REDIS_URL": self._redis_url}
        return {**os.environ, **home, "PYTHONPATH": str(code), "LIKENESS_WORKER_THREADS": "1"}


def leave(process: subprocess.Popen[bytes]) -> None:
    """End a process by SIGTERM, in order."""
    process.send_signal(signal.SIGTERM)
    code = process.wait(60)
    assert code in (0, -signal.SIGTERM), f"ended with exit code {code}"


def until(condition: Callable[[], bool]) -> None:
    """Wait until something has come true."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        with contextlib.suppress(httpx.TransportError):
            if condition():
                return
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.2)


def exercise(what: str, address: str) -> None:
    """Ask for everything that crosses from an api to a worker."""
    picture = io.BytesIO()
    Image.effect_noise((28, 28), 40).save(picture, "PNG")
    seed = f"{what} {time.time()}"
    raw = {"content": picture.getvalue(), "headers": {"Content-Type": "image/png"}}
    with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
        answers = [
            client.get(f"/v1/faces/{seed}.png"),
            client.post("/v1/classify", **raw),  # type: ignore[arg-type]
            client.post("/v1/generate", json={"seeds": [seed, f"{seed} again"]}),
            client.get("/v1/seeds", params={"like": seed, "count": 2}),
        ]
        assert [answer.status_code for answer in answers] == [200] * len(answers), what
        job = client.post("/v1/generate", json={"seeds": [f"{seed} later"]}, headers={"Prefer": "respond-async"})
        assert job.status_code == 202, what
        until(lambda: client.get(job.headers["Location"]).json()["status"] == "succeeded")
    print(f"{what}: well", flush=True)


def upload(address: str, file: Path) -> str:
    """Id of a data set that is ready to train on."""
    with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
        made = client.post("/v1/datasets", files={"file": (file.name, file.read_bytes())})
        assert made.status_code == 201, made.text
        dataset = str(made.json()["id"])
        until(lambda: client.get(f"/v1/datasets/{dataset}").json()["status"] == "ready")
    return dataset


def submit(address: str, dataset: str, settings: dict[str, Any]) -> str:
    """Address of a new training."""
    asked = {"preset": "pictures-tiny", "dataset": dataset, "model": "squares", "settings": settings}
    job = httpx.post(f"{address}/v1/training-jobs", json=asked, timeout=60, trust_env=False)
    assert job.status_code == 202, job.text
    return f"{address}/v1/training-jobs/{job.json()['id']}"


def finish(what: str, job: str) -> None:
    """Wait until a training has published a version, and look at what it told on its way."""
    until(lambda: told(job)["finished_at"] is not None)
    assert told(job)["status"] == "succeeded", told(job)["error"]
    events = httpx.get(f"{job}/events", params={"limit": 1000}, timeout=60, trust_env=False).json()["data"]
    assert [event["id"] for event in events] == list(range(1, len(events) + 1)), what
    assert sum(event["type"] == "published" for event in events) == 1, what
    print(f"{what}: trained", flush=True)


def told(job: str) -> dict[str, Any]:
    """What an api says of a training."""
    return dict(httpx.get(job, timeout=60, trust_env=False).json())


def runners(job: str) -> list[str]:
    """Names of the workers that had a training, one after the other."""
    attempts = [step["why"] for step in told(job)["transitions"] if step["status"] == "running"]
    return [why.rpartition(" on ")[2].partition("/")[0] for why in attempts]  # "attempt 1 on train/3f2a..."


def upgrade(old: Path, site: Site) -> None:
    """Go from the version in `old` to the one checked out."""
    file = trainable.archive(old.parent / "squares.zip")
    site.prepare(old)
    before, after = free_port(), free_port()
    old_address, new_address = (f"http://127.0.0.1:{port}" for port in (before, after))
    infer, train = ("worker", "infer", "--name"), ("worker", "train", "--name")
    with contextlib.ExitStack() as running:
        running.enter_context(site.process(old, "app.server", LIKENESS_PORT=str(before)))
        old_infer = running.enter_context(site.process(old, *infer, "old"))
        old_train = running.enter_context(site.process(old, *train, "old-train", **trainable.ENVIRONMENT))
        until(lambda: httpx.get(f"{old_address}/readyz", trust_env=False).is_success)
        exercise("old api, old workers, old schema", old_address)
        dataset = upload(old_address, file)
        finish("old api, old workers, old schema", submit(old_address, dataset, trainable.FAST))
        site.prepare(ROOT)
        exercise("old api, old workers, new schema", old_address)
        finish("old api, old workers, new schema", submit(old_address, dataset, trainable.FAST))
        running.enter_context(site.process(ROOT, "app.server", LIKENESS_PORT=str(after)))
        until(lambda: httpx.get(f"{new_address}/readyz", trust_env=False).is_success)
        exercise("new api, old workers", new_address)
        upload(new_address, file)
        begun = submit(new_address, dataset, {**trainable.LONG, "images": 25_600})
        until(lambda: told(begun)["progress"].get("images", 0) > 0)
        running.enter_context(site.process(ROOT, *infer, "new"))
        running.enter_context(site.process(ROOT, *train, "new-train", **trainable.ENVIRONMENT))
        until(lambda: ready(new_address) == {"old", "old-train", "new", "new-train"})
        leave(old_train)
        leave(old_infer)
        finish("new api, from an old worker to a new one", begun)
        assert runners(begun) == ["old-train", "new-train"]
        exercise("old api, new workers", old_address)
        finish("old api, new workers", submit(old_address, dataset, trainable.FAST))
        exercise("new api, new workers", new_address)
        finish("new api, new workers", submit(new_address, dataset, trainable.FAST))


def ready(address: str) -> set[str]:
    """Names of the workers that are ready."""
    status = httpx.get(f"{address}/v1/status", trust_env=False).json()
    return {worker["name"] for worker in status["workers"] if worker["state"] == "ready"}


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def main() -> None:
    """Upgrade from the commit that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.mixed_versions", description="Rehearse an upgrade.")
    parser.add_argument("commit", help="the older version")
    commit = parser.parse_args().commit
    with tempfile.TemporaryDirectory(prefix="likeness-") as directory:
        folder = Path(directory)
        archive = subprocess.run(
            ["git", "archive", commit, "app", "worker", "models"], cwd=ROOT, stdout=subprocess.PIPE, check=True
        )
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
            tar.extractall(folder / "old", filter="data")
        with running_redis(folder / "redis.sock"):
            upgrade(folder / "old", Site(folder, f"unix://{folder / 'redis.sock'}"))


if __name__ == "__main__":
    main()
