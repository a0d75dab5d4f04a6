"""Rules of every rpc of clients and their settings at once: callers, ids, organizations.

Against other tenants' ids, fields of the server, and floods.
"""

from __future__ import annotations

import copy
import itertools
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from apis import Api, ApiError, Make, Rest, Service, access_token, refused, snake_case, unique
from protobuf import DescFieldValueList, DescFieldValueMessage, DescMessage
from sqlalchemy import select

from tenantry.access.clients.model import client_secrets, clients
from tenantry.access.scopes.model import scopes
from tenantry.db.sql.statements import Statement
from tenantry.gen.google.api import annotations_pb
from tenantry.gen.scalekit.v1.clients import clients_pb
from tenantry.gen.tenantry.v1 import client_settings_pb

METHODS = {
    snake_case(method.name): method
    for module in (clients_pb, client_settings_pb)
    for method in module.desc().services[0].methods
}
ORGANIZATION_RPCS = [rpc for rpc in METHODS if "organization_client" in rpc]
# All that an answer shows, columns that no answer does, and what other messages have.
NAMES = sorted(
    {
        field.name
        for message in (clients_pb.Client, clients_pb.M2MClient, clients_pb.ClientSecret)
        for field in message.desc().fields
    }
    | {"revision", "digest", "suffix", "api_access", "jwks", "token_endpoint_auth_method"}
    | {"access_token_signing_alg", "enabled", "overlap_seconds", "expires_in", "env"}
)
NOWHERE = {
    "organization_id": "org_1234567890123456789",
    "client_id": "m2morg_1234567890123456789",
    "secret_id": "sec_1234567890123456789",
    "id": "scp_1234567890123456789",
    "env_id": "env_1234567890123456789",
}


@dataclass
class World:
    """An organization with a client, and an application; each with two secrets, and a scope."""

    organization: str
    machine: dict[str, Any]
    application: dict[str, Any]
    scope: dict[str, Any]
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
        name = unique("s").replace("-", ":")
        return cls(
            organization,
            (await api.clients.get_organization_client(**key))["client"],
            (await api.clients.get_client(**web_key))["client"],
            (await api.clients.create_scope(scope={"name": name}))["scope"],
            [answer["plain_secret"] for answer in (machine, second, third)],
        )

    def request(self, rpc: str) -> dict[str, Any]:
        """The request for this rpc."""
        machine = {
            "organization_id": self.organization,
            "client_id": self.machine["client_id"],
        }
        web = {"client_id": self.application["id"]}
        claims = [{"key": "k", "value": "v"}]
        networks = {"opted_in": True, "cidrs": [{"value": "127.0.0.0/8", "type": "IPV4"}]}
        application = {
            "name": "App",
            "post_login_uris": [f"https://{unique()}.example.com/cb"],
            "custom_claims": claims,
            "ip_allowlist": networks,
        }
        organization_client = {"name": unique(), "scopes": ["a"], "custom_claims": claims}
        uri = f"https://{unique()}.example.com/cb"
        requests: dict[str, dict[str, Any]] = {
            "create_client": {"client": {**application, "client_type": "WEB_APP"}},
            "get_client": web,
            "list_client": {"filter": {"client_type": ["WEB_APP"]}, "page_size": 1},
            "update_client": {**web, "client": application},
            "delete_client": web,
            "create_client_secret": web,
            "update_client_secret": {
                **web,
                "secret_id": self.application["secrets"][0]["id"],
                "secret": {"status": "INACTIVE"},
            },
            "delete_client_secret": {**web, "secret_id": self.application["secrets"][0]["id"]},
            "create_organization_client": {
                "organization_id": self.organization,
                "client": organization_client,
            },
            "get_organization_client": machine,
            "list_organization_clients": {"organization_id": self.organization, "page_size": 1},
            "update_organization_client": {**machine, "client": organization_client},
            "delete_organization_client": machine,
            "create_organization_client_secret": machine,
            "delete_organization_client_secret": {
                **machine,
                "secret_id": self.machine["secrets"][0]["id"],
            },
            "create_scope": {"scope": {"name": unique("s").replace("-", ":")}},
            "list_scopes": {},
            "update_scope": {"id": self.scope["id"], "scope": {"description": unique()}},
            "delete_scope": {"id": self.scope["id"]},
            "add_environment_redirect_uri": {"redirect_uri": uri},
            "remove_environment_redirect_uri": {"redirect_uri": uri},
            "set_environment_initiate_login_uri": {"initiate_login_uri": uri},
            "get_client_settings": {"client_id": self.machine["client_id"]},
            "update_client_settings": {
                "client_id": self.machine["client_id"],
                "settings": {"token_endpoint_auth_method": "client_secret_basic"},
            },
        }
        return copy.deepcopy(requests[rpc])


