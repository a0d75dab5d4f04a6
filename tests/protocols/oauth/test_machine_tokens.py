"""Tokens of clients of every kind: their claims, their lifetime, and clients that get no token."""

from __future__ import annotations

import time

import pytest
from apis import refused, unique
from joserfc import jwt
from joserfc.jwk import KeySet
from machines import claims_of, is_error, parts_of
from waiting import ends_within_a_second

from tenantry.core import ids


async def test_a_token_of_an_organizations_client_says_all_this(server, make, new, oauth):
    organization = await make.organization()
    client = await new.machine(
        organization["id"],
        scopes=["invoices:read", "invoices:write"],
        audience=["https://api.example.com", "billing"],
        custom_claims=[{"key": "plan", "value": "gold"}, {"key": "b", "value": ""}],
        expiry=600,
    )
    answer = await oauth.token(client)
    assert answer.status_code == 200
    body = answer.json()
    header, claims = parts_of(body.pop("access_token"))
    assert body == {
        "token_type": "Bearer",
        "expires_in": 599,
        "scope": "invoices:read invoices:write",
    }
    assert (header["alg"], header["typ"]) == ("RS256", "JWT")
    at = claims["iat"]
    assert abs(at - time.time()) < 30
    assert ids.well_formed("tkn_", claims["jti"])
    assert claims == {
        "iss": server.url,
        "sub": client.id,
        "client_id": client.id,
        "oid": organization["id"],
        "aud": ["https://api.example.com", "billing"],
        "iat": at,
        "nbf": at,
        "exp": at + 600,
        "jti": claims["jti"],
        "scope": "invoices:read invoices:write",
        "scopes": ["invoices:read", "invoices:write"],
        "custom_claims": {"plan": "gold", "b": ""},
    }


async def test_without_settings_of_its_own_it_lives_an_hour_and_is_for_itself(new, oauth):
    client = await new.machine()
    claims = claims_of(await oauth.get_token(client))
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["aud"] == [client.id]
    assert (claims["scope"], claims["scopes"], claims["custom_claims"]) == ("", [], {})


async def test_a_custom_claim_takes_the_place_of_no_other(server, new, oauth):
    names = ("iss", "sub", "aud", "exp", "oid", "client_id", "scope", "jti")
    client = await new.machine(custom_claims=[{"key": name, "value": "x"} for name in names])
    claims = claims_of(await oauth.get_token(client))
    assert (claims["iss"], claims["sub"], claims["client_id"]) == (server.url, client.id, client.id)
    assert claims["aud"] == [client.id]
    assert "x" not in claims.values()


async def test_an_application_has_a_token_for_this_api(server, new, oauth, rest):
    client = await new.application(
        scopes=["a"], custom_claims=[{"key": "k", "value": "v"}], access_token_expiry=60
    )
    token = await oauth.get_token(client)
    claims = claims_of(token)
    assert claims["aud"] == [server.url]
    assert claims["exp"] - claims["iat"] == 60
    assert (claims["scopes"], claims["custom_claims"]) == (["a"], {"k": "v"})
    assert "oid" not in claims
    mine = rest.sending(authorization=f"Bearer {token}")
    assert await mine.organizations.list_organization(page_size=1)
    standard = claims_of(await oauth.get_token(await new.application()))
    assert standard["exp"] - standard["iat"] == 86_400


async def test_less_may_be_asked_for_but_never_more(new, oauth):
    client = await new.machine(scopes=["a:read", "a:write", "b"])
    for asked, got in (("b a:read", "b a:read"), ("b b", "b"), ("", "a:read a:write b")):
        answer = await oauth.token(client, scope=asked)
        assert answer.json()["scope"] == got
        assert claims_of(answer.json()["access_token"])["scopes"] == got.split(" ")
    for asked in ("c", "a:read c", "A:READ", "a:*", "*", "a:read,b", " b", "b\tb", "b\x7f", "é"):
        assert is_error(await oauth.token(client, scope=asked), "invalid_scope")


async def test_a_scope_that_was_just_added_may_be_asked_for(rest, make, new, oauth):
    organization = await make.organization()
    client = await new.machine(organization["id"], scopes=["a"])
    assert (await oauth.token(client)).json()["scope"] == "a"
    await rest.clients.update_organization_client(
        organization_id=organization["id"], client_id=client.id, client={"scopes": ["a", "b"]}
    )
    assert (await oauth.token(client, scope="b")).json()["scope"] == "b"


