"""The service as scim2-tester finds it, which walks through RFC 7643 and RFC 7644 from outside."""

from __future__ import annotations

import asyncio

import httpx2
import pytest
from providers import connected
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

# It expects the members of a group exactly as it sent them, and we also say how they are called.
_DIFFERENT = "Attribute 'members' was not"


@pytest.mark.thorough
async def test_it_finds_no_fault(start_server):
    # People without an e-mail address, as it makes them, have no accounts to be matched with.
    server = start_server("checked", authentication_mode="MODULAR_AUTH")
    async with connected(server) as provider:
        found = await asyncio.to_thread(_check, server, provider)
    assert len(found) > 100
    faults = [one for one in found if one.status is not Status.SUCCESS]
    assert [one.reason for one in faults if not one.reason.startswith(_DIFFERENT)] == []


def _check(server, provider):
    base = f"{server.url}/directory/{provider.directory.id}/scim/v2"
    headers = {"authorization": f"Bearer {provider.token}"}
    with httpx2.Client(base_url=base, headers=headers, verify=server.trust, timeout=30) as client:
        scim = SyncSCIMClient(client)
        scim.discover()
        return check_server(scim)
