"""Where webhooks may go: nobody may use this service to reach into the network that it stands in."""

import asyncio
import functools
import ipaddress
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from app.contract.errors import WebhookRefused

LOOKUP_SECONDS = 5.0
_LOOKUPS = ThreadPoolExecutor(32, thread_name_prefix="lookup")
"""A lookup that nobody answers holds its thread for longer than it is waited for. In asyncio's own threads, which are
few, it would hold up everything that reaches the database through them."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NAT64_OF_A_NETWORK = ipaddress.ip_network("64:ff9b:1::/48")


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
    lookup = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            found = await asyncio.get_running_loop().run_in_executor(_LOOKUPS, lookup)
    except TimeoutError:
        reason = f"who {host} is could not be found out within {LOOKUP_SECONDS:g} seconds"
        raise WebhookRefused(url=url[:200], reason=reason) from None
    except (OSError, UnicodeError):  # the second for what can be no name, such as one with two dots in a row
        raise WebhookRefused(url=url[:200], reason=f"nobody is known as {host}") from None
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not private:
        for address in addresses:
            inner = _inner(address)
            if not inner.is_global or inner.is_multicast or inner in _NAT64_OF_A_NETWORK:
                raise WebhookRefused(url=url[:200], reason=f"{inner} is not an address of the public internet")
    return str(addresses[0])


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where the kernel or a gateway translates it; else itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address
