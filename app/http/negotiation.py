"""Which of several content types a client wants, from its `Accept` header (RFC 9110, section 12.5.1)."""

from collections.abc import Sequence

from app.contract.errors import NotAcceptable


def choose(accept: str | None, offered: Sequence[str]) -> str:
    """The offered type that `accept` likes best; of equals, the one offered first.

    Raises:
        NotAcceptable: it likes none of them.
    """
    if not accept or not accept.strip():
        return offered[0]
    ranges = [_range(part) for part in accept.split(",") if part.strip()]
    quality = {media_type: _quality(media_type, ranges) for media_type in offered}
    best = max(offered, key=lambda media_type: quality[media_type])
    if quality[best] <= 0:
        raise NotAcceptable(offered=", ".join(offered))
    return best


def _range(part: str) -> tuple[str, float]:
    media_range, *parameters = (piece.strip() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                quality = min(1.0, max(0.0, float(value)))
            except ValueError:
                quality = 0.0
    return media_range.lower(), quality


def _quality(media_type: str, ranges: Sequence[tuple[str, float]]) -> float:
    """The quality that the most specific range gives the type."""
    fits = {media_type: 2, f"{media_type.partition('/')[0]}/*": 1, "*/*": 0}
    found = [(fits[name], quality) for name, quality in ranges if name in fits]
    return max(found)[1] if found else 0.0
