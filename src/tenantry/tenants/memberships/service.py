"""The rules of memberships: joining, changing roles and metadata, leaving.

All but joining hold the organization's row: one change of its members at a time, so that the last
admin is still the last one when the change is made.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, delete, select, true, update

from tenantry import errors
from tenantry.db.engine import DuplicateKey, ForeignKey
from tenantry.db.schema import json_values, to_json
from tenantry.db.statements import Statement
from tenantry.events.mail import service as mail_service
from tenantry.tenants.memberships import administrators, joining, leaving, seats
from tenantry.tenants.roles import service as roles_service
from tenantry.tenants.roles.model import role_holders
from tenantry.tenants.users import reading, service
from tenantry.tenants.users.model import Membership, User, memberships, shown_together, users
from tenantry.tenants.users.service import Identity
from tenantry.times import now

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.tenants.memberships.joining import NamedRole, Rules, Terms
    from tenantry.tenants.roles.catalogue import HeldRole
    from tenantry.tenants.roles.model import Permission

    Revise = Callable[[Session, Membership], Awaitable[Membership]]

_m, _u, _h = memberships.c, users.c, role_holders.c
_MEMBER = (
    _m.organization_id == bindparam("m_organization_id"),
    _m.user_id == bindparam("m_user_id"),
)
_join = joining.INSERT.returning(_m.id)
# Whom the application vouches for has the e-mail address: nobody needs to prove it any more.
_verify = (
    update(users)
    .where(_u.id == bindparam("m_user_id"), ~_u.email_verified)
    .values(
        email_verified=true(),
        revision=_u.revision + 1,
        update_time=bindparam("p_update_time"),
    )
)
_JOIN = Statement(_join, joining.INSERT_HOLDERS, _verify)
_INVITE = Statement(_join, joining.INSERT_HOLDERS, mail_service.INSERT)
_CHANGE = Statement(
    update(memberships).where(*_MEMBER).values(metadata=bindparam("m_metadata")).returning(_m.id),
    delete(role_holders).where(
        _h.organization_id == bindparam("m_organization_id"),
        _h.user_id == bindparam("m_user_id"),
        _h.role_id.in_(json_values(bindparam("dropped", type_=Text))),
    ),
    joining.INSERT_HOLDERS,
)
_DELETE = Statement(delete(memberships).where(*_MEMBER).returning(_m.id))
_ANY = Statement(select(_m.id).where(_m.user_id == bindparam("m_user_id")).limit(1))


async def add(
    call: Call, organization_id: str, identity: Identity, terms: Terms, *, rules: Rules
) -> User:
    """Make an existing user a member, invited by mail or at once; return it with all it may show.

    Raises:
        errors.NotFound: there is no such organization or user that this caller may see.
        errors.Duplicate: the user is a member already.
        errors.InvalidArgument: there is no such role, the e-mail address is blocked, or the
            organization has no free seat.

    """
    reading.check_scope(call, organization_id)
    user = await service.get(call, identity)
    joining.check_address(rules, user.email, "user.email")
    if terms.invite or user.email_verified:
        return await _add(call, organization_id, user, terms, rules=rules)
    # The user changes, too: held, so that what is told of it is what it was and is.
    async with call.db.transaction() as db:
        held = replace(call, db=db)
        await seats.hold(db, organization_id)
        await service.hold(db, user.id)
        user = await service.get(held, Identity(user.id))
        return await _add(held, organization_id, user, terms, rules=rules)


async def _add(call: Call, organization_id: str, user: User, terms: Terms, *, rules: Rules) -> User:
    organization, held = await joining.offered(call.db, organization_id, terms.roles)
    if user.membership_in(organization.id) is not None:
        raise errors.Duplicate("membership", user.id)
    at = now()
    place = joining.membership(call.db, organization, user.id, held, terms, rules=rules, at=at)
    further = []
    if not terms.invite and not user.email_verified:
        before, user = user, service.revised(user, at=at, email_verified=True)
        further.append(call.event("user.updated", before=before.shown(), after=user.shown()))
    try:
        await joining.join(
            call,
            _INVITE if terms.invite else _JOIN,
            organization,
            user,
            place,
            *further,
            p_update_time=user.update_time,
        )
    except DuplicateKey:
        raise errors.Duplicate("membership", user.id) from None
    user.memberships.append(place)
    return user


async def change(
    call: Call,
    organization_id: str,
    identity: Identity,
    *,
    roles: Sequence[NamedRole],
    metadata: Mapping[str, str] | None,
    forced: bool,
) -> User:
    """Replace the roles, or the metadata, or both; what is empty stays as it is.

    Raises:
        errors.NotFound: there is no such member that this caller may see.
        errors.InvalidArgument: there is no such role; or the last admin would be none any more,
            and this is not forced.

    """

    async def revise(db: Session, before: Membership) -> Membership:
        held = before.roles
        if roles:
            _, held = await joining.offered(db, organization_id, roles)
        return replace(before, roles=held, metadata=dict(metadata or before.metadata))

    place = await _change(call, organization_id, identity, revise, forced=forced)
    return await service.get(call, Identity(place.user_id))


async def add_roles(
    call: Call, organization_id: str, user_id: str, named: Sequence[NamedRole]
) -> tuple[HeldRole, ...]:
    """Give a member further roles, and return all that it holds then.

    Raises:
        errors.NotFound: there is no such member that this caller may see.
        errors.InvalidArgument: there is no such role.

    """

    async def revise(db: Session, before: Membership) -> Membership:
        _, added = await joining.offered(db, organization_id, named)
        held = {role.id: role for role in (*before.roles, *added)}
        return replace(before, roles=reading.in_order(held.values()))

    return (await _change(call, organization_id, Identity(user_id), revise, forced=False)).roles


async def remove_role(
    call: Call, organization_id: str, user_id: str, name: str, *, forced: bool
) -> None:
    """Take a role from a member.

    Raises:
        errors.NotFound: there is no such member that this caller may see, or it has no such role.
        errors.InvalidArgument: it is the last admin, and this is not forced.

    """

    async def revise(_db: Session, before: Membership) -> Membership:
        kept = tuple(role for role in before.roles if role.name != name)
        if kept == before.roles:
            raise errors.NotFound("role")
        return replace(before, roles=kept)

    await _change(call, organization_id, Identity(user_id), revise, forced=forced)


async def remove(
    call: Call, organization_id: str, identity: Identity, *, cascade: bool, forced: bool
) -> None:
    """End a membership; with cascade the user is deleted whose last one it was.

    Raises:
        errors.NotFound: there is no such member that this caller may see.
        errors.InvalidArgument: it is the last admin of others, and this is not forced.

    """
    reading.check_scope(call, organization_id)
    async with call.db.transaction() as db:
        held = replace(call, db=db)
        organization = await seats.hold(db, organization_id)
        user, place = await _member(db, organization_id, identity)
        if not forced:
            await administrators.check(db, user.id, organization_id)
        if cascade:
            await service.hold(db, user.id)
        event = call.event(
            "user.organization_membership_deleted",
            organization_id=organization_id,
            before=shown_together(organization, user, place),
        )
        key = {"m_organization_id": organization_id, "m_user_id": user.id}
        if await db.apply(_DELETE, event, **key) is None:
            raise errors.NotFound("membership")  # with its user, meanwhile
        if cascade and await db.fetch_one(_ANY, m_user_id=user.id) is None:
            await leaving.of_user(held, replace(user, memberships=[]))


async def roles_of(call: Call, organization_id: str, user_id: str) -> list[HeldRole]:
    """Return the roles that a member holds, the oldest first.

    Raises:
        errors.NotFound: there is no such member that this caller may see.

    """
    reading.check_scope(call, organization_id)
    held = await roles_service.roles_of(call.db, organization_id, user_id)
    if not held:
        await _member(call.db, organization_id, Identity(user_id))
    return held


async def permissions_of(call: Call, organization_id: str, user_id: str) -> list[Permission]:
    """Return all that a member's roles permit together, the newest first.

    Raises:
        errors.NotFound: there is no such member that this caller may see.

    """
    reading.check_scope(call, organization_id)
    found = await roles_service.effective_permissions(call.db, organization_id, user_id)
    if not found:
        await _member(call.db, organization_id, Identity(user_id))
    return found


async def _change(
    call: Call, organization_id: str, identity: Identity, revise: Revise, *, forced: bool
) -> Membership:
    reading.check_scope(call, organization_id)
    async with call.db.transaction() as db:
        organization = await seats.hold(db, organization_id)
        user, before = await _member(db, organization_id, identity)
        after = await revise(db, before)
        if after == before:
            return before
        old, new = ({role.id for role in one.roles} for one in (before, after))
        if old - new and not forced:
            await administrators.check(db, user.id, organization_id, kept=new)
        event = call.event(
            "user.organization_membership_updated",
            organization_id=organization_id,
            before=shown_together(organization, user, before),
            after=shown_together(organization, user, after),
        )
        try:
            changed = await db.apply(
                _CHANGE,
                event,
                m_organization_id=organization_id,
                m_user_id=user.id,
                m_metadata=to_json(after.metadata),
                dropped=to_json(sorted(old - new)),
                m_role_ids=to_json(sorted(new - old)),
            )
        except ForeignKey:
            raise errors.Busy from None  # a role went away meanwhile
        if changed is None:
            raise errors.NotFound("membership")  # with its user, meanwhile
    return after


async def _member(db: Session, organization_id: str, identity: Identity) -> tuple[User, Membership]:
    user = await reading.find(
        db,
        id_=identity.id,
        external_id=identity.external_id,
        organization_id=organization_id,
    )
    if user is None or not user.memberships:
        raise errors.NotFound("membership")
    return user, user.memberships[0]
