"""From which addresses a client may be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.tenants.organizations import policy

if TYPE_CHECKING:
    from tenantry.access.clients.model import Client

REFUSAL = "this client cannot be used from this address"


def allows(client: Client, address: str) -> bool:
    """Whether the client may be used from an address.

    The networks of the client must contain it, if they are in force, and those of the sign-in
    policy of its organization.
    """
    if client.policy is not None and not client.policy.allows_address(address):
        return False
    listed = client.ip_allowlist
    if not listed or not listed["opted_in"]:
        return True
    return policy.contains(tuple(listed["cidrs"]), address)
