"""Default roles: one of each kind, always; an organization may have its own for members."""

from __future__ import annotations

import pytest
from apis import refused
from role_names import fresh, names


async def flagged(api):
    """The names of the roles with each flag."""
    roles = (await api.roles.list_roles())["roles"]
    return tuple(
        names(role for role in roles if role[flag])
        for flag in ("default_creator", "default_member")
    )


async def default_in(api, organization_id):
    """The names of an organization's default member roles."""
    roles = (await api.roles.list_organization_roles(org_id=organization_id))["roles"]
    return [role["name"] for role in roles if role["default_member"]]


async def test_both_are_set_and_answered_in_full(api, make, defaults):
    creator, member = await make.role(), await make.role()
    answer = await api.roles.update_default_roles(
        default_creator_role=creator["name"], default_member_role=member["name"]
    )
    assert answer["default_creator"] == creator | {"default_creator": True}
    assert answer["default_member"] == member | {"default_member": True}
    assert await flagged(api) == ([creator["name"]], [member["name"]])
    got = (await api.roles.get_role(role_name=creator["name"]))["role"]
    assert got == answer["default_creator"]


async def test_the_members_role_stays_when_it_is_absent(api, make, defaults):
    role = await make.role()
    answer = await api.roles.update_default_roles(default_creator_role=role["name"])
    assert answer["default_creator"]["name"] == role["name"]
    assert answer["default_member"] == defaults[1]
    assert await flagged(api) == ([role["name"]], [defaults[1]["name"]])


async def test_one_role_may_be_both(api, make, defaults):
    role = (await make.role())["name"]
    answer = await api.roles.update_default_roles(
        default_creator_role=role, default_member_role=role
    )
    assert answer["default_creator"] == answer["default_member"]
    assert await flagged(api) == ([role], [role])


async def test_what_is_so_already_changes_nothing(api, defaults, events):
    before = await api.roles.get_role(role_name=defaults[0]["name"])
    await api.roles.update_default_roles(default_creator_role=defaults[0]["name"])
    after = await api.roles.get_role(role_name=defaults[0]["name"])
    assert (after, after.etag) == (before, before.etag)
    assert await events.new() == []


async def test_an_older_client_names_them_by_id(api, make, defaults):
    creator, member = await make.role(), await make.role()
    answer = await api.roles.update_default_roles(
        default_creator={"id": creator["id"]},
        default_member={"id": member["id"], "name": member["name"]},
    )
    assert answer["default_creator"]["name"] == creator["name"]
    assert answer["default_member"]["name"] == member["name"]
    # The newer field counts where both are there.
    answer = await api.roles.update_default_roles(
        default_creator_role=member["name"], default_creator={"id": creator["id"]}
    )
    assert answer["default_creator"]["name"] == member["name"]


async def test_the_creators_role_is_needed(api, defaults):
    for request in ({}, {"default_member_role": "member"}):
        with refused("INVALID_ARGUMENT", "default_creator_role"):
            await api.roles.update_default_roles(**request)


async def test_an_unknown_role_is_named_and_nothing_changes(api, make, defaults):
    before = await flagged(api)
    own = await make.organization_role((await make.organization())["id"])
    role = await make.role()
    for request, field in (
        ({"default_creator_role": "nobody"}, "default_creator_role"),
        ({"default_creator_role": own["name"]}, "default_creator_role"),
        (
            {"default_creator_role": role["name"], "default_member_role": "nobody"},
            "default_member_role",
        ),
        ({"default_creator": {"id": "role_1"}}, "default_creator"),
        ({"default_creator": {"id": own["id"]}}, "default_creator"),
        ({"default_creator": {"id": role["id"], "name": "admin"}}, "default_creator"),
    ):
        with refused("INVALID_ARGUMENT", field, says="there is no role"):
            await api.roles.update_default_roles(**request)
    assert await flagged(api) == before


