"""What the benchmarks of serving ask for, how they know that an answer is right, and the least that it could cost.

The bare network is the network alone on full batches; the bare pipeline is the same decoding, network and encoding,
back to back in one process, with nothing in between. Both run on the cores that a worker would have: `plain` as ONNX
Runtime shares a network between them, which is what the peers run, and `shared` as our worker shares a batch.
"""

import io
import itertools
import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime
from PIL import Image

from app.contract import cores
from app.contract.registry import read_header
from benchmarks.connections import Request
from benchmarks.peer_servers import pipeline
from models import checkpoint, images, styles
from worker.serving.onnx_network import OnnxNetwork

CHECKPOINTS = Path(__file__).parents[1] / "models" / "checkpoints"
BATCH = 64
SIDE = 28
TRIES = 60  # of one picture alone


@dataclass(frozen=True)
class Pictures:
    """Pictures to classify: the files, and the class that the bare network gives each."""

    files: list[bytes]
    labels: list[int]


@dataclass(frozen=True)
class Bare:
    """What one process reaches by itself.

    Attributes:
        per_second: pictures a second in batches of `BATCH`.
        cpu_ms: CPU time a picture, over all threads.
        alone_ms: median time of one picture alone; None where nobody asks for one.
    """

    per_second: float
    cpu_ms: float
    alone_ms: float | None = None

    def possible(self, *, client_cores: float) -> float:
        """Pictures a second on the cores that the clients leave, when they keep so many busy themselves."""
        return self.per_second * max(0.0, 1 - client_cores / cores.available())


class Network(Protocol):
    """What a bundled network is asked for; see `worker.serving.engine.Network`."""

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """Of pictures."""

    def pixels(self, styles: np.ndarray) -> np.ndarray:
        """Of styles."""


def shared(name: str) -> Network:
    """A bundled network whose batches the cores share as in our worker."""
    digest = checkpoint.digest(CHECKPOINTS / f"{name}.safetensors")
    return OnnxNetwork(CHECKPOINTS / f"{name}.onnx", digest=digest, threads=cores.available())


def plain(name: str) -> Network:
    """A bundled network whose layers the cores share, as ONNX Runtime does it by itself."""
    return _Plain(pipeline.session(name))


class _Plain:
    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        return self._session.run(["logits"], {"pixels": pixels})[0]

    def pixels(self, styles: np.ndarray) -> np.ndarray:
        return self._session.run(["pixels"], {"styles": styles})[0]


def pictures() -> Pictures:
    """640 clothing pictures that the bundled generator draws, as PNG files."""
    path = CHECKPOINTS / "clothing-gan.safetensors"
    latents = styles.read(path)
    size = int(read_header(path.read_bytes())["input"]["size"])
    drawn = shared("clothing-gan").pixels(np.stack([latents.draw(f"picture-{number}") for number in range(640)]))
    files = []
    for pixels in drawn:
        buffer = io.BytesIO()
        Image.frombytes("L", (size, size), pixels.tobytes()).resize((SIDE, SIDE)).save(buffer, "PNG")
        files.append(buffer.getvalue())
    return Pictures(files, _labels(files))


def photographs() -> Pictures:
    """16 JPEG files of a megapixel each, made of the same drawings."""
    files = []
    for file in pictures().files[:16]:
        picture = Image.open(io.BytesIO(file)).convert("RGB").resize((1000, 1000), Image.Resampling.BICUBIC)
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=90)
        files.append(buffer.getvalue())
    return Pictures(files, _labels(files))


def bare_classify(asked: Pictures, classifier: Network, *, seconds: float) -> tuple[Bare, Bare]:
    """The bare network, and the bare pipeline for these files."""
    files = itertools.cycle(asked.files)
    decoded = np.stack([decode(asked.files[number % len(asked.files)]) for number in range(BATCH)])
    whole = _measured(lambda: classifier.logits(np.stack([decode(next(files)) for _ in range(BATCH)])), seconds)
    alone = _alone(lambda: classifier.logits(decode(next(files))[None]))
    return _measured(lambda: classifier.logits(decoded), seconds), Bare(whole.per_second, whole.cpu_ms, alone)


def bare_face(generator: Network, *, seconds: float) -> tuple[Bare, Bare]:
    """The bare network, and the bare pipeline to a PNG file."""
    latents, seeds = styles.read(CHECKPOINTS / "faces.safetensors"), itertools.count()
    drawn = np.stack([latents.draw(f"bare-{number}") for number in range(BATCH)])

    def draw(count: int) -> None:
        for pixels in generator.pixels(np.stack([latents.draw(f"bare-{next(seeds)}") for _ in range(count)])):
            height, width, channels = pixels.shape
            images.encode(pixels.tobytes(), width=width, height=height, channels=channels, format="png")

    whole = _measured(lambda: draw(BATCH), seconds)
    alone = _alone(lambda: draw(1))
    return _measured(lambda: generator.pixels(drawn), seconds), Bare(whole.per_second, whole.cpu_ms, alone)


def decode(file: bytes) -> np.ndarray:
    """The pixels uint8 [28, 28, 1] that the classifier takes."""
    pixels = images.decode(file, size=SIDE, channels=1, max_pixels=2_000_000)
    return np.frombuffer(pixels, np.uint8).reshape(SIDE, SIDE, 1)


def classifications(asked: Pictures, *, content_type: str = "image/png") -> Iterator[Request]:
    """Requests for one label each, round and round."""
    requests = [
        Request.of("POST", "/v1/classify?top_k=1", body=file, headers=(("Content-Type", content_type),), expected=label)
        for file, label in zip(asked.files, asked.labels, strict=True)
    ]
    return itertools.cycle(requests)


def right_label(request: Request, status: int, body: bytes) -> bool:
    """Whether the label is the bare network's; a refusal is not wrong."""
    if status != 200:
        return status == 503
    (result,) = json.loads(body)["results"]
    return bool(result["predictions"][0]["index"] == request.expected)


def faces() -> Iterator[Request]:
    """Requests for faces that nobody has asked for before."""
    stamp = time.time_ns()
    return (Request.of("GET", f"/v1/faces/{stamp}-{number}.png") for number in itertools.count())


def is_face(_request: Request, status: int, body: bytes) -> bool:
    """Whether the answer is a whole PNG file; a refusal is not wrong."""
    return body.startswith(b"\x89PNG") and body.endswith(b"IEND\xaeB`\x82") if status == 200 else status == 503


def _labels(files: list[bytes]) -> list[int]:
    classifier = shared("clothing")
    batches = [files[start : start + BATCH] for start in range(0, len(files), BATCH)]
    return [
        int(label) for batch in batches for label in classifier.logits(np.stack(list(map(decode, batch)))).argmax(1)
    ]


def _measured(batch: Callable[[], object], seconds: float) -> Bare:
    batch()
    began, cpu, count = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - began < seconds:
        batch()
        count += BATCH
    return Bare(count / (time.perf_counter() - began), 1000 * (time.process_time() - cpu) / count)


def _alone(one: Callable[[], object]) -> float:
    times = []
    for _ in range(TRIES):
        began = time.perf_counter()
        one()
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)