def call(api: Api, rpc: str, request: dict[str, Any]) -> Any:
    return getattr(Service(api, METHODS[rpc].parent), rpc)(**request)


_TABLES = [Statement(select(table)) for table in (clients, client_secrets, scopes)]


async def state_of(database):
    """All of the tables, but when a secret was last used."""
    rows = [dict(row) for table in _TABLES for row in await database.fetch_all(table)]
    for row in rows:
        row.pop("last_used_time", None)
    return sorted(rows, key=repr)


@pytest.fixture
async def world(rest):
    return await World.made(rest)


def test_these_are_all():
    assert len(METHODS) == 22 + 2
    assert len(ORGANIZATION_RPCS) == 7


@pytest.mark.everywhere
async def test_every_request_here_is_answered(api, world, rest):
    """Or a refusal below could have another reason."""
    uri = {"redirect_uri": f"https://{unique()}.example.com/cb"}
    for rpc in METHODS:
        request = world.request(rpc) | (uri if "environment_redirect_uri" in rpc else {})
        await call(api, rpc, request)
        if rpc.startswith("delete_"):
            world = await World.made(rest)


@pytest.mark.wires("rest", "grpc")
async def test_a_caller_is_needed_and_an_organizations_client_is_none(api, world, database, http):
    before = await state_of(database)
    token = await access_token(http, world.machine["client_id"], world.plain[0])
    for headers, code in (
        ({"authorization": ()}, "UNAUTHENTICATED"),
        ({"authorization": f"Bearer {token}"}, "PERMISSION_DENIED"),
        ({"authorization": f"Bearer {world.plain[0]}"}, "UNAUTHENTICATED"),
    ):
        caller = api.sending(**headers)
        for rpc in METHODS:
            with refused(code):
                await call(caller, rpc, world.request(rpc))
    assert await state_of(database) == before


async def test_what_is_unknown_is_not_found(api, world, database):
    before = await state_of(database)
    for rpc, method in METHODS.items():
        request = world.request(rpc)
        for name in NOWHERE.keys() & {field.name for field in method.input.fields}:
            with refused("NOT_FOUND", says="not found"):
                await call(api, rpc, {**request, name: NOWHERE[name]})
    assert await state_of(database) == before


@pytest.mark.wires("rest")
async def test_what_is_no_id_is_refused_by_its_name(api, world, database):
    before = await state_of(database)
    for rpc in ORGANIZATION_RPCS:
        request = world.request(rpc)
        for name in {"organization_id", "client_id", "secret_id"} & request.keys():
            texts = ["x" * 33] if name == "secret_id" else ["acme", "skc_1", "x" * 33]
            for text in texts:
                with refused("INVALID_ARGUMENT") as it:
                    await call(api, rpc, {**request, name: text})
                assert set(it.value.fields) == {name}
    assert await state_of(database) == before


async def test_what_is_in_one_organization_is_not_reached_through_another(
    api, world, rest, database, events
):
    other = await World.made(rest)
    before = await state_of(database)
    await events.new()
    for rpc in ORGANIZATION_RPCS:
        request = world.request(rpc)
        if "client_id" not in request:
            continue
        with refused("NOT_FOUND", says="^client not found$"):
            await call(api, rpc, {**request, "organization_id": other.organization})
        if "secret_id" in request:
            foreign = {**request, "secret_id": other.machine["secrets"][0]["id"]}
            with refused("NOT_FOUND", says="^secret not found$"):
                await call(api, rpc, foreign)
    assert await state_of(database) == before
    assert await events.new() == []