@pytest.mark.wires("rest")
async def test_rest_has_a_second_path_for_it(api, http, make, defaults):
    role = (await make.role())["name"]
    answer = await http.patch(
        "/api/v1/roles/default",
        json={"default_creator_role": role},
        headers=dict(api.headers),
    )
    assert answer.status_code == 200
    assert answer.json()["default_creator"]["name"] == role


async def test_a_default_of_the_environment_cannot_be_deleted(api, make, defaults):
    target = (await make.role())["name"]
    for role in defaults:
        for request in ({}, {"reassign_role_name": target}):
            with refused("INVALID_ARGUMENT", says="default role of the environment"):
                await api.roles.delete_role(role_name=role["name"], **request)
    assert await flagged(api) == tuple([role["name"]] for role in defaults)


async def test_what_was_a_default_can_be_deleted(api, make, defaults):
    role = (await make.role())["name"]
    await api.roles.update_default_roles(default_creator_role=role)
    await api.roles.update_default_roles(default_creator_role=defaults[0]["name"])
    await api.roles.delete_role(role_name=role)


async def test_an_organization_has_its_own(api, make, defaults):
    organization, other = [(await make.organization())["id"] for _ in range(2)]
    own = await make.organization_role(organization)
    of_all = await make.role()
    for role in (own, of_all, own):
        answer = await api.roles.update_default_organization_roles(
            org_id=organization, default_member_role=role["name"]
        )
        assert answer["default_member"] == role | {"default_member": True}
        assert await default_in(api, organization) == [role["name"]]
        got = await api.roles.get_organization_role(org_id=organization, role_name=role["name"])
        assert got["role"] == answer["default_member"]
    assert await default_in(api, other) == [defaults[1]["name"]]
    assert await flagged(api) == ([defaults[0]["name"]], [defaults[1]["name"]])


async def test_the_environments_applies_again_when_its_own_is_deleted(api, make, defaults):
    organization = (await make.organization())["id"]
    own = (await make.organization_role(organization))["name"]
    of_all = (await make.role())["name"]
    for role, delete in (
        (own, api.roles.delete_organization_role(org_id=organization, role_name=own)),
        (of_all, api.roles.delete_role(role_name=of_all)),
    ):
        await api.roles.update_default_organization_roles(
            org_id=organization, default_member_role=role
        )
        assert await default_in(api, organization) == [role]
        await delete
        assert await default_in(api, organization) == [defaults[1]["name"]]


async def test_the_environments_new_default_shows_where_there_is_no_own(api, make, defaults):
    plain, special = [(await make.organization())["id"] for _ in range(2)]
    own = (await make.organization_role(special))["name"]
    await api.roles.update_default_organization_roles(org_id=special, default_member_role=own)
    role = (await make.role())["name"]
    await api.roles.update_default_roles(
        default_creator_role=defaults[0]["name"], default_member_role=role
    )
    assert await default_in(api, plain) == [role]
    assert await default_in(api, special) == [own]


async def test_a_change_of_its_own_default_keeps_the_flag_where_it_is(api, make, defaults):
    organization = (await make.organization())["id"]
    own = (await make.organization_role(organization))["name"]
    await api.roles.update_default_organization_roles(org_id=organization, default_member_role=own)
    answer = await api.roles.update_organization_role(
        org_id=organization, role_name=own, role={"display_name": "New"}
    )
    assert answer["role"]["default_member"] is True
    await api.roles.delete_organization_role(org_id=organization, role_name=own)
    assert await default_in(api, organization) == [defaults[1]["name"]]


async def test_an_organization_takes_no_role_of_another(api, make):
    organization = (await make.organization())["id"]
    foreign = await make.organization_role((await make.organization())["id"])
    for name in (foreign["name"], fresh()):
        with refused("INVALID_ARGUMENT", "default_member_role", says="there is no role"):
            await api.roles.update_default_organization_roles(
                org_id=organization, default_member_role=name
            )
