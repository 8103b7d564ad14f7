"""Ray Serve (ray[serve]==2.60): `serve.batch` in one replica; bodies are the raw files.

python -m benchmarks.peer_servers.ray_server --port 8100
"""

import argparse
import time
from typing import Any

import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from benchmarks.peer_servers.pipeline import LARGEST_BATCH, WAIT_SECONDS, Pipeline

_BATCHING = {"max_batch_size": LARGEST_BATCH, "batch_wait_timeout_s": WAIT_SECONDS}


@serve.deployment(num_replicas=1, max_ongoing_requests=1024, ray_actor_options={"num_cpus": 1})
class Likenesses:
    """POST /classify with a file, POST /draw with a seed."""

    def __init__(self) -> None:
        self._pipeline = Pipeline()

    @serve.batch(**_BATCHING)
    async def _classify(self, files: list[bytes]) -> list[dict[str, Any]]:
        return self._pipeline.classify(files)

    @serve.batch(**_BATCHING)
    async def _draw(self, seeds: list[str]) -> list[bytes]:
        return self._pipeline.draw(seeds)

    async def __call__(self, request: Request) -> Response:
        body = await request.body()
        if request.url.path == "/draw":
            return Response(await self._draw(body.decode()), media_type="image/png")
        return JSONResponse(await self._classify(body))  # what is no response is sent in chunks


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=200_000_000, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": parser.parse_args().port})
    serve.run(Likenesses.bind())
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
