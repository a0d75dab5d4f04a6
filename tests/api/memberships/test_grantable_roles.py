"""The roles that each kind of caller may grant: one check for all routes."""

from __future__ import annotations

import pytest
from apis import unique

from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.caller import ANONYMOUS, SYSTEM, Caller, Kind, signed_in
from tenantry.identity.connections.changes import extra_settings
from tenantry.tenants.memberships import grantable_roles
from tenantry.tenants.memberships import roles as member_roles
from tenantry.tenants.memberships.model import NamedRole
from tenantry.tenants.roles import defaults, service
from tenantry.tenants.roles.changes import Reference


@pytest.fixture
async def organization(make):
    return await make.organization()


def callers(of):
    """Every kind of caller, and whether it grants an admin's role where nobody gave it any."""
    return {
        "management client": (SYSTEM, True),
        "operator": (Caller(Kind.OPERATOR, "opr_1"), True),
        "directory": (Caller(Kind.DIRECTORY, "dir_1", of, frozenset()), True),
        "page for a person": (signed_in("usr_1", of), True),
        "member": (Caller(Kind.USER_SESSION, "usr_1", of, frozenset({"users:write"})), False),
        "member with no permission": (Caller(Kind.USER_SESSION, "usr_1", of, frozenset()), False),
        "portal": (Caller(Kind.PORTAL_SESSION, "pss_1", of, frozenset()), False),
        "client of the organization": (Caller(Kind.ORGANIZATION_CLIENT, "m2m_1", of), False),
        "nobody": (ANONYMOUS, False),
    }


def test_each_kind_of_caller_is_here():
    assert {caller.kind for caller, _ in callers("org_1").values()} == set(Kind)


@pytest.mark.parametrize("who", callers(""))
async def test_who_grants_the_role_of_an_admin(database, organization, who):
    of = organization["id"]
    caller, may = callers(of)[who]
    call = Call(caller, database, "req_t")
    (admin,) = await member_roles.existing(database, of, {"admin"})
    named = [NamedRole("roles[0].name", "", "admin")]
    if may:
        await grantable_roles.check(call, database, of, [admin], named)
        return
    with pytest.raises(errors.PermissionDenied):
        await grantable_roles.check(call, database, of, [admin], named)


async def test_a_session_of_one_organization_grants_nothing_in_another(
    database, organization, make
):
    elsewhere = (await make.organization())["id"]
    _, default = await member_roles.offered(database, elsewhere, ())
    for kind in (Kind.PORTAL_SESSION, Kind.USER_SESSION):
        call = Call(Caller(kind, "x_1", organization["id"], frozenset()), database, "req_t")
        with pytest.raises(errors.PermissionDenied):
            await grantable_roles.check(call, database, elsewhere, default)


@pytest.mark.parametrize("who", [who for who, (_, may) in callers("").items() if not may])
async def test_none_of_them_says_what_a_role_permits_or_which_is_the_default(
    database, organization, who
):
    of = organization["id"]
    call = Call(callers(of)[who][0], database, "req_t")
    new = {"display_name": "R", "description": None, "extends": "admin", "permission_names": ()}
    name = f"role_{unique()}".replace("-", "_")
    for change in (
        service.create(call, of, name=name, **new),
        service.create(call, None, name=name, **new),
        service.update(call, of, "admin", {"extends": "admin"}),
        service.end_base(call, of, "admin"),
        service.add_permissions(call, "member", ["sk_org_scim_manage"]),
        service.remove_permission(call, "member", "sk_org_users_read"),
        service.remove(call, of, "admin", Reference("reassign_role_name", "member")),
        defaults.set_defaults(call, Reference("x", "admin"), None),
        defaults.set_default_of_organization(call, of, "admin"),
    ):
        with pytest.raises(errors.PermissionDenied):
            await change


@pytest.mark.parametrize("who", ["member", "portal"])
async def test_groups_of_a_provider_get_no_role_beyond_that_of_the_caller(
    rest, database, organization, make, who
):
    of = organization["id"]
    answer = await rest.connections.create_connection(
        organization_id=of, connection={"provider": "OKTA", "type": "OIDC"}
    )
    id_ = answer["connection"]["id"]
    user = await make.user(of)
    weak = {"member": Caller(Kind.USER_SESSION, user["id"], of, frozenset({"connections_write"}))}
    weak["portal"] = callers(of)["portal"][0]
    plain = (await make.role())["name"]

    async def change(caller, **roles: str):
        call = Call(caller, database, "req_t")
        after = await extra_settings.change(call, None, id_, {"group_roles": roles})
        return extra_settings.to_json(after)["group_roles"]

    with pytest.raises(errors.PermissionDenied) as problem:
        await change(weak[who], Staff="admin")
    assert [one.field for one in problem.value.violations] == [
        'settings.group_roles.roles["Staff"]'
    ]
    await change(SYSTEM, Bosses="admin")
    with pytest.raises(errors.PermissionDenied):
        await change(weak[who], Bosses=plain)
    both = {"Bosses": "admin", "Staff": plain}
    assert await change(weak[who], **both) == both
