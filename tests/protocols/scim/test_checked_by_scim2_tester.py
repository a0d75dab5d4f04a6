"""The service as scim2-tester finds it, which walks through RFC 7643 and RFC 7644 from outside."""

from __future__ import annotations

import asyncio
import re

import httpx2
import pytest
from providers import connected

# It expects the members of a group exactly as it sent them, and the service adds their names. It
# replaces the address of an account, which a directory may not change.
_DIFFERENT = re.compile(
    r"Attribute 'members' was not|.* identifies the account and cannot be changed"
)


@pytest.mark.thorough
@pytest.mark.parametrize("mode", ["FULL_STACK_AUTH", "MODULAR_AUTH"])
async def test_it_finds_no_fault(start_server, mode, monkeypatch):
    from scim2_tester import Status, filling

    server = start_server("checked", authentication_mode=mode)
    async with connected(server) as provider:
        # Its random addresses are of domains that the organization does not own.
        def at_the_domain(*arguments: object, **options: object):
            value = random_value(*arguments, **options)
            if isinstance(value, str) and "@" in value:
                return f"{value.partition('@')[0]}@{provider.domain}"
            return value

        random_value = filling.generate_random_value
        monkeypatch.setattr(filling, "generate_random_value", at_the_domain)
        found = await asyncio.to_thread(_check, server, provider)
    faults = [one for one in found if one.status is not Status.SUCCESS]
    assert [one.reason for one in faults if not _DIFFERENT.match(one.reason)] == []
    assert len(found) > 100


def _check(server, provider):
    from scim2_client.engines.httpx2 import SyncSCIMClient
    from scim2_tester import check_server

    base = f"{server.url}/directory/{provider.directory.id}/scim/v2"
    headers = {"authorization": f"Bearer {provider.token}"}
    with httpx2.Client(base_url=base, headers=headers, verify=server.trust, timeout=30) as client:
        scim = SyncSCIMClient(client)
        scim.discover()
        return check_server(scim)
