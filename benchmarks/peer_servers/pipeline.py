"""Files to labels and seeds to files, in batches: what every server wraps. NumPy, ONNX Runtime and Pillow alone."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from models import images, styles
from models.checkpoint import read_header

CHECKPOINTS = Path(__file__).parents[2] / "models" / "checkpoints"
LARGEST_BATCH = 64
WAIT_SECONDS = 0.002
"""How long a batch may wait for more, where a server wants to be told: about what a batch of four takes."""


class Pipeline:
    """The bundled classifier and face generator, on all cores."""

    def __init__(self) -> None:
        header = read_header(CHECKPOINTS / "clothing.safetensors")
        self._labels, self._side = header.labels, header.input["size"]
        self._classifier, self._generator = session("clothing"), session("faces")
        self._styles = styles.read(CHECKPOINTS / "faces.safetensors")

    def classify(self, files: Sequence[bytes]) -> list[dict[str, Any]]:
        """The likeliest class of each file."""
        decoded = [images.decode(file, size=self._side, channels=1, max_pixels=2_000_000) for file in files]
        pixels = np.frombuffer(b"".join(decoded), np.uint8).reshape(-1, self._side, self._side, 1)
        logits = self._classifier.run(["logits"], {"pixels": pixels})[0]
        powers = np.exp(logits - logits.max(1, keepdims=True))
        probabilities = powers / powers.sum(1, keepdims=True)
        return [
            {"index": int(index), "label": self._labels[index], "probability": round(float(row[index]), 6)}
            for row, index in zip(probabilities, logits.argmax(1), strict=True)
        ]

    def draw(self, seeds: Sequence[str]) -> list[bytes]:
        """The PNG file of each seed."""
        drawn = self._generator.run(["pixels"], {"styles": np.stack([self._styles.draw(seed) for seed in seeds])})[0]
        height, width, channels = drawn.shape[1:]
        return [
            images.encode(pixels.tobytes(), width=width, height=height, channels=channels, format="png")
            for pixels in drawn
        ]


def session(name: str) -> onnxruntime.InferenceSession:
    """A bundled network on all cores, which ONNX Runtime shares between them layer by layer."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(CHECKPOINTS / f"{name}.onnx"), options, providers=["CPUExecutionProvider"])
