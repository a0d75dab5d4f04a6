"""Identity assertions (ID-JAG): an organization's identity provider authorizes a client."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest
import recorded_events
from apis import unique
from connections_of_tests import organization_of, switch
from jwts_of_providers import private_key
from oidc_sign_ins import oidc_connection
from openid_providers import OpenIDProvider
from signins import App, claims_of, is_refused

from tenantry.core.times import SECOND
from tenantry.db import crud
from tenantry.identity.federation.model import seen_assertions

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
PROFILE = "urn:ietf:params:oauth:grant-profile:id-jag"
TYPE = "oauth-id-jag+jwt"
URL = "https://mcp.example.com"
_USES = crud.list_all(seen_assertions, ["connection_id"], order_by="digest")


@dataclass
class Worked:
    """A resource with a client, and a provider that authorizes it for a member."""

    place: Any
    http: Any
    idp: OpenIDProvider
    connection: Any
    resource: dict[str, Any]
    client: App
    scopes: list[str]
    user_id: str
    email: str
    begun: str = ""  # ID of an event before the test

    @property
    def issuer(self) -> str:
        return f"{self.place.server.url}/resources/{self.resource['id']}"

    def claims(self, **changes: object) -> dict[str, Any]:
        at = int(time.time())
        claims = {
            "iss": self.idp.issuer,
            "sub": "sub at the provider",
            "email": self.email,
            "aud": self.issuer,
            "client_id": self.client.id,
            "resource": self.resource["resource_uri"],
            "scope": " ".join(self.scopes),
            "jti": unique("jti"),
            "iat": at,
            "exp": at + 300,
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def assertion(self, **changes: object) -> str:
        return self.idp.signed(self.claims(**changes), typ=TYPE)

    async def exchange(self, assertion: str, client: App | None = None, **form: str):
        form = {"grant_type": GRANT, "assertion": assertion, **form}
        form |= (client or self.client).form
        return await self.http.post(f"/resources/{self.resource['id']}/token", data=form)

    async def refuses(self, error: str = "invalid_grant", **changes: object) -> bool:
        return is_refused(await self.exchange(self.assertion(**changes)), error)

    async def token(self) -> str:
        answer = await self.exchange(self.assertion())
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    async def is_active(self, token: str) -> bool:
        form = {"token": token, **self.client.form}
        answer = await self.http.post("/oauth/introspect", data=form)
        return answer.json()["active"]

    async def new_client(self) -> App:
        made = await self.place.api.clients.create_resource_client(
            resource_id=self.resource["id"], client={"name": "Agent", "scopes": self.scopes}
        )
        return App(made["client"]["client_id"], made["plain_secret"])


@pytest.fixture
async def idp():
    async with OpenIDProvider() as provider:
        yield provider


@pytest.fixture
async def world(place, visitor, idp):
    """The provider of an organization, and a client that it authorizes for a member."""
    scopes = [unique("p").replace("-", ":") for _ in range(2)]
    for name in scopes:
        await place.api.roles.create_permission(permission={"name": name, "description": name})
    made = await place.api.clients.create_resource(
        resource={
            "resource_type": "MCP_SERVER",
            "name": "Acme",
            "resource_uri": f"{URL}/{unique()}",
            "scopes": scopes,
            "xaa_enabled": True,
        }
    )
    organization_id, domain = await organization_of(place)
    user = await place.make.user(organization_id, email=f"ann@{domain}")
    endpoints = {f"{name}_uri": f"{idp.issuer}/{name}" for name in ("authorize", "token", "jwks")}
    settings = {"id_jag_enabled": True, **endpoints}
    connection = await oidc_connection(
        place, idp, domain=False, organization_id=organization_id, settings=settings
    )
    world = Worked(
        place=place,
        http=visitor.http,
        idp=idp,
        connection=connection,
        resource=made["resource"],
        client=App("", ""),
        scopes=scopes,
        user_id=user["id"],
        email=f"ann@{domain}",
    )
    world.client = await world.new_client()
    world.begun = (await recorded_events.after(place.database, "", limit=100_000))[-1]["id"]
    return world


async def test_a_client_gets_a_token_for_an_assertion(world):
    answer = await world.exchange(world.assertion(auth_time=1_790_000_000))
    assert answer.status_code == 200, answer.text
    told = answer.json()
    claims = claims_of(told.pop("access_token"))
    scope = " ".join(world.scopes)
    assert told == {"token_type": "Bearer", "expires_in": told["expires_in"], "scope": scope}
    assert claims["sub"] == world.user_id
    assert claims["oid"] == world.connection.organization_id
    assert claims["aud"] == [world.resource["id"], world.resource["resource_uri"]]
    assert claims["client_id"] == world.client.id
    assert claims["amr"] == [world.connection.id]
    assert claims["auth_time"] == 1_790_000_000
    assert claims["scopes"] == world.scopes
    assert "sid" not in claims


async def test_the_use_of_an_assertion_is_recorded(world):
    jti = unique("jti")
    answer = await world.exchange(world.assertion(jti=jti))
    claims = claims_of(answer.json()["access_token"])
    recorded = await recorded_events.after(world.place.database, world.begun, limit=1000)
    (event,) = (one for one in recorded if one["type"] == "client.id_jag_accepted")
    assert event["organization_id"] == world.connection.organization_id
    assert event["after"] == {
        "client_id": world.client.id,
        "token_id": claims["jti"],
        "user_id": world.user_id,
        "organization_id": world.connection.organization_id,
        "connection_id": world.connection.id,
        "resource_id": world.resource["id"],
        "scopes": world.scopes,
        "assertion_id": jti,
    }


async def test_metadata_of_resources_with_xaa_announce_the_grant(world):
    place = "/.well-known/oauth-authorization-server/resources"
    metadata = (await world.http.get(f"{place}/{world.resource['id']}")).json()
    assert GRANT in metadata["grant_types_supported"]
    assert metadata["authorization_grant_profiles_supported"] == [PROFILE]
    other = await world.place.api.clients.create_resource(
        resource={"resource_type": "MCP_SERVER", "name": "Globex", "scopes": world.scopes}
    )
    world.resource = other["resource"]
    metadata = (await world.http.get(f"{place}/{world.resource['id']}")).json()
    assert GRANT not in metadata["grant_types_supported"]
    assert "authorization_grant_profiles_supported" not in metadata
    answer = await world.exchange(world.assertion(), await world.new_client())
    assert is_refused(answer, "unauthorized_client")


async def test_public_clients_are_refused(world):
    body = {
        "client_name": "Agent",
        "redirect_uris": ["https://agent.example/callback"],
        "grant_types": ["authorization_code", GRANT],
    }
    path = f"/resources/{world.resource['id']}/register"
    made = (await world.http.post(path, json=body)).json()
    assert made["grant_types"] == ["authorization_code", GRANT]
    client = App(made["client_id"], "")
    answer = await world.exchange(world.assertion(client_id=client.id), client)
    assert is_refused(answer, "unauthorized_client")
    body["token_endpoint_auth_method"] = "client_secret_post"
    made = (await world.http.post(path, json=body)).json()
    client = App(made["client_id"], made["client_secret"])
    answer = await world.exchange(world.assertion(client_id=client.id), client)
    assert answer.status_code == 200, answer.text


async def test_the_assertion_and_the_request_limit_the_scopes(world):
    one, other = world.scopes
    answer = await world.exchange(world.assertion(scope=f"{one} unknown openid"))
    assert answer.json()["scope"] == one
    answer = await world.exchange(world.assertion(), scope=other)
    assert answer.json()["scope"] == other
    answer = await world.exchange(world.assertion(scope=one), scope=other)
    assert is_refused(answer, "invalid_scope")
    answer = await world.exchange(world.assertion(scope=None))
    assert answer.json()["scope"] == f"{one} {other}"


async def test_an_assertion_is_good_again_for_the_same_only(world):
    assertion, other = world.assertion(), await world.new_client()
    for _ in range(2):
        assert (await world.exchange(assertion)).status_code == 200
    answer = await world.exchange(assertion, scope=world.scopes[0])
    assert is_refused(answer, "invalid_grant")
    assert is_refused(await world.exchange(assertion, other), "invalid_grant")
    jti = unique("jti")
    assert (await world.exchange(world.assertion(jti=jti))).status_code == 200
    copied = world.assertion(jti=jti, client_id=other.id)
    assert is_refused(await world.exchange(copied, other), "invalid_grant")


async def test_uses_are_kept_as_long_as_the_assertion_is_accepted(world):
    exp = int(time.time()) + 300
    assert (await world.exchange(world.assertion(exp=exp))).status_code == 200
    rows = await world.place.database.fetch_all(_USES, p_connection_id=world.connection.id)
    skew = world.place.settings.sso_clock_skew_seconds
    assert skew > 0
    assert [row["expire_time"] > (exp + skew) * SECOND for row in rows] == [True, True]


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.example"},
        {"aud": URL},
        {"aud": ["https://other.example", URL]},
        {"aud": None},
        {"client_id": "m2m_1"},
        {"client_id": None},
        {"resource": "https://other.example/mcp"},
        {"resource": None},
        {"exp": 1_700_000_000},
        {"exp": 90_000_000_000},
        {"iat": None},
        {"iat": 90_000_000_000},
        {"jti": None},
        {"jti": "x" * 256},
        {"sub": None},
        {"sub": ["a list"]},
        {"scope": ["a list"]},
        {"scope": "x" * 5000},
        {"email": "nobody@unknown.example"},
        {"email": "not an address"},
        {"email": None},
        {"email": 7},
        {"aud_tenant": "org_1"},
    ],
    ids=repr,
)
async def test_assertions_that_do_not_hold_are_refused(world, changes):
    assert await world.refuses(**changes)


async def test_other_jwts_of_the_provider_are_refused(world):
    for header in ({"typ": "JWT"}, {"typ": None}, {"typ": "logout+jwt"}):
        assertion = world.idp.signed(world.claims(), **header)
        assert is_refused(await world.exchange(assertion), "invalid_grant")
    world.idp.key = private_key("another")
    assert await world.refuses()
    for text in ("x", "a.b.c", "." * 3, "é.é.é", "x" * 60_000):
        assert is_refused(await world.exchange(text), "invalid_grant")
    assert is_refused(await world.exchange(""), "invalid_request")


async def test_an_unsigned_assertion_is_refused(world):
    world.idp.algorithm = "none"
    assert await world.refuses()


async def test_someone_who_is_no_member_is_refused(world):
    email = world.email.replace("ann@", "bob@")
    assert await world.refuses(email=email, sub="bob")
    await world.place.api.users.create_user_and_membership(  # who is invited
        organization_id=world.connection.organization_id, user={"email": email, "membership": {}}
    )
    assert await world.refuses(email=email, sub="bob")
    await world.place.api.users.delete_membership(
        organization_id=world.connection.organization_id, id=world.user_id
    )
    assert await world.refuses()


async def test_a_provider_does_not_speak_for_other_domains(world):
    domain = f"{unique('globex')}.example"
    await world.place.make.user(world.connection.organization_id, email=f"eve@{domain}")
    assert await world.refuses(email=f"eve@{domain}", sub="eve")


async def test_networks_of_the_policy_apply_to_the_client(world):
    policies = world.place.api.organization_policies
    for network, status in (("192.0.2.0/24", 400), ("127.0.0.0/8", 200)):
        await policies.update_organization_policy(
            organization_id=world.connection.organization_id,
            policy={"allowed_networks": [network]},
        )
        answer = await world.exchange(world.assertion())
        assert answer.status_code == status, answer.text


async def test_tokens_end_with_the_authorization(world):
    place = world.place
    token = await world.token()
    assert await world.is_active(token)
    await switch(place, world.connection, enabled=False)
    assert not await world.is_active(token)
    assert await world.refuses()
    await switch(place, world.connection, enabled=True)
    assert await world.is_active(token)
    await world.http.post("/oauth/revoke", data={"token": token, **world.client.form})
    assert not await world.is_active(token)
    token = await world.token()
    await place.api.users.delete_membership(
        organization_id=world.connection.organization_id, id=world.user_id
    )
    assert not await world.is_active(token)


async def test_the_setting_turns_assertions_off(world):
    token = await world.token()
    sso = world.place.api.single_sign_on
    shown = await sso.get_connection_settings(connection_id=world.connection.id)
    assert shown["settings"]["id_jag_enabled"] is True
    await sso.update_connection_settings(
        connection_id=world.connection.id, settings={"id_jag_enabled": False}
    )
    assert await world.refuses()
    assert not await world.is_active(token)


async def test_several_organizations_with_one_issuer(world):
    """Each knows its own users; `aud_tenant` decides about a user of both."""
    organization_id, domain = await organization_of(world.place)
    await world.place.make.user(organization_id, email=f"ann@{domain}")
    await oidc_connection(
        world.place,
        world.idp,
        domain=False,
        organization_id=organization_id,
        settings={"id_jag_enabled": True},
    )
    answer = await world.exchange(world.assertion(email=f"ann@{domain}"))
    assert claims_of(answer.json()["access_token"])["oid"] == organization_id
    assert claims_of(await world.token())["oid"] == world.connection.organization_id
    assert await world.refuses(aud_tenant=organization_id)
