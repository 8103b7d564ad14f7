"""Every request has an id: the client's own `X-Request-ID`, or a new one. Answers, problems and log lines carry it."""

import contextvars
import random
import re

HEADER = "X-Request-ID"
FIELD = HEADER.lower().encode()

current: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")
"""Id of the request that is being answered; empty outside of one."""

_random = random.Random()  # an id is no secret, and asking the system for randomness lets go of the interpreter
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def choose(asked: bytes | None) -> str:
    """The client's id when it is one that may stand in a header and in a log line, else a new one."""
    if asked is not None and _ACCEPTABLE.fullmatch(text := asked.decode("latin-1")):
        return text
    return f"req_{_random.getrandbits(64):016x}"
