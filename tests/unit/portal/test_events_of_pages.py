"""Events for the page around the portal, on their way from the change to the page after it."""

from __future__ import annotations

import html
import json
import re

import pytest
from organization_visitors import by_link, new_organization

from tenantry.crypto import vault as vaults
from tenantry.endpoints.organization import embedding
from tenantry.endpoints.organization.embedding import Event
from tenantry.gen.scalekit.v1.connections.connections_pb import (
    Connection,
    ConnectionProvider,
    ConnectionType,
)
from tenantry.gen.scalekit.v1.directories.directories_pb import (
    Directory,
    DirectoryProvider,
    DirectoryType,
)


@pytest.fixture
def vault():
    return vaults.Vault(b"k" * 32)


def _connection(organization_id="org_1", *, enabled=False):
    return Connection(
        id="conn_1",
        organization_id=organization_id,
        type=ConnectionType.SAML,
        provider=ConnectionProvider.OKTA,
        enabled=enabled,
    )


def test_a_connection_tells_that_it_is_on_or_off():
    on = Event.of_connection(_connection(enabled=True))
    assert (on.event_type, on.object, on.organization_id) == (
        *("ORGANIZATION_SSO_ENABLED", "connection", "org_1"),
    )
    assert on.data == {
        "connection_type": "SSO",
        "id": "conn_1",
        "type": "SAML",
        "provider": "OKTA",
        "enabled": True,
    }
    off = Event.of_connection(_connection())
    assert (off.event_type, off.data["enabled"]) == ("ORGANIZATION_SSO_DISABLED", False)


def test_a_directory_tells_that_it_is_on_or_off():
    directory = Directory(
        id="dir_1",
        organization_id="org_1",
        directory_type=DirectoryType.SCIM,
        directory_provider=DirectoryProvider.OKTA,
        enabled=True,
    )
    on = Event.of_directory(directory)
    assert (on.event_type, on.object) == ("ORGANIZATION_DIRECTORY_ENABLED", "directory")
    assert on.data == {
        "directory_type": "SCIM",
        "id": "dir_1",
        "provider": "OKTA",
        "enabled": True,
    }
    directory.enabled, directory.directory_provider = False, DirectoryProvider.UNSPECIFIED
    off = Event.of_directory(directory)
    assert (off.event_type, off.data["enabled"]) == ("ORGANIZATION_DIRECTORY_DISABLED", False)
    assert off.data["provider"] == "DIRECTORY_PROVIDER_UNSPECIFIED"


def test_it_is_told_by_pages_of_its_own_organization_for_a_moment(vault, monkeypatch):
    sealed = embedding.encode(Event.of_connection(_connection()), vault)
    told = json.loads(embedding.decode(sealed, vault, "org_1"))
    assert told["event_type"] == "ORGANIZATION_SSO_DISABLED"
    assert embedding.decode(sealed, vault, "org_2") == ""
    later = embedding.now() + 121_000_000
    monkeypatch.setattr(embedding, "now", lambda: later)
    assert embedding.decode(sealed, vault, "org_1") == ""


@pytest.mark.parametrize("sealed", ["", "x", "A" * 40, "é", "A" * 5000, '{"event_type": "X"}'])
def test_nothing_else_is_told(vault, sealed):
    assert embedding.decode(sealed, vault, "org_1") == ""


async def test_the_page_after_a_change_tells_it_to_its_own_portal_alone(http, make, rest, database):
    made, other = await new_organization(make, rest), await new_organization(make, rest)
    event = Event.of_connection(_connection(organization_id=made["id"], enabled=True))
    path = f"domains?told={embedding.encode(event, database.vault)}"
    page = await (await by_link(http, make, made["id"])).get(path)
    (told,) = re.findall(r'data-told="([^"]*)"', page.text)
    assert json.loads(html.unescape(told)) == {
        "event_type": "ORGANIZATION_SSO_ENABLED",
        "object": "connection",
        "organization_id": made["id"],
        "message": "Single sign-on was enabled",
        "data": event.data,
    }
    page = await (await by_link(http, make, other["id"])).get(path)
    assert (page.status_code, "data-told" in page.text) == (200, False)
