"""Kills parts of a running service with SIGKILL, each at a random moment of a training, and checks what is left.

    python -m tests.chaos_training 20 [--seed 0]

Each round trains one small network over HTTP and kills one of: the train worker, its child, Redis, the api, everything
at once. Afterwards the job must have succeeded, with one version registered, events without gap or repeat, and nothing
trained again that a snapshot held already.
"""

import argparse
import contextlib
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from app.contract import registry
from app.contract.database import Database
from app.contract.settings import Settings
from app.contract.store import Store
from tests import running
from tests.worker import tiny, trainable

VICTIMS = ("train worker", "child", "redis", "api", "everything")
PATIENCE_SECONDS = 300.0
TOLD_LINES = 200
ENVIRONMENT = {**trainable.ENVIRONMENT, "LIKENESS_SWEEP_SECONDS": "1", "LIKENESS_LEASE_SECONDS": "5"}


@dataclass(frozen=True)
class Round:
    """What happened in one round."""

    victim: str
    after_images: int
    seconds: float
    attempts: int
    resumed_from: list[int]


class Chaos:
    """A service in `home` that is killed and started again."""

    def __init__(self, home: Path, *, seed: int) -> None:
        self._home = home
        publish_something(home)
        self._random = random.Random(seed)
        self._service: running.Service | None = None
        self._running = contextlib.ExitStack()

    def start(self) -> None:
        """Start the service, or start it again."""
        self._running = contextlib.ExitStack()
        self._service = self._running.enter_context(running.running_service(self._home, **ENVIRONMENT))

    def stop(self) -> None:
        """Stop it in order."""
        self._running.close()

    def round(self, dataset: str, victim: str) -> Round:
        """Train, kill `victim` at a random moment, and wait for the end. Raises `AssertionError`."""
        model = f"chaos-{self._random.getrandbits(40):x}"
        settings = {**trainable.FAST, "images": 6_400}
        body = {"preset": "pictures-tiny", "dataset": dataset, "model": model, "settings": settings}
        began = time.monotonic()
        job_id = self.ask("POST", "/v1/training-jobs", json=body)["id"]
        moment = self._random.uniform(0, 5_000)
        job = self._until(job_id, lambda job: job["stage"] == "training" and job["progress"]["images"] >= moment)
        self._kill(victim)
        job = self._until(job_id, lambda job: job["finished_at"] is not None)
        assert job["status"] == "succeeded", job["error"]
        resumed = self._check(job_id, model)
        attempts = sum(step["status"] == "running" for step in job["transitions"])
        return Round(victim, int(moment), round(time.monotonic() - began, 1), attempts, resumed)

    def story(self) -> str:
        """What the service has said last, since it was started."""
        return "\n".join(self._service.lines[-TOLD_LINES:]) if self._service else ""

    def ask(self, method: str, path: str, **parts: Any) -> Any:
        """The JSON answer of the service, asked until it gives one."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            assert self._service is not None
            with contextlib.suppress(httpx.TransportError):
                answer = httpx.request(method, self._service.base_url + path, timeout=30, **parts)
                if answer.status_code < 500:
                    assert answer.is_success, answer.text
                    return answer.json()
            assert time.monotonic() < end, f"no answer to {method} {path}"
            time.sleep(0.2)

    def _until(self, job_id: str, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE_SECONDS
        while not condition(job := self.ask("GET", f"/v1/training-jobs/{job_id}")) and job["finished_at"] is None:
            assert time.monotonic() < end, f"still {job['status']}: {job['progress']}"
            time.sleep(0.05)
        return job

    def _check(self, job_id: str, model: str) -> list[int]:
        """Where the run went on after each interruption, in pictures."""
        events: list[dict[str, Any]] = []
        while (page := self.ask("GET", f"/v1/training-jobs/{job_id}/events?limit=1000&after={len(events)}"))["data"]:
            events += page["data"]
        assert [event["id"] for event in events] == list(range(1, len(events) + 1)), "a gap, or a repeat"
        versions = self.ask("GET", f"/v1/models/{model}")["versions"]
        assert len(versions) == 1, "not one version"
        assert sum(event["type"] == "published" for event in events) == 1
        saved, resumed, begins = 0, [], False
        for event in events:
            match event["type"]:
                case "resolved":
                    begins = True
                case "snapshot":
                    assert event["data"]["images"] > saved, "a snapshot was made twice"
                    saved = event["data"]["images"]
                case "progress" if begins:
                    begins = False
                    resumed.append(saved)
                    assert event["data"]["images"] > saved, "what a snapshot held was trained again"
        return resumed[1:]

    def _kill(self, victim: str) -> None:
        assert self._service is not None
        supervisor = psutil.Process(self._service.process.pid)
        if victim == "everything":
            for process in [*supervisor.children(recursive=True), supervisor]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGKILL)
            self._service.process.wait()
            with contextlib.suppress(ProcessLookupError):
                self._running.close()
            self.start()
            return
        marks = {
            "train worker": ("worker", "train"),
            "child": ("worker.trainings.training_child",),
            "redis": ("redis",),
            "api": ("app.server",),
        }[victim]
        for process in supervisor.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                words = process.cmdline()
                if all(any(mark in word for word in words) for mark in marks) and not (
                    victim == "train worker" and any("_child" in word for word in words)
                ):
                    process.send_signal(signal.SIGKILL)


def publish_something(home: Path) -> None:
    """A service is ready once there is a model to serve."""
    settings = Settings(home=home)
    database, store = Database(settings.database), Store(settings.store)
    database.migrate()
    digest = tiny.save_classifier(home / "tiny.safetensors")
    with database.session() as session:
        registry.publish(session, store, name="tiny", checkpoint=home / "tiny.safetensors", onnx=None, source="bundled")
        registry.point(session, model="tiny", alias="production", digest=digest)
    database.close()


def run(rounds: int, *, seed: int, told: Callable[[Round], None]) -> None:
    """Do so many rounds, going round the victims. Raises `AssertionError` at the first broken promise."""
    with tempfile.TemporaryDirectory(prefix="likeness-chaos-") as folder:
        chaos = Chaos(Path(folder) / "home", seed=seed)
        chaos.start()
        try:
            file = trainable.archive(Path(folder) / "squares.zip")
            made = chaos.ask("POST", "/v1/datasets", files={"file": (file.name, file.read_bytes())})
            while (found := chaos.ask("GET", f"/v1/datasets/{made['id']}"))["status"] == "validating":
                time.sleep(0.1)
            assert found["status"] == "ready", found
            for number in range(rounds):
                told(chaos.round(made["id"], VICTIMS[(number + seed) % len(VICTIMS)]))
        except AssertionError:
            print(chaos.story(), file=sys.stderr)
            raise
        finally:
            chaos.stop()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos_training", description="Kill parts of a training.")
    parser.add_argument("rounds", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    run(options.rounds, seed=options.seed, told=lambda each: print(each, flush=True))
    print(f"{options.rounds} rounds, every promise kept")


if __name__ == "__main__":
    sys.exit(main())