async def test_a_scope_that_is_switched_off_is_in_no_new_token(rest, new, oauth):
    name = unique("scope").replace("-", ":")
    made = (await rest.clients.create_scope(scope={"name": name, "description": "x"}))["scope"]
    client = await new.machine(scopes=[name, "free"])
    await rest.clients.update_scope(id=made["id"], scope={"enabled": False})
    assert (await oauth.token(client)).json()["scope"] == "free"
    assert is_error(await oauth.token(client, scope=name), "invalid_scope")
    await rest.clients.update_scope(id=made["id"], scope={"enabled": True})
    assert (await oauth.token(client, scope=name)).json()["scope"] == name


async def test_a_client_may_have_its_tokens_signed_by_es256(http, rest, new, oauth):
    client = await new.machine()
    await new.set_up(client, access_token_signing_alg="ES256")
    token = await oauth.get_token(client)
    published = (await http.get("/keys")).json()
    assert {key["kty"] for key in published["keys"]} == {"RSA", "EC"}
    decoded = jwt.decode(token, KeySet.import_key_set(published), algorithms=["ES256"])
    assert (decoded.header["alg"], decoded.claims["client_id"]) == ("ES256", client.id)
    assert parts_of(await oauth.get_token(await new.machine()))[0]["alg"] == "RS256"
    with refused("PERMISSION_DENIED"):
        await rest.sending(authorization=f"Bearer {token}").organizations.list_organization()


@pytest.mark.wires("rest", "grpc")
async def test_an_organizations_client_may_make_no_call_here(server, api, make, new, oauth):
    """Not even with this server as its audience."""
    organization = await make.organization()
    for audience in ([], [server.url], [server.url, server.client_id]):
        client = await new.machine(organization["id"], audience=audience)
        mine = api.sending(authorization=f"Bearer {await oauth.get_token(client)}")
        for call in (
            mine.organizations.list_organization(page_size=1),
            mine.organizations.get_organization(id=organization["id"]),
            mine.clients.create_organization_client_secret(
                organization_id=organization["id"], client_id=client.id
            ),
        ):
            with refused("PERMISSION_DENIED", says="use a management client$"):
                await call


async def test_access_to_the_api_can_be_switched_off(rest, new, oauth):
    client = await new.application()
    token = await oauth.get_token(client)
    mine = rest.sending(authorization=f"Bearer {token}")
    assert await mine.organizations.list_organization(page_size=1)
    await rest.clients.update_client(
        client_id=client.id, client={"disallow_scalekit_api_access": True}
    )
    await ends_within_a_second(lambda: oauth.issues(client))
    answer = await oauth.token(client)
    assert is_error(answer, "unauthorized_client", 401)
    assert "unauthorized" in answer.json()["error_description"]
    with refused("UNAUTHENTICATED"):
        await mine.organizations.list_organization(page_size=1)


async def test_a_grant_must_be_registered(new, oauth):
    client = await new.application(grant_types=["authorization_code"])
    assert is_error(await oauth.token(client), "unauthorized_client")
    client = await new.application(grant_types=["authorization_code", "client_credentials"])
    assert (await oauth.token(client)).status_code == 200


@pytest.mark.parametrize("client_type", ["SPA", "NTV"])
async def test_a_public_client_cannot_authenticate(new, oauth, client_type):
    client = await new.application(client_type)
    for endpoint in (oauth.token, oauth.introspect, oauth.revoke):
        for secret in ("x", "", None):
            answer = await endpoint(client_id=client.id, client_secret=secret, token="x")
            if endpoint is oauth.token and not secret:
                # Known by its name, and this is not for it.
                assert is_error(answer, "unauthorized_client")
            else:
                assert is_error(answer, "invalid_client", 401)


async def test_with_its_organization_a_client_is_gone(rest, make, new, oauth):
    organization = await make.organization()
    client = await new.machine(organization["id"])
    assert (await oauth.token(client)).status_code == 200
    await rest.organizations.delete_organization(id=organization["id"])
    await ends_within_a_second(lambda: oauth.issues(client))
    assert is_error(await oauth.token(client), "invalid_client", 401)
