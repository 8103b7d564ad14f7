"""Mixed load on a whole service while parts of it are killed, frozen and starved, and what must be true afterwards.

    python -m tests.chaos --minutes 30 [--postgres] [--seed 0]

Afterwards every accepted job has come to an end, once; every interactive request had an answer within its deadline, not
counting the time in which there was no api or no core for it, or lost its connection when the api was killed; no
process, no file and no key in Redis is left over; memory is flat.
"""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import io
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import redis
from PIL import Image

from tests import mischief, postgres
from tests.mischief import PROGRAMS, Deed, Mischief, Watch, processes
from tests.running import Service, running_service
from tests.starvation import waited_seconds

DEADLINE_SECONDS = 6.0
SLACK_SECONDS = 2.0
"""What decoding, encoding and two busy cores may add to the deadline."""

CLIENTS = 6
SEEDS_PER_JOB = 8
SETTLE_SECONDS, SETTLE_SECONDS_PER_JOB = 120.0, 0.1
DISK_BYTES, DISK_BYTES_PER_SECOND = 300_000_000, 300_000
"""Room for the service, and for what its jobs leave for good: three a second, with eight files of a page each."""

MOST_GROWTH, SLIGHT_GROWTH_BYTES = 1.3, 20_000_000
"""A program may take so many times the memory in the second half that it took in the first, or so much more."""

JUDGED_SIZES = 120
"""Sizes in each half, of which there are two a second: before that a program may not have met its largest batch."""

SETTINGS = {
    "LIKENESS_INTERACTIVE_DEADLINE_SECONDS": str(DEADLINE_SECONDS),
    "LIKENESS_LEASE_SECONDS": "6",
    "LIKENESS_SWEEP_SECONDS": "1",
    "LIKENESS_MAX_ATTEMPTS": "50",
}


@dataclasses.dataclass(frozen=True)
class Slow:
    """An answer that took longer than the deadline. Times are of the monotonic clock."""

    what: str
    began: float
    ended: float
    starved: float  # seconds in which the client itself waited for a core


@dataclasses.dataclass
class Tally:
    """What happened; changed under the lock alone."""

    lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)
    statuses: Counter[str] = dataclasses.field(default_factory=Counter)
    mischief: Counter[str] = dataclasses.field(default_factory=Counter)
    wrong: list[str] = dataclasses.field(default_factory=list)
    slow: list[Slow] = dataclasses.field(default_factory=list)
    slowest_seconds: float = 0.0
    jobs: set[str] = dataclasses.field(default_factory=set)
    memory: dict[str, list[int]] = dataclasses.field(default_factory=dict)
    disk: dict[str, int] = dataclasses.field(default_factory=dict)

    def note(self, what: str, status: int, began: float, *, starved: float, expected: set[int]) -> None:
        """Count an answer that has come now, to a client that waited for a core for `starved` seconds."""
        ended = time.monotonic()
        with self.lock:
            self.statuses[f"{what} {status}"] += 1
            if status not in expected:
                self.wrong.append(f"{what} was answered {status}")
            if ended - began > DEADLINE_SECONDS:
                self.slow.append(Slow(what, began, ended, starved))

    def judge_slow(self, watch: Watch, deeds: list[Deed]) -> None:
        """Hold the slow answers against the time in which there was no api, or no core for it or for the client."""
        away = watch.away(deeds)
        for slow in self.slow:
            starved = watch.starved(slow.began, slow.ended) + slow.starved
            seconds = slow.ended - slow.began - mischief.overlap(slow.began, slow.ended, away) - starved
            self.slowest_seconds = max(self.slowest_seconds, seconds)
            if seconds > DEADLINE_SECONDS + SLACK_SECONDS:
                meanwhile = [deed.what for deed in deeds if deed.began < slow.ended and deed.ended > slow.began]
                alive = watch.slowest(slow.began, slow.ended)
                self.wrong.append(
                    f"{slow.what} took {seconds:.1f} s, not counting the time without an api and {starved:.1f} s "
                    f"without a core; meanwhile: {meanwhile}, and to say that it lives took the api {alive:.1f} s"
                )

    def judge_memory(self) -> None:
        """Hold what the programs took in the second half against the first; a short run says nothing of it."""
        for program, sizes in self.memory.items():
            half = len(sizes) // 2
            if half < JUDGED_SIZES:
                continue
            first, second = max(sizes[:half], default=0), max(sizes[half:], default=0)
            if first and second > max(MOST_GROWTH * first, first + SLIGHT_GROWTH_BYTES):
                self.wrong.append(f"{program} took {first / 1e6:.0f} MB at first and {second / 1e6:.0f} MB later")


def resident_bytes(pid: int) -> int:
    """Memory of a process; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def disk_bytes(folder: Path) -> int:
    """What the files below `folder` take."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


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
        began, before = time.monotonic(), waited_seconds()
        answer = send()
        starved = waited_seconds() - before
        self._tally.note(what, answer.status_code, began, starved=starved, expected=expected)
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
        """Accepted at least once: the same `Idempotency-Key` is sent until an answer comes, which may be the job's."""
        if chance.random() > 0.3:
            return
        name = f"chaos-{chance.randrange(10**12)}"
        body = {"seeds": [f"{name}-{number}" for number in range(SEEDS_PER_JOB)], "size": 16, "format": "jpeg"}
        headers = {"Prefer": "respond-async", "Idempotency-Key": name}
        while not self.ended.is_set():
            try:
                answer = self._ask(
                    "job", lambda: client.post("/v1/generate", json=body, headers=headers), expected={200, 202, 503}
                )
            except httpx.TransportError:
                self.ended.wait(0.2)
                continue
            if answer.is_success:
                with self._tally.lock:
                    self._tally.jobs.add(answer.headers["Location"].rpartition("/")[2])
                return


