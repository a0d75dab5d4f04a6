"""The client's address: the connection's, or what a proxy that we trust says of it."""

from __future__ import annotations

import functools
import ipaddress
import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_MOST_HOPS = 30  # that are followed
_MOST_CHARACTERS = 60  # of an address with brackets, zone and port


class Addresses:
    """Finds clients behind the proxies of these networks (CIDR)."""

    def __init__(self, trusted_proxies: Iterable[str] = ()) -> None:
        self._trusted = [ipaddress.ip_network(network) for network in trusted_proxies]

    def client(self, peer: str, forwarded_for: str | None) -> str:
        """Return the address of the client of a connection from ``peer``; "" where it has none.

        X-Forwarded-For is read from its end, where the last proxy has added its caller, and
        only as long as a trusted one has written. Text that is no address ends the walk: the one
        found so far is the client's then.
        """
        if forwarded_for is None or not self._trusted:
            return _spelled(peer)
        found = _read(peer)
        if found is None:
            return ""
        entries = reversed(forwarded_for.split(","))
        for entry in itertools.islice(entries, _MOST_HOPS):
            said = _read(entry.strip()) if self._trusts(found) else None
            if said is None:
                break
            found = said
        return str(found)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def _read(text: str) -> Address | None:
    """Return an address that may come with brackets, a port or a zone; None if it is no address.

    An IPv4 address mapped into IPv6 (RFC 4291 section 2.5.5.2) is the IPv4 address.
    """
    return _parse(text) if len(text) <= _MOST_CHARACTERS else None


@functools.lru_cache(maxsize=10_000)
def _spelled(peer: str) -> str:
    """Return the address of a connection's other end; "" if it has none."""
    found = _read(peer)
    return "" if found is None else str(found)


@functools.lru_cache(maxsize=10_000)
def _parse(text: str) -> Address | None:
    port = ""
    if text.startswith("["):
        text, bracket, port = text[1:].partition("]")
        if not bracket or ":" not in text:
            return None
    elif text.count(":") == 1:
        text, colon, rest = text.partition(":")
        port = colon + rest
    if port and not (port[0] == ":" and port.isascii() and port[1:].isdecimal()):
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return address
    return address.ipv4_mapped or ipaddress.IPv6Address(int(address))  # without its zone
