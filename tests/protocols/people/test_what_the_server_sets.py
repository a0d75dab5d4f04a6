"""Fields of the server cannot be given: in no body, at no depth, in no query, by no number.

Mass assignment, tried on every rpc of users, roles and domains.
"""

from __future__ import annotations

import itertools
import json

import pytest
from apis import Rest, Text, path_of, refused, unique
from protobuf import DescFieldValueList, DescFieldValueMessage, DescMessage
from rpcs import METHODS, OF_SESSIONS, World, about, call
from states import state_of

from tenantry.gen.google.api import annotations_pb
from tenantry.gen.scalekit.v1.commons import commons_pb
from tenantry.gen.scalekit.v1.domains import domains_pb
from tenantry.gen.scalekit.v1.roles import roles_pb
from tenantry.gen.scalekit.v1.users import users_pb

pytestmark = pytest.mark.process

RPCS = [rpc for rpc in METHODS if rpc not in OF_SESSIONS]
_SHOWN = (
    *(users_pb.User, commons_pb.OrganizationMembership, commons_pb.UserProfile, users_pb.Invite),
    *(roles_pb.Role, roles_pb.Permission, domains_pb.Domain),
)
# All that an answer shows, and columns that no answer does.
NAMES = sorted(
    {field.name for message in _SHOWN for field in message.desc().fields}
    | {"revision", "built_in", "password_hash", "email_key", "base_id", "check_time", "force"}
)
IN_QUERIES = (
    *("create_time", "environment_id", "revision", "is_org_role", "force.x", "__class__"),
    *("role.default_creator", "user.id", "user.user_profile.email_verified"),
    *("membership.membership_status", "domain.verification_status", "permission.built_in"),
)


@pytest.fixture
async def world(make, rest):
    return await World.made(make, rest)


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


def extended(request, path, name):
    """A request with one more member at this place."""
    request = json.loads(json.dumps(request))
    target = request
    for step in path:
        target = target.setdefault(step, {}) if isinstance(target, dict) else target[step]
    target[name] = "x"
    return request


@pytest.mark.wires("rest", "connect")
async def test_what_an_answer_shows_is_no_member_of_a_request(api, world, database, server):
    """Each name over one of the wires, on one of the databases."""
    before = await state_of(database, world)
    mine = (isinstance(api.wire, Rest), "postgresql" in server.log.parent.name)
    turns = itertools.cycle([mine == turn for turn in itertools.product([True, False], repeat=2)])
    tried = 0
    for rpc in RPCS:
        request = world.request(rpc)
        body = METHODS[rpc].proto.options[annotations_pb.ext_http].body
        for path, known in places(METHODS[rpc].input):
            if path and path[0] == "default_creator":
                continue  # the older way, beside the newer one
            if isinstance(api.wire, Rest) and (not path or body not in {"*", path[0]}):
                continue  # in the path or the query: see below
            for name in NAMES:
                if name in known or not next(turns):
                    continue
                with about(rpc, path, name), refused("INVALID_ARGUMENT") as it:
                    await call(api, rpc, extended(request, path, name))
                with about(rpc, path, name, str(it.value)):
                    (field,) = it.value.fields
                    assert field.rpartition(".")[2] == name
                tried += 1
    assert tried > 100
    assert await state_of(database, world) == before


@pytest.mark.wires("rest")
async def test_nor_of_a_query(api, world, database):
    before = await state_of(database, world)
    for rpc in RPCS:
        rule = METHODS[rpc].proto.options[annotations_pb.ext_http]
        for name in IN_QUERIES:
            request = world.request(rpc)
            path = str(rule.pattern.value)
            for key, value in world.request(rpc).items():
                if f"{{{key}}}" in path:
                    path = path.replace(f"{{{key}}}", str(value))
                    del request[key]
            body = request if rule.body == "*" else request.get(rule.body)
            answer = await api.wire.http.request(
                rule.pattern.field.upper(),
                f"{path}?{name}=x",
                content=None if body is None else json.dumps(body),
                headers=[*api.headers, ("content-type", "application/json")],
            )
            assert answer.status_code == 400, (rpc, name, answer.text)
    assert await state_of(database, world) == before


@pytest.mark.wires("grpc")
async def test_nor_has_it_an_effect_by_its_number(api, world, make):
    """Of a domain; those of users, roles and permissions are tested in their folders."""
    organization = await make.organization()
    status, method_number = 8, 13
    inner = (
        _field(1, f"{unique()}.example.org")
        + _field(4, world.organization["id"])
        + _field(7, "mine")
        + bytes([status << 3, domains_pb.VerificationStatus.FAILED])
        + bytes([method_number << 3, 1])
    )
    request = _field(1, organization["id"]) + _field(4, inner)
    answer = await api.wire.send(METHODS["create_domain"], request, api.headers)
    made = answer["domain"]
    assert made["organization_id"] == organization["id"]
    assert made["txt_record_secret"] == ""
    assert (made["verification_status"], made["verification_method"]) == ("VERIFIED", "ADMIN")


def _field(number, value):
    value = value.encode() if isinstance(value, str) else value
    assert len(value) < 128
    return bytes([number << 3 | 2, len(value)]) + value


@pytest.mark.wires("connect")
async def test_what_protobuf_spells_otherwise_is_one_member(api, world):
    """camelCase and snake_case name one field; what JSON lets come twice counts once."""
    one = {"organizationId": world.organization["id"], "organization_id": "org_1"}
    answer = await api.wire.http.post(
        path_of(METHODS["list_organization_users"]),
        content=json.dumps(one),
        headers=[*api.headers, ("content-type", "application/json")],
    )
    assert answer.status_code in {400, 404}
    twice = '{{"id":"{id}","id":"usr_1234567890123456789","user":{{}}}}'
    answer = await api.wire.http.post(
        path_of(METHODS["update_user"]),
        content=Text(twice.format(id=world.user["id"])),
        headers=[*api.headers, ("content-type", "application/json")],
    )
    assert answer.status_code in {400, 404}
