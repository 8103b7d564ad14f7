"""BentoML (bentoml==1.4.39): adaptive batching in one worker; bodies are JSON with base64.

python -m bentoml serve benchmarks.peer_servers.bentoml_server:Likenesses --port 8100
"""

import base64
from typing import Any

import bentoml

from benchmarks.peer_servers.pipeline import LARGEST_BATCH, Pipeline

_BATCHING = {"batchable": True, "max_batch_size": LARGEST_BATCH, "max_latency_ms": 10_000}


@bentoml.service(workers=1, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Likenesses:
    """POST /classify {"images": [base64]} and POST /draw {"seeds": [text]}"""

    def __init__(self) -> None:
        self._pipeline = Pipeline()

    @bentoml.api(**_BATCHING)
    def classify(self, images: list[str]) -> list[dict[str, Any]]:
        """A label for each picture."""
        return self._pipeline.classify([base64.b64decode(image) for image in images])

    @bentoml.api(**_BATCHING)
    def draw(self, seeds: list[str]) -> list[str]:
        """A PNG file for each seed, in base64."""
        return [base64.b64encode(file).decode() for file in self._pipeline.draw(seeds)]
