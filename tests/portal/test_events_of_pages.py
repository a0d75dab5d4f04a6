"""Events for the page around the portal, on their way from the change to the page after it."""

from __future__ import annotations

import json

import pytest

from tenantry import vault as vaults
from tenantry.doors.organization import embedding
from tenantry.doors.organization.embedding import Event

CONNECTION = {"id": "conn_1", "organization_id": "org_1", "type": "SAML", "provider": "OKTA"}
DIRECTORY = {"id": "dir_1", "organization_id": "org_1", "directory_type": "SCIM"}


@pytest.fixture
def vault():
    return vaults.Vault(b"k" * 32)


def test_a_connection_tells_that_it_is_on_or_off():
    on = Event.of_connection({**CONNECTION, "enabled": True})
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
    off = Event.of_connection(CONNECTION)  # a member that is false may be left out
    assert (off.event_type, off.data["enabled"]) == ("ORGANIZATION_SSO_DISABLED", False)


def test_a_directory_tells_that_it_is_on_or_off():
    on = Event.of_directory({**DIRECTORY, "directory_provider": "OKTA", "enabled": True})
    assert (on.event_type, on.object) == ("ORGANIZATION_DIRECTORY_ENABLED", "directory")
    assert on.data == {
        "directory_type": "SCIM",
        "id": "dir_1",
        "provider": "OKTA",
        "enabled": True,
    }
    off = Event.of_directory(DIRECTORY)
    assert (off.event_type, off.data["enabled"]) == ("ORGANIZATION_DIRECTORY_DISABLED", False)


def test_it_is_told_by_pages_of_its_own_organization_for_a_moment(vault, monkeypatch):
    sealed = embedding.seal(Event.of_connection(CONNECTION), vault)
    told = json.loads(embedding.unseal(sealed, vault, "org_1"))
    assert told["event_type"] == "ORGANIZATION_SSO_DISABLED"
    assert embedding.unseal(sealed, vault, "org_2") == ""
    later = embedding.now() + 121_000_000
    monkeypatch.setattr(embedding, "now", lambda: later)
    assert embedding.unseal(sealed, vault, "org_1") == ""


@pytest.mark.parametrize("sealed", ["", "x", "A" * 40, "é", "A" * 5000, '{"event_type": "X"}'])
def test_nothing_else_is_told(vault, sealed):
    assert embedding.unseal(sealed, vault, "org_1") == ""
