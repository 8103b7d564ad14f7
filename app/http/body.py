"""The body of a request: it ends at a limit, and it keeps coming.

A body that is too long is refused with 413 before it is read, or as soon as it has grown too long; one that stops
coming with 408. Nothing is ever read faster than a worker of ours can take it, so slow bodies cost memory and a place
in the event loop and no more; what ends them is that they never end. Only the time that the client is waited for
counts: a database or a store that is slow is no fault of the client's.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.types import Message, Receive, Send

from app import errors
from app.contract.errors import BodyTooLarge, LikenessError, SlowBody

BYTES_IN_TIME = 100_000
"""As many bytes of a body must come within each time limit."""

DRAINED_BODIES = 8
"""A refused body is read and thrown away up to this many times the limit: a client that is still sending would
otherwise meet a reset connection instead of the answer."""


class BodyBroken(Exception):
    """Ends what the application does with a body that is refused meanwhile."""


@dataclass(frozen=True)
class BodyRules:
    """What a body may be.

    Attributes:
        limit: most bytes, unless `paths` has another limit.
        seconds: time for each `BYTES_IN_TIME` of it.
        paths: limits of single paths, and, where the name of one ends with a slash, of all that begin with that part.
    """

    limit: int
    seconds: float
    paths: Mapping[str, int] = field(default_factory=dict)

    def of(self, path: str, receive: Receive) -> "Body":
        """The body that `receive` brings for `path`."""
        limit = self.paths.get(path) or self.paths.get(path[: path.find("/", 1) + 1], self.limit)
        return Body(receive, limit=limit, seconds=self.seconds)


class Body:
    """The body of one request as the application receives it.

    Attributes:
        refusal: why it is refused, once it is.
        begun: whether anything of it was asked for.
    """

    __slots__ = ("_complete", "_left", "_limit", "_receive", "_received", "_seconds", "_since", "begun", "refusal")

    def __init__(self, receive: Receive, *, limit: int, seconds: float) -> None:
        self._receive, self._limit, self._seconds = receive, limit, seconds
        self._left = seconds  # of waiting for the next `BYTES_IN_TIME`
        self._received = self._since = 0
        self._complete = self.begun = False
        self.refusal: LikenessError | None = None

    def fits(self, declared: bytes) -> bool:
        """Whether a body of this `Content-Length` may come; one that does not say how long it is may begin to."""
        if declared.isdigit() and int(declared) > self._limit:
            self.refusal = BodyTooLarge(limit=self._limit)
        return self.refusal is None

    async def __call__(self) -> Message:
        """The next message. Raises `BodyBroken`."""
        self.begun = True
        message = await self._next()
        self._received += len(message.get("body", b""))
        if self._received > self._limit:
            self.refusal = BodyTooLarge(limit=self._limit)
            raise BodyBroken
        return message

    async def refuse(self, send: Send) -> None:
        """Answer with the refusal, and end the connection."""
        assert self.refusal is not None
        answer = errors.response(self.refusal, {"Connection": "close"})
        await send({"type": "http.response.start", "status": answer.status_code, "headers": answer.raw_headers})
        drains = isinstance(self.refusal, BodyTooLarge)
        await send({"type": "http.response.body", "body": answer.body, "more_body": drains})
        if drains:
            await self._drain()
            await send({"type": "http.response.body", "body": b""})

    async def _drain(self) -> None:
        left = DRAINED_BODIES * self._limit
        while left > 0 and not self._complete:
            try:
                left -= len((await self._next()).get("body", b""))
            except BodyBroken:
                return

    async def _next(self) -> Message:
        if self._complete:  # what is waited for now is that the client leaves
            return await self._receive()
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._left):
                message = await self._receive()
        except TimeoutError:
            self.refusal = self.refusal or SlowBody(seconds=f"{self._seconds:g}")
            raise BodyBroken from None
        self._complete = not message.get("more_body", False)
        self._since += len(message.get("body", b""))
        self._left -= asyncio.get_running_loop().time() - began
        if self._since >= BYTES_IN_TIME:
            self._left, self._since = self._seconds, 0
        return message
