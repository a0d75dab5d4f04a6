"""Display names of providers, the same in the console, the portal and the sign-in pages."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import tenantry
from tenantry.endpoints.organization.single_sign_on.connection import name_of
from tenantry.gen.scalekit.v1.connections.connections_pb import (
    ConnectionProvider,
    ConnectionType,
    ListConnection,
)
from tenantry.identity.connections.providers import provider_names

WORDS = Path(tenantry.__file__).parent / "endpoints/console/words/en/tenants.toml"


def test_the_simulated_idp_has_one_name():
    listed = ListConnection(
        provider=ConnectionProvider.IDP_SIMULATOR,
        provider_key="IDP_SIMULATOR",
        type=ConnectionType.SAML,
    )
    assert name_of(listed) == "Simulated IdP"
    assert provider_names.display_name("IDP_SIMULATOR", "") == "Simulated IdP"
    assert tomllib.loads(WORDS.read_text())["tenants"]["simulator"] == "Simulated IdP"


@pytest.mark.parametrize(
    ("key", "name"), [("GITLAB", "GitLab"), ("MY_IDP", "My Idp"), ("gitea", "Gitea")]
)
def test_a_custom_provider_is_named_after_its_key(key, name):
    assert provider_names.display_name("CUSTOM", key) == name
