"""Fields of the server cannot be given by their number, or by two spellings of a name.

By their names, tests/contract/test_rpc_fields.py refuses them in every request.
"""

from __future__ import annotations

import json

import pytest
from apis import unique
from rpcs import METHODS, World
from wires import Text, path_of

from tenantry.gen.scalekit.v1.domains import domains_pb

pytestmark = pytest.mark.process


@pytest.fixture
async def world(make, rest):
    return await World.made(make, rest)


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
