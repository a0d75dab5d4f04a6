"""Shared by all changes of roles: one at a time, revisions, events.

Changes are rare, and each depends on what others are there: names, bases, defaults.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import Text, bindparam
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from tenantry.core import errors
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound, prefixed, revised, row_of
from tenantry.tenants.organizations.model import PREVENT_DELETION
from tenantry.tenants.roles import catalogue, listing
from tenantry.tenants.roles.listing import Include, Listed
from tenantry.tenants.roles.model import Role, permissions, role_permissions, roles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tenantry.call import Call
    from tenantry.core.event import Event
    from tenantry.db.engine import Session

_r = roles.c
_role = bindparam("p_role_id", type_=Text)
_UPDATE = Statement(
    sa.update(roles)
    .where(_r.id == _role)
    .values(bound(("display_name", "description", "base_id", "revision", "update_time")))
)
_GIVE = Statement(
    insert_or_leave(role_permissions)
    .from_select(
        ["role_id", "permission_id"],
        sa.select(_role, permissions.c.id).where(
            permissions.c.id.in_(json_values(bindparam("p_permission_ids")))
        ),
    )
    .on_conflict_do_nothing()
)
_TAKE = Statement(
    sa.delete(role_permissions).where(
        role_permissions.c.role_id == _role,
        role_permissions.c.permission_id.in_(json_values(bindparam("p_permission_ids"))),
    )
)


_RAISE = Statement(catalogue.RAISE)


@dataclass(frozen=True, slots=True)
class Reference:
    """A role that another one is told of, by name or by id; the field is for the error."""

    field: str
    name: str | None = None
    id: str | None = None


@asynccontextmanager
async def changing(call: Call, organization_id: str | None) -> AsyncIterator[Session]:
    """Change roles of the environment or of an organization, while nobody else changes any."""
    if not call.caller.is_operators:
        raise errors.PermissionDenied
    bound = call.caller.organization_id
    if bound is not None and organization_id is None:
        raise errors.PermissionDenied
    if bound is not None and organization_id != bound:
        raise errors.NotFound("organization")
    async with call.db.transaction() as db:
        await db.serialize("roles")
        # Its deletion locks it first too: so neither waits for the other in a circle.
        if organization_id is not None and not await db.fetch_one(
            PREVENT_DELETION, p_organization_id=organization_id
        ):
            raise errors.NotFound("organization")
        yield db
        await db.fetch_all(_RAISE)


async def changeable(call: Call, db: Session, organization_id: str | None, name: str) -> Listed:
    """Return the role of this very scope, with its own permissions."""
    found = await listing.find(db, organization_id, Include.OWN, name=name)
    if found is None or found.role.organization_id != organization_id:
        raise errors.NotFound("role")
    call.expect(found.role.revision)
    return found


async def revise(
    call: Call,
    db: Session,
    before: Listed,
    changes: Mapping[str, Any],
    given: Mapping[str, str] | None = None,
) -> Listed:
    """Write the changed members of a role, its permissions if they are given, by name and id."""
    role, has = before.role, given_by(before)
    given = has if given is None else given
    if given == has and all(getattr(role, name) == value for name, value in changes.items()):
        return before
    await db.fetch_all(_UPDATE, **params(revised(role, **changes)), p_role_id=role.id)
    await give(db, role, {name: id_ for name, id_ in given.items() if name not in has})
    taken = to_json([id_ for name, id_ in has.items() if name not in given])
    await db.fetch_all(_TAKE, p_role_id=role.id, p_permission_ids=taken)
    after = await listing.find(db, role.organization_id, Include.OWN, id=role.id)
    assert after is not None
    event = event_of(call, "role.updated", role, before=before.to_event(), after=after.to_event())
    await db.record(event)
    return after


async def give(db: Session, role: Role, given: Mapping[str, str]) -> None:
    """Give a role permissions, by name and id."""
    given_ids = to_json([*given.values()])
    await db.fetch_all(_GIVE, p_role_id=role.id, p_permission_ids=given_ids)


async def referred(db: Session, organization_id: str | None, reference: Reference) -> Role:
    """Return the role that is referred to, of those that the environment or organization has."""
    found = await listing.find(
        db, organization_id, Include.NONE, name=reference.name, id=reference.id
    )
    # Both are given where an older client sends both.
    if found is None or reference.name not in {None, found.role.name}:
        raise errors.InvalidArgument.field(
            reference.field, "exists", f"there is no role {reference.name or reference.id!r}"
        )
    return found.role


def given_by(listed: Listed) -> dict[str, str]:
    """Return the names and ids of the permissions that were read with a role."""
    return {grant.permission.name: grant.permission.id for grant in listed.grants}


def params(role: Role) -> dict[str, Any]:
    """Return the bind parameters of a role's row."""
    return prefixed(row_of(role, roles))


def event_of(call: Call, type_: str, role: Role, **states: dict[str, Any]) -> Event:
    """Return the event of a role that this call causes."""
    return call.event(type_, organization_id=role.organization_id, **states)
