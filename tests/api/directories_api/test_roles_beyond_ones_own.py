"""Members and portal sessions grant and obtain no role beyond their own through a directory.

The groups of a directory have roles. So a caller grants roles by writing that mapping, and by
deciding which people are in the groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from apis import refused
from members import names
from organization_visitors import as_member, by_link
from served import SERVICES

from tenantry.api.methods import of_service
from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.caller import SYSTEM, Caller, Kind
from tenantry.tenants.directories import registry, role_assignments
from tenantry.tenants.directories.effects import provisioning
from tenantry.tenants.directories.listing import Assignment
from tenantry.tenants.directories.polling import service as polling
from tenantry.tenants.directories.resources import groups
from tenantry.tenants.directories.scim import resources

DENIED = "PERMISSION_DENIED"
MANAGE = "sk_org_scim_manage"
# Calls of a member or a portal session that decide which people are in the groups.
OF_SOURCE = {
    "CreateDirectorySecret",
    "RegenerateDirectorySecret",
    "EnableDirectory",
    "AssignGroupsForDirectory",
    "SetDirectoryCredentials",
    "UpdateDirectory",  # of its type, its groups, and whether it is on
}
# Others that change something, and why that puts nobody into a group.
OTHERWISE = {
    "AssignRoles": "is checked role by role",
    "CreateDirectory": "a new one has no groups with roles",
    "DeleteDirectory": "nothing arrives by it any more",
    "DisableDirectory": "nothing arrives by it any more",
    "DeleteDirectoryCredentials": "nothing arrives by it any more",
    "UpdateAttributes": "the attributes of a profile give no role",
    "UpdateDirectoryContext": "is what a page keeps for itself",
    "TriggerDirectorySync": "reads what is set up",
}


@dataclass
class Weak:
    """A caller that sets up directories, and does not hold the permissions of an admin."""

    api: Any
    caller: Caller


@pytest.fixture(params=["member", "portal"])
async def weak(request, rest, make, http, database, organization):  # noqa: PLR0917
    of = organization["id"]
    await rest.organizations.update_organization_settings(
        id=of, settings={"features": [{"name": "dir_sync", "enabled": True}]}
    )
    if request.param == "member":
        visitor = await as_member(http, make, rest, database, of, MANAGE)
        listed = await rest.users.list_organization_users(organization_id=of)
        user = listed["users"][0]["id"]
        caller = Caller(Kind.USER_SESSION, user, of, frozenset({"directories_write"}))
    else:
        visitor = await by_link(http, make, of, "dir_sync")
        caller = Caller(Kind.PORTAL_SESSION, "pss_1", of, frozenset({"directories_write"}))
    return Weak(rest.sending(authorization=(), cookie=visitor.cookie), caller)


@pytest.fixture
async def group(pushed):
    """A group with one person, whose members are admins."""
    ada = await pushed.person(f"ada@{pushed.domain}")
    return await pushed.group("Admins", ada)


def assign(api, pushed, *given: object):
    pairs = [{"group_id": group.id, "role_name": name} for group, name in given]
    return api.directories.assign_roles(
        organization_id=pushed.of["organization_id"],
        id=pushed.directory.id,
        role_assignments={"assignments": pairs},
    )


async def held(rest, pushed):
    """The names of the roles that each member from the directory holds, by address."""
    listed = await rest.users.list_organization_users(organization_id=pushed.of["organization_id"])
    return {
        user["email"]: await names(rest, {"id": pushed.of["organization_id"]}, user)
        for user in listed["users"]
        if user["email"].endswith(pushed.domain)
    }


async def test_a_group_gets_no_role_beyond_that_of_the_caller(rest, weak, pushed, group):
    before = await held(rest, pushed)
    with refused(DENIED, "role_assignments.assignments[0].role_name", says="'admin'"):
        await assign(weak.api, pushed, (group, "admin"))
    assert await held(rest, pushed) == before
    assert list(before.values()) == [["member"]]


async def test_nor_one_that_inherits_it(rest, make, weak, pushed, group):
    base = await make.role(permissions=["sk_org_users_role_change"])
    child = await make.organization_role(pushed.of["organization_id"], extends=base["name"])
    with refused(DENIED, "role_assignments.assignments[0].role_name"):
        await assign(weak.api, pushed, (group, child["name"]))
    assert list((await held(rest, pushed)).values()) == [["member"]]


async def test_a_role_that_the_caller_may_grant_is_given_and_taken(rest, make, weak, pushed, group):
    plain = await make.role()
    await assign(weak.api, pushed, (group, plain["name"]))
    assert list((await held(rest, pushed)).values()) == [[plain["name"]]]
    await assign(weak.api, pushed)
    assert list((await held(rest, pushed)).values()) == [["member"]]


async def test_what_somebody_stronger_has_mapped_stays_and_is_not_in_the_way(  # noqa: PLR0917
    rest, make, weak, pushed, group, events
):
    await assign(rest, pushed, (group, "admin"))
    plain, other = await make.role(), await pushed.group("Staff")
    for wrong in ((), ((other, "admin"),), ((group, "admin"), (other, "admin"))):
        await events.new()
        with refused(DENIED):
            await assign(weak.api, pushed, *wrong)
        assert await events.new() == []
    await assign(weak.api, pushed, (group, "admin"), (other, plain["name"]))
    assert list((await held(rest, pushed)).values()) == [["admin"]]


def written():
    """The rpcs of directories that a member or a portal session may call to change something."""
    kinds = {Kind.USER_SESSION, Kind.PORTAL_SESSION}
    return {
        method.name
        for service in SERVICES
        for method in of_service(service, _Nothing())
        if "Directory" in method.service and kinds & method.fields.keys() and not method.reads
    }


class _Nothing:
    def __getattr__(self, name) -> None: ...


def test_every_call_that_changes_a_directory_is_known():
    assert written() == OF_SOURCE | set(OTHERWISE)
    assert OF_SOURCE.isdisjoint(OTHERWISE)


async def test_nobody_comes_by_what_a_directory_speaks_with(  # noqa: PLR0917
    rest, make, weak, directories, pushed, group
):
    """With its secret they would put themselves into the group."""
    one = {"organization_id": pushed.of["organization_id"], "id": pushed.directory.id}
    here = weak.api.directories
    calls = {
        "CreateDirectorySecret": lambda: here.create_directory_secret(**pushed.of),
        "RegenerateDirectorySecret": lambda: here.regenerate_directory_secret(**pushed.of),
        "EnableDirectory": lambda: here.enable_directory(**one),
        "UpdateDirectory": lambda: here.update_directory(
            **one, directory={"name": "Okta", "enabled": True}
        ),
    }
    for call in calls.values():  # none of them is refused by itself
        await call()
    await directories.disable({"id": pushed.directory.id})
    await assign(rest, pushed, (group, "admin"))
    for name, call in calls.items():
        with refused(DENIED, says="'admin'"):
            await call()
        assert name in OF_SOURCE
    found = await directories.get({"id": pushed.directory.id})
    assert not found.get("enabled")
    assert len(found["secrets"]) == 2
    await here.update_directory(**one, directory={"name": "Okta of Acme"})
    await here.disable_directory(**one)


async def test_nor_has_it_read_another_workspace(database, weak, directories, rest):
    polled = await directories.make("POLL", directory_provider="GOOGLE")
    system = Call(SYSTEM, database, "req_1")
    found = await registry.get(system, polled["organization_id"], polled["id"])
    by_poll = Call(provisioning.caller_of(found, is_modular=False), database, "req_2")
    payload = resources.read_group({"displayName": "Admins"})
    group = (await groups.create(by_poll, found, payload)).group
    await rest.directories.assign_roles(
        organization_id=polled["organization_id"],
        id=polled["id"],
        role_assignments={"assignments": [{"group_id": group.id, "role_name": "admin"}]},
    )
    one = {"organization_id": polled["organization_id"], "id": polled["id"]}
    for ids in (["1"], ["ALL"]):
        with refused(DENIED):
            await weak.api.directories.assign_groups_for_directory(**one, external_ids=ids)
    other = {"external_id": "1", "display_name": "Mine", "email": "mine@example.com"}
    with refused(DENIED):
        await weak.api.directories.update_directory(
            **one, directory={"name": "Acme", "groups": [other]}
        )
    call = Call(weak.caller, database, "req_t")
    with pytest.raises(errors.PermissionDenied):
        await polling.put(call, polled["organization_id"], polled["id"], None, error="")


async def test_a_portal_assigns_what_the_product_has_released(  # noqa: PLR0917
    rest, make, http, database, pushed, group
):
    of = pushed.of["organization_id"]
    given, other = Assignment(group.id, "admin"), await make.role()

    async def by_portal(*released: str, name="admin"):
        caller = Caller(Kind.PORTAL_SESSION, "pss_1", of, released_roles=released)
        return await role_assignments.assign(
            Call(caller, database, "req_t"),
            of,
            pushed.directory.id,
            [Assignment(given.group_id, name)],
        )

    with pytest.raises(errors.PermissionDenied):
        await by_portal(other["name"])
    with pytest.raises(errors.PermissionDenied):  # a list is all that is released
        await by_portal("admin", name=other["name"])
    await by_portal("admin")
    assert list((await held(rest, pushed)).values()) == [["admin"]]


async def test_the_setting_says_what_is_released(rest, make, http, pushed, group):
    of = pushed.of["organization_id"]
    await rest.organizations.update_organization_settings(
        id=of, settings={"features": [{"name": "dir_sync", "enabled": True}]}
    )
    visitor = await by_link(http, make, of, "dir_sync")
    portal = rest.sending(authorization=(), cookie=visitor.cookie)
    await rest.settings.update_settings(settings={"portal_roles": "admin, editor"})
    try:
        page = await visitor.get(f"scim/{pushed.directory.id}/groups")
        assert '<option value="admin">' in page.text
        assert '<option value="member">' not in page.text
        await assign(portal, pushed, (group, "admin"))
    finally:
        await rest.settings.update_settings(reset=["portal_roles"])
    page = await visitor.get(f"scim/{pushed.directory.id}/groups")
    assert "<select" not in page.text  # the role is shown, and not for the portal to change
    with refused(DENIED):
        await assign(portal, pushed)
    with refused("INVALID_ARGUMENT", "settings.portal_roles"):
        await rest.settings.update_settings(settings={"portal_roles": "admin,<b>"})


async def test_a_default_role_that_everybody_has_is_not_beyond_a_portal(
    rest, make, http, pushed, group
):
    of = pushed.of["organization_id"]
    await rest.organizations.update_organization_settings(
        id=of, settings={"features": [{"name": "dir_sync", "enabled": True}]}
    )
    visitor = await by_link(http, make, of, "dir_sync")
    portal = rest.sending(authorization=(), cookie=visitor.cookie)
    role = await make.organization_role(of, permissions=["sk_org_sso_read"])
    with refused(DENIED):
        await assign(portal, pushed, (group, role["name"]))
    await rest.roles.update_default_organization_roles(org_id=of, default_member_role=role["name"])
    await assign(portal, pushed, (group, role["name"]))
