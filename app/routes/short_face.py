"""The short way of `GET /v1/faces/{seed}.{extension}`: the same viewer and the same answer, without what finds them.

Between the gateway and the route of a face the router tries dozens of patterns and resolves dependencies, which takes
as long as encoding the picture does. Whatever is not plainly the address of one face takes the route.
"""

from fastapi.security import HTTPAuthorizationCredentials
from starlette.requests import Request
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from app.access import auth, viewing
from app.assembly import Parts
from app.drawing.face_options import FORMATS
from app.routes import faces

_PREFIX = f"{faces.router.prefix}/"
_ENDINGS = tuple(f".{extension}" for extension in FORMATS)


class ShortFace(BaseRoute):
    """A route that stands in front of the others and takes what it can answer."""

    path = f"{_PREFIX}{{name:path}}"

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether this asks for one face by its address; an address with more parts may be that of a walk."""
        path = scope.get("path", "")
        if scope["type"] != "http" or scope["method"] != "GET" or not path.startswith(_PREFIX):
            return Match.NONE, {}
        if not path.endswith(_ENDINGS) or "/" in path[len(_PREFIX) :]:
            return Match.NONE, {}
        return Match.FULL, {"route": self}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the face. Raises what the route raises."""
        request, parts = Request(scope, receive), scope["app"].state.parts
        assert isinstance(parts, Parts)
        shown = auth.secret(dict(reversed(scope["headers"])))
        credentials = None if shown is None else HTTPAuthorizationCredentials(scheme="Bearer", credentials=shown)
        viewer = await viewing.viewer(request, credentials)
        answer = await faces.get_face(request, scope["path"][len(_PREFIX) :], parts.addresses, viewer)
        await answer(scope, receive, send)
