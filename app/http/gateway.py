"""What every request passes: an id, who may ask, a body within bounds, the headers that all answers have, the count.

Each of these was a middleware of its own once. Seven of them looked through the head seven times and put fourteen
functions around what is received and sent, which cost more than classifying a small picture. The rules stay in files
of their own; this one says in which order they apply.
"""

import functools
import time
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import errors, request_ids
from app.contract.errors import Busy, LikenessError, LimitReached
from app.http import cross_origin, refusals
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
        kept: refusals that others may be given as well.
    """

    def __init__(self, app: ASGIApp, *, admit: Admit, bodies: BodyRules, most: int, kept: refusals.Refusals) -> None:
        self._app, self._admit, self._bodies, self._most, self._kept = app, admit, bodies, most, kept
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
            metrics: Metrics = scope["app"].state.parts.metrics
            of = metrics, route_of(scope), method_of(scope), answer.status or 500
            self._tell(*of, time.perf_counter() - began)
            if answer.refusal is not None and scope["method"] != "HEAD" and scope["path"] not in PROBES:
                self._kept.remember(
                    _head(scope),
                    *answer.refusal,
                    count=functools.partial(self._tell, *of, 0.0),
                    room=scope.get(refusals.ROOM),
                )

    def _tell(self, metrics: Metrics, route: str, method: str, status: int, seconds: float) -> None:
        metrics.request(route, method, status, seconds)
        self._log.tell(route, method, status, seconds)

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
        refusal: status, fields and body of an answer that says no to a request of which only the head was read.
    """

    __slots__ = ("_common", "_send", "body", "own", "refusal", "status")

    def __init__(self, send: Send, common: Fields, own: Fields) -> None:
        self._send, self._common, self.own = send, common, own
        self.status: int | None = None
        self.body: Body | None = None
        self.refusal: tuple[int, Fields, bytes] | None = None

    async def __call__(self, message: Message) -> None:
        if self.body is not None and self.body.refusal is not None:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            fields: Fields = list(message.get("headers", ()))
            said = {name for name, _ in fields}
            fields += [field for field in self._common if field[0] not in said]
            fields += self.own
            message = {**message, "headers": fields}
            if message["status"] in refusals.STATUSES and (self.body is None or not self.body.begun):
                self.refusal = message["status"], fields, b""
        elif self.refusal is not None:
            status, fields, begun = self.refusal
            self.refusal = status, fields, begun + message.get("body", b"")
        await self._send(message)


def _head(scope: Scope) -> refusals.Head:
    target = scope.get("raw_path", b"") + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    return refusals.Head.of(scope["method"].encode(), target, scope.get(refusals.PEER), scope["headers"])
