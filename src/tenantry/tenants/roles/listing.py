"""Reading roles: one or all of a scope, in one query each, with their permissions if asked for.

A scope is the environment or one organization. An organization has the environment's roles beside
its own, and is shown a role as it holds there: whether it is its default member role, and how
many roles extend it that it has.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, func, literal, or_, select

from tenantry.core import errors
from tenantry.db.lists import pages
from tenantry.db.sql.schema import from_json, json_list, json_rows
from tenantry.db.sql.statements import Statement
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations.service import OrganizationIdentifier
from tenantry.tenants.roles.catalogue import HeldRole
from tenantry.tenants.roles.model import (
    Permission,
    Role,
    default_member_roles,
    permissions,
    role_ancestors,
    role_holders,
    role_permissions,
    roles,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ScalarSelect

    from tenantry.call import Call
    from tenantry.db.engine import Row, Session

_r = roles.c
_organization = bindparam("p_organization_id", type_=Text)
_base = roles.alias("base")
_child = roles.alias("child")
_giver = roles.alias("giver")
_above = role_ancestors.alias("above")

_held = select(func.count().label("n")).where(role_holders.c.role_id == bindparam("p_role_id"))
_COUNT = Statement(_held)
_COUNT_SOME = Statement(
    select(
        pages.counted(
            select(role_holders.c.user_id).where(role_holders.c.role_id == bindparam("p_role_id"))
        ).c.total.label("n")
    )
)
_COUNT_IN_ORGANIZATION = Statement(_held.where(role_holders.c.organization_id == _organization))


class Include(Enum):
    """Which permissions are read with a role."""

    NONE = ""
    OWN = "permissions"
    ALL = "permissions:all"  # inherited ones as well


@dataclass(frozen=True, slots=True)
class Grant:
    """A permission that a role has, and the name of the role that gives it."""

    permission: Permission
    role_name: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A role, and of its permissions those that were asked for, the newest first."""

    role: Role
    grants: Sequence[Grant] = ()

    def to_event(self) -> dict[str, Any]:
        """Return what its events say; the permissions are those read with it."""
        names = sorted(grant.permission.name for grant in self.grants)
        return self.role.to_event() | {"permissions": names}

    def held(self) -> HeldRole:
        """Return it as its holders have it, where inherited permissions were read with it."""
        given = [grant.permission for grant in self.grants]
        return HeldRole(
            self.role.id,
            self.role.name,
            self.role.display_name,
            tuple(sorted(one.name for one in given)),
            tuple(sorted(one.name for one in given if not one.built_in)),
        )


async def get(call: Call, organization_id: str | None, name: str, include: Include) -> Listed:
    """Return a role of the environment, or one that an organization has."""
    await _check_caller(call, organization_id)
    found = await find(call.db, organization_id, include, name=name)
    if found is None:
        raise errors.NotFound("role")
    return found


async def list_all(call: Call, organization_id: str | None, include: Include) -> list[Listed]:
    """Return the roles of the environment or those that an organization has, the oldest first."""
    await _check_caller(call, organization_id)
    return await find_all(call.db, organization_id, include)


async def list_dependents(call: Call, name: str) -> list[Listed]:
    """Return the roles that extend a role of the environment directly, of organizations as well."""
    found = await get(call, None, name, Include.NONE)
    return await dependents(call.db, found.role.id, Include.NONE)


async def count_holders(call: Call, organization_id: str | None, name: str) -> int:
    """Return how many members hold a role, everywhere or in one organization."""
    role = (await get(call, organization_id, name, Include.NONE)).role
    statement = _COUNT if organization_id is None else _COUNT_IN_ORGANIZATION
    row = await call.db.fetch_one(statement, p_role_id=role.id, p_organization_id=organization_id)
    assert row is not None
    return int(row["n"])


async def count_some_holders(call: Call, organization_id: str | None, name: str) -> int:
    """Return how many members hold a role, `pages.MOST_COUNTED` at the most.

    One that the environment and not the organization has is counted everywhere.
    """
    role = (await get(call, organization_id, name, Include.NONE)).role
    row = await call.db.fetch_one(_COUNT_SOME, p_role_id=role.id)
    assert row is not None
    return int(row["n"])


