"""Mixed load on a whole service whose processes are killed and frozen at random, and what must be true afterwards.

    python -m tests.chaos --minutes 30

Afterwards every accepted job has come to an end, once; every interactive request had an answer within its deadline, or
lost its connection while the api itself was down; no process, and no key in Redis, is left over; memory is flat.
"""

import argparse
import concurrent.futures
import dataclasses
import io
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import redis
from PIL import Image

from tests.running import Service, running_service

DEADLINE_SECONDS = 6.0
LONGEST_FREEZE_SECONDS = 4.0
SLACK_SECONDS = 15.0
"""Publishing to a broker that is away; and an api that starts anew, while its clients wait in its socket's queue."""

CLIENTS = 6
SEEDS_PER_JOB = 8
SETTLE_SECONDS = 120.0
SETTINGS = {
    "LIKENESS_INTERACTIVE_DEADLINE_SECONDS": str(DEADLINE_SECONDS),
    "LIKENESS_LEASE_SECONDS": "6",
    "LIKENESS_SWEEP_SECONDS": "1",
    "LIKENESS_MAX_ATTEMPTS": "50",
}
VICTIMS = {"api": "app.server", "infer": "worker infer", "train": "worker train", "redis": "redis-server"}


@dataclasses.dataclass
class Tally:
    """What happened; changed under the lock alone."""

    lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)
    statuses: Counter[str] = dataclasses.field(default_factory=Counter)
    mischief: Counter[str] = dataclasses.field(default_factory=Counter)
    wrong: list[str] = dataclasses.field(default_factory=list)
    slowest_seconds: float = 0.0
    jobs: set[str] = dataclasses.field(default_factory=set)

    def note(self, what: str, status: int, seconds: float, *, expected: set[int]) -> None:
        """Count an answer."""
        with self.lock:
            self.statuses[f"{what} {status}"] += 1
            self.slowest_seconds = max(self.slowest_seconds, seconds)
            if status not in expected:
                self.wrong.append(f"{what} was answered {status}")
            if seconds > DEADLINE_SECONDS + LONGEST_FREEZE_SECONDS + SLACK_SECONDS:
                self.wrong.append(f"{what} took {seconds:.1f} s")


def processes(home: Path, words: str = "") -> list[int]:
    """Ids of the processes that work in `home`, and whose command line holds `words`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue
        if str(home).encode() in environment + command.encode() and words in command:
            found.append(int(entry.name))
    return found


def resident_bytes(pid: int) -> int:
    """Memory of a process; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


class Load:
    """Clients that ask for everything until `ended` is set."""

    def __init__(self, base_url: str, tally: Tally, *, seed: int) -> None:
        self._base_url, self._tally, self._seed = base_url, tally, seed
        self.ended = threading.Event()

    def run(self, place: int) -> None:
        """One client."""
        chance = random.Random(f"{self._seed} {place}")
        asks: list[Callable[[httpx.Client, random.Random], None]] = [
            self._face,
            self._face,
            self._generate,
            self._classify,
            self._job,
            self._nonsense,
        ]
        with httpx.Client(base_url=self._base_url, timeout=60, trust_env=False) as client:
            while not self.ended.is_set():
                try:
                    chance.choice(asks)(client, chance)
                except httpx.TransportError:  # the api was killed with the connection in its hands
                    with self._tally.lock:
                        self._tally.statuses["connection lost"] += 1
                    self.ended.wait(0.2)

    def _ask(self, what: str, send: Callable[[], httpx.Response], *, expected: set[int]) -> httpx.Response:
        began = time.monotonic()
        answer = send()
        self._tally.note(what, answer.status_code, time.monotonic() - began, expected=expected)
        if answer.status_code == 503:
            if "Retry-After" not in answer.headers:
                self._tally.wrong.append(f"{what} was refused without advice")
            self.ended.wait(0.2)
        return answer

    def _face(self, client: httpx.Client, chance: random.Random) -> None:
        path = f"/v1/faces/chaos-{chance.randrange(10**9)}.jpg"
        self._ask("face", lambda: client.get(path), expected={200, 503})

    def _generate(self, client: httpx.Client, chance: random.Random) -> None:
        seeds = [str(chance.randrange(10**9)) for _ in range(chance.randint(1, 16))]
        self._ask("generate", lambda: client.post("/v1/generate", json={"seeds": seeds}), expected={200, 503})

    def _classify(self, client: httpx.Client, chance: random.Random) -> None:
        out = io.BytesIO()
        Image.effect_noise((40, 40), chance.randint(1, 90)).save(out, "PNG")
        files = [("image", ("a.png", out.getvalue(), "image/png"))]
        self._ask("classify", lambda: client.post("/v1/classify", files=files), expected={200, 503})

    def _nonsense(self, client: httpx.Client, chance: random.Random) -> None:
        body = chance.randbytes(chance.randint(0, 2000))
        self._ask("nonsense", lambda: client.post("/v1/classify", content=body), expected={415, 422, 503})

    def _job(self, client: httpx.Client, chance: random.Random) -> None:
        """Accepted at least once: the same `Idempotency-Key` is sent until the answer arrives."""
        if chance.random() > 0.3:
            return
        name = f"chaos-{chance.randrange(10**12)}"
        body = {"seeds": [f"{name}-{number}" for number in range(SEEDS_PER_JOB)], "size": 64}
        headers = {"Prefer": "respond-async", "Idempotency-Key": name}
        while not self.ended.is_set():
            try:
                answer = self._ask(
                    "job", lambda: client.post("/v1/generate", json=body, headers=headers), expected={202, 503}
                )
            except httpx.TransportError:
                self.ended.wait(0.2)
                continue
            if answer.status_code == 202:
                with self._tally.lock:
                    self._tally.jobs.add(answer.json()["id"])
                return


