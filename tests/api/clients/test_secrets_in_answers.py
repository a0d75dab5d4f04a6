"""Secrets of clients are in no response but the one that creates them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from apis import Api, Service, refused, snake_case, unique
from factories import Make

from tenantry.gen.scalekit.v1.clients import clients_pb
from tenantry.gen.tenantry.v1 import client_settings_pb

METHODS = {
    snake_case(method.name): method
    for module in (clients_pb, client_settings_pb)
    for method in module.desc().services[0].methods
}


@dataclass
class World:
    """An organization with a client, and an application; each with two secrets, and a scope.

    And a resource with a client.
    """

    organization: str
    machine: dict[str, Any]
    application: dict[str, Any]
    scope: dict[str, Any]
    resource_client: dict[str, str]
    plain: list[str]

    @classmethod
    async def made(cls, api: Api) -> World:
        organization = (await Make(api).organization())["id"]
        machine = await api.clients.create_organization_client(
            organization_id=organization, client={"name": "Machine"}
        )
        key = {"organization_id": organization, "client_id": machine["client"]["client_id"]}
        second = await api.clients.create_organization_client_secret(**key)
        application = await api.clients.create_client(
            client={"name": "App", "client_type": "WEB_APP"}
        )
        web_key = {"client_id": application["client"]["id"]}
        third = await api.clients.create_client_secret(**web_key)
        resource = await api.clients.create_resource(
            resource={"resource_type": "MCP_SERVER", "name": "Server"}
        )
        resource_id = resource["resource"]["id"]
        agent = await api.clients.create_resource_client(
            resource_id=resource_id, client={"name": "Agent"}
        )
        name = unique("s").replace("-", ":")
        return cls(
            organization,
            (await api.clients.get_organization_client(**key))["client"],
            (await api.clients.get_client(**web_key))["client"],
            (await api.clients.create_scope(scope={"name": name}))["scope"],
            {"resource_id": resource_id, "client_id": agent["client"]["client_id"]},
            [answer["plain_secret"] for answer in (machine, second, third, agent)],
        )

    def request(self, rpc: str) -> dict[str, Any]:
        """The request for this rpc."""
        machine = {"organization_id": self.organization, "client_id": self.machine["client_id"]}
        web = {"client_id": self.application["id"]}
        resource = {"resource_id": self.resource_client["resource_id"]}
        requests: dict[str, dict[str, Any]] = {
            "get_client": web,
            "list_client": {"filter": {"client_type": ["WEB_APP"]}, "page_size": 1},
            "update_client": {**web, "client": {"name": "App"}},
            "get_organization_client": machine,
            "list_organization_clients": {"organization_id": self.organization, "page_size": 1},
            "list_scopes": {},
            "get_resource": resource,
            "list_resources": {"resource_type": "MCP_SERVER"},
            "get_resource_client": self.resource_client,
            "list_resource_clients": resource,
            "list_resource_user_consents": resource,
            "get_client_settings": {"client_id": self.machine["client_id"]},
        }
        return requests[rpc]


def call(api: Api, rpc: str, request: dict[str, Any]) -> Any:
    return getattr(Service(api, METHODS[rpc].parent), rpc)(**request)


@pytest.fixture
async def world(rest):
    return await World.made(rest)


@pytest.mark.wires("grpc")
async def test_nor_has_it_an_effect_by_its_number(api, world):
    """A member of an answer whose number the request does not know is left aside."""
    inner = field_of(1, "Mine") + field_of(7, "x") + field_of(12, "res_1") + bytes([15 << 3, 1])
    request = field_of(1, world.organization) + field_of(2, inner) + field_of(5, "x")
    made = await api.wire.send(METHODS["create_organization_client"], request, api.headers)
    client = made["client"]
    assert (client["name"], client["organization_id"]) == ("Mine", world.organization)
    assert (client["is_dcr"], client["resource_id"]) == (False, "")


def field_of(number, value):
    value = value.encode() if isinstance(value, str) else value
    assert len(value) < 128
    return bytes([number << 3 | 2, len(value)]) + value


@pytest.mark.wires("rest", "grpc")
async def test_a_secret_is_in_no_answer_but_the_one_that_makes_it(api, world, events):
    """Nor in an event, an error, or the event of its deletion."""
    reads = (rpc for rpc in METHODS if rpc.startswith(("get_", "list_")) and "current" not in rpc)
    for rpc in (*reads, "update_client"):
        answer = await call(api, rpc, world.request(rpc))
        assert not any(secret in str(answer) for secret in world.plain)
    listed = await api.clients.list_client(
        filter={"client_type": ["ALL"]}, include_plain_secret=True, page_size=30
    )
    assert "plain_secret" not in str(listed)
    for secret in world.plain:
        with refused("NOT_FOUND") as it:
            await api.clients.get_client(client_id=secret[:32])
        assert secret[:20] not in it.value.message
    await api.clients.delete_organization_client(
        **{k: world.request("get_organization_client")[k] for k in ("organization_id", "client_id")}
    )
    told = str(await events.new())
    assert "client.deleted" in told
    assert not any(secret in told for secret in world.plain)