def settle(service: Service, tally: Tally) -> None:
    """Wait until every accepted job has ended, and look at each."""
    until = time.monotonic() + SETTLE_SECONDS + SETTLE_SECONDS_PER_JOB * len(tally.jobs)
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
    """Processes beyond those of the beginning, files of runs, and keys in Redis that belong to nobody."""
    until = time.monotonic() + 60
    lasting: list[str] = []
    with contextlib.closing(redis.Redis(unix_socket_path=str(service.home / "redis" / "redis.sock"))) as client:
        while time.monotonic() < until:
            # Reply lists of dead api processes, and pixels that nobody fetched, go by themselves.
            kinds = ("pixels:*", "replies:*", "unacked*")
            of_batches = [key for kind in kinds for key in client.scan_iter(f"likeness:{kind}")]
            lasting = [key.decode() for key in of_batches if client.ttl(key) == -1]
            if not lasting and len(processes(service.home)) <= before:
                break
            time.sleep(1)
    if lasting:
        tally.wrong.append(f"{len(lasting)} keys stay in Redis, such as {lasting[0]}")
    if (now := len(processes(service.home))) > before:
        tally.wrong.append(f"{now} processes run, and {before} did at the beginning")
    tally.disk = {entry.name: disk_bytes(entry) for entry in service.home.iterdir() if entry.is_dir()}
    places = [entry for entry in (service.home / "training").iterdir() if entry.is_dir()]
    if len(places) != 1 or [file.name for file in places[0].iterdir()] != ["lock"]:
        tally.wrong.append(f"the train worker's places are {sorted(place.name for place in places)}")


def watch_memory(home: Path, tally: Tally, ended: threading.Event) -> None:
    """Note twice a second what the largest process of each program takes."""
    while not ended.wait(0.5):
        for program, words in PROGRAMS.items():
            sizes = [resident_bytes(pid) for pid in processes(home, words)]
            tally.memory.setdefault(program, []).append(max(sizes, default=0))


def run(home: Path, *, seconds: float, seed: int, with_postgres: bool = False) -> Tally:
    """Load and torment a new service in `home` for so long; what happened.

    Its disk is a small one, and filled now and then, where that is allowed.
    """
    tally = Tally()
    with contextlib.ExitStack() as stack:
        small = stack.enter_context(
            mischief.small_disk(home, size_bytes=DISK_BYTES + int(seconds * DISK_BYTES_PER_SECOND))
        )
        settings, cluster = dict(SETTINGS), None
        if with_postgres:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="likeness-postgres-")))
            settings["LIKENESS_DATABASE_URL"] = stack.enter_context(postgres.server(folder))
            cluster = folder / "cluster"
        with running_service(home, **settings) as service:
            doer = Mischief(home, seed=seed, postgres=cluster, small_disk=small)
            _run(service, tally, doer, seconds=seconds, seed=seed)
        if left := processes(home):
            tally.wrong.append(f"{len(left)} processes outlive the service")
    return tally


def _run(service: Service, tally: Tally, doer: Mischief, *, seconds: float, seed: int) -> None:
    before = len(processes(service.home))
    load = Load(service.base_url, tally, seed=seed)
    with _watching(service) as watch, concurrent.futures.ThreadPoolExecutor(CLIENTS + 1) as threads:
        running = [threads.submit(load.run, place) for place in range(CLIENTS)]
        running.append(threads.submit(watch_memory, service.home, tally, load.ended))
        try:
            doer.run(seconds=seconds)
        finally:
            load.ended.set()
        for each in running:
            each.result(timeout=120)
        tally.mischief.update(deed.what for deed in doer.deeds)
        settle(service, tally)
    tally.judge_slow(watch, doer.deeds)
    tally.judge_memory()
    look_for_leftovers(service, tally, before=before)


@contextlib.contextmanager
def _watching(service: Service) -> Iterator[Watch]:
    watch = Watch(service.base_url, service.home)
    watch.start()
    try:
        yield watch
    finally:
        watch.stop()


def main() -> int:
    """Run for as long as is asked, and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Torment a service under load.")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--postgres", action="store_true", help="with a PostgreSQL server that crashes and freezes, too"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="likeness-") as folder:
        home = Path(folder) / "home"
        tally = run(home, seconds=60 * asked.minutes, seed=asked.seed, with_postgres=asked.postgres)
    print("answers:   " + ", ".join(f"{what}: {count}" for what, count in sorted(tally.statuses.items())))
    print("mischief:  " + ", ".join(f"{what}: {count}" for what, count in sorted(tally.mischief.items())))
    print(
        "memory:    " + ", ".join(f"{what}: {max(sizes) / 1e6:.0f} MB" for what, sizes in sorted(tally.memory.items()))
    )
    print("disk:      " + ", ".join(f"{what}: {size / 1e6:.0f} MB" for what, size in sorted(tally.disk.items())))
    print(f"jobs:      {len(tally.jobs)} accepted; slowest answer {tally.slowest_seconds:.1f} s with an api and a core")
    for what, count in Counter(tally.wrong).most_common():
        print(f"{what} ({count} times)" if count > 1 else what)
    print("" if tally.wrong else "nothing went wrong")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