def places(desc: DescMessage, above=()):
    """Every message within a request, and itself: its path and its fields' names."""
    yield above, {field.name for field in desc.fields}
    for field in desc.fields:
        match field.value:
            case DescFieldValueMessage(message=inner):
                path = (*above, field.name)
            case DescFieldValueList(element=DescMessage() as inner):
                path = (*above, field.name, 0)
            case _:
                continue
        if not inner.type_name.startswith("google.protobuf."):
            yield from places(inner, path)


@pytest.mark.wires("rest", "connect")
@pytest.mark.process
async def test_what_the_server_sets_is_no_member_of_a_request(api, world, database, server):
    """Each name over one of the wires, on one of the databases."""
    before = await state_of(database)
    mine = (isinstance(api.wire, Rest), "postgresql" in server.log.parent.name)
    turns = itertools.cycle([mine == turn for turn in itertools.product([True, False], repeat=2)])
    tried = 0
    for rpc, method in METHODS.items():
        body = method.proto.options[annotations_pb.ext_http].body
        for path, known in places(method.input):
            if isinstance(api.wire, Rest) and (not path or body not in {"*", path[0]}):
                continue  # in the path or the query: see below
            for name in NAMES:
                if name in known or not next(turns):
                    continue
                request = world.request(rpc)
                target: Any = request
                for step in path:
                    target = target.setdefault(step, {}) if isinstance(step, str) else target[step]
                target[name] = "x"
                with refused("INVALID_ARGUMENT") as it:
                    await call(api, rpc, request)
                (field,) = it.value.fields
                assert field.rpartition(".")[2] == name, (rpc, path)
                tried += 1
    assert tried > 50
    assert await state_of(database) == before


@pytest.mark.wires("rest")
async def test_nor_of_a_query_and_no_body_says_another_id_than_the_path(api, world, database):
    before = await state_of(database)
    for rpc, method in METHODS.items():
        rule = method.proto.options[annotations_pb.ext_http]
        request, path = world.request(rpc), str(rule.pattern.value)
        named = {key for key in request if f"{{{key}}}" in path}
        for key in named:
            path = path.replace(f"{{{key}}}", request.pop(key))
        body = request if rule.body == "*" else request.get(rule.body)
        odd = ["create_time", "revision", "client.organization_id", "client.id", "__class__"]
        for name in [*odd, *named]:
            answer = await api.wire.http.request(
                rule.pattern.field.upper(),
                f"{path}?{name}=x",
                content=None if body is None else json.dumps(body),
                headers=[*api.headers, ("content-type", "application/json")],
            )
            assert answer.status_code == 400, (rpc, name, answer.text)
    assert await state_of(database) == before


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
    for rpc in (*(rpc for rpc in METHODS if rpc.startswith(("get_", "list_"))), "update_client"):
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


HOSTILE = [
    "\ud7ff\U0001f600",
    "'; DROP TABLE clients; --",
    "${jndi:x}",
    "\x7f\r\n\t",
    "%00",
    "x" * 9999,
]


def changed(request: Any, text: str):
    """The request with this text in place of each of its texts in turn."""
    members = request.items() if isinstance(request, dict) else enumerate(request)
    for key, value in members:
        if isinstance(value, str):
            yield key, text
        elif isinstance(value, dict | list):
            yield from ((key, inner) for inner in changed(value, text))


def put(request: Any, change: Any):
    key, inner = change
    request[key] = put(request[key], inner) if isinstance(inner, tuple) else inner
    return request


@pytest.mark.wires("connect", "grpc")
async def test_no_text_makes_an_internal_error(api, world):
    """In every text of every request, taken or refused."""
    codes: Counter[str] = Counter()
    for rpc in METHODS:
        if rpc.startswith(("delete_", "remove_", "add_", "set_")):
            continue
        for text in HOSTILE:
            for change in changed(world.request(rpc), text):
                if rpc == "update_client_secret" or "type" in str(change):
                    continue  # no text but a name of an enum
                try:
                    await call(api, rpc, put(world.request(rpc), change))
                except ApiError as problem:
                    codes[problem.code] += 1
    assert sum(codes.values()) > 100
    assert codes.keys() == {"INVALID_ARGUMENT", "NOT_FOUND"}
