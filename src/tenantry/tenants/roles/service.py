"""The rules of roles: creating, changing, deleting; what the roles of a member permit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import Text, bindparam
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from tenantry.core import errors, ids
from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.duplicate_key import taken
from tenantry.tenants.roles import catalogue, inheritance, listing
from tenantry.tenants.roles import permissions as permission_rules
from tenantry.tenants.roles.changes import (
    Reference,
    changeable,
    changing,
    event_of,
    give,
    given_by,
    params,
    referred,
    revise,
)
from tenantry.tenants.roles.listing import Include, Listed
from tenantry.tenants.roles.model import (
    Permission,
    Role,
    permissions,
    role_ancestors,
    role_holders,
    role_permissions,
    roles,
)
from tenantry.tenants.tables.memberships import memberships

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.tenants.roles.catalogue import HeldRole

_r, _h = roles.c, role_holders.c
_m = memberships.c
_role = bindparam("p_role_id", type_=Text)
_organization = bindparam("p_organization_id", type_=Text)
_HOLD = crud.hold(roles, columns=("id",))
_name_taken = sa.select(_r.id).where(_r.name == bindparam("p_name")).limit(1)
_NAME_TAKEN = Statement(_name_taken)
_NAME_TAKEN_IN_ORGANIZATION = Statement(
    _name_taken.where(sa.or_(_r.organization_id.is_(None), _r.organization_id == _organization))
)
ENVIRONMENT_MAX, ORGANIZATION_MAX = 1000, 500  # roles
_COUNT = crud.count(roles, by=("organization_id",))
_COUNT_OF_ENVIRONMENT = crud.count(roles, by=(_r.organization_id.is_(None),))
_INSERT = crud.insert(roles)
_DELETE = crud.delete(roles)
_HELD = Statement(sa.select(_h.user_id).where(_h.role_id == _role).limit(1))
# A role may be a million members': as many are moved at once as a statement has time for.
_AT_ONCE = 200_000
_target = bindparam("p_target_id", type_=Text)
_also = role_holders.alias("also")
# In the order of the memberships, which are locked like by everybody who locks several.
_ALSO_GIVE = Statement(
    insert_or_leave(role_holders)
    .from_select(
        ["organization_id", "user_id", "role_id"],
        sa.select(_h.organization_id, _h.user_id, _target)
        .join(
            memberships,
            (_h.organization_id == _m.organization_id) & (_h.user_id == _m.user_id),
        )
        .where(_h.role_id == _role)
        .order_by(_h.organization_id, _h.user_id)
        .limit(bindparam("p_at_once"))
        .with_for_update(read=True, key_share=True, of=memberships),
    )
    .on_conflict_do_nothing()
)
_TAKE_FROM_MOVED = Statement(
    sa.delete(role_holders).where(
        _h.role_id == _role,
        sa.exists().where(
            _also.c.organization_id == _h.organization_id,
            _also.c.user_id == _h.user_id,
            _also.c.role_id == _target,
        ),
    )
)
_held = (_h.organization_id == _organization) & (_h.user_id == bindparam("p_user_id"))
_HELD_BY = Statement(sa.select(_h.role_id, catalogue.version.label("version")).where(_held))
_EFFECTIVE = Statement(
    sa.select(permissions)
    .where(
        permissions.c.id.in_(
            sa.select(role_permissions.c.permission_id)
            .join(role_ancestors, role_ancestors.c.ancestor_id == role_permissions.c.role_id)
            .join(role_holders, _h.role_id == role_ancestors.c.role_id)
            .where(_held)
        )
    )
    .order_by(permissions.c.id.desc())
)


async def create(
    call: Call,
    organization_id: str | None,
    *,
    name: str,
    display_name: str,
    description: str | None,
    extends: str | None,
    permission_names: Sequence[str],
) -> Role:
    """Create a role of the environment or of an organization."""
    async with changing(call, organization_id) as db:
        await _check_limit(db, organization_id)
        await _check_name(db, organization_id, name)
        base = None
        if extends is not None:
            base = await referred(db, organization_id, Reference("role.extends", extends))
        given = await _permission_ids(db, permission_names)
        at = now()
        role = Role(
            id=db.new_id(ids.ROLE),
            organization_id=organization_id,
            name=name,
            display_name=display_name,
            description=description,
            extends=None if base is None else base.name,
            base_id=None if base is None else base.id,
            default_creator=False,
            default_member=False,
            dependents=0,
            revision=1,
            create_time=at,
            update_time=at,
        )
        after = role.to_event() | {"permissions": sorted(given)}
        event = event_of(call, "role.created", role, after=after)
        await db.apply(_INSERT, event, **params(role))
        await inheritance.begin(db, role.id, role.base_id)
        await give(db, role, given)
    return role


async def update(
    call: Call, organization_id: str | None, name: str, changes: Mapping[str, Any]
) -> Role:
    """Change the given members: display_name, description, extends, permissions (the whole set)."""
    async with changing(call, organization_id) as db:
        before = await changeable(call, db, organization_id, name)
        clean = {key: changes[key] for key in ("display_name", "description") if key in changes}
        if "extends" in changes:
            reference = Reference("role.extends", changes["extends"])
            base = await referred(db, organization_id, reference)
            if base.id != before.role.base_id:
                await _extend(db, before.role, base, reference)
            clean |= {"extends": base.name, "base_id": base.id}
        given = None
        if "permissions" in changes:
            given = await _permission_ids(db, changes["permissions"])
        return (await revise(call, db, before, clean, given)).role


async def end_base(call: Call, organization_id: str | None, name: str) -> None:
    """Let a role inherit nothing any more."""
    async with changing(call, organization_id) as db:
        before = await changeable(call, db, organization_id, name)
        await inheritance.move(db, before.role.id, None)
        await revise(call, db, before, {"extends": None, "base_id": None})


async def add_permissions(call: Call, name: str, permission_names: Sequence[str]) -> Listed:
    """Add permissions to a role of the environment; names that no permission has do nothing."""
    async with changing(call, None) as db:
        before = await changeable(call, db, None, name)
        added = await permission_rules.ids_of(db, permission_names)
        return await revise(call, db, before, {}, given_by(before) | added)


async def remove_permission(call: Call, name: str, permission_name: str) -> None:
    """Take a permission from a role of the environment."""
    async with changing(call, None) as db:
        before = await changeable(call, db, None, name)
        given = given_by(before)
        if given.pop(permission_name, None) is None:
            raise errors.NotFound("permission")
        await revise(call, db, before, {}, given)


async def remove(
    call: Call, organization_id: str | None, name: str, takes_over: Reference | None
) -> None:
    """Delete a role; another one takes over its holders and the roles that extend it."""
    async with changing(call, organization_id) as db:
        gone = await changeable(call, db, organization_id, name)
        role = gone.role
        if organization_id is None and (role.default_creator or role.default_member):
            raise errors.InvalidArgument(
                "role cannot be deleted as it is a default role of the environment: make another "
                "one the default first"
            )
        # From here on nobody gets it: a row that would refer to it waits, and then finds it gone.
        await db.fetch_one(_HOLD, p_id=role.id)
        before = gone.to_event()
        if takes_over is not None:
            target = await referred(db, organization_id, takes_over)
            if target.id == role.id:
                raise errors.InvalidArgument.field(
                    takes_over.field, "not_in", "must be a different role from the one to delete"
                )
            await _hand_over(call, db, role, target, takes_over)
            before["reassign_role_name"] = target.name
        elif await db.fetch_one(_HELD, p_role_id=role.id):
            raise errors.InvalidArgument("role cannot be deleted as it is assigned to users")
        elif role.dependents:
            raise errors.InvalidArgument("role cannot be deleted as other roles extend it")
        event = event_of(call, "role.deleted", role, before=before)
        await db.apply(_DELETE, event, p_id=role.id)


async def roles_of(db: Session, organization_id: str, user_id: str) -> list[HeldRole]:
    """Return the roles that a member of an organization holds, the oldest first."""
    rows = await db.fetch_all(_HELD_BY, p_organization_id=organization_id, p_user_id=user_id)
    if not rows:
        return []
    held = await catalogue.look_up(db, (row["role_id"] for row in rows), rows[0]["version"])
    return [held[id_] for id_ in sorted(held)]


async def effective_permissions(
    db: Session, organization_id: str, user_id: str
) -> list[Permission]:
    """Return all that a member's roles permit together, inherited as well, the newest first."""
    rows = await db.fetch_all(_EFFECTIVE, p_organization_id=organization_id, p_user_id=user_id)
    return [Permission.from_row(row) for row in rows]


