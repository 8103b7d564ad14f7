"""Signed addresses: a public page shows faces of a closed service without holding its key.

    key       = SHA-256 of the API key, in hex, as it is kept (`app.access.keys.digest`); it opens nothing by itself
    message   = path "?" query, the path percent-encoded anew with every slash as it is, the pairs sorted and without
                `signature`
    signature = HMAC-SHA256(key, message), base64url without padding

The query names the key (`key`), and may say until when the address holds (`expires`, Unix time) and on which site
(`domain`). Whoever has the API key signs by themselves; the service need not be asked.
"""

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlencode, urlsplit

from app.contract.errors import BadSignature

Pairs = list[tuple[str, str]]

NAMES = ("key", "expires", "domain", "signature")
"""The parts of a signature in a query."""

_MOMENT = re.compile(r"[0-9]{1,12}")
_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*")
_SAFE = "@:=&,!$'()*+;~"  # what may stand in a path as it is; encoding it anew makes one spelling of many


@dataclass(frozen=True)
class Grant:
    """What a valid signature allows."""

    key: str
    """Id of the key that signed."""
    expires: int | None = None
    """Unix time after which it does not hold any more, in seconds."""
    domain: str | None = None
    """Host, itself or above the host, of the pages that may use it."""

    def pairs(self) -> Pairs:
        """The grant as the query tells it."""
        told = [("key", self.key)]
        if self.expires is not None:
            told.append(("expires", str(self.expires)))
        if self.domain is not None:
            told.append(("domain", self.domain))
        return told


def sign(path: str, pairs: Iterable[tuple[str, str]], grant: Grant, *, key: str) -> str:
    """The address `path` (percent-encoded) with options and a signature by the signing key `key`."""
    query = [*((name, value) for name, value in pairs if name not in NAMES), *grant.pairs()]
    signature = _signature(unquote(path), query, key=key)
    return f"{_one_spelling(path)}?{urlencode([*query, ('signature', signature)])}"


def unsigned(path: str, pairs: Iterable[tuple[str, str]]) -> str:
    """The address `path` (percent-encoded) with options."""
    query = urlencode(list(pairs))
    return f"{_one_spelling(path)}{'?' if query else ''}{query}"


def claimed(pairs: Iterable[tuple[str, str]]) -> Grant | None:
    """The grant that a query claims to have, or None when it has no signature. Raises `BadSignature`."""
    query = list(pairs)
    given = {name: value for name, value in query if name in NAMES}
    if "signature" not in given:
        return None
    if len([name for name, _ in query if name in NAMES]) != len(given) or "key" not in given:
        raise BadSignature(reason="it needs one key and one signature")
    expires, domain = given.get("expires"), given.get("domain")
    if expires is not None and not _MOMENT.fullmatch(expires):
        raise BadSignature(reason="expires is a Unix time in seconds")
    if domain is not None and not _HOST.fullmatch(domain):
        raise BadSignature(reason="domain is a host's name in lower case")
    return Grant(given["key"], None if expires is None else int(expires), domain)


def check(
    path: str, pairs: Iterable[tuple[str, str]], grant: Grant, *, key: str, origin: str | None, referer: str | None
) -> None:
    """Raise `BadSignature` unless the address is signed by `key` and the grant holds now, on the page that asks.

    Here `path` is decoded, as the server hands it on.
    """
    query = list(pairs)
    wanted = _signature(path, [(name, value) for name, value in query if name != "signature"], key=key)
    if not hmac.compare_digest(wanted, dict(query)["signature"].encode("ascii", "replace").decode()):
        raise BadSignature(reason="it was not made for this address, or by another key")
    if grant.expires is not None and grant.expires <= time.time():
        raise BadSignature(reason="it has expired")
    if grant.domain is not None and not _within(grant.domain, origin or referer):
        raise BadSignature(reason=f"it is for pages of {grant.domain}, which must send their origin or referrer")


def without(pairs: Iterable[tuple[str, str]]) -> Pairs:
    """The options of a signed query; of an unsigned one all pairs, so that a stray `key` is refused as any other."""
    query = list(pairs)
    if not any(name == "signature" for name, _ in query):
        return query
    return [(name, value) for name, value in query if name not in NAMES]


def _signature(path: str, pairs: Pairs, *, key: str) -> str:
    message = f"{quote(path, safe=f'/{_SAFE}')}?{urlencode(sorted(pairs))}"
    digest = hmac.new(key.encode(), message.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _one_spelling(path: str) -> str:
    """The encoded path, encoded anew; a slash within a seed stays apart from those between the parts of the path."""
    return "/".join(quote(unquote(part), safe=_SAFE) for part in path.split("/"))


def _within(domain: str, page: str | None) -> bool:
    """Whether the page at the address `page` belongs to `domain`."""
    try:
        host = urlsplit(page or "").hostname or ""
    except ValueError:
        return False
    return host == domain or host.endswith(f".{domain}")
