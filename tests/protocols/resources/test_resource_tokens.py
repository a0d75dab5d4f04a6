"""Clients of resources: from the metadata of the issuer to tokens, and back out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from authorizations import answer_of
from machines import claims_of
from resource_clients import CALLBACK
from waiting import ends_within_a_second

from tenantry.identity.grants import refresh_tokens

if TYPE_CHECKING:
    from resource_clients import ResourceClient, Resources


ORIGIN = "https://inspector.example.com"  # of a client in a browser


@dataclass(frozen=True)
class World:
    """A resource with two scopes, a client of it, and a user in their browser."""

    http: Any
    rest: Any
    url: str  # of the server
    management: dict[str, str]  # credentials of the management client
    make: Resources
    scopes: list[str]
    resource: dict[str, Any]
    client: ResourceClient
    session: Any
    cookies: str

    @property
    def issuer(self) -> str:
        return f"{self.url}/resources/{self.resource['id']}"

    async def consent(self, *scopes: str) -> str:
        """Record that the user grants scopes."""
        return await self.make.consent(self.client, self.session, *scopes)

    async def authorize(self, **members: Any) -> dict[str, str]:
        """The answer to an authorization request of the client."""
        return answer_of(await self.client.authorize(self.cookies, **members), CALLBACK)

    async def code(self, **members: Any) -> str:
        return (await self.authorize(**members))["code"]

    async def tokens(self, *scopes: str) -> dict[str, Any]:
        """The tokens that the client gets for these scopes, which the user has granted."""
        await self.consent(*scopes)
        answer = await self.client.redeem(await self.code(scope=" ".join(scopes)))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def introspected(self, token: str) -> dict[str, Any]:
        """The answer of introspection to the management client."""
        answer = await self.http.post("/oauth/introspect", data={"token": token, **self.management})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def are_in_force(self, tokens: dict[str, Any]) -> bool:
        """Whether the access token or the refresh token is in force."""
        if (await self.introspected(tokens["access_token"]))["active"]:
            return True
        refreshed = await self.client.refresh(tokens["refresh_token"])
        assert refreshed.status_code in {200, 400, 401}, refreshed.text
        return refreshed.status_code == 200


@pytest.fixture
async def world(http, rest, server, resources, signed_in):
    """A resource, a client of it, and a user."""
    scopes = [await resources.permission(), await resources.permission()]
    resource = await resources(scopes=scopes)
    session, cookies = await signed_in()
    return World(
        http=http,
        rest=rest,
        url=server.url,
        management={"client_id": server.client_id, "client_secret": server.client_secret},
        make=resources,
        scopes=scopes,
        resource=resource,
        client=await resources.client(resource),
        session=session,
        cookies=cookies,
    )


async def test_metadata_is_at_the_three_places_that_clients_look(world):
    path = f"/resources/{world.resource['id']}"
    documents = [
        await world.http.get(where, headers={"origin": ORIGIN})
        for where in (
            f"/.well-known/oauth-authorization-server{path}",
            f"/.well-known/openid-configuration{path}",
            f"{path}/.well-known/openid-configuration",
        )
    ]
    assert {answer.status_code for answer in documents} == {200}
    assert {answer.headers["access-control-allow-origin"] for answer in documents} == {ORIGIN}
    (metadata, *others) = [answer.json() for answer in documents]
    assert others == [metadata, metadata]
    issuer = world.issuer
    assert metadata["issuer"] == issuer
    assert metadata["authorization_endpoint"] == f"{issuer}/authorize"
    assert metadata["token_endpoint"] == f"{issuer}/token"
    assert metadata["revocation_endpoint"] == f"{issuer}/revoke"
    assert "none" in metadata["revocation_endpoint_auth_methods_supported"]
    assert metadata["jwks_uri"] == f"{world.url}/keys"
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["authorization_response_iss_parameter_supported"] is True
    assert {*world.scopes, "offline_access"} <= {*metadata["scopes_supported"]}
    assert "userinfo_endpoint" not in metadata
    assert None not in metadata.values()
    unknown = await world.http.get("/.well-known/oauth-authorization-server/resources/res_1")
    assert unknown.status_code == 404


async def test_protected_resource_metadata_names_the_issuer(world):
    answer = await world.http.get(
        f"/.well-known/oauth-protected-resource/resources/{world.resource['id']}",
        headers={"origin": ORIGIN},
    )
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.json() == world.resource["protected_metadata"]
    assert answer.json() == {
        "resource": world.resource["resource_uri"],
        "authorization_servers": [world.issuer],
        "scopes_supported": world.scopes,
        "bearer_methods_supported": ["header"],
        "resource_name": "Acme MCP server",
    }


async def test_no_code_without_consent(world):
    refused = await world.authorize(scope=world.scopes[0], prompt="none")
    assert refused["error"] == "consent_required"
    assert refused["iss"] == world.issuer
    assert "code" not in refused
    await world.consent(world.scopes[0])
    granted = await world.authorize(scope=world.scopes[0])
    assert granted["iss"] == world.issuer
    # More scopes need a consent to both.
    more = await world.authorize(scope=" ".join(world.scopes), prompt="none")
    assert more["error"] == "consent_required"
    await world.consent(*world.scopes)
    assert await world.code(scope=" ".join(world.scopes))


async def test_a_consent_is_of_one_client_and_one_organization(world):
    await world.consent(world.scopes[0])
    other = await world.make.client(world.resource)
    answer = await other.authorize(world.cookies, scope=world.scopes[0], prompt="none")
    refused = answer_of(answer, CALLBACK)
    assert refused["error"] == "consent_required"


async def test_a_token_is_for_the_resource_alone(world):
    tokens = await world.tokens(world.scopes[0])
    assert tokens["scope"] == world.scopes[0]
    assert "id_token" not in tokens
    claims = claims_of(tokens["access_token"])
    assert claims["iss"] == world.issuer
    assert claims["aud"] == [world.resource["id"], world.resource["resource_uri"]]
    assert claims["client_id"] == world.client.id
    assert claims["sub"] == world.session.user_id
    assert claims["oid"] == world.session.organization_id
    assert claims["scopes"] == [world.scopes[0]]
    assert claims["exp"] - claims["iat"] == 3600
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    for path in ("/api/v1/users:this", "/api/v1/organizations", "/userinfo"):
        answer = await world.http.get(path, headers=bearer)
        assert answer.status_code == 401, path
    shown = await world.introspected(tokens["access_token"])
    assert shown["active"]
    assert shown["aud"] == claims["aud"]


async def test_the_resource_parameter_is_tolerant_and_decides_nothing(world):
    await world.consent(world.scopes[0])
    uri, issuer = world.resource["resource_uri"], world.issuer
    for named in (uri, f"{uri}/", world.resource["id"], issuer, f"{issuer}/", None):
        code = await world.code(scope=world.scopes[0], resource=named)
        members = {} if named is None else {"resource": named}
        answer = await world.client.redeem(code, **members)
        assert claims_of(answer.json()["access_token"])["aud"][0] == world.resource["id"]
        again = await world.client.refresh(answer.json()["refresh_token"], **members)
        assert again.status_code == 200, again.text
    other = await world.make()
    refused = await world.authorize(scope=world.scopes[0], resource=other["resource_uri"])
    assert refused["error"] == "invalid_target"
    code = await world.code(scope=world.scopes[0])
    answer = await world.client.redeem(code, resource=other["resource_uri"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")


async def test_unknown_scopes_are_left_out(world):
    await world.consent(*world.scopes, "offline_access")
    code = await world.code(scope=f"claudeai {world.scopes[1]}")
    assert (await world.client.redeem(code)).json()["scope"] == world.scopes[1]
    # Without a known one, and without any, those of the client are meant.
    for scope in ("claudeai", None, "offline_access"):
        code = await world.code(scope=scope)
        granted = set((await world.client.redeem(code)).json()["scope"].split())
        assert granted - {"offline_access"} == set(world.scopes)


async def test_a_scope_that_resource_or_client_lose_is_in_no_new_token(world):
    tokens = await world.tokens(*world.scopes)
    await world.rest.clients.update_resource(
        resource_id=world.resource["id"],
        resource={"scopes": world.scopes[:1]},
        update_mask="scopes",
    )

    async def has_both():
        answer = (await world.client.refresh(tokens["refresh_token"])).json()
        tokens["refresh_token"] = answer["refresh_token"]
        return answer["scope"] != world.scopes[0]

    await ends_within_a_second(has_both)


async def test_pkce_is_required(world):
    await world.consent(world.scopes[0])
    refused = await world.authorize(code_challenge=None, code_challenge_method=None)
    assert refused["error"] == "invalid_request"


async def test_an_endpoint_of_another_issuer_knows_no_client(world):
    await world.consent(world.scopes[0])
    other = await world.make.client(await world.make())
    foreign = await world.http.get(f"{other.issuer_path}/authorize?client_id={world.client.id}")
    assert foreign.headers["location"].startswith("/login/error/")
    code = await world.code(scope=world.scopes[0])
    answer = await world.client.token(
        f"{other.issuer_path}/token",
        grant_type="authorization_code",
        code=code,
        redirect_uri=CALLBACK,
    )
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    answer = await world.client.token(f"{other.issuer_path}/revoke", token="x")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_a_client_without_redirect_uris_gets_tokens_for_itself(world):
    machine = await world.make.client(world.resource, redirect_uris=[], scopes=world.scopes[:1])
    answer = await machine.token(grant_type="client_credentials")
    assert answer.status_code == 200, answer.text
    claims = claims_of(answer.json()["access_token"])
    assert claims["sub"] == claims["client_id"] == machine.id
    assert claims["aud"] == [world.resource["id"], world.resource["resource_uri"]]
    assert claims["scopes"] == world.scopes[:1]
    bearer = {"authorization": f"Bearer {answer.json()['access_token']}"}
    assert (await world.http.get("/api/v1/organizations", headers=bearer)).status_code == 401
    assert (await world.introspected(answer.json()["access_token"]))["active"]
    refused = await machine.token(grant_type="authorization_code", code="x", redirect_uri=CALLBACK)
    assert refused.json()["error"] == "unauthorized_client"


async def test_refresh_tokens_rotate_with_a_grace_and_are_revoked_on_reuse(world, clock):
    tokens = await world.tokens(world.scopes[0])  # no offline_access
    first = tokens["refresh_token"]
    second = (await world.client.refresh(first)).json()["refresh_token"]
    # Two windows at once get the same successor.
    assert (await world.client.refresh(first)).json()["refresh_token"] == second
    clock.of(refresh_tokens).forward(31)
    reused = await world.client.refresh(first)
    assert (reused.status_code, reused.json()["error"]) == (400, "invalid_grant")
    assert "used before" in reused.json()["error_description"]
    assert (await world.client.refresh(second)).json()["error"] == "invalid_grant"


async def test_a_client_goes_on_after_the_user_has_signed_out(world):
    tokens = await world.tokens(world.scopes[0])
    listed = await world.rest.sessions.get_user_sessions(user_id=world.session.user_id)
    browser, own = sorted(listed["sessions"], key=lambda one: one["session_id"])
    assert browser["session_id"] == world.session.id
    assert own["session_id"] == claims_of(tokens["access_token"])["sid"]
    assert world.client.id in own["authenticated_clients"][0]["client_id"]
    await world.rest.sessions.revoke_session(session_id=browser["session_id"])
    assert (await world.client.refresh(tokens["refresh_token"])).status_code == 200
    await world.rest.sessions.revoke_session(session_id=own["session_id"])
    await ends_within_a_second(lambda: world.are_in_force(tokens))


async def test_a_client_goes_on_by_the_second_factor_and_the_address_of_the_sign_in(
    world, signed_in
):
    session, cookies = await signed_in(
        client_id=world.client.id, address="203.0.113.9", has_second_factor=True
    )
    world = replace(world, session=session, cookies=cookies)
    tokens = await world.tokens(world.scopes[0])
    await world.rest.organization_policies.update_organization_policy(
        organization_id=session.organization_id,
        policy={"second_factor_required": True, "allowed_networks": ["203.0.113.0/24"]},
    )
    refreshed = await world.client.refresh(tokens["refresh_token"])
    assert refreshed.status_code == 200, refreshed.text
    # The policy applies to the client, too.
    await world.rest.organization_policies.update_organization_policy(
        organization_id=session.organization_id,
        policy={"allowed_networks": ["198.51.100.0/24"]},
    )
    refused = await world.client.refresh(refreshed.json()["refresh_token"])
    assert refused.json()["error"] == "invalid_grant"


async def test_an_unused_refresh_token_expires(world, clock):
    resource = await world.make(scopes=world.scopes, refresh_token_expiry=300)
    world = replace(world, client=await world.make.client(resource))
    tokens = await world.tokens(world.scopes[0])
    passing = clock.of(refresh_tokens)
    passing.forward(299)
    refreshed = (await world.client.refresh(tokens["refresh_token"])).json()
    # Each use begins the time anew.
    passing.forward(299)
    refreshed = (await world.client.refresh(refreshed["refresh_token"])).json()
    passing.forward(301)
    refused = (await world.client.refresh(refreshed["refresh_token"])).json()
    assert refused["error"] == "invalid_grant"
    assert "expired" in refused["error_description"]


async def test_the_end_of_a_consent_ends_the_codes(world):
    await world.consent(world.scopes[0])
    code = await world.code(scope=world.scopes[0])
    clients, named = world.rest.clients, world.resource["id"]
    (consent,) = (await clients.list_resource_user_consents(resource_id=named))["consents"]
    await clients.revoke_user_consent(client_id=world.client.id, consent_id=consent["id"])
    late = await world.client.redeem(code)
    assert late.json()["error"] == "invalid_grant"
    refused = await world.authorize(scope=world.scopes[0], prompt="none")
    assert refused["error"] == "consent_required"
