"""The rules of memberships: roles and metadata, and changes of them.

A change holds the organization's row: one change of its members at a time, so that the last admin
is still the last one when the change is made.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, delete, select, update

from tenantry.core import errors
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.tenants.memberships import administrators, grantable_roles, roles, seats
from tenantry.tenants.organizations.model import Organization, organizations
from tenantry.tenants.roles import service as roles_service
from tenantry.tenants.roles.model import role_holders
from tenantry.tenants.users import reading
from tenantry.tenants.users import service as users
from tenantry.tenants.users.model import ACTIVE, Membership, memberships, shown_together
from tenantry.tenants.users.service import UserIdentifier

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.tenants.memberships.model import NamedRole
    from tenantry.tenants.roles.catalogue import HeldRole
    from tenantry.tenants.roles.model import Permission
    from tenantry.tenants.users.model import User

    Revise = Callable[[Session, Membership], Awaitable[Membership]]

_log = logging.getLogger(__name__)

_m, _h = memberships.c, role_holders.c
_MEMBER = (
    _m.organization_id == bindparam("m_organization_id", type_=Text),
    _m.user_id == bindparam("m_user_id", type_=Text),
)
_CHANGE = Statement(
    update(memberships).where(*_MEMBER).values(metadata=bindparam("m_metadata")).returning(_m.id),
    delete(role_holders).where(
        _h.organization_id == bindparam("m_organization_id", type_=Text),
        _h.user_id == bindparam("m_user_id", type_=Text),
        _h.role_id.in_(json_values(bindparam("dropped", type_=Text))),
    ),
    roles.GIVE,
)
# Nobody ends the membership before the end of the transaction.
_HOLD_PLACE = Statement(
    select(organizations)
    .join_from(memberships, organizations)
    .where(*_MEMBER, _m.status == ACTIVE)
    .with_for_update(read=True, of=memberships)
)


async def change(
    call: Call,
    organization_id: str,
    identity: UserIdentifier,
    *,
    named: Sequence[NamedRole],
    metadata: Mapping[str, str] | None,
    forced: bool,
) -> User:
    """Replace the roles, or the metadata, or both; one that is empty stays as it is.

    Raises:
        errors.InvalidArgument: there is no such role; or the last admin would lose that role, and
        this is not forced.

    """

    async def revise(db: Session, before: Membership) -> Membership:
        held = before.roles
        if named:
            _, held = await roles.offered(db, organization_id, named)
        return replace(before, roles=held, metadata=dict(metadata or before.metadata))

    place = await _change(call, organization_id, identity, revise, named, forced=forced)
    return await users.get(call, UserIdentifier(place.user_id))


async def add_roles(
    call: Call, organization_id: str, user_id: str, named: Sequence[NamedRole]
) -> tuple[HeldRole, ...]:
    """Give a member further roles, and return all that it holds then."""

    async def revise(db: Session, before: Membership) -> Membership:
        _, added = await roles.offered(db, organization_id, named)
        held = {role.id: role for role in (*before.roles, *added)}
        return replace(before, roles=reading.in_order(held.values()))

    identity = UserIdentifier(user_id)
    return (await _change(call, organization_id, identity, revise, named, forced=False)).roles


async def remove_role(
    call: Call, organization_id: str, user_id: str, name: str, *, forced: bool
) -> None:
    """Take a role from a member.

    Raises:
        errors.InvalidArgument: it is the last admin, and this is not forced.

    """

    async def revise(_db: Session, before: Membership) -> Membership:
        kept = tuple(role for role in before.roles if role.name != name)
        if kept == before.roles:
            raise errors.NotFound("role")
        return replace(before, roles=kept)

    await _change(call, organization_id, UserIdentifier(user_id), revise, forced=forced)


async def follow(
    call: Call, organization_id: str, user_id: str, *, given: Collection[str], of: Collection[str]
) -> None:
    """Give a member these roles, by names, and take the others ``of`` those that follow a provider.

    All further ones stay, and a name that no role has is left out. The last administrator keeps
    what it has.
    """

    async def revise(db: Session, before: Membership) -> Membership:
        kept = [role for role in before.roles if role.name not in of]
        there = await roles.existing(db, organization_id, given)
        held = {role.id: role for role in (*kept, *there)}
        return replace(before, roles=reading.in_order(held.values()))

    try:
        await _change(call, organization_id, UserIdentifier(user_id), revise, forced=False)
    except errors.InvalidArgument:
        _log.warning(
            "last administrator keeps the role despite the identity provider",
            extra={"fields": {"organization_id": organization_id, "user_id": user_id}},
        )


async def roles_of(call: Call, organization_id: str, user_id: str) -> list[HeldRole]:
    """Return the roles that a member holds, the oldest first."""
    reading.check_scope(call, organization_id)
    held = await roles_service.roles_of(call.db, organization_id, user_id)
    if not held:
        await member(call.db, organization_id, UserIdentifier(user_id))
    return held


async def permissions_of(call: Call, organization_id: str, user_id: str) -> list[Permission]:
    """Return all that a member's roles permit together, the newest first."""
    reading.check_scope(call, organization_id)
    found = await roles_service.effective_permissions(call.db, organization_id, user_id)
    if not found:
        await member(call.db, organization_id, UserIdentifier(user_id))
    return found


async def hold_place(db: Session, organization_id: str, user_id: str) -> Organization | None:
    """Return an organization of which a user is an active member, and stays one meanwhile."""
    row = await db.fetch_one(_HOLD_PLACE, m_organization_id=organization_id, m_user_id=user_id)
    return Organization.from_row(row) if row else None


async def member(
    db: Session, organization_id: str, identity: UserIdentifier
) -> tuple[User, Membership]:
    """Return a member of an organization, and the membership."""
    user = await reading.find(
        db,
        id_=identity.id,
        external_id=identity.external_id,
        organization_id=organization_id,
    )
    if user is None or not user.memberships:
        raise errors.NotFound("membership")
    return user, user.memberships[0]


async def _change(
    call: Call,
    organization_id: str,
    identity: UserIdentifier,
    revise: Revise,
    named: Sequence[NamedRole] = (),
    *,
    forced: bool,
) -> Membership:
    reading.check_scope(call, organization_id)
    async with call.db.transaction() as db:
        organization = await seats.hold(db, organization_id)
        user, before = await member(db, organization_id, identity)
        after = await revise(db, before)
        if after == before:
            return before
        moved = set(before.roles) ^ set(after.roles)
        await grantable_roles.check(call, db, organization_id, moved, named)
        old, new = ({role.id for role in one.roles} for one in (before, after))
        if old - new and not forced:
            await administrators.check(db, user.id, organization_id, kept=new)
        event = call.event(
            "user.organization_membership_updated",
            organization_id=organization_id,
            before=shown_together(organization, user, before),
            after=shown_together(organization, user, after),
        )
        changed = await db.apply(
            _CHANGE,
            event,
            m_organization_id=organization_id,
            m_user_id=user.id,
            m_metadata=to_json(after.metadata),
            dropped=to_json(sorted(old - new)),
            m_role_ids=to_json(sorted(new - old)),
        )
        if changed is None:
            raise errors.NotFound("membership")  # with its user, meanwhile
    return after
