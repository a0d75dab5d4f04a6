"""Leaving: a member an organization, a user all of them, all members one that is deleted.

No other member stays behind without an administrator, unless that is forced.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, delete, exists, select

from tenantry.core import errors
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.orphans import delete_orphans
from tenantry.tenants.memberships import administrators, grantable_roles, seats
from tenantry.tenants.memberships.service import member
from tenantry.tenants.users import reading
from tenantry.tenants.users import service as users_service
from tenantry.tenants.users.model import (
    USERS,
    User,
    member_tally,
    memberships,
    shown_together,
    user_search,
    user_tally,
    users,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tenantry.call import Call
    from tenantry.tenants.users.service import UserIdentifier

_AT_ONCE = 500

_m, _u = memberships.c, users.c
_USER_ID = bindparam("user_id", type_=Text)
_ORGANIZATION_ID = bindparam("organization_id", type_=Text)
_IDS = json_values(bindparam("ids", type_=Text))

_DELETE = Statement(
    delete(memberships)
    .where(_m.organization_id == _ORGANIZATION_ID, _m.user_id == _USER_ID)
    .returning(_m.id),
    member_tally.one_less(_ORGANIZATION_ID),
)
_ANY = Statement(select(_m.id).where(_m.user_id == _USER_ID).limit(1))
_NEXT_MEMBERS = Statement(
    select(_m.user_id)
    .where(_m.organization_id == _ORGANIZATION_ID, _m.user_id > bindparam("after", type_=Text))
    .order_by(_m.user_id)
    .limit(_AT_ONCE)
)
_HOLD_USERS = Statement(select(_u.id).where(_u.id.in_(_IDS)).order_by(_u.id).with_for_update())
_HOLD_MEMBERS = Statement(
    select(_m.user_id)
    .where(_m.organization_id == _ORGANIZATION_ID, _m.user_id.in_(_IDS))
    .order_by(_m.user_id)
    .with_for_update()
)
_elsewhere = exists().where(_m.user_id == _u.id, _m.organization_id != _ORGANIZATION_ID)
_ONLY_HERE = Statement(select(*reading.COLUMNS).where(_u.id.in_(_IDS), ~_elsewhere))
_DELETE_USERS = Statement(delete(users).where(_u.id.in_(_IDS)))
_SEND_AWAY = Statement(
    delete(memberships).where(_m.organization_id == _ORGANIZATION_ID, _m.user_id.in_(_IDS))
)


async def remove_member(
    call: Call, organization_id: str, identity: UserIdentifier, *, cascade: bool, forced: bool
) -> None:
    """End a membership; with cascade the user is deleted whose last one it was.

    Raises:
        errors.InvalidArgument: it is the last admin of others, and this is not forced.

    """
    reading.check_scope(call, organization_id)
    async with call.db.transaction() as db:
        held = replace(call, db=db)
        organization = await seats.hold(db, organization_id)
        user, place = await member(db, organization_id, identity)
        if user.id != call.caller.id:
            await grantable_roles.check(call, db, organization_id, place.roles)
        if not forced:
            await administrators.check(db, user.id, organization_id)
        if cascade:
            await users_service.hold(db, user.id)
        event = call.event(
            "user.organization_membership_deleted",
            organization_id=organization_id,
            before=shown_together(organization, user, place),
        )
        gone = await db.apply(_DELETE, event, organization_id=organization_id, user_id=user.id)
        if gone is None:
            raise errors.NotFound("membership")  # with its user, meanwhile
        key = {"organization_id": organization_id, "user_id": user.id}
        await delete_orphans(db, memberships, [key])
        if cascade and await db.fetch_one(_ANY, user_id=user.id) is None:
            await users_service.delete_held(held, replace(user, memberships=[]))


async def remove_user(call: Call, identity: UserIdentifier, *, forced: bool) -> None:
    """Delete a user with all memberships.

    Raises:
        errors.InvalidArgument: it is the last admin of others, and this is not forced.

    """
    reading.check_scope(call)
    user_id = (await users_service.get(call, identity)).id
    async with call.db.transaction() as db:
        held = replace(call, db=db)
        kept = await users_service.keep_organizations(db, user_id)
        checked = set() if forced else await administrators.check_everywhere(db, user_id)
        user = await users_service.hold_with_memberships(held, user_id, kept)
        # In one that is not held, the other admin could go at this moment. It cannot be held now:
        # a change of members holds the organization first.
        if not forced and not await administrators.organizations_of(db, user_id) <= checked:
            raise errors.ConcurrentChange
        call.expect(user.revision)
        await users_service.delete_held(held, user)


async def dismiss_members(call: Call, organization_id: str) -> None:
    """End all memberships of an organization that is held, and delete the users only it had.

    Within a transaction, a bounded number of them at a time. All users are locked before the first
    membership is (see the order of locks in ARCHITECTURE.md).
    """
    async for user_ids in _members(call, organization_id):
        await call.db.fetch_all(_HOLD_USERS, ids=user_ids)
    async for user_ids in _members(call, organization_id):
        await _send_away(call, organization_id, user_ids)


async def _members(call: Call, organization_id: str) -> AsyncIterator[str]:
    """Yield the ids of all members, in order, as JSON arrays."""
    after = ""
    while members := await call.db.fetch_all(
        _NEXT_MEMBERS, organization_id=organization_id, after=after
    ):
        after = members[-1]["user_id"]
        yield to_json([row["user_id"] for row in members])


async def _send_away(call: Call, organization_id: str, user_ids: str) -> None:
    """End the memberships of these locked users; delete each user without another membership."""
    db = call.db
    await db.fetch_all(_HOLD_MEMBERS, ids=user_ids, organization_id=organization_id)
    rows = await db.fetch_all(_ONLY_HERE, ids=user_ids, organization_id=organization_id)
    gone = [User.from_row(row) for row in rows]
    if gone:
        ids = [user.id for user in gone]
        await db.fetch_all(_DELETE_USERS, ids=to_json(ids))
        await user_search.mark_all(db, ids)
        await user_tally.add(db, {USERS: -len(ids)})
        await db.record_all(
            call.event("user.deleted", organization_id=organization_id, before=user.to_event())
            for user in gone
        )
    await db.fetch_all(_SEND_AWAY, ids=user_ids, organization_id=organization_id)
