"""Answers that many ask for at once: what may be kept by anyone is kept here for a moment, by its address.

A page with one face on it sends everyone to the same address. Its answer says `Cache-Control: public`, so any cache on
the way may give it out; this one saves the way through routes and options, which costs many times what sending the
bytes does. It lasts so short that a promoted model is seen at once; signed addresses, which are counted, pass it by.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http import conditional

KEPT_SECONDS = 1.0
LARGEST_BYTES = 262_144
MOST_BYTES = 16_000_000

_OVERHEAD_BYTES = 1024


@dataclass(frozen=True)
class _Kept:
    headers: list[tuple[bytes, bytes]]
    body: bytes
    tag: str
    until: float  # monotonic clock

    @property
    def weight(self) -> int:
        return len(self.body) + _OVERHEAD_BYTES


class HotAddresses:
    """ASGI middleware that answers GET requests below `prefixes` from what it has kept."""

    def __init__(self, app: ASGIApp, prefixes: tuple[str, ...]) -> None:
        self._app, self._prefixes = app, prefixes
        self._kept: OrderedDict[tuple[bytes, bytes], _Kept] = OrderedDict()
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(self._prefixes):
            return await self._app(scope, receive, send)
        key = (scope.get("raw_path", b""), scope["query_string"])
        if not key[0] or b"signature=" in key[1]:
            return await self._app(scope, receive, send)
        kept = self._kept.get(key)
        if kept is not None and kept.until > time.monotonic():
            return await _answer(kept, scope, send)
        await self._app(scope, receive, _Recorder(self, key, send))

    def keep(self, key: tuple[bytes, bytes], headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Keep an answer if its headers allow that."""
        told = dict(headers)
        tag, control = told.get(b"etag", b"").strip(b'"').decode(), told.get(b"cache-control", b"")
        if not tag or not control.startswith(b"public,") or len(body) > LARGEST_BYTES:
            return
        self._drop(key)
        kept = self._kept[key] = _Kept(headers, body, tag, time.monotonic() + KEPT_SECONDS)
        self._bytes += kept.weight
        while self._bytes > MOST_BYTES:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: tuple[bytes, bytes]) -> None:
        if (old := self._kept.pop(key, None)) is not None:
            self._bytes -= old.weight


class _Recorder:
    """Passes an answer on, and gives a whole good one to be kept."""

    def __init__(self, cache: HotAddresses, key: tuple[bytes, bytes], send: Send) -> None:
        self._cache, self._key, self._send = cache, key, send
        self._headers: list[tuple[bytes, bytes]] | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200:
            self._headers = list(message["headers"])
        elif message["type"] == "http.response.body" and self._headers is not None:
            if not message.get("more_body", False):
                self._cache.keep(self._key, self._headers, message["body"])
            self._headers = None  # an answer in parts is not kept
        await self._send(message)


async def _answer(kept: _Kept, scope: Scope, send: Send) -> None:
    asked = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"if-none-match"), None)
    if conditional.matches(asked, kept.tag):
        headers = [pair for pair in kept.headers if pair[0] not in (b"content-length", b"content-type")]
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    await send({"type": "http.response.start", "status": 200, "headers": list(kept.headers)})
    await send({"type": "http.response.body", "body": kept.body})
