"""Rows that tests of the service write themselves: members and their roles."""

from __future__ import annotations

from sqlalchemy import bindparam, insert, select

from tenantry.core import ids
from tenantry.core.times import now
from tenantry.db.sql.statements import Statement
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.roles import listing, service
from tenantry.tenants.roles.listing import Include
from tenantry.tenants.roles.model import role_ancestors, role_holders, roles
from tenantry.tenants.users.model import memberships, users


def _insert(table):
    columns = {column.name: bindparam(f"p_{column.name}") for column in table.columns}
    return Statement(insert(table).values(columns))


_USER, _MEMBERSHIP, _HOLDER = map(_insert, (users, memberships, role_holders))
_ROLES = Statement(select(roles.c.id, roles.c.base_id))
_ANCESTORS = Statement(select(role_ancestors))


async def organization(call):
    """The id of a new organization."""
    made = await organizations.create(call, region_code="US", display_name="Acme")
    return made.id


async def role(call, organization_id, name, *, extends=None, permissions=()):
    """A new role."""
    return await service.create(
        call,
        organization_id,
        name=name,
        display_name=name,
        description=None,
        extends=extends,
        permission_names=permissions,
    )


async def join(db, organization_id, *role_ids: str):
    """The id of a new user, an active member with these roles."""
    at = now()
    user_id = db.new_id(ids.USER)
    empty = {f"p_{c.name}": None for c in (*users.columns, *memberships.columns)}
    common = empty | {
        "p_organization_id": organization_id,
        "p_user_id": user_id,
        "p_metadata": "{}",
        "p_create_time": at,
    }
    await db.fetch_all(
        _USER,
        **common
        | {
            "p_id": user_id,
            "p_email": f"{user_id}@example.com",
            "p_email_key": f"{user_id}@example.com",
            "p_profile": "{}",
            "p_email_verified": True,
            "p_revision": 1,
            "p_update_time": at,
        },
    )
    await db.fetch_all(
        _MEMBERSHIP,
        **common
        | {
            "p_id": db.new_id(ids.MEMBERSHIP),
            "p_status": "ACTIVE",
            "p_provisioning_method": "direct_provision",
            "p_invite_resend_count": 0,
        },
    )
    for role_id in role_ids:
        await hold(db, organization_id, user_id, role_id)
    return user_id


async def hold(db, organization_id, user_id, role_id):
    """Let a member hold a role."""
    await db.fetch_all(
        _HOLDER, p_organization_id=organization_id, p_user_id=user_id, p_role_id=role_id
    )


async def closure(db):
    """All pairs of a role and what it is said to extend."""
    return {(row["role_id"], row["ancestor_id"]) for row in await db.fetch_all(_ANCESTORS)}


async def walk(db):
    """All pairs of a role and what it extends, by walking from base to base."""
    bases = {row["id"]: row["base_id"] for row in await db.fetch_all(_ROLES)}
    pairs = set()
    for start in bases:
        at = start
        while at is not None:
            assert (start, at) not in pairs, "a circle"
            pairs.add((start, at))
            at = bases[at]
    return pairs


async def permitted(call, organization_id, name):
    """The names of all that a role permits."""
    found = await listing.get(call, organization_id, name, Include.ALL)
    return {grant.permission.name for grant in found.grants}
