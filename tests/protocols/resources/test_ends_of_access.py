"""Each event that ends the access of third-party clients to a resource.

The user has consented to a client of each registration: by RFC 7591, by a client ID metadata
document, and by an operator. Their refresh tokens are refused at once, and introspection reports
their access tokens as inactive within a second.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from apis import unique
from mcp_resources import bearer, registration
from providers import Provider, connect, patch
from resource_clients import CALLBACK, ResourceClient
from waiting import ends_within_a_second

from tenantry.access.client_metadata import documents
from tenantry.access.client_metadata.fetching import Document, DocumentFetcher
from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.identity.consents import service as consents

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from resource_clients import Resources


@dataclass(frozen=True)
class Connected:
    """A client that the user has connected, and its tokens."""

    client: ResourceClient  # with the ID that it sends
    stored_id: str
    registration: dict[str, Any]
    tokens: dict[str, Any]


@dataclass(frozen=True)
class UserSession:
    """A session of the user, the cookies of the browser, and the scope to grant."""

    session: Any
    cookies: str
    scope: str


@dataclass(frozen=True)
class World:
    """A user whom a directory provisions, and the clients that the user has connected."""

    http: Any
    rest: Any
    database: Any
    management: dict[str, str]
    resource: dict[str, Any]
    provider: Provider
    scim_id: str
    user_id: str
    connected: list[Connected]

    @property
    def organization_id(self) -> str:
        return self.provider.directory.organization_id

    async def is_active(self, token: str) -> bool:
        answer = await self.http.post("/oauth/introspect", data={"token": token, **self.management})
        assert answer.status_code == 200, answer.text
        return bool(answer.json()["active"])

    async def consents(self) -> list[dict[str, Any]]:
        listed = await self.rest.clients.list_resource_user_consents(
            resource_id=self.resource["id"]
        )
        return list(listed["consents"])


@pytest.fixture
async def provider(database, server, make):
    provider = await connect(database, server, make)
    yield provider
    await provider.aclose()


@pytest.fixture
async def world(server, provider, resources, signed_in, monkeypatch):
    """A user with one connected client of each registration."""
    rest, http = resources.rest, provider.http
    person = await provider.create("ann")
    listed = await rest.users.list_organization_users(
        organization_id=provider.directory.organization_id
    )
    (user,) = listed["users"]
    session, cookies = await signed_in(provider.directory.organization_id, user_id=user["id"])
    scope = await resources.permission()
    resource = await resources(scopes=[scope], enable_cimd=True)
    user_session = UserSession(session, cookies, scope)
    return World(
        http=http,
        rest=rest,
        database=provider.database,
        management={"client_id": server.client_id, "client_secret": server.client_secret},
        resource=resource,
        provider=provider,
        scim_id=person["id"],
        user_id=user["id"],
        connected=[
            await connected(client, registered, resources, user_session)
            for client, registered in (
                await by_operator(resources, resource),
                await by_registration(http, resource),
                await by_document(http, resource, monkeypatch),
            )
        ],
    )


async def by_operator(resources: Resources, resource):
    return await resources.client(resource), {}


async def by_registration(http, resource):
    body = registration(redirect_uris=[CALLBACK])
    answer = await http.post(f"/resources/{resource['id']}/register", json=body)
    made = answer.json()
    return ResourceClient(http, made["client_id"], "", resource), made


async def by_document(http, resource, monkeypatch):
    """A client whose document is published, in the place of a host on the internet."""
    document = {"client_name": "Agent", "redirect_uris": [CALLBACK]}

    async def read(_self, url):
        body = json.dumps({"client_id": url} | document).encode()
        return Document(documents.parse(url, body, content_type="application/json"), 3600)

    monkeypatch.setattr(DocumentFetcher, "_read", read)
    url = f"https://{unique('agent')}.example.com/client.json"
    client = ResourceClient(http, url, "", resource)
    await client.authorize()  # which stores the client
    return client, {}


async def connected(client, registered, resources: Resources, user: UserSession) -> Connected:
    """Connect a client: the consent, a code, and the tokens."""
    listed = await resources.rest.clients.list_resource_clients(resource_id=client.resource["id"])
    stored_id = client.id
    if client.id.startswith("https://"):
        (stored_id,) = [one["client_id"] for one in listed["clients"] if one["is_cimd"]]
    await resources.consent(replace(client, id=stored_id), user.session, user.scope)
    answer = await client.redeem(await client.code(user.cookies, scope=user.scope))
    assert answer.status_code == 200, answer.text
    return Connected(client, stored_id, registered, answer.json())


async def deactivated_by_the_directory(world):
    body = patch({"op": "replace", "value": {"active": False}})
    assert (await world.provider("PATCH", f"/Users/{world.scim_id}", body)).status_code == 200


async def deleted_by_the_directory(world):
    assert (await world.provider("DELETE", f"/Users/{world.scim_id}")).status_code == 204


async def removed_from_the_organization(world):
    await world.rest.users.delete_membership(
        organization_id=world.organization_id, id=world.user_id
    )


async def user_deleted(world):
    await world.rest.users.delete_user(id=world.user_id)


async def organization_deleted(world):
    await world.rest.organizations.delete_organization(id=world.organization_id)


async def resource_deleted(world):
    await world.rest.clients.delete_resource(resource_id=world.resource["id"])


async def clients_deleted(world):
    for one in world.connected:
        if one.registration:  # RFC 7592 section 2.3
            token = one.registration["registration_access_token"]
            path = f"/resources/{world.resource['id']}/register/{one.stored_id}"
            assert (await world.http.delete(path, headers=bearer(token))).status_code == 204
        else:
            await world.rest.clients.delete_resource_client(
                resource_id=world.resource["id"], client_id=one.stored_id
            )


async def tokens_revoked_by_the_clients(world):
    for one in world.connected:
        path = f"{one.client.issuer_path}/revoke"
        answer = await one.client.token(path, token=one.tokens["refresh_token"])
        assert answer.status_code == 200, answer.text


async def consents_revoked_by_an_operator(world):
    for one in await world.consents():
        await world.rest.clients.revoke_user_consent(
            client_id=one["client_id"], consent_id=one["id"]
        )


async def consents_revoked_by_the_user(world):
    for one in await world.consents():
        await consents.revoke_own(
            Call(SYSTEM, world.database, "test"),
            one["id"],
            user_id=world.user_id,
            organization_id=world.organization_id,
        )


async def consents_revoked_by_an_administrator(world):
    for one in await world.consents():
        await consents.revoke_of_organization(
            Call(SYSTEM, world.database, "test"), one["id"], world.organization_id
        )


async def sessions_revoked(world):
    await world.rest.sessions.revoke_all_user_sessions(user_id=world.user_id)


ENDS: list[Callable[[World], Awaitable[None]]] = [
    deactivated_by_the_directory,
    deleted_by_the_directory,
    removed_from_the_organization,
    user_deleted,
    organization_deleted,
    resource_deleted,
    clients_deleted,
    tokens_revoked_by_the_clients,
    consents_revoked_by_an_operator,
    consents_revoked_by_the_user,
    consents_revoked_by_an_administrator,
    sessions_revoked,
]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
async def test_access_ends(world, end):
    for one in world.connected:
        # The server has cached the client and the resource.
        assert await world.is_active(one.tokens["access_token"])
        refreshed = await one.client.refresh(one.tokens["refresh_token"])
        assert refreshed.status_code == 200, refreshed.text
        one.tokens.update(refreshed.json())
    await end(world)
    for one in world.connected:
        refused = await one.client.refresh(one.tokens["refresh_token"])
        assert refused.json()["error"] in {"invalid_grant", "invalid_client"}, refused.text
    # Within that time, the cache of clients may still have the answer from before.
    tokens = [one.tokens["access_token"] for one in world.connected]
    await asyncio.gather(
        *(ends_within_a_second(lambda token=one: world.is_active(token)) for one in tokens)
    )