async def _hand_over(
    call: Call, db: Session, role: Role, target: Role, reference: Reference
) -> None:
    """Give another role the holders of this one, and the roles that extend it."""
    moved = {"p_role_id": role.id, "p_target_id": target.id, "p_at_once": _AT_ONCE}
    while await db.fetch_one(_HELD, p_role_id=role.id):
        await db.fetch_all(_ALSO_GIVE, **moved)
        await db.fetch_all(_TAKE_FROM_MOVED, **moved)
    for child in await listing.dependents(db, role.id, Include.OWN):
        await _extend(db, child.role, target, reference)
        await revise(call, db, child, {"extends": target.name, "base_id": target.id})


async def _extend(db: Session, role: Role, base: Role, reference: Reference) -> None:
    if not await inheritance.move(db, role.id, base.id):
        raise errors.InvalidArgument.field(
            reference.field,
            "no_circle",
            f"{base.name} cannot be what {role.name} extends, it inherits from that itself",
        )


async def _check_limit(db: Session, organization_id: str | None) -> None:
    """Refuse one more than may be, within what serializes changes of roles."""
    if organization_id is None:
        whose, most = "environment", ENVIRONMENT_MAX
        row = await db.fetch_one(_COUNT_OF_ENVIRONMENT)
    else:
        whose, most = "organization", ORGANIZATION_MAX
        row = await db.fetch_one(_COUNT, p_organization_id=organization_id)
    if row is not None and row["n"] >= most:
        raise errors.InvalidArgument(
            f"{whose} has reached its limit of {most} roles; delete one first"
        )


async def _check_name(db: Session, organization_id: str | None, name: str) -> None:
    # A look-up by name in an organization has one answer: hence across both scopes.
    statement = _NAME_TAKEN if organization_id is None else _NAME_TAKEN_IN_ORGANIZATION
    sought = {"p_name": name, "p_organization_id": organization_id}
    if await db.fetch_one(statement, **sought):
        raise taken("name", name, statement, **sought)


async def _permission_ids(db: Session, names: Sequence[str]) -> dict[str, str]:
    found = await permission_rules.ids_of(db, names)
    for index, name in enumerate(names):
        if name not in found:
            raise errors.InvalidArgument.field(
                f"role.permissions[{index}]", "exists", f"there is no permission {name!r}"
            )
    return found
