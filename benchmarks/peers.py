"""Our service beside minimal servers of other frameworks, around the same networks and the same decoding and encoding.

    python -m benchmarks.peers --python litserve=DIR/bin/python --python bentoml=... --python ray=... [--rounds 3]

One server at a time runs on all cores, and this process is its clients. Each round begins with another server, so that
what else happens on the machine hits all alike; figures are the median of the rounds with the smallest and the largest.
Every answer is checked. The bare pipeline (`benchmarks.workload`) runs once in every round, in this process.

For each peer, make an environment with what its file in `benchmarks/peer_servers` names, and `numpy`, `onnxruntime`,
`pillow` and `safetensors` in the versions of `constraints.txt`. A peer without `--python` is left out.
"""

import argparse
import contextlib
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.contract import cores
from benchmarks import load, peer_requests, processes, scale, workload
from benchmarks.peer_requests import Dialect

START_SECONDS = 180.0
MODULE = "benchmarks.peer_servers"
COMMANDS: dict[str, Callable[[int], list[str]]] = {
    "litserve": lambda port: ["-m", f"{MODULE}.litserve_server", "--port", str(port)],
    "bentoml": lambda port: [
        *("-m", "bentoml", "serve", f"{MODULE}.bentoml_server:Likenesses", "--host", "127.0.0.1", "--port", str(port))
    ],
    "ray": lambda port: ["-m", f"{MODULE}.ray_server", "--port", str(port)],
}


@dataclass(frozen=True)
class Scenario:
    """What is asked for; a rate in requests a second makes it an open loop."""

    name: str
    kind: str
    clients: int = 0
    rate: float = 0.0


SCENARIOS = (
    *(Scenario(f"classify 28x28 PNG, {n} clients", "png", clients=n) for n in (1, 8, 64, 256)),
    Scenario("classify 28x28 PNG, 200/s", "png", rate=200),
    Scenario("classify 1-megapixel JPEG, 64 clients", "jpeg", clients=64),
    Scenario("face 64x64 PNG, 64 clients", "face", clients=64),
)


@dataclass(frozen=True)
class Figures:
    """What one run of a scenario saw."""

    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_seconds_per_1000: float
    peak_megabytes: float
    wrong: int


def main() -> None:
    """Measure, and print a table for each scenario."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="append", default=[], metavar="PEER=PATH", help="interpreter of a peer")
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each measurement")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # in order, so that no server is left behind
    pythons = dict(entry.split("=", 1) for entry in options.python)
    names = ["likeness", *(name for name in COMMANDS if name in pythons)]
    print(f"{platform.machine()}, {cores.available()} cores, {options.rounds} rounds, {options.seconds:g} s each\n")
    files = {"png": workload.pictures(), "jpeg": workload.photographs()}
    bare: dict[str, list[float]] = defaultdict(list)
    seen: dict[tuple[str, str], list[Figures]] = defaultdict(list)
    for number in range(options.rounds):
        for kind, found in files.items():
            bare[kind].append(
                workload.bare_classify(found, workload.plain("clothing"), seconds=options.seconds)[1].per_second
            )
        bare["face"].append(workload.bare_face(workload.plain("faces"), seconds=options.seconds)[1].per_second)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            with served(name, pythons.get(name, "")) as (url, mark):
                for scenario in SCENARIOS:
                    figures = measure(url, mark, peer_requests.DIALECTS[name], scenario, files, options.seconds)
                    seen[scenario.name, name].append(figures)
                    print(f"round {number + 1}: {name}, {scenario.name}: {figures}", flush=True)
    for scenario in SCENARIOS:
        report(scenario, {name: seen[scenario.name, name] for name in names}, statistics.median(bare[scenario.kind]))


def measure(
    url: str,
    mark: str,
    dialect: Dialect,
    scenario: Scenario,
    files: dict[str, workload.Pictures],
    seconds: float,
) -> Figures:
    """Run one scenario, after a second to get used to it."""
    check: load.Check = dialect.is_face
    if scenario.kind == "face":
        requests = dialect.faces()
    else:
        requests, check = dialect.classifications(files[scenario.kind], f"image/{scenario.kind}"), dialect.right_label
    load.closed(url, requests, clients=scenario.clients or 8, seconds=1.0)
    before = processes.marked_cpu_seconds(mark)
    if scenario.rate:
        outcome = load.open_loop(url, requests, rate=scenario.rate, seconds=seconds, check=check)
    else:
        outcome = load.closed(url, requests, clients=scenario.clients, seconds=seconds, check=check)
    spent = processes.marked_cpu_seconds(mark) - before
    return Figures(
        round(outcome.per_second, 1),
        round(outcome.quantile_ms(0.5), 2),
        round(outcome.quantile_ms(0.99), 2),
        round(1000 * spent / max(1, outcome.statuses[200]), 3),
        round(processes.marked_peak_bytes(mark) / 1e6),
        outcome.wrong,
    )


def report(scenario: Scenario, found: dict[str, list[Figures]], bare: float) -> None:
    """Print a table."""
    print(f"\n### {scenario.name}\n\nBare pipeline: {bare:.0f} images/s.\n")
    print("| server | images/s | of the bare pipeline | p50 | p99 | CPU s per 1,000 | peak memory | wrong |")
    print("|---" * 8 + "|")
    for name, runs in found.items():
        rates = [run.per_second for run in runs]
        rate = statistics.median(rates)
        print(
            f"| {name} | {rate:.0f} ({min(rates):.0f} to {max(rates):.0f}) | {rate / bare:.2f}"
            f" | {_median(runs, 'p50_ms'):.1f} ms | {_median(runs, 'p99_ms'):.1f} ms"
            f" | {_median(runs, 'cpu_seconds_per_1000'):.2f} | {_median(runs, 'peak_megabytes'):.0f} MB"
            f" | {sum(run.wrong for run in runs)} |"
        )
    peers = [statistics.median(run.per_second for run in runs) for name, runs in found.items() if name != "likeness"]
    if peers:
        ours = statistics.median(run.per_second for run in found["likeness"])
        print(f"\nOurs is {ours / max(peers):.2f} times the best peer.")


def _median(runs: Sequence[Figures], figure: str) -> float:
    return statistics.median(getattr(run, figure) for run in runs)


@contextlib.contextmanager
def served(name: str, python: str) -> Iterator[tuple[str, str]]:
    """Run a server while the block runs; its address, and the mark that its processes carry in their environment."""
    mark = uuid.uuid4().hex
    if name == "likeness":
        os.environ[processes.MARK] = mark
        with scale.running(apis=1, workers=1) as service:
            del os.environ[processes.MARK]  # or this process would count as well
            yield service.url, mark
        return
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {**os.environ, processes.MARK: mark, "PYTHONPATH": os.getcwd(), "BENTOML_DO_NOT_TRACK": "True"}
    environment["PATH"] = f"{Path(python).parent}:{environment['PATH']}"
    with subprocess.Popen(
        [python, *COMMANDS[name](port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # as some do by themselves: the scheduler shares the cores between sessions
    ) as process:
        try:
            _wait(f"http://127.0.0.1:{port}", peer_requests.DIALECTS[name], process)
            yield f"http://127.0.0.1:{port}", mark
        finally:
            processes.end_marked(mark)


def _wait(url: str, dialect: Dialect, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        assert process.poll() is None, "the server ended before it answered"
        if load.closed(url, dialect.faces(), clients=1, seconds=0.01, check=dialect.is_face).statuses[200]:
            return
        time.sleep(0.5)
    raise TimeoutError("the server did not become ready")


if __name__ == "__main__":
    main()
