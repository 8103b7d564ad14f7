"""Faces may be used by pages of any origin; nothing else may. Every answer tells browsers to be careful with it."""

from collections.abc import Mapping

from starlette.responses import Response

OPEN_PREFIXES = ("/v1/faces/", "/v1/sheets.", "/f/", "/avatar/", *(f"/{version}.x/" for version in range(1, 100)))

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src blob:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)

_OPEN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, RateLimit, RateLimit-Policy, Retry-After, X-Request-ID, "
    "X-Likeness-Model, X-Likeness-Seed, X-Likeness-SHA256, X-Likeness-Fallback",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "Authorization, If-None-Match",
    "Access-Control-Max-Age": "86400",
}
_CAREFUL = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "X-Content-Type-Options": "nosniff",
}


PREFLIGHT = Response(status_code=204, headers=_PREFLIGHT)
"""The answer to a browser that asks whether it may ask for a face."""


def is_open(path: str) -> bool:
    """Whether pages of any origin may use what is at `path`."""
    return path.startswith(OPEN_PREFIXES)


def fields(path: str) -> list[tuple[bytes, bytes]]:
    """Header fields of every answer to a request for `path`, unless the answer says otherwise itself."""
    return _OPEN_FIELDS if is_open(path) else _CAREFUL_FIELDS


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


_CAREFUL_FIELDS = _encoded(_CAREFUL)
_OPEN_FIELDS = _encoded(_CAREFUL | _OPEN)
