"""Times the way from a zip of pictures to a promoted model that names a new picture, over HTTP.

    python -m benchmarks.training --data DIR

DIR holds the four files of Fashion-MNIST, or a folder `fashion-mnist` with them. 600 pictures in three classes are
trained on by the service at LIKENESS_URL; the picture that is named afterwards is none of them.
"""

import argparse
import gzip
import io
import os
import platform
import time
import zipfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from app.contract import cores
from models import images

CLASSES = {"Trouser": 1, "Sneaker": 7, "Bag": 8}
PER_CLASS = 200
PRESET = "pictures-tiny"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    folder = os.environ.get("LIKENESS_DATA")
    parser.add_argument("--data", type=Path, default=Path(folder) if folder else None, required=not folder)
    parser.add_argument("--url", default=os.environ.get("LIKENESS_URL", "http://127.0.0.1:8000"))
    options = parser.parse_args()
    walk(options.url, fashion_mnist(options.data))


def walk(url: str, data: Path) -> None:
    """Do it and print the seconds at every step."""
    print(f"{platform.processor() or platform.machine()}, {cores.available()} cores, load {os.getloadavg()[0]:.1f}")
    packed = archive(data)
    began = time.monotonic()

    def told(what: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {what}", flush=True)

    with httpx.Client(base_url=url, timeout=90) as service:
        dataset = _asked(
            service.post("/v1/datasets", files={"file": ("clothes.zip", packed)}, headers={"Prefer": "wait=60"})
        )
        told(f"{dataset['images']} pictures in {len(dataset['classes'])} classes are {dataset['status']}")
        body = {"preset": PRESET, "dataset": dataset["id"], "model": "my-clothes", "promote": "always"}
        job = _asked(service.post("/v1/training-jobs", json=body))
        stage = None
        while job["finished_at"] is None:
            time.sleep(0.2)
            job = _asked(service.get(f"/v1/training-jobs/{job['id']}"))
            if job["stage"] != stage:
                stage = job["stage"]
                told(str(stage))
        result = job["result"]
        assert result, job["error"]
        told(f"{result['model'][:30]}..., {result['why']}, accuracy {result['metrics']['accuracy']:.3f}")
        unseen = picture(_array(data, "t10k-images-idx3", 3)[_array(data, "t10k-labels-idx1", 1) == 7][0])
        named = _asked(service.post("/v1/classify?model=my-clothes", files={"image": unseen}))
        best = named["results"][0]["predictions"][0]
        told(f"a new picture is a {best['label']} with probability {best['probability']:.3f}")


def archive(data: Path) -> bytes:
    """A zip with a folder of PNG files for each class."""
    pixels, labels = _array(data, "train-images-idx3", 3), _array(data, "train-labels-idx1", 1)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, label in CLASSES.items():
            for number in np.flatnonzero(labels == label)[:PER_CLASS]:
                packed.writestr(f"{name}/{number:05d}.png", picture(pixels[number]))
    return out.getvalue()


def fashion_mnist(folder: Path) -> Path:
    """The folder of the four files: `folder` itself, or one in it."""
    own = folder / "fashion-mnist"
    return own if own.exists() else folder


def picture(pixels: NDArray[np.uint8]) -> bytes:
    """A grey picture as PNG."""
    height, width = pixels.shape
    return images.encode(pixels.tobytes(), width=width, height=height, channels=1, format="png")


def _array(data: Path, name: str, axes: int) -> NDArray[np.uint8]:
    content = gzip.decompress((data / f"{name}-ubyte.gz").read_bytes())
    shape = np.frombuffer(content, ">u4", count=axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape([int(length) for length in shape])


def _asked(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


if __name__ == "__main__":
    main()
