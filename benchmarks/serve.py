"""Images a second and latency of the whole service, beside the bare network and the bare pipeline on the same cores.

    python -m benchmarks.serve [--seconds 8] [--clients 1 8 64]

Before the service starts, this process runs the bare network and the bare pipeline (`benchmarks.workload`). Then the
service runs as `likeness up` starts it, in a temporary home, and this process is its clients. Every answer is checked.

Three ratios stand beside each rate. The first is to the bare pipeline on all cores, as ONNX Runtime uses them. The
second is to the same pipeline when the cores share its batches as our worker does, which is the most that one process
reaches. The clients take a part of the same cores, which no service could use; the third is to what the first pipeline
would reach on the cores that they left. CPU time an image is told by process: other work on the machine changes it less
than it changes rates.
"""

import argparse
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import httpx

from app.contract import cores
from benchmarks import load, workload
from benchmarks.connections import Request
from benchmarks.processes import Processes
from benchmarks.workload import Bare
from tests.running import running_service


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each measurement")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64], help="concurrent clients")
    options = parser.parse_args()
    print(
        f"{platform.machine()}, {cores.available()} cores, onnxruntime {version('onnxruntime')},"
        f" {options.seconds:g} s each"
    )
    pictures = workload.pictures()
    classify = Limits.tell(
        "classify 28x28 PNG",
        *workload.bare_classify(pictures, workload.plain("clothing"), seconds=options.seconds),
        workload.bare_classify(pictures, workload.shared("clothing"), seconds=options.seconds)[1],
    )
    face = Limits.tell(
        "face 64x64 PNG",
        *workload.bare_face(workload.plain("faces"), seconds=options.seconds),
        workload.bare_face(workload.shared("faces"), seconds=options.seconds)[1],
    )
    with tempfile.TemporaryDirectory(prefix="likeness-") as home, running_service(Path(home)) as service:
        bench = Bench(service.base_url, Processes.below(service.process.pid), options.seconds)
        for clients in options.clients:
            requests = workload.classifications(pictures)
            bench.run("classify 28x28 PNG", requests, workload.right_label, clients=clients, limits=classify)
        for clients in options.clients:
            bench.run("face 64x64 PNG uncached", workload.faces(), workload.is_face, clients=clients, limits=face)


@dataclass(frozen=True)
class Limits:
    """What one process reaches: as ONNX Runtime shares layers between the cores, and as our worker shares batches."""

    bare: Bare
    shared: Bare

    @classmethod
    def tell(cls, name: str, network: Bare, bare: Bare, shared: Bare) -> "Limits":
        """Print a line for each."""
        _tell_bare(f"bare network, {name}, batch 64", network)
        _tell_bare(f"bare pipeline, {name}", bare)
        _tell_bare(f"the same, sharing batches, {name}", shared)
        return cls(bare, shared)


class Bench:
    """Measures one running service.

    Args:
        url: where it is.
        processes: what it consists of.
        seconds: length of each measurement.
    """

    def __init__(self, url: str, processes: Processes, seconds: float) -> None:
        self._url, self._processes, self._seconds = url, processes, seconds

    def run(
        self, name: str, requests: Iterator[Request], check: load.Check, *, clients: int, limits: Limits
    ) -> load.Outcome:
        """Keep `clients` requests going and print two lines."""
        sent, spent = _coalescing(self._url), self._processes.cpu_seconds()
        outcome = load.closed(self._url, requests, clients=clients, seconds=self._seconds, check=check)
        sent_after, spent_after = _coalescing(self._url), self._processes.cpu_seconds()
        batches = sent_after["batches"] - sent["batches"]
        mean = (sent_after["images"] - sent["images"]) / batches if batches else float("nan")
        bare = limits.bare
        possible = bare.possible(client_cores=outcome.cpu_seconds / outcome.seconds)
        p50 = outcome.quantile_ms(0.5)
        alone = f"   {p50 - bare.alone_ms:+.1f} ms to the bare pipeline" if clients == 1 and bare.alone_ms else ""
        called = f"{name}, {clients} client{'s' if clients > 1 else ''}"
        print(
            f"{called:<44}{outcome.per_second:>9.0f} images/s   p50 {p50:6.1f} ms"
            f"   p99 {outcome.quantile_ms(0.99):6.1f} ms   {outcome.per_second / bare.per_second:5.2f} of the bare"
            f" pipeline, {outcome.per_second / limits.shared.per_second:.2f} of it sharing batches,"
            f" {outcome.per_second / possible:.2f} of it on the cores that the clients left{alone}"
        )
        costs = {"clients": outcome.cpu_seconds} | {
            part: spent_after[part] - spent[part] for part in sorted(spent_after)
        }
        told = ", ".join(f"{part} {1000 * seconds / outcome.answers:.3f}" for part, seconds in costs.items())
        total = 1000 * sum(costs.values()) / outcome.answers
        print(
            f"{'':<44}CPU ms an image: {told}; {total:.3f} together, {bare.cpu_ms:.3f} for the bare pipeline"
            f"   mean batch {mean:.1f}   {outcome.answers - outcome.statuses[200]} refused   {outcome.wrong} wrong",
            flush=True,
        )
        return outcome


def _tell_bare(name: str, bare: Bare) -> None:
    alone = f"   {bare.alone_ms:.1f} ms alone" if bare.alone_ms is not None else ""
    print(f"{name:<44}{bare.per_second:>9.0f} images/s   CPU ms an image: {bare.cpu_ms:.3f}{alone}", flush=True)


def _coalescing(url: str) -> dict[str, int]:
    coalescing: dict[str, int] = httpx.get(f"{url}/v1/status").json()["coalescing"]
    return coalescing


if __name__ == "__main__":
    main()