async def find(
    db: Session,
    organization_id: str | None,
    include: Include,
    *,
    name: str | None = None,
    id: str | None = None,  # noqa: A002 - it is the role's id
) -> Listed | None:
    """Return the role of this name or id that the environment or an organization has, if any."""
    by = "name" if id is None else "id"
    row = await db.fetch_one(
        _statement(organization_id is not None, include, by),
        p_organization_id=organization_id,
        p_key=name if id is None else id,
    )
    return None if row is None else _listed(row)


async def find_all(db: Session, organization_id: str | None, include: Include) -> list[Listed]:
    """Return the roles that the environment or an organization has, the oldest first."""
    statement = _statement(organization_id is not None, include, "")
    rows = await db.fetch_all(statement, p_organization_id=organization_id)
    return [_listed(row) for row in rows]


async def dependents(db: Session, role_id: str, include: Include) -> list[Listed]:
    """Return all roles that extend this one directly."""
    rows = await db.fetch_all(_statement(False, include, "base_id"), p_key=role_id)
    return [_listed(row) for row in rows]


async def _check_caller(call: Call, organization_id: str | None) -> None:
    if organization_id is not None:
        await organizations.get(call, OrganizationIdentifier(organization_id))
    elif call.caller.organization_id is not None:
        raise errors.PermissionDenied


@functools.cache
def _statement(of_organization: bool, include: Include, by: str) -> Statement:
    """Return the query of a scope's roles, or of those with one value of the column ``by``."""
    source: Any = roles.outerjoin(_base, _base.c.id == _r.base_id)
    count = select(func.count()).select_from(_child).where(_child.c.base_id == _r.id)
    default_member: Any = _r.default_member
    in_scope: Any = _r.organization_id.is_(None)
    if of_organization:
        own = default_member_roles
        source = source.outerjoin(own, own.c.organization_id == _organization)
        default_member = func.coalesce(own.c.role_id == _r.id, default_member)
        in_scope = or_(in_scope, _r.organization_id == _organization)
        of_child = _child.c.organization_id
        count = count.where(or_(of_child.is_(None), of_child == _organization))
    statement = select(
        *(column for column in _r if column is not _r.default_member),
        default_member.label("default_member"),
        _base.c.name.label("extends"),
        count.correlate(roles).scalar_subquery().label("dependents"),
        _grants(include).label("grants"),
    ).select_from(source)
    if by:
        statement = statement.where(_r[by] == bindparam("p_key"))
    if by != "base_id":
        statement = statement.where(in_scope)
    return Statement(statement.order_by(_r.id))


def _grants(include: Include) -> Any:
    if include is Include.NONE:
        return literal(None)
    p, giver = permissions.c, _giver.c
    depth: ScalarSelect[int] = (
        select(func.count())
        .select_from(_above)
        .where(_above.c.role_id == giver.id)
        .correlate(_giver)
        .scalar_subquery()
    )
    grant = json_list(
        p.id,
        p.name,
        p.description,
        p.built_in,
        p.revision,
        p.create_time,
        p.update_time,
        giver.name,
        depth,
    )
    statement = (
        select(json_rows(grant))
        .select_from(role_ancestors)
        .join(_giver, giver.id == role_ancestors.c.ancestor_id)
        .join(role_permissions, role_permissions.c.role_id == giver.id)
        .join(permissions, p.id == role_permissions.c.permission_id)
        .where(role_ancestors.c.role_id == _r.id)
    )
    if include is Include.OWN:
        statement = statement.where(role_ancestors.c.ancestor_id == _r.id)
    return statement.correlate(roles).scalar_subquery()


def _listed(row: Row) -> Listed:
    role = Role(
        id=row["id"],
        organization_id=row["organization_id"],
        name=row["name"],
        display_name=row["display_name"],
        description=row["description"],
        extends=row["extends"],
        base_id=row["base_id"],
        default_creator=bool(row["default_creator"]),
        default_member=bool(row["default_member"]),
        dependents=row["dependents"],
        revision=row["revision"],
        create_time=row["create_time"],
        update_time=row["update_time"],
    )
    given = from_json(row["grants"] or "[]") or []
    # The nearest role that gives a permission is the one it comes from: the last one written here.
    nearest = {one[0]: one for one in sorted(given, key=lambda one: int(one[-1]))}
    return Listed(
        role,
        [
            Grant(Permission(id_, name, description, bool(built_in), *rest), role_name)
            for id_, name, description, built_in, *rest, role_name, _ in sorted(
                nearest.values(), reverse=True
            )
        ],
    )
