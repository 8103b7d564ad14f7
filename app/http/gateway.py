"""What every request passes: an id, who may ask, a body within bounds, the headers that all answers have, the count.

Each of these was a middleware of its own once. Seven of them looked through the head seven times and put fourteen
functions around what is received and sent, which cost more than classifying a small picture. The rules stay in files
of their own; this one says in which order they apply.
"""

import time
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import errors, request_ids
from app.contract.errors import Busy, LikenessError, LimitReached
from app.http import cross_origin
from app.http.body import Body, BodyBroken, BodyRules
from app.http.request_log import RequestLog
from app.metrics import PROBES, Metrics, method_of, route_of

Head = Mapping[bytes, bytes]
"""Fields of a request's head by their name in small letters; of a field that is sent twice, the first one."""

Fields = list[tuple[bytes, bytes]]

Admit = Callable[[Scope, Head], Awaitable[Fields]]
"""Lets a request in and gives header fields for its answer, or raises a `LikenessError`."""


CLIENT_LEFT = 499
"""What a request is counted as whose client has gone before it sent all; nginx's number, which nobody is ever sent."""


class Gateway:
    """ASGI middleware around everything else.

    Args:
        admit: the rule by which requests are let in.
        bodies: what a body may be.
        most: requests that are answered at a time. Who comes on top of them is refused before anything is read, so that
            a process which is asked for several times as much as it can has time left to answer what it can.
    """

    def __init__(self, app: ASGIApp, *, admit: Admit, bodies: BodyRules, most: int) -> None:
        self._app, self._admit, self._bodies, self._most = app, admit, bodies, most
        self._inside = 0
        self._log = RequestLog()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        began = time.perf_counter()
        head: Head = dict(reversed(scope["headers"]))
        request_id = request_ids.choose(head.get(b"x-request-id"))
        request_ids.current.set(request_id)
        answer = _Answer(send, cross_origin.fields(scope["path"]), [(request_ids.FIELD, request_id.encode())])
        self._inside += 1
        try:
            await self._let_in(scope, head, receive, answer)
        finally:
            self._inside -= 1
            route, method, seconds = route_of(scope), method_of(scope), time.perf_counter() - began
            metrics: Metrics = scope["app"].state.parts.metrics
            metrics.request(route, method, answer.status or 500, seconds)
            self._log.tell(route, method, answer.status or 500, seconds)

    async def _let_in(self, scope: Scope, head: Head, receive: Receive, answer: "_Answer") -> None:
        if self._inside > self._most and scope["path"] not in PROBES:
            return await errors.response(Busy())(scope, receive, answer)
        if scope["method"] == "OPTIONS" and cross_origin.is_open(scope["path"]):
            return await cross_origin.PREFLIGHT(scope, receive, answer)
        try:
            answer.own += await self._admit(scope, head)
        except LikenessError as refusal:
            standing = refusal.facts["standing"].headers() if isinstance(refusal, LimitReached) else None
            return await errors.response(refusal, standing)(scope, receive, answer)
        if b"content-length" not in head and b"transfer-encoding" not in head:
            return await self._app(scope, receive, answer)
        body = self._bodies.of(scope["path"], receive)
        if body.fits(head.get(b"content-length", b"")):
            answer.body = body
            try:
                await self._app(scope, body, answer)
            except ClientDisconnect:
                answer.status = answer.status or CLIENT_LEFT
            except BodyBroken:
                pass  # the refusal says why
            answer.body = None
        if body.refusal is not None and answer.status is None:
            await body.refuse(answer)


class _Answer:
    """Sends an answer with the fields that every answer has, and knows its status.

    Attributes:
        own: fields of this answer, whatever the application says.
        body: what the application reads from. Once that is refused, what the application makes of it is not the answer.
    """

    __slots__ = ("_common", "_send", "body", "own", "status")

    def __init__(self, send: Send, common: Fields, own: Fields) -> None:
        self._send, self._common, self.own = send, common, own
        self.status: int | None = None
        self.body: Body | None = None

    async def __call__(self, message: Message) -> None:
        if self.body is not None and self.body.refusal is not None:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            fields: Fields = list(message.get("headers", ()))
            said = {name for name, _ in fields}
            fields += [field for field in self._common if field[0] not in said]
            message = {**message, "headers": fields + self.own}
        await self._send(message)
