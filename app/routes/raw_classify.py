"""The short way of `POST /v1/classify` for the commonest request: one picture as the whole body, an answer at once.

It applies the rules that the route in `app.routes.classify` applies, in the same order and by the same functions, and
skips what a request without parts, fields and preferences has no use for: resolving dependencies and parsing forms.
Whatever else is sent to the address takes the route.
"""

import asyncio

from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from app.access import auth
from app.assembly import Parts
from app.contract.errors import Busy
from app.http import refusals
from app.interactive import uploads
from app.routes import classify

_LONG_WAY = frozenset({b"prefer", b"idempotency-key"})


class RawClassify(BaseRoute):
    """A route that stands in front of the others and takes what it can answer."""

    path = classify.ROUTE

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether this is a request to classify one raw picture now."""
        if scope["path"] != self.path or scope["type"] != "http" or scope["method"] != "POST":
            return Match.NONE, {}
        head = dict(reversed(scope["headers"]))
        if not head.get(b"content-type", b"").startswith(b"image/") or not _LONG_WAY.isdisjoint(head):
            return Match.NONE, {}
        return Match.FULL, {"route": self, "likeness.head": head}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Classify. Raises what the route raises."""
        parts: Parts = scope["app"].state.parts
        began, deadline = asyncio.get_running_loop().time(), parts.inference.deadline()
        await auth.identified(parts.keyring, auth.secret(scope["likeness.head"]), "predict")
        options = uploads.options(scope["query_string"])
        version = parts.catalog.resolve(options.model, kind="classifier")
        try:
            parts.inference.check_room(version, 1)  # before the body is read, so that others are refused alike
        except Busy:
            scope[refusals.ROOM] = parts.inference.room(version)
            raise
        upload = uploads.raw(await uploads.whole(receive), scope["query_string"])
        pictures = await parts.codec.decode(upload.files, version, deadline=deadline)
        text = await parts.classification.answer(version, pictures, upload.options, deadline=deadline, began=began)
        fields = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(text))]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": text})
