"""Watches a small GAN learn over HTTP: its sample grids come nearer to real pictures.

    python -m benchmarks.training_gan --data DIR [--images 20000] [--out FOLDER]

DIR holds the four files of Fashion-MNIST, or a folder `fashion-mnist` with them. 2,000 pictures of ten kinds are
trained on by the service at LIKENESS_URL. Every grid of samples is measured as soon as it is there: the kernel distance
between its pictures and held-out ones, in the features of EfficientNet-Lite0. FOLDER receives the grids
and the time-lapse.
"""

import argparse
import io
import os
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.training import fashion_mnist, picture
from models import data, distances
from models.features import load_trunk

PER_CLASS = 200
HELD_OUT = 1_000
SIDE = 28
PRESET = "clothing-gan-tiny"
SETTINGS = {"sample_every": 1_024, "snapshot_every": 8_192, "report_every": 512}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training_gan", description=__doc__)
    folder = os.environ.get("LIKENESS_DATA")
    parser.add_argument("--data", type=Path, default=Path(folder) if folder else None, required=not folder)
    parser.add_argument("--url", default=os.environ.get("LIKENESS_URL", "http://127.0.0.1:8000"))
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    yardstick = Yardstick(options.data)
    print(f"real pictures against other real pictures: {yardstick.floor():.2f}", flush=True)
    began = time.monotonic()
    with httpx.Client(base_url=options.url, timeout=90) as service:
        job = start(service, options.data, images=options.images, settings=SETTINGS)
        for images, grid in grids(service, job):
            print(
                f"{time.monotonic() - began:6.1f} s  {images:6d} pictures  {yardstick.distance(grid):8.2f}", flush=True
            )
            _keep(options.out, f"{images:06d}.png", grid)
        _keep(options.out, "timelapse.webp", service.get(f"{job}/samples/timelapse.webp").content)
        print(asked(service.get(job))["result"])


def start(service: httpx.Client, folder: Path, *, images: int, settings: dict[str, Any]) -> str:
    """Upload the pictures and begin to train; the address of the job."""
    upload = {"file": ("clothes.zip", archive(folder))}
    dataset = asked(service.post("/v1/datasets", files=upload, headers={"Prefer": "wait=60"}))
    assert dataset["status"] == "ready", dataset
    body = {"preset": PRESET, "dataset": dataset["id"], "model": "my-clothes-gan", "settings": settings}
    return str(asked(service.post("/v1/training-jobs", json={**body, "budget": {"images": images}}))["urls"]["self"])


def grids(service: httpx.Client, job: str) -> Iterator[tuple[int, bytes]]:
    """Pictures seen and the grid of samples, as they come, until the training has succeeded."""
    seen = -1
    while True:
        over = (found := asked(service.get(job)))["finished_at"] is not None
        for sample in asked(service.get(f"{job}/samples"))["data"]:
            if sample["images"] > seen:
                seen = sample["images"]
                yield seen, service.get(sample["url"]).content
        if over:
            assert found["status"] == "succeeded", found["error"]
            return
        time.sleep(0.3)


class Yardstick:
    """Measures how far pictures of clothing are from real ones, in the space of a network that trained on neither."""

    def __init__(self, folder: Path) -> None:
        self._trunk = load_trunk()
        real = data.load(fashion_mnist(folder), split="test", size=SIDE, channels=1).images
        self._real, self._others = self._features(real[:HELD_OUT]), real[HELD_OUT:]

    def distance(self, grid: bytes) -> float:
        """Kernel distance of a grid's pictures, times 1,000."""
        sheet = np.asarray(Image.open(io.BytesIO(grid)).convert("L"))
        rows, columns = sheet.shape[0] // SIDE, sheet.shape[1] // SIDE
        tiles = sheet.reshape(rows, SIDE, columns, SIDE).swapaxes(1, 2).reshape(-1, 1, SIDE, SIDE)
        return distances.kernel(self._features(torch.from_numpy(tiles.copy())), self._real)

    def floor(self) -> float:
        """The same of as many real pictures."""
        return distances.kernel(self._features(self._others[:100]), self._real)

    def _features(self, pictures: Tensor) -> Tensor:
        return distances.embed(pictures, self._trunk)


def archive(folder: Path) -> bytes:
    """A zip of 200 pictures of each kind, in a folder for each."""
    found = data.load(fashion_mnist(folder), split="train", size=SIDE, channels=1)
    assert found.labels is not None
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for label, name in enumerate(found.classes):
            for number in torch.nonzero(found.labels == label)[:PER_CLASS, 0].tolist():
                safe = name.replace("/", "-")
                packed.writestr(f"{safe}/{number:05d}.png", picture(found.images[number, 0].numpy()))
    return out.getvalue()


def asked(answer: httpx.Response) -> Any:
    """The answer's JSON."""
    assert answer.is_success, answer.text
    return answer.json()


def _keep(folder: Path | None, name: str, content: bytes) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
