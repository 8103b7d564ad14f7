"""What processes of an earlier version said to each other, as it lay in Redis.

`tests/data/recorded-VERSION.json` was written by that version's own code. One version next to the other must work, so a
file stays until the version after it is the oldest one that anybody upgrades from.
"""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

VERSION = "0.1.0"
_FILE = Path(__file__).parent / "data" / f"recorded-{VERSION}.json"

RECORDED: Mapping[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
FROM_THE_FUTURE = {"a_field_of_the_next_version": {"of": ["any", "shape"]}}


def argument(message: Mapping[str, Any]) -> Any:
    """The one argument of a Celery message."""
    return json.loads(base64.b64decode(message["body"]))[0][0]


def with_argument(message: Mapping[str, Any], argument: Any) -> bytes:
    """The message with another argument, as it lies in Redis."""
    body = json.loads(base64.b64decode(message["body"]))
    body[0][0] = argument
    return json.dumps({**message, "body": base64.b64encode(json.dumps(body).encode()).decode()}).encode()


def replies() -> list[bytes]:
    """Replies, as they lie in Redis."""
    return [base64.b64decode(reply) for reply in RECORDED["replies"]]
