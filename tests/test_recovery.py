"""What happens when parts die: every request ends in time, and what was accepted is done."""

import concurrent.futures
import contextlib
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.running import Service, running_service
from tests.starvation import waited_seconds

pytestmark = [pytest.mark.service, pytest.mark.timeout(300)]

DEADLINE_SECONDS = 6.0
PATIENCE_SECONDS = 120.0


@pytest.fixture
def service(short_dir: Path, request: pytest.FixtureRequest) -> Iterator[Service]:
    home = short_dir / f"recovery-{abs(hash(request.node.name)) % 10_000}"
    with running_service(home, LIKENESS_INTERACTIVE_DEADLINE_SECONDS=str(DEADLINE_SECONDS)) as running:
        yield running


def processes(service: Service, *words: str) -> list[int]:
    """Ids of the service's processes whose command line has all the words."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue
        if str(service.home).encode() in environment + command.encode() and all(word in command for word in words):
            found.append(int(entry.name))
    return found


class Load(threading.Thread):
    """Asks for new faces from eight threads until stopped, and keeps every status and duration.

    Time in which the api's event loop or the thread that asks waited for a core does not count: others took it.
    """

    def __init__(self, service: Service) -> None:
        super().__init__(daemon=True)
        self.statuses: Counter[int] = Counter()
        self.slowest_seconds = 0.0
        self.without_advice = 0
        self._base_url, self._ended, self._lock = service.base_url, threading.Event(), threading.Lock()
        (self._api,) = processes(service, "app.server")

    def run(self) -> None:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(self._ask, range(8)))

    def _ask(self, place: int) -> None:
        with httpx.Client(base_url=self._base_url, timeout=60) as client:
            number = 0
            while not self._ended.is_set():
                number += 1
                started, waited = time.monotonic(), self._waited()
                response = client.get(f"/v1/faces/{time.monotonic_ns()}-{place}-{number}.jpg")
                seconds = time.monotonic() - started - (self._waited() - waited)
                with self._lock:
                    self.statuses[response.status_code] += 1
                    self.slowest_seconds = max(self.slowest_seconds, seconds)
                    self.without_advice += response.status_code == 503 and "Retry-After" not in response.headers
                if response.status_code == 503:
                    time.sleep(0.2)

    def wait_for_pictures(self, count: int) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while self.statuses[200] < count:
            assert time.monotonic() < until, f"no {count} pictures in time: {self.statuses}"
            time.sleep(0.05)

    def end(self) -> None:
        self._ended.set()
        self.join(60)
        assert not self.is_alive(), "a request hangs"

    def _waited(self) -> float:
        return waited_seconds() + waited_seconds(self._api)


def assert_every_request_was_answered(load: Load) -> None:
    assert set(load.statuses) <= {200, 503}, load.statuses
    assert load.without_advice == 0
    assert load.slowest_seconds < DEADLINE_SECONDS + 4  # a broker that is away may take the publish budget too


def draw_with_retries(base_url: str, count: int) -> int:
    with httpx.Client(base_url=base_url, timeout=60) as client:

        def draw(number: int) -> bool:
            until = time.monotonic() + PATIENCE_SECONDS
            while time.monotonic() < until:
                if client.get(f"/v1/faces/retried-{number}.jpg").status_code == 200:
                    return True
                time.sleep(0.2)
            return False

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            return sum(pool.map(draw, range(count)))


@pytest.mark.parametrize("victim", [("worker", "infer"), ("redis-server",)], ids=["infer worker", "redis"])
def test_a_kill_under_load_leaves_no_request_without_an_answer(service: Service, victim: tuple[str, ...]) -> None:
    load = Load(service)
    load.start()
    load.wait_for_pictures(50)
    for pid in processes(service, *victim):
        os.kill(pid, signal.SIGKILL)
    load.wait_for_pictures(load.statuses[200] + 50)
    load.end()
    assert_every_request_was_answered(load)
    assert draw_with_retries(service.base_url, 1000) == 1000


def test_accepted_jobs_survive_the_death_of_everything(short_dir: Path) -> None:
    home = short_dir / "all-die"
    with running_service(home) as first:
        seeds = [f"durable-{number}" for number in range(64)]
        accepted = [
            httpx.post(
                f"{first.base_url}/v1/generate",
                json={"seeds": seeds},
                headers={"Prefer": "respond-async"},
                timeout=60,
            )
            for _ in range(5)
        ]
        locations = [response.headers["Location"] for response in accepted]
        for pid in processes(first):
            with contextlib.suppress(ProcessLookupError):  # the kernel kills the parts of a killed supervisor
                os.kill(pid, signal.SIGKILL)
        first.process.wait(60)
    with running_service(home, LIKENESS_LEASE_SECONDS="3", LIKENESS_SWEEP_SECONDS="1") as second:
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            jobs = [httpx.get(second.base_url + location, timeout=60).json() for location in locations]
            if all(job["status"] == "succeeded" for job in jobs):
                break
            time.sleep(0.5)
        assert [job["status"] for job in jobs] == ["succeeded"] * 5
        assert all(len(job["output"]["images"]) == 64 for job in jobs)
