"""The same requests in the words of each server, and how its answers are read."""

import base64
import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks import workload
from benchmarks.connections import Request

_PNG, _END = b"\x89PNG", b"IEND\xaeB`\x82"
_JSON = (("Content-Type", "application/json"),)


@dataclass(frozen=True)
class Dialect:
    """How one server is asked.

    Attributes:
        classify: a request for the class of a file (bytes, content type, expected class).
        draw: a request for the face of a seed.
        index: the class in an answer.
        picture: the file in an answer.
    """

    classify: Callable[[bytes, str, int], Request]
    draw: Callable[[str], Request]
    index: Callable[[bytes], int]
    picture: Callable[[bytes], bytes]

    def classifications(self, asked: workload.Pictures, content_type: str) -> Iterator[Request]:
        """Requests for one label each, round and round."""
        pairs = zip(asked.files, asked.labels, strict=True)
        return itertools.cycle([self.classify(file, content_type, label) for file, label in pairs])

    def faces(self) -> Iterator[Request]:
        """Requests for faces that nobody has asked for before."""
        stamp = time.time_ns()
        return (self.draw(f"{stamp}-{number}") for number in itertools.count())

    def right_label(self, request: Request, status: int, body: bytes) -> bool:
        """Whether the class is the bare network's."""
        return status == 200 and self.index(body) == request.expected

    def is_face(self, _request: Request, status: int, body: bytes) -> bool:
        """Whether the answer is a whole PNG file."""
        return status == 200 and (file := self.picture(body)).startswith(_PNG) and file.endswith(_END)


def _post(path: str, document: Any, expected: Any = None) -> Request:
    return Request.of("POST", path, body=json.dumps(document).encode(), headers=_JSON, expected=expected)


def _base64(file: bytes) -> str:
    return base64.b64encode(file).decode()


DIALECTS = {
    "likeness": Dialect(
        lambda file, kind, label: Request.of(
            "POST", "/v1/classify?top_k=1", body=file, headers=(("Content-Type", kind),), expected=label
        ),
        lambda seed: Request.of("GET", f"/v1/faces/{seed}.png"),
        lambda body: int(json.loads(body)["results"][0]["predictions"][0]["index"]),
        lambda body: body,
    ),
    "litserve": Dialect(
        lambda file, _, label: _post("/classify", {"image": _base64(file)}, label),
        lambda seed: _post("/draw", {"seed": seed}),
        lambda body: int(json.loads(body)["index"]),
        lambda body: body,
    ),
    "bentoml": Dialect(
        lambda file, _, label: _post("/classify", {"images": [_base64(file)]}, label),
        lambda seed: _post("/draw", {"seeds": [seed]}),
        lambda body: int(json.loads(body)[0]["index"]),
        lambda body: base64.b64decode(json.loads(body)[0]),
    ),
    "ray": Dialect(
        lambda file, kind, label: Request.of(
            "POST", "/classify", body=file, headers=(("Content-Type", kind),), expected=label
        ),
        lambda seed: Request.of("POST", "/draw", body=seed.encode()),
        lambda body: int(json.loads(body)["index"]),
        lambda body: body,
    ),
}
