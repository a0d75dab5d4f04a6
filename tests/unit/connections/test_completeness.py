"""How far a connection is, by its settings alone."""

from __future__ import annotations

import pytest

from tenantry.identity.connections import completeness
from tenantry.identity.connections.model import Connection

OIDC = dict.fromkeys(("issuer", "authorize_uri", "token_uri", "jwks_uri", "client_id"), "x")
SAML = {"idp_entity_id": "x", "idp_sso_url": "x", "idp_certificates": ({"id": "1"},)}


def connection(type_, settings=None, *, secret=None, provider="OKTA", provider_key=""):
    return Connection(
        id="conn_1",
        type=type_,
        provider=provider,
        provider_key=provider_key,
        settings=settings or {},
        secret=secret,
        create_time=1,
        update_time=1,
    )


@pytest.mark.parametrize(
    ("made", "status"),
    [
        (connection("OIDC"), "DRAFT"),
        (connection("OIDC", {"fault": "x"}), "DRAFT"),
        (connection("OIDC", {"pkce_enabled": False}), "IN_PROGRESS"),
        (connection("OIDC", secret="s"), "IN_PROGRESS"),
        (connection("OIDC", OIDC), "IN_PROGRESS"),
        (connection("OIDC", OIDC, secret="s"), "COMPLETED"),
        (connection("OIDC", OIDC | {"token_auth_type": "PRIVATE_KEY_JWT"}), "COMPLETED"),
        (connection("SAML"), "DRAFT"),
        (connection("SAML", SAML), "COMPLETED"),
        (connection("SAML", SAML | {"idp_certificates": ()}), "IN_PROGRESS"),
        (connection("OAUTH", {"client_id": "x"}, secret="s", provider="GITHUB"), "COMPLETED"),
        (connection("OAUTH", {"client_id": "x"}, secret="s", provider="CUSTOM"), "IN_PROGRESS"),
        (
            connection(
                "OAUTH", {"client_id": "x"}, secret="s", provider="CUSTOM", provider_key="apple"
            ),
            "COMPLETED",
        ),
        (connection("OIDC", provider="IDP_SIMULATOR"), "COMPLETED"),
        (connection("PASSWORDLESS", provider=""), "COMPLETED"),
    ],
)
def test_a_status_follows_from_what_is_set(made, status):
    assert completeness.status(made) == status


@pytest.mark.parametrize(("type_", "whole"), [("OIDC", OIDC), ("SAML", SAML)])
def test_each_member_that_is_needed_is_named_when_it_is_missing(type_, whole):
    for name in whole:
        rest = {key: value for key, value in whole.items() if key != name}
        assert completeness.missing(connection(type_, rest, secret="s")) == (name,)
