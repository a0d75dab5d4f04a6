"""Rows of social providers: what they say of a person, in the shapes that they have."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import ECKey
from jwts_of_providers import jwk, private_key

from tenantry.identity.connections.oidc.faults import OIDCError
from tenantry.identity.connections.providers import social_providers
from tenantry.identity.connections.providers.social_providers import PROVIDERS
from tenantry.identity.connections.settings import OAuthSettings

GITHUB = {
    "login": "ann",
    "id": 583231,
    "avatar_url": "https://avatars.githubusercontent.com/u/583231",
    "name": "Ann Smith",
    "email": "public@example.com",
}
GRAPH = {
    "id": "87d349ed-44d7-43e1-9a83-5f2406dee5bd",
    "displayName": "Ann Smith",
    "givenName": "Ann",
    "surname": "Smith",
    "preferredLanguage": "en-GB",
    "mail": None,
    "userPrincipalName": "ann@contoso.example",
}


def said(name, told, emails=()):
    return social_providers.claims_of(PROVIDERS[name], told, emails)


def test_githubs_address_is_its_primary_verified_one():
    emails = [
        {"email": "old@example.com", "verified": True, "primary": False},
        {"email": "ann@example.com", "verified": True, "primary": True},
        {"email": "new@example.com", "verified": False, "primary": False},
    ]
    found = said("GITHUB", GITHUB, emails)
    assert (found["email"], found["email_verified"]) == ("ann@example.com", True)
    assert found["preferred_username"] == "ann"
    assert found["picture"] == GITHUB["avatar_url"]
    assert social_providers.subject(PROVIDERS["GITHUB"], GITHUB) == "583231"
    found = said("GITHUB", GITHUB, emails[:1])
    assert (found["email"], found["email_verified"]) == ("old@example.com", True)


@pytest.mark.parametrize(
    "emails",
    [
        [],
        [{"email": "eve@example.com", "verified": False, "primary": True}],
        [{"email": "eve@example.com", "verified": "true", "primary": True}],
        [{"email": 7, "verified": True}, {"verified": True}, 7, None],
    ],
)
def test_githubs_address_that_is_not_verified_is_nobodys(emails):
    found = said("GITHUB", {**GITHUB, "email_verified": True}, emails)
    assert (found["email"], found["email_verified"]) == ("public@example.com", False)


def test_an_account_of_github_without_any_address_has_none():
    assert "email" not in said("GITHUB", {**GITHUB, "email": None}, [])


def test_microsofts_address_is_mail_or_the_principal_name_and_seldom_verified():
    found = said("MICROSOFT", GRAPH)
    assert found["email"] == "ann@contoso.example"
    assert not found.get("email_verified")
    assert (found["given_name"], found["family_name"]) == ("Ann", "Smith")
    assert (found["name"], found["locale"]) == ("Ann Smith", "en-GB")
    assert said("MICROSOFT", {**GRAPH, "mail": "a@b.example"})["email"] == "a@b.example"
    # An admin of any tenant writes any address: what they verify themselves counts for nothing.
    for claim in ("email_verified", "verified_primary_email"):
        assert not said("MICROSOFT", {**GRAPH, "email": "ceo@acme.example", claim: True}).get(
            "email_verified"
        )


@pytest.mark.parametrize(
    ("xms_edov", "verified"),
    [
        *((True, True), (1, True), ("1", True), ("true", True)),
        *((False, False), (0, False), ("0", False), (None, False), (["1"], False), ({}, False)),
    ],
)
def test_microsoft_says_by_xms_edov_that_the_tenant_owns_the_domain(xms_edov, verified):
    told = {**GRAPH, "email": "ann@contoso.example", "xms_edov": xms_edov}
    assert bool(said("MICROSOFT", told).get("email_verified")) is verified
    # It is said of the ID token's address, and of no other.
    assert not said("MICROSOFT", {**GRAPH, "xms_edov": xms_edov}).get("email_verified")


@pytest.mark.parametrize("name", ["GOOGLE", "GITLAB", "LINKEDIN", "SALESFORCE", "APPLE"])
def test_others_say_it_by_the_claim_of_openid_connect(name):
    told = {"sub": "1", "email": "ann@example.com", "email_verified": True, "given_name": "Ann"}
    assert said(name, told) == told
    assert not said(name, {**told, "email_verified": False})["email_verified"]
    assert "email_verified" not in said(name, {**told, "email_verified": None})


def test_any_other_provider_may_name_people_its_own_way():
    custom = social_providers.of(connection("CUSTOM"), OAuthSettings(authorize_uri="https://x/a"))
    for told, expected in (
        ({"sub": "s", "id": 7}, "s"),
        ({"id": 7}, "7"),
        ({"user_id": "u"}, "u"),
        ({"uid": "x" * 255}, "x" * 255),
    ):
        assert social_providers.subject(custom, told) == expected
    for told in ({}, {"id": True}, {"id": ""}, {"id": None}, {"id": "a\x00"}, {"id": "x" * 256}):
        with pytest.raises(OIDCError, match="did not return the user's ID"):
            social_providers.subject(custom, told)


def connection(provider, provider_key=""):
    """Stand for the record of a row."""
    return SimpleNamespace(provider=provider, provider_key=provider_key)


def test_a_connection_with_endpoints_of_its_own_has_all_of_them():
    github = social_providers.of(connection("GITHUB"), OAuthSettings())
    assert github == PROVIDERS["GITHUB"]
    own = OAuthSettings(
        authorize_uri="https://git.acme.example/login/oauth/authorize",
        token_uri="https://git.acme.example/login/oauth/access_token",
    )
    enterprise = social_providers.of(connection("GITHUB"), own)
    assert enterprise.token_uri == own.token_uri
    assert enterprise.user_info_uri == ""  # its tokens are not for github.com
    assert enterprise.emails_path == "/emails"
    assert social_providers.of(connection("GITLAB"), own).issuer == ""
    assert social_providers.of(connection("CUSTOM", "apple"), OAuthSettings()) == PROVIDERS["APPLE"]


def test_microsoft_is_asked_for_one_tenant_or_for_all():
    for tenant, expected in (("", "common"), ("contoso", "contoso")):
        found = social_providers.of(connection("MICROSOFT"), OAuthSettings(tenant_id=tenant))
        assert found.issuer == f"https://login.microsoftonline.com/{expected}/v2.0"


def test_scopes_are_the_connections_or_the_rows():
    google, github = PROVIDERS["GOOGLE"], PROVIDERS["GITHUB"]
    assert social_providers.scopes(google, OAuthSettings()) == "openid email profile"
    assert social_providers.scopes(google, OAuthSettings(scopes=("email",))) == "openid email"
    assert social_providers.scopes(github, OAuthSettings(scopes=("read:user",))) == "read:user"


def test_every_row_says_where_everything_is():
    for name, row in PROVIDERS.items():
        assert row.issuer or (row.authorize_uri and row.token_uri and row.user_info_uri), name
        for address in (row.issuer, row.authorize_uri, row.token_uri, row.user_info_uri):
            assert address == "" or address.startswith("https://"), name


def test_apples_secret_is_signed_by_the_teams_key():
    key = private_key("ES256")
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    secret = json.dumps({"team_id": "TEAM", "key_id": "KEY", "private_key": pem})
    issuer = "https://appleid.apple.com"
    made = social_providers.apple_secret(secret, "com.acme.signin", issuer=issuer)
    found = jwt.decode(made, ECKey.import_key(jwk(key)), algorithms=["ES256"])
    assert found.header["kid"] == "KEY"
    assert found.claims["iss"] == "TEAM"
    assert found.claims["sub"] == "com.acme.signin"
    assert found.claims["aud"] == issuer
    assert 0 < found.claims["exp"] - time.time() <= 300
    assert social_providers.apple_secret("a.b.c", "x", issuer=issuer) == "a.b.c"
    rsa = private_key("RSA").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for bad in (
        "{",
        "{}",
        '{"team_id": "T", "key_id": "K", "private_key": "x"}',
        json.dumps({"team_id": "T", "key_id": "K", "private_key": rsa.decode()}),
        json.dumps({"team_id": "T", "private_key": pem}),
        '{"private_key": 7}',
    ):
        with pytest.raises(OIDCError, match="Apple client secret cannot be created"):
            social_providers.apple_secret(bad, "x", issuer=issuer)
