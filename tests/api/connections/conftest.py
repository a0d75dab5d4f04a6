"""Organizations and their connections, over the API."""

from __future__ import annotations

import pytest
from apis import Api, access_token
from factories import Make
from wires import Rest


@pytest.fixture
async def organization(make):
    """A new organization."""
    return await make.organization()


class Connections:
    """Connections of one organization, as a test makes and changes them."""

    def __init__(self, api, organization_id) -> None:
        self.api = api.connections
        self.whole = api
        self.organization_id = organization_id

    async def make(self, provider="OKTA", type_="OIDC", **more: object):
        answer = await self.api.create_connection(
            organization_id=self.organization_id,
            connection={"provider": provider, "type": type_, **more},
        )
        return answer["connection"]

    async def update(self, connection, **changes: object):
        answer = await self.api.update_connection(
            organization_id=self.organization_id,
            id=connection["id"],
            connection={"provider": connection["provider"], **changes},
        )
        return answer["connection"]

    async def get(self, connection):
        answer = await self.api.get_connection(
            organization_id=self.organization_id, id=connection["id"]
        )
        return answer["connection"]

    def enable(self, connection):
        return self.api.enable_connection(organization_id=self.organization_id, id=connection["id"])

    def disable(self, connection):
        return self.api.disable_connection(
            organization_id=self.organization_id, id=connection["id"]
        )

    def delete(self, connection):
        return self.api.delete_connection(organization_id=self.organization_id, id=connection["id"])

    async def listed(self, **filters: object):
        answer = await self.api.list_connections(organization_id=self.organization_id, **filters)
        return [one["id"] for one in answer.get("connections", [])]


@pytest.fixture
def connections(api, organization):
    return Connections(api, organization["id"])


@pytest.fixture(scope="session")
def reaching_server(start_server):
    """A server that asks providers on this machine, without TLS where a connection says so."""
    return start_server("reaching", outgoing_allow="127.0.0.0/8")


@pytest.fixture
async def reaching(reaching_server):
    """Connections of a new organization there, over REST."""
    wire = Rest(reaching_server)
    token = await access_token(wire.http, reaching_server.client_id, reaching_server.client_secret)
    api = Api(wire, (("authorization", f"Bearer {token}"),))
    yield Connections(api, (await Make(api).organization())["id"])
    await wire.aclose()
