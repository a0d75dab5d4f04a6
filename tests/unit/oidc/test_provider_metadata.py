"""Discovery documents: whose they are, and what they say (OpenID Connect Discovery 1.0)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tenantry.identity.connections.oidc import metadata
from tenantry.identity.connections.oidc.faults import OIDCError

ISSUER = "https://idp.example.com/tenant"
GOOD = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize?p=policy",
    "token_endpoint": f"{ISSUER}/token",
    "userinfo_endpoint": f"{ISSUER}/userinfo",
    "jwks_uri": f"{ISSUER}/keys",
    "end_session_endpoint": f"{ISSUER}/logout",
    "id_token_signing_alg_values_supported": ["RS256", "HS256", "none", "ES256", 7],
    "authorization_response_iss_parameter_supported": True,
}


def read(*, at=None, **changes: Any):
    document = {name: value for name, value in (GOOD | changes).items() if value is not None}
    fetched_from = metadata.address(ISSUER) if at is None else at
    return metadata.read(json.dumps(document).encode(), fetched_from=fetched_from)


def test_a_document_says_where_everything_is():
    found = read()
    assert found.issuer == ISSUER
    assert found.authorization_endpoint == f"{ISSUER}/authorize?p=policy"
    assert found.end_session_endpoint == f"{ISSUER}/logout"
    assert found.algorithms == ("RS256", "ES256")
    assert found.says_issuer
    bare = read(
        userinfo_endpoint=None,
        id_token_signing_alg_values_supported=None,
        authorization_response_iss_parameter_supported="true",
    )
    assert bare.userinfo_endpoint == ""
    assert "RS256" in bare.algorithms
    assert "HS256" not in bare.algorithms
    assert not bare.says_issuer


@pytest.mark.parametrize(
    "given",
    [
        *(ISSUER, f"{ISSUER}/", f"{ISSUER}/.well-known/openid-configuration"),
        f"{ISSUER}/.well-known/openid-configuration/",
    ],
)
def test_the_address_of_a_document_may_stand_for_the_issuer(given):
    assert metadata.address(given) == f"{ISSUER}/.well-known/openid-configuration"


@pytest.mark.parametrize(
    "given",
    [
        f"{ISSUER}/.well-known/openid-configuration?appid=6731de76",  # Microsoft Entra
        f"{ISSUER}/v2.0/.well-known/openid-configuration?p=b2c_1_sign_in",
        f"{ISSUER}/.well-known/oauth-authorization-server",
        "https://idp.example.com/.well-known/openid-configuration/tenant",
        f"{ISSUER}/config.json",
    ],
)
def test_the_address_of_a_document_stays_as_it_is(given):
    assert metadata.is_document(given)
    assert metadata.address(given) == given


def test_the_document_of_another_issuer_is_refused():
    for issuer in ("https://evil.example", f"{ISSUER}/more", "https://idp.example.com"):
        with pytest.raises(OIDCError, match="another issuer"):
            read(issuer=issuer)
    assert read(issuer=f"{ISSUER}/").issuer == f"{ISSUER}/"  # Auth0 ends it so
    assert read(issuer="https://b2c.example", at=f"{ISSUER}/config.json")  # as the admin chose


def test_microsofts_document_of_many_tenants_has_a_place_for_the_tenant():
    many = "https://login.microsoftonline.com/{tenantid}/v2.0"
    base = "https://login.microsoftonline.com"
    for tenant in ("common", "organizations"):
        at = metadata.address(f"{base}/{tenant}/v2.0")
        assert read(issuer=many, at=at).issuer == many
    with pytest.raises(OIDCError):
        read(issuer=many, at=metadata.address("https://evil.example/common/v2.0"))


@pytest.mark.parametrize(
    "document",
    [b"", b"[]", b"{}", b"null", b"<html>", b"\xff", b'{"issuer": 7}', b'{"issuer": ""}'],
)
def test_what_is_no_document_is_said_so(document):
    with pytest.raises(OIDCError, match="discovery document is invalid"):
        metadata.read(document, fetched_from=metadata.address(ISSUER))


@pytest.mark.parametrize(
    "value", ["", 7, "/token", "javascript:alert(1)", "https://", "https://[", "x" * 3000, {}]
)
def test_an_endpoint_is_a_url(value):
    with pytest.raises(OIDCError, match="its token_endpoint is not a URL"):
        read(token_endpoint=value)
