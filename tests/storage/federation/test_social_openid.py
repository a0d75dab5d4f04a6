"""Social providers that speak OpenID Connect: their ID token is the proof, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import ECKey
from jwts_of_providers import jwk, private_key
from openid_providers import CLIENT_ID, CLIENT_SECRET, OpenIDProvider
from sqlalchemy import insert

from tenantry import settings
from tenantry.core import ids
from tenantry.core.times import now
from tenantry.db.sql.encrypted_columns import binding
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound, prefixed
from tenantry.identity.connections import model
from tenantry.identity.connections.federated_identities import FederationError
from tenantry.identity.connections.model import Connection
from tenantry.identity.connections.oidc.callback import CallbackResponse
from tenantry.identity.connections.providers import social_providers
from tenantry.identity.connections.providers.fetching import Fetching
from tenantry.identity.federation import requests, social
from tenantry.identity.federation.openid import AuthenticationOptions, RelyingParty

INSERT = Statement(
    insert(model.connections).values(bound(model.connections)).returning(model.connections.c.id)
)
TENANT = "6e4c6b0a-7a5d-4cf8-a6f0-0c4e7b6d8f11"


@pytest.fixture
async def provider():
    async with OpenIDProvider() as started:
        yield started


@pytest.fixture
async def party(db):
    fetching = Fetching(("127.0.0.0/8",))
    known = settings.load(
        {"TENANTRY_PUBLIC_URL": "https://sso.acme.example", "TENANTRY_CONFIG": "/dev/null"}
    )

    async def sign(_claims):
        raise AssertionError("no client of these signs by our key")

    yield RelyingParty(db, fetching, known, sign)
    await fetching.close()


@pytest.fixture
def connected(db, provider, monkeypatch):
    """Make a connection to a provider of this name, which is the one on this machine."""

    async def make(name, *, secret=CLIENT_SECRET, **row: Any):
        row = {"issuer": provider.issuer, "user_info_uri": "", **row}
        changed = replace(social_providers.PROVIDERS[name], **row)
        monkeypatch.setitem(social_providers.PROVIDERS, name, changed)
        at, its = now(), {"id": db.new_id(ids.CONNECTION), "organization_id": None}
        made = Connection(
            **its,
            type=model.OAUTH,
            provider=name,
            status=model.COMPLETED,
            enabled=True,
            debug_enabled=True,
            configuration_type=model.MANUAL,
            settings={"client_id": CLIENT_ID},
            secret=db.vault.encrypt(secret.encode(), binding(model.connections.c.secret, its)),
            create_time=at,
            update_time=at,
        )
        assert await db.fetch_one(INSERT, **prefixed(made.to_row()))
        return made

    return make


async def sign_in(db, party, provider, connection, **more: str):
    """Go to the provider and back; return the identity."""
    address, members = await social.start(
        party, connection, AuthenticationOptions(), test_id="test_1"
    )
    back = urlsplit(provider.answer_to(f"{address}?{urlencode(members)}"))
    answer = CallbackResponse(dict(parse_qsl(back.query)) | more)
    way = await requests.take(db, answer.state)
    return await social.receive(party, connection, answer, way)


async def test_google_is_an_openid_provider(db, party, provider, connected):
    connection = await connected("GOOGLE")
    found = await sign_in(db, party, provider, connection)
    assert (found.subject, found.email, found.email_verified) == (
        *(provider.person["sub"], "ann@example.com", True),
    )
    assert provider.at("/userinfo") == []
    address, members = await social.start(
        party,
        connection,
        AuthenticationOptions("ann@example.com", ("login", "select_account"), 60),
        test_id="t",
    )
    assert address == f"{provider.issuer}/authorize"
    assert members["nonce"]
    assert (members["prompt"], members["login_hint"]) == ("select_account", "ann@example.com")
    assert "max_age" not in members


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"aud": "another"},
        {"iss": "https://evil.example"},
        {"exp": 1_600_000_000},
    ],
)
async def test_its_id_token_is_held_to_all_rules(db, party, provider, connected, claims):
    provider.claims = claims
    with pytest.raises(FederationError) as raised:
        await sign_in(db, party, provider, await connected("GOOGLE"))
    assert raised.value.error == "invalid_id_token"


async def test_the_answer_of_another_issuer_is_refused(db, party, provider, connected):
    with pytest.raises(FederationError, match="RFC 9207"):
        await sign_in(db, party, provider, await connected("GOOGLE"), iss="https://evil.example")
    assert provider.at("/token") == []


async def test_gitlab_tells_by_userinfo_what_its_id_token_lacks(db, party, provider, connected):
    provider.in_id_token = False
    found = await sign_in(db, party, provider, await connected("GITLAB"))
    assert (found.email, found.email_verified) == ("ann@example.com", True)
    provider.answers["/userinfo"] = {**provider.person, "sub": "eve"}
    with pytest.raises(FederationError, match="does not match the ID token"):
        await sign_in(db, party, provider, await connected("GITLAB"))


async def test_microsoft_is_asked_at_graph_for_an_address_that_nobody_has_verified(
    db, party, provider, connected
):
    provider.metadata["issuer"] = provider.issuer
    provider.in_id_token = False
    provider.claims = {"tid": TENANT}
    provider.answers["/me"] = {
        "id": "another id",
        "mail": None,
        "userPrincipalName": "ann@contoso.example",
        "givenName": "Ann",
    }
    connection = await connected("MICROSOFT", user_info_uri=f"{provider.issuer}/me")
    found = await sign_in(db, party, provider, connection)
    assert (found.subject, found.email) == (provider.person["sub"], "ann@contoso.example")
    assert not found.email_verified
    assert found.profile["given_name"] == "Ann"
    provider.claims |= {"email": "ann@contoso.example", "xms_edov": True, "email_verified": True}
    found = await sign_in(db, party, provider, connection)
    assert found.email_verified
    provider.claims |= {"xms_edov": False}
    assert not (await sign_in(db, party, provider, connection)).email_verified


async def test_apple_takes_a_secret_of_the_teams_key_and_posts_a_name(
    db, party, provider, connected
):
    key = private_key("ES256")
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    secret = json.dumps({"team_id": "TEAM", "key_id": "KEY", "private_key": pem})
    provider.metadata["userinfo_endpoint"] = None
    provider.person = {"sub": "1", "email": "x@privaterelay.example", "email_verified": "true"}
    provider.accepts = lambda got: jwt.decode(
        got.form["client_secret"], ECKey.import_key(jwk(key)), algorithms=["ES256"]
    )
    connection = await connected("APPLE", secret=secret)
    _, members = await social.start(party, connection, AuthenticationOptions(), test_id="t")
    assert members["response_mode"] == "form_post"
    assert members["scope"] == "openid name email"
    user = '{"name": {"firstName": "Ann", "lastName": "Smith"}, "email": "eve@example.com"}'
    found = await sign_in(db, party, provider, connection, user=user)
    assert (found.email, found.email_verified) == ("x@privaterelay.example", True)
    assert found.profile == {"given_name": "Ann", "family_name": "Smith"}
    for odd in ("", "{", "7", '{"name": 7}', '{"name": {"firstName": 7}}', "[" * 9000, "x" * 9000):
        assert (await sign_in(db, party, provider, connection, user=odd)).profile == {}
    provider.accepts = None
    with pytest.raises(FederationError, match="invalid_client"):
        await sign_in(db, party, provider, connection)
