"""Rules of every rpc of webhooks at once: callers, ids, members, hostile texts."""

from __future__ import annotations

import copy
import itertools
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from apis import ApiError, Rest, access_token, refused, snake_case, unique
from sqlalchemy import select

from tenantry.db.sql.statements import Statement
from tenantry.events.webhooks.model import webhook_attempts, webhook_deliveries, webhook_endpoints
from tenantry.gen.google.api import annotations_pb
from tenantry.gen.tenantry.v1 import webhooks_pb

if TYPE_CHECKING:
    from apis import Api

METHODS = {snake_case(method.name): method for method in webhooks_pb.desc().services[0].methods}
NOWHERE = {"endpoint_id": "whe_1234567890123456789", "delivery_id": "dlv_1234567890123456789"}
# The members of answers, and further columns of the table.
NAMES = sorted(
    {
        field.name
        for message in (webhooks_pb.WebhookEndpoint, webhooks_pb.WebhookDelivery)
        for field in message.desc().fields
    }
    | {"secret", "secret_sealed", "previous_secret_sealed", "revision", "body", "position"}
)


@dataclass
class World:
    """An endpoint with a delivery."""

    endpoint: dict[str, Any]
    delivery: dict[str, Any]

    def request(self, rpc: str) -> dict[str, Any]:
        """The request for this rpc."""
        key = {"endpoint_id": self.endpoint["id"]}
        of_delivery = {**key, "delivery_id": self.delivery["id"]}
        new = {"url": f"https://hooks.example.com/{unique()}", "event_types": ["role.created"]}
        day = {"start_time": "2026-01-01T00:00:00Z", "end_time": "2026-01-01T00:00:01Z"}
        requests: dict[str, dict[str, Any]] = {
            "create_endpoint": {"endpoint": {**new, "description": "Billing"}},
            "get_endpoint": key,
            "list_endpoints": {"page_size": 1},
            "update_endpoint": {**key, "endpoint": {**new, "description": unique()}},
            "delete_endpoint": key,
            "enable_endpoint": key,
            "disable_endpoint": key,
            "rotate_endpoint_secret": key,
            "send_test_event": {**key, "event_type": "role.created"},
            "list_deliveries": {**key, "event_type": "role.created", "page_size": 1},
            "get_delivery": of_delivery,
            "list_attempts": of_delivery,
            "replay_delivery": of_delivery,
            "replay_events": {**key, **day, "event_types": ["role.created"]},
        }
        return copy.deepcopy(requests[rpc])


def call(api: Api, rpc: str, request: dict[str, Any]) -> Any:
    return getattr(api.webhooks, rpc)(**request)


_TABLES = [
    Statement(select(table)) for table in (webhook_endpoints, webhook_deliveries, webhook_attempts)
]


async def state_of(database):
    """All of the tables."""
    rows = [dict(row) for table in _TABLES for row in await database.fetch_all(table)]
    return sorted(rows, key=repr)


@pytest.fixture
async def world(rest, endpoint):
    sent = await rest.webhooks.send_test_event(endpoint_id=endpoint["id"])
    return World(endpoint, sent["delivery"])


def test_these_are_all():
    assert len(METHODS) == 14


@pytest.mark.everywhere
async def test_every_request_here_is_answered(api, world, endpoints):
    """Or a refusal below could have another reason."""
    for rpc in sorted(
        METHODS, key=lambda rpc: (rpc == "delete_endpoint", rpc == "disable_endpoint")
    ):
        answer = await call(api, rpc, world.request(rpc))
        if rpc == "create_endpoint":
            endpoints.noted(answer)


@pytest.fixture
async def strangers(http, make):
    """Headers of callers that may not call, with the code that each gets."""
    organization = (await make.organization())["id"]
    token = await access_token(http, *await make.client(organization))
    return [
        ({"authorization": ()}, "UNAUTHENTICATED"),
        ({"authorization": "Bearer x"}, "UNAUTHENTICATED"),
        ({"authorization": f"Bearer {token}"}, "PERMISSION_DENIED"),
        (
            {"authorization": (), "cookie": await make.portal_session(http, organization)},
            "PERMISSION_DENIED",
        ),
    ]


@pytest.mark.wires("rest", "grpc", "connect")
async def test_a_caller_is_needed_and_neither_a_machine_nor_a_portal_is_one(
    api, world, database, strangers, events
):
    before = await state_of(database)
    await events.new()
    for headers, code in strangers:
        caller = api.sending(**headers)
        for rpc in METHODS:
            with refused(code):
                await call(caller, rpc, world.request(rpc))
    assert await state_of(database) == before
    assert await events.new() == []


async def test_what_is_unknown_is_not_found(api, world, database):
    before = await state_of(database)
    for rpc, method in METHODS.items():
        request = world.request(rpc)
        for name in NOWHERE.keys() & {field.name for field in method.input.fields}:
            with refused("NOT_FOUND", says=f"^{name.removesuffix('_id')} not found$"):
                await call(api, rpc, {**request, name: NOWHERE[name]})
    assert await state_of(database) == before


