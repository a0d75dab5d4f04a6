"""From which addresses a client may be used."""

from __future__ import annotations

import functools
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from tenantry.access.clients.model import Client

REFUSAL = "this client may not be used from this address"


def allows(client: Client, address: str) -> bool:
    """Whether the client's list of networks, if it is in force, has the address."""
    listed = client.ip_allowlist
    if not listed or not listed["opted_in"]:
        return True
    try:
        found = ip_address(address)
    except ValueError:
        return False  # an address that cannot be told apart is refused
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in network for network in _networks(tuple(listed["cidrs"])))


@functools.lru_cache(maxsize=1024)
def _networks(cidrs: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(cidr) for cidr in cidrs)
