"""Out of reach from the outside: foreign roles, fields of the server, old holders."""

from __future__ import annotations

import json

import pytest
from apis import refused
from role_names import fresh, names

from tenantry.gen.scalekit.v1.roles import roles_pb as pb


@pytest.mark.wires("rest", "connect")
@pytest.mark.parametrize(
    "field",
    [
        *("id", "default_creator", "default_member", "is_org_role", "organization_id", "base_id"),
        *("dependent_roles_count", "revision", "create_time", "org_id", "__proto__"),
    ],
)
async def test_what_the_server_sets_cannot_be_given(api, make, field):
    organization = (await make.organization())["id"]
    role = {"name": fresh(), "display_name": "Role", field: True}
    for call in (
        api.roles.create_role(role=role),
        api.roles.create_organization_role(org_id=organization, role=role),
    ):
        with refused("INVALID_ARGUMENT") as it:
            await call
        assert [path.rpartition(".")[2] for path in it.value.fields] == [field]


@pytest.mark.wires("rest", "connect")
@pytest.mark.parametrize("field", ["id", "is_scalekit_permission", "built_in", "create_time"])
async def test_nor_of_a_permission(api, field):
    with refused("INVALID_ARGUMENT") as it:
        await api.roles.create_permission(permission={"name": fresh(), field: True})
    assert [path.rpartition(".")[2] for path in it.value.fields] == [field]


@pytest.mark.wires("grpc")
async def test_field_numbers_of_what_the_server_sets_have_no_effect(api, make):
    name = fresh()
    forged = pb.Role.from_json(
        json.dumps(
            {
                "id": "role_1",
                "name": name,
                "display_name": "Role",
                "default_creator": True,
                "default_member": True,
                "is_org_role": True,
                "dependent_roles_count": 7,
            }
        )
    ).to_binary()
    message = bytes([2 << 3 | 2, len(forged)]) + forged
    answer = await api.wire.send(api.roles.methods["create_role"], message, api.headers)
    role = answer["role"]
    assert role["id"] != "role_1"
    given = ("default_creator", "default_member", "is_org_role", "dependent_roles_count")
    assert [role[field] for field in given] == [False, False, False, 0]


@pytest.mark.wires("rest")
async def test_an_organization_in_body_or_query_may_not_differ_from_the_path(http, api, make):
    mine, other = [(await make.organization())["id"] for _ in range(2)]
    role = (await make.organization_role(mine))["name"]
    headers = dict(api.headers)
    path = f"/api/v1/organizations/{mine}/roles"
    body = {"name": fresh(), "display_name": "Role"}
    answers = [
        await http.post(f"{path}?org_id={other}", json=body, headers=headers),
        await http.post(path, json=body | {"org_id": other}, headers=headers),
        await http.put(
            f"{path}/{role}?org_id={other}", json={"display_name": "X"}, headers=headers
        ),
        await http.put(
            f"{path}/{role}?role_name=admin", json={"display_name": "X"}, headers=headers
        ),
        await http.get(f"{path}/{role}?orgId={other}", headers=headers),
        await http.get(f"{path}?org_id={other}", headers=headers),
        await http.delete(f"{path}/{role}?org_id={other}", headers=headers),
        await http.patch(
            f"{path}:set_defaults",
            json={"default_member_role": role, "org_id": other},
            headers=headers,
        ),
    ]
    assert [answer.status_code for answer in answers] == [400] * len(answers)
    for organization in (mine, other):
        listed = await api.roles.list_organization_roles(org_id=organization)
        own = [one["name"] for one in listed["roles"] if one["is_org_role"]]
        assert own == ([role] if organization == mine else [])


async def test_what_takes_over_is_no_foreign_role(api, make):
    mine, other = [(await make.organization())["id"] for _ in range(2)]
    own = (await make.organization_role(mine))["name"]
    foreign = await make.organization_role(other)
    of_all = (await make.role())["name"]
    with refused("INVALID_ARGUMENT", "reassign_role_name", says="there is no role"):
        await api.roles.delete_organization_role(
            org_id=mine, role_name=own, reassign_role_name=foreign["name"]
        )
    for request, field in (
        ({"reassign_role_name": foreign["name"]}, "reassign_role_name"),
        ({"reassign_role_id": foreign["id"]}, "reassign_role_id"),
        ({"reassign_role_id": foreign["name"]}, "reassign_role_id"),
    ):
        with refused("INVALID_ARGUMENT", field, says="there is no role"):
            await api.roles.delete_role(role_name=of_all, **request)
    await api.roles.get_role(role_name=of_all)
    await api.roles.get_organization_role(org_id=mine, role_name=own)


@pytest.mark.parametrize(
    "name", ["admin' OR '1'='1", "a;--", "%", "_%", "admin\x1f", "../admin", "null"]
)
async def test_a_name_is_never_more_than_a_name(api, make, name):
    with refused("INVALID_ARGUMENT" if name != "null" else "NOT_FOUND"):
        await api.roles.list_effective_role_permissions(role_name=name)
    listed = (await api.roles.list_roles())["roles"]
    assert names(listed[:2]) == ["admin", "member"]


async def test_an_underscore_stands_for_itself(api, make):
    made = await make.role()
    assert "_" in made["name"]
    with refused("NOT_FOUND", says="role not found"):
        await api.roles.get_role(role_name=made["name"].replace("_", "x"))


async def test_a_new_role_of_an_old_name_is_nobodys(api, make):
    organization = (await make.organization())["id"]
    permission = (await make.permission())["name"]
    old = await make.organization_role(organization, permissions=[permission])
    child = await make.organization_role(organization, extends=old["name"])
    target = await make.organization_role(organization)
    await api.roles.update_default_organization_roles(
        org_id=organization, default_member_role=old["name"]
    )
    await api.roles.delete_organization_role(
        org_id=organization, role_name=old["name"], reassign_role_name=target["name"]
    )
    new = await api.roles.create_organization_role(
        org_id=organization, role={"name": old["name"], "display_name": "New"}
    )
    assert new["role"]["id"] != old["id"]
    assert new["role"]["dependent_roles_count"] == 0
    got = await api.roles.get_organization_role(
        org_id=organization, role_name=old["name"], include="permissions:all"
    )
    assert got["role"] == new["role"]
    got = await api.roles.get_organization_role(org_id=organization, role_name=child["name"])
    assert got["role"]["extends"] == target["name"]


async def test_a_permission_of_an_old_name_does_not_come_back_to_roles(api, make):
    name = (await make.permission())["name"]
    role = (await make.role(permissions=[name]))["name"]
    child = (await make.role(extends=role))["name"]
    await api.roles.delete_permission(permission_name=name)
    await make.permission(name)
    for one in (role, child):
        answer = await api.roles.list_effective_role_permissions(role_name=one)
        assert answer["permissions"] == []
