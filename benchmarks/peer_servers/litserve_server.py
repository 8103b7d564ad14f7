"""LitServe (litserve==0.2.19): dynamic batching, its fast queue, one worker; JSON with base64 as in its guide.

python -m benchmarks.peer_servers.litserve_server --port 8100
"""

import argparse
import base64
from typing import Any

import litserve
from starlette.responses import Response

from benchmarks.peer_servers.pipeline import LARGEST_BATCH, WAIT_SECONDS, Pipeline


class Classify(litserve.LitAPI):
    """POST /classify {"image": base64}"""

    def setup(self, device: str) -> None:
        self._pipeline = Pipeline()

    def decode_request(self, request: dict[str, str]) -> bytes:
        return base64.b64decode(request["image"])

    def batch(self, inputs: list[bytes]) -> list[bytes]:
        return inputs

    def predict(self, x: list[bytes]) -> list[dict[str, Any]]:
        return self._pipeline.classify(x)

    def unbatch(self, output: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return output

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        return output


class Draw(litserve.LitAPI):
    """POST /draw {"seed": text}"""

    def setup(self, device: str) -> None:
        self._pipeline = Pipeline()

    def decode_request(self, request: dict[str, str]) -> str:
        return request["seed"]

    def batch(self, inputs: list[str]) -> list[str]:
        return inputs

    def predict(self, x: list[str]) -> list[bytes]:
        return self._pipeline.draw(x)

    def unbatch(self, output: list[bytes]) -> list[bytes]:
        return output

    def encode_response(self, output: bytes) -> Response:
        return Response(output, media_type="image/png")


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    batching = {"max_batch_size": LARGEST_BATCH, "batch_timeout": WAIT_SECONDS}
    apis = [Classify(api_path="/classify", **batching), Draw(api_path="/draw", **batching)]
    server = litserve.LitServer(apis, accelerator="cpu", workers_per_device=1, fast_queue=True, timeout=60)
    port = parser.parse_args().port
    server.run(host="127.0.0.1", port=port, generate_client_file=False, log_level="warning")


if __name__ == "__main__":
    main()