def torment(home: Path, tally: Tally, *, seconds: float, seed: int) -> None:
    """Kill or freeze a process every few seconds."""
    chance, until = random.Random(seed), time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(chance.uniform(2, 5))
        name, words = chance.choice(list(VICTIMS.items()))
        freeze = chance.random() < 0.4
        for pid in processes(home, words)[:1]:
            try:
                os.kill(pid, signal.SIGSTOP if freeze else signal.SIGKILL)
                if freeze:
                    time.sleep(chance.uniform(0.5, LONGEST_FREEZE_SECONDS))
                    os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                continue
            tally.mischief[f"{'froze' if freeze else 'killed'} {name}"] += 1


def settle(service: Service, tally: Tally) -> None:
    """Wait until every accepted job has ended, and look at each."""
    until = time.monotonic() + SETTLE_SECONDS
    with httpx.Client(base_url=service.base_url, timeout=30, trust_env=False) as client:
        for job_id in sorted(tally.jobs):
            job = {"status": "unknown"}
            while time.monotonic() < until:
                try:
                    job = client.get(f"/v1/jobs/{job_id}").json()
                except httpx.TransportError:
                    time.sleep(0.3)
                    continue
                if job["status"] in ("succeeded", "failed", "cancelled"):
                    break
                time.sleep(0.3)
            events = client.get(f"/v1/jobs/{job_id}/events", params={"limit": 1000}).json()["data"]
            ends = [event for event in events if event["data"].get("status") in ("succeeded", "failed", "cancelled")]
            images = len((job.get("output") or {}).get("images", ()))
            if (job["status"], len(ends), images) != ("succeeded", 1, SEEDS_PER_JOB):
                tally.wrong.append(f"{job_id} is {job['status']} with {len(ends)} ends and {images} images")


def look_for_leftovers(service: Service, tally: Tally, *, before: int) -> None:
    """Processes beyond those of the beginning, and keys that belong to nobody."""
    until = time.monotonic() + 90  # reply lists of dead api processes expire after a minute
    client: redis.Redis = redis.Redis(unix_socket_path=str(service.home / "redis" / "redis.sock"))
    left: list[bytes] = []
    while time.monotonic() < until:
        left = [
            key
            # What a killed worker had taken and not begun stays in `unacked` until the broker puts it back, after its
            # visibility timeout of ten minutes; by then the batch is stale and the job was sent again.
            for pattern in ("likeness:pixels:*", "likeness:replies:*")
            for key in client.scan_iter(pattern)
        ]
        if not left and len(processes(service.home)) <= before:
            break
        time.sleep(1)
    client.close()
    if left:
        tally.wrong.append(f"{len(left)} keys are left in Redis, such as {left[0].decode()}")
    if (now := len(processes(service.home))) > before:
        tally.wrong.append(f"{now} processes run, and {before} did at the beginning")


def run(home: Path, *, seconds: float, seed: int) -> Tally:
    """Load and torment a new service in `home` for so long; what happened."""
    tally = Tally()
    with running_service(home, **SETTINGS) as service:
        before = len(processes(home))
        load = Load(service.base_url, tally, seed=seed)
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
            running = [clients.submit(load.run, place) for place in range(CLIENTS)]
            torment(home, tally, seconds=seconds, seed=seed)
            load.ended.set()
            for client in running:
                client.result(timeout=120)
        settle(service, tally)
        look_for_leftovers(service, tally, before=before)
        largest = max((resident_bytes(pid) for pid in processes(home)), default=0)
        if largest > 4_000_000_000:
            tally.wrong.append(f"a process holds {largest / 1e9:.1f} GB")
    if left := processes(home):
        tally.wrong.append(f"{len(left)} processes outlive the service")
    return tally


def main() -> int:
    """Run for as long as is asked, and tell."""
    parser = argparse.ArgumentParser(description="Kill and freeze parts of a service under load.")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="likeness-") as folder:
        tally = run(Path(folder) / "home", seconds=60 * asked.minutes, seed=asked.seed)
    print("answers:   " + ", ".join(f"{what}: {count}" for what, count in sorted(tally.statuses.items())))
    print("mischief:  " + ", ".join(f"{what}: {count}" for what, count in sorted(tally.mischief.items())))
    print(f"jobs:      {len(tally.jobs)} accepted; slowest answer {tally.slowest_seconds:.1f} s")
    print("\n".join(tally.wrong) or "nothing went wrong")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
