"""Addresses and URLs that our requests may go to: public ones, and those that are allowed."""

from __future__ import annotations

import functools
import ipaddress
import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarl import URL

    Address = IPv4Address | IPv6Address
    Network = IPv4Network | IPv6Network

LONGEST_URL = 2048

# Not of the public, by the registries of special-purpose addresses (RFC 6890 and its updates).
_NOT_PUBLIC_4 = [
    IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
    )
]
_GLOBAL_6 = IPv6Network("2000::/3")  # RFC 4291 section 2.4: all global unicast so far
_NOT_PUBLIC_6 = [
    IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")  # Teredo, 6to4...
]
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in its last 32 bits
# Blanks, control characters, and what browsers and libraries read as a slash or leave out.
_ODD = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029]")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")


# Top-level names that nobody can buy (RFC 6761, RFC 6762, RFC 8375, ICANN on .internal), and what
# routers of a home hand out.
_PRIVATE_NAMES = ("test", "example", "invalid", "local", "internal", "home.arpa", "lan")


def is_this_machine(host: str) -> bool:
    """Whether a host of a URL is the machine itself, by any reading of it."""
    host = host.strip("[]").removesuffix(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)


def is_public_host(host: str) -> bool:
    """Whether a host of a URL can be one that everybody reaches."""
    if is_this_machine(host):
        return False
    host = host.strip("[]").removesuffix(".").lower()
    try:
        return not ipaddress.ip_address(host).is_private
    except ValueError:
        return "." in host and not host.endswith(tuple(f".{name}" for name in _PRIVATE_NAMES))


@functools.lru_cache(maxsize=10_000)
def network(address: str) -> str:
    """Return the network that is limited as one: an IPv4 address, the /64 of an IPv6 address."""
    if ":" not in address:
        return address
    return str(ipaddress.ip_network((address, 64), strict=False))


def networks(allow: Sequence[str]) -> list[Network]:
    """Return networks in CIDR notation as such."""
    return [ipaddress.ip_network(text, strict=False) for text in allow]


def is_refused(address: Address, allow: Sequence[Network], *, tls: bool = True) -> bool:
    """Whether requests do not go to an address; without TLS they only go where it is allowed."""
    inner = _inner(address)
    if any(one in network for network in allow for one in {address, inner}):
        return False
    if not tls:
        return True
    if inner.version == 4:
        return any(inner in network for network in _NOT_PUBLIC_4)
    return inner not in _GLOBAL_6 or any(inner in network for network in _NOT_PUBLIC_6)


def _inner(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, if it is one that we may reach."""
    if address.version == 6:
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def checked(url: str, allow: Sequence[Network]) -> URL:
    """Return a URL as the client reads it.

    Raises:
        ValueError: nothing may be sent to it.

    """
    from yarl import URL

    if len(url) > LONGEST_URL:
        raise ValueError(f"must have at most {LONGEST_URL} characters")
    if _ODD.search(url):
        raise ValueError("must not contain spaces, control characters or backslashes")
    try:
        parsed = URL(url)
        host, port = parsed.raw_host or "", parsed.port
    except ValueError:
        raise ValueError("must be a URL such as https://example.com/path") from None
    if parsed.scheme not in {"https", "http"} or not host:
        raise ValueError("must be a URL such as https://example.com/path")
    tls = parsed.scheme == "https"
    if not tls and not allow:
        raise ValueError("must start with https://")
    if parsed.raw_user is not None or parsed.raw_password is not None:
        raise ValueError("must not contain a user name or password")
    if "#" in url:
        raise ValueError("must not have a fragment")
    if not port:
        raise ValueError("must have a port from 1 to 65535")
    _check_host(host, allow, tls=tls)
    return parsed


def _check_host(host: str, allow: Sequence[Network], *, tls: bool) -> None:
    """Refuse an address that is not allowed, and text that would be read as one."""
    name = host.lower().rstrip(".")
    try:
        addresses = [ipaddress.ip_address(name)]
    except ValueError:
        if ":" in name or _NUMBER.fullmatch(name.rpartition(".")[2]):
            raise ValueError("must have a host name, or an address in its usual form") from None
        # RFC 6761 section 6.3: this name, and all below it, are the machine itself.
        local = name == "localhost" or name.endswith(".localhost")
        addresses = [IPv4Address("127.0.0.1"), IPv6Address("::1")] if local else []
    if addresses and all(is_refused(one, allow, tls=tls) for one in addresses):
        if not tls and not any(is_refused(one, allow) for one in addresses):
            raise ValueError("must start with https://")
        raise ValueError("must have a public address")
