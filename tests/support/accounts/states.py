"""The rows of an organization and its people, to be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, or_, select

from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.events.email.model import mail
from tenantry.tenants.domains.model import domains
from tenantry.tenants.organizations.model import organizations
from tenantry.tenants.roles.model import (
    default_member_roles,
    permissions,
    role_ancestors,
    role_holders,
    role_permissions,
    roles,
)
from tenantry.tenants.users.model import memberships, users

if TYPE_CHECKING:
    from rpcs import World

    from tenantry.db.engine import Session

_here = bindparam("here", type_=Text)
_ids = json_values(bindparam("ids", type_=Text))
# Not what the worker does with a mail meanwhile.
_PARTS = {
    "organizations": select(organizations).where(organizations.c.id == _here),
    "memberships": select(memberships).where(memberships.c.organization_id == _here),
    "holders": select(role_holders).where(role_holders.c.organization_id == _here),
    "domains": select(domains).where(domains.c.organization_id == _here),
    "mail": select(mail.c.id, mail.c.recipient).where(mail.c.organization_id == _here),
    "defaults": select(default_member_roles).where(default_member_roles.c.organization_id == _here),
    "roles": select(roles).where(or_(roles.c.organization_id == _here, roles.c.id.in_(_ids))),
    "ancestors": select(role_ancestors).where(role_ancestors.c.role_id.in_(_ids)),
    "given": select(role_permissions).where(role_permissions.c.role_id.in_(_ids)),
    "permissions": select(permissions).where(permissions.c.id.in_(_ids)),
    "users": select(users).where(users.c.id.in_(_ids)),
}
_STATEMENTS = {name: Statement(part) for name, part in _PARTS.items()}


async def state_of(db: Session, world: World) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of everything in a world, in an order."""
    things = (
        *(world.user, world.invited, world.stranger),
        *(world.own_role, world.base, world.role, world.permission),
    )
    params = {
        "here": world.organization["id"],
        "ids": to_json([thing["id"] for thing in things]),
    }
    return {
        name: sorted((tuple(row) for row in await db.fetch_all(statement, **params)), key=repr)
        for name, statement in _STATEMENTS.items()
    }
