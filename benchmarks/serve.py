"""Images a second and latency of the whole service, beside the bare network and the bare pipeline on the same cores.

    python -m benchmarks.serve [--seconds 8] [--clients 1 8 64]

Before the service starts, this process runs the bare network on full batches, and the bare pipeline: the same
decoding, the same network, the same encoding, back to back, with nothing in between. Then the service runs as
`likeness up` starts it, in a temporary home, and this process is its clients. Every answer is checked: a
classification must be the one that the bare network gives, a face must be a whole PNG file.
"""

import argparse
import io
import itertools
import json
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from app.contract import cores
from app.contract.registry import read_header
from benchmarks import load
from models import checkpoint, images, styles
from tests.running import running_service
from worker.onnx_network import OnnxNetwork

CHECKPOINTS = Path(__file__).parents[1] / "models" / "checkpoints"
BATCH = 64


@dataclass(frozen=True)
class Pictures:
    """Pictures to classify: the files, and the class that the bare network gives each."""

    files: list[bytes]
    labels: list[int]


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each measurement")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64], help="concurrent clients")
    options = parser.parse_args()
    print(
        f"{platform.machine()}, {cores.available()} cores, onnxruntime {version('onnxruntime')},"
        f" {options.seconds} s each"
    )
    classifier, generator = _network("clothing"), _network("faces")
    latents = styles.read(CHECKPOINTS / "faces.safetensors")
    pictures = _pictures(classifier)
    bare = _bare(classifier, generator, latents, pictures, seconds=options.seconds)
    for name, rate in bare.items():
        print(f"{name:<44}{rate:>9.0f} images/s")
    with tempfile.TemporaryDirectory(prefix="likeness-") as home, running_service(Path(home)) as service:
        for clients in options.clients:
            _report(
                f"classify 28x28 PNG, {clients} clients",
                service.base_url,
                _classifications(pictures),
                clients=clients,
                seconds=options.seconds,
                check=_right_label,
                against=bare["bare pipeline, classify 28x28 PNG"],
            )
        for clients in options.clients:
            _report(
                f"face 64x64 PNG uncached, {clients} clients",
                service.base_url,
                _faces(clients),
                clients=clients,
                seconds=options.seconds,
                check=_is_face,
                against=bare["bare pipeline, face 64x64 PNG"],
            )


def _report(
    name: str,
    url: str,
    requests: Iterator[load.Request],
    *,
    clients: int,
    seconds: float,
    check: load.Check,
    against: float,
) -> None:
    before = _coalescing(url)
    outcome = load.closed(url, requests, clients=clients, seconds=seconds, check=check)
    after = _coalescing(url)
    batches = after["batches"] - before["batches"]
    mean = (after["images"] - before["images"]) / batches if batches else float("nan")
    print(
        f"{name:<44}{outcome.per_second:>9.0f} images/s   p50 {outcome.quantile_ms(0.5):6.1f} ms"
        f"   p99 {outcome.quantile_ms(0.99):6.1f} ms   {outcome.per_second / against:5.2f} of the bare pipeline"
        f"   mean batch {mean:4.1f}   {sum(outcome.statuses.values()) - outcome.statuses[200]} refused"
        f"   {outcome.wrong} wrong"
    )


def _bare(
    classifier: OnnxNetwork, generator: OnnxNetwork, latents: styles.Styles, pictures: Pictures, *, seconds: float
) -> dict[str, float]:
    """Images a second in this process, by what is measured."""
    decoded = np.stack([_decode(file) for file in pictures.files[:BATCH]])
    drawn = np.stack([latents.draw(f"bare-{number}") for number in range(BATCH)])
    files, seeds = itertools.cycle(pictures.files), itertools.count()

    def classify() -> None:
        classifier.logits(np.stack([_decode(next(files)) for _ in range(BATCH)]))

    def draw() -> None:
        for pixels in generator.pixels(np.stack([latents.draw(f"bare-{next(seeds)}") for _ in range(BATCH)])):
            height, width, channels = pixels.shape
            images.encode(pixels.tobytes(), width=width, height=height, channels=channels, format="png")

    return {
        "bare network, classify, batch 64": _rate(lambda: classifier.logits(decoded), seconds),
        "bare pipeline, classify 28x28 PNG": _rate(classify, seconds),
        "bare network, face 64x64, batch 64": _rate(lambda: generator.pixels(drawn), seconds),
        "bare pipeline, face 64x64 PNG": _rate(draw, seconds),
    }


def _rate(batch: Callable[[], object], seconds: float) -> float:
    batch()
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        batch()
        count += BATCH
    return count / (time.perf_counter() - started)


def _network(name: str) -> OnnxNetwork:
    digest = checkpoint.digest(CHECKPOINTS / f"{name}.safetensors")
    return OnnxNetwork(CHECKPOINTS / f"{name}.onnx", digest=digest, threads=cores.available())


def _pictures(classifier: OnnxNetwork) -> Pictures:
    """640 clothing pictures that the bundled generator draws, as PNG files."""
    path = CHECKPOINTS / "clothing-gan.safetensors"
    latents, network = styles.read(path), _network("clothing-gan")
    size = int(read_header(path.read_bytes())["input"]["size"])
    drawn = network.pixels(np.stack([latents.draw(f"picture-{number}") for number in range(640)]))
    files = []
    for pixels in drawn:
        buffer = io.BytesIO()
        Image.frombytes("L", (size, size), pixels.tobytes()).resize((28, 28)).save(buffer, "PNG")
        files.append(buffer.getvalue())
    logits = np.concatenate(
        [
            classifier.logits(np.stack([_decode(file) for file in files[start : start + BATCH]]))
            for start in range(0, len(files), BATCH)
        ]
    )
    return Pictures(files, [int(label) for label in logits.argmax(1)])


def _decode(file: bytes) -> np.ndarray:
    pixels = images.decode(file, size=28, channels=1, max_pixels=1_000_000)
    return np.frombuffer(pixels, np.uint8).reshape(28, 28, 1)


def _classifications(pictures: Pictures) -> Iterator[load.Request]:
    requests = [
        load.Request.of(
            "POST", "/v1/classify?top_k=1", body=file, headers=(("Content-Type", "image/png"),), expected=label
        )
        for file, label in zip(pictures.files, pictures.labels, strict=True)
    ]
    return itertools.cycle(requests)


def _right_label(request: load.Request, status: int, body: bytes) -> bool:
    if status != 200:
        return status == 503
    (result,) = json.loads(body)["results"]
    return bool(result["predictions"][0]["index"] == request.expected)


def _faces(run: int) -> Iterator[load.Request]:
    stamp = time.time_ns()
    return (load.Request.of("GET", f"/v1/faces/{stamp}-{run}-{number}.png") for number in itertools.count())


def _is_face(_request: load.Request, status: int, body: bytes) -> bool:
    return body.startswith(b"\x89PNG") and body.endswith(b"IEND\xaeB`\x82") if status == 200 else status == 503


def _coalescing(url: str) -> dict[str, int]:
    coalescing: dict[str, int] = httpx.get(f"{url}/v1/status").json()["coalescing"]
    return coalescing


if __name__ == "__main__":
    main()
