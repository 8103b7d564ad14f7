"""Where webhooks may go: nobody may use this service to reach into the network that it stands in."""

import asyncio
import ipaddress
import socket
from urllib.parse import urlsplit

from app.contract.errors import WebhookRefused


async def check(url: str, *, private: bool) -> str:
    """The first address that the URL's host stands for.

    Args:
        private: whether addresses that only this network reaches are allowed, too.

    Raises:
        WebhookRefused: it has no host, names nobody, or an address is not allowed.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        host, port = None, 0
    if not host or parts.scheme not in ("http", "https") or not url.isprintable():
        raise WebhookRefused(url=url[:200], reason="it is no http or https address")
    if parts.username or parts.password:
        raise WebhookRefused(url=url[:200], reason="it carries a password; the signature says who sends")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise WebhookRefused(url=url[:200], reason=f"nobody is known as {host}") from None
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not private:
        for address in addresses:
            inner = getattr(address, "ipv4_mapped", None) or address
            if not inner.is_global or inner.is_multicast:
                raise WebhookRefused(url=url[:200], reason=f"{inner} is not an address of the public internet")
    return str(addresses[0])