@pytest.mark.wires("rest", "grpc")
async def test_what_is_no_id_is_refused_or_not_found(api, world, database):
    before = await state_of(database)
    for rpc in METHODS:
        for name in NOWHERE.keys() & world.request(rpc).keys():
            with refused("INVALID_ARGUMENT", name):
                await call(api, rpc, {**world.request(rpc), name: "x" * 33})
            with refused("NOT_FOUND"):
                await call(api, rpc, {**world.request(rpc), name: "acme"})
    assert await state_of(database) == before


@pytest.mark.wires("rest", "connect")
async def test_what_the_server_sets_is_no_member_of_a_request(api, world, database):
    before = await state_of(database)
    tried = 0
    for rpc, member in itertools.product(METHODS, ("", "endpoint")):
        request = world.request(rpc)
        if member and member not in request:
            continue
        if not member and isinstance(api.wire, Rest):
            body = METHODS[rpc].proto.options[annotations_pb.ext_http].body
            if body != "*":
                continue
        known = {field.name for field in METHODS[rpc].input.fields}
        if member:
            message = getattr(webhooks_pb, rpc.partition("_")[0].capitalize() + "Endpoint")
            known = {field.name for field in message.desc().fields}
        for name in set(NAMES) - known:
            odd = copy.deepcopy(request)
            (odd[member] if member else odd)[name] = "x"
            with refused("INVALID_ARGUMENT") as it:
                await call(api, rpc, odd)
            (field,) = it.value.fields
            assert field.rpartition(".")[2] == name, rpc
            tried += 1
    assert tried > 30
    assert await state_of(database) == before


@pytest.mark.wires("rest")
async def test_nor_of_a_query(api, world, database):
    before = await state_of(database)
    for rpc, method in METHODS.items():
        rule = method.proto.options[annotations_pb.ext_http]
        request, path = world.request(rpc), str(rule.pattern.value)
        for key in [key for key in request if f"{{{key}}}" in path]:
            path = path.replace(f"{{{key}}}", request.pop(key))
        body = request if rule.body == "*" else request.get(rule.body)
        for name in ("revision", "endpoint.secret", "endpoint.id", "secret_sealed", "endpoint_id"):
            answer = await api.wire.http.request(
                rule.pattern.field.upper(),
                f"{path}?{name}=x",
                content=None if body is None else json.dumps(body),
                headers=[*api.headers, ("content-type", "application/json")],
            )
            assert answer.status_code == 400, (rpc, name, answer.text)
    assert await state_of(database) == before


HOSTILE = [
    "\ud7ff\U0001f600",
    "'; DROP TABLE webhook_endpoints; --",
    "${jndi:x}",
    "\x7f\r\n\t",
    "%00",
    "\x00",
    "x" * 9999,
]


def changed(request: Any, text: str):
    """The request with this text in place of each of its texts in turn."""
    members = request.items() if isinstance(request, dict) else enumerate(request)
    for key, value in members:
        if isinstance(value, str) and not str(key).endswith("_time"):
            yield key, text
        elif isinstance(value, dict | list):
            yield from ((key, inner) for inner in changed(value, text))


def put(request: Any, change: Any):
    key, inner = change
    request[key] = put(request[key], inner) if isinstance(inner, tuple) else inner
    return request


@pytest.mark.wires("rest", "connect", "grpc")
async def test_no_text_makes_an_internal_error(api, world):
    """In every text of every request, taken or refused."""
    codes: Counter[str] = Counter()
    for rpc in METHODS:
        for text in HOSTILE:
            for change in changed(world.request(rpc), text):
                try:
                    await call(api, rpc, put(world.request(rpc), change))
                except ApiError as problem:
                    codes[problem.code] += 1
                else:
                    assert "description" in str(change), (rpc, change)
    assert sum(codes.values()) > 100
    assert codes.keys() == {"INVALID_ARGUMENT", "NOT_FOUND"}


@pytest.mark.wires("grpc")
async def test_a_time_that_json_could_not_spell_is_refused(api, world):
    """Binary messages hold any number of seconds."""
    start = webhooks_pb.ReplayEventsRequest(endpoint_id=world.endpoint["id"])
    for seconds, nanos in ((2**62, 0), (-(2**62), 0), (0, -1), (0, 10**9)):
        text = start.to_binary() + inner(2, number(1, seconds) + number(2, nanos))
        with refused("INVALID_ARGUMENT", "start_time"):
            await api.wire.send(METHODS["replay_events"], text, api.headers)


def number(field: int, value: int) -> bytes:
    value %= 1 << 64
    text = bytes([field << 3])
    while value > 127:
        text += bytes([value & 127 | 128])
        value >>= 7
    return text + bytes([value])


def inner(field: int, message: bytes) -> bytes:
    return bytes([field << 3 | 2, len(message)]) + message
