"""Roles of one organization are seen in that organization alone."""

from __future__ import annotations

import pytest
from apis import Api, refused

# Requests about a role of the environment.
OF_ROLE: dict[str, dict[str, object]] = {
    "update_role": {"role": {"display_name": "Changed"}},
    "get_role": {},
    "delete_role": {},
    "get_role_users_count": {},
    "list_dependent_roles": {},
    "delete_role_base": {},
    "list_role_permissions": {},
    "add_permissions_to_role": {"permission_names": ["a"]},
    "remove_permission_from_role": {"permission_name": "a"},
    "list_effective_role_permissions": {},
}


async def test_a_role_of_an_organization_is_none_of_the_environment(api, make, subtests):
    organization = await make.organization()
    own = await make.organization_role(organization["id"])
    for rpc, request in OF_ROLE.items():
        with subtests.test(rpc), refused("NOT_FOUND", says="role not found"):
            await getattr(api.roles, rpc)(role_name=own["name"], **request)


@pytest.fixture
async def portal(http, wires, make):
    """The API as the browser of an organization's portal calls it, and the organization."""
    organization = await make.organization()
    cookie = await make.portal_session(http, organization["id"])
    return Api(wires["rest"], (("cookie", cookie),)), organization


async def test_the_portal_reads_the_roles_of_its_organization_alone(portal, make, rest):
    api, organization = portal
    own = await make.organization_role(organization["id"], extends="member")
    foreign = await make.organization()
    secret = await make.organization_role(foreign["id"], extends="member")
    listed = (await api.roles.list_organization_roles(org_id=organization["id"]))["roles"]
    assert own in listed
    assert secret["name"] not in [role["name"] for role in listed]
    # Nor does a count tell what others have.
    (member,) = [role for role in listed if role["name"] == "member"]
    everywhere = (await rest.roles.get_role(role_name="member"))["role"]
    assert (member["dependent_roles_count"], everywhere["dependent_roles_count"] >= 2) == (1, True)
    found = await api.roles.get_organization_role(org_id=organization["id"], role_name=own["name"])
    assert found["role"] == own
    with refused("NOT_FOUND", says="organization not found"):
        await api.roles.list_organization_roles(org_id=foreign["id"])
    with refused("NOT_FOUND", says="organization not found"):
        await api.roles.get_organization_role(org_id=foreign["id"], role_name=secret["name"])
