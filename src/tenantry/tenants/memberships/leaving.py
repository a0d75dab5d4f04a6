"""Leaving for good: a user with all memberships, an organization with those who were only there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, delete, exists, select

from tenantry.db.schema import json_values, to_json
from tenantry.db.statements import Statement
from tenantry.tenants.organizations.model import Organization, organizations
from tenantry.tenants.users import reading
from tenantry.tenants.users.model import Membership, User, memberships, shown_together, users

if TYPE_CHECKING:
    from tenantry.call import Call

_AT_ONCE = 500

_m, _u = memberships.c, users.c
_USER_ID = bindparam("user_id", type_=Text)
_ORGANIZATION_ID = bindparam("organization_id", type_=Text)
_IDS = json_values(bindparam("ids", type_=Text))

_ORGANIZATIONS = Statement(select(organizations).where(organizations.c.id.in_(_IDS)))
_DELETE_USER = Statement(delete(users).where(_u.id == _USER_ID).returning(_u.id))
_DELETE_USERS = Statement(delete(users).where(_u.id.in_(_IDS)))
_LEAVE = Statement(delete(memberships).where(_m.user_id == _USER_ID, _m.organization_id.in_(_IDS)))
_SEND_AWAY = Statement(
    delete(memberships).where(_m.organization_id == _ORGANIZATION_ID, _m.user_id.in_(_IDS))
)
_NEXT_MEMBERS = Statement(
    select(_m.user_id)
    .where(_m.organization_id == _ORGANIZATION_ID, _m.user_id > bindparam("after", type_=Text))
    .order_by(_m.user_id)
    .limit(_AT_ONCE)
)
_HOLD_USERS = Statement(select(_u.id).where(_u.id.in_(_IDS)).order_by(_u.id).with_for_update())
_elsewhere = exists().where(_m.user_id == _u.id, _m.organization_id != _ORGANIZATION_ID)
_ONLY_HERE = Statement(select(*reading.COLUMNS).where(_u.id.in_(_IDS), ~_elsewhere))


async def of_user(call: Call, user: User) -> None:
    """Delete a user who is held, with all memberships."""
    db = call.db
    await _record_leaving(call, user, user.memberships)
    while len(user.memberships) == reading.MOST_MEMBERSHIPS:  # and there may be more
        left = [place.organization_id for place in user.memberships]
        await db.fetch_all(_LEAVE, user_id=user.id, ids=to_json(left))
        rest = await reading.find(db, id_=user.id, external_id=None)
        user = replace(user, memberships=rest.memberships if rest else [])
        await _record_leaving(call, user, user.memberships)
    deleted = call.event("user.deleted", before=user.shown())
    await db.apply(_DELETE_USER, deleted, user_id=user.id)


async def dismiss_members(call: Call, organization_id: str) -> None:
    """End all memberships of an organization that is held, and delete the users only it had.

    Within a transaction, a bounded number of them at a time.
    """
    after = ""
    while members := await call.db.fetch_all(
        _NEXT_MEMBERS, organization_id=organization_id, after=after
    ):
        after = members[-1]["user_id"]
        await _send_away(call, organization_id, to_json([row["user_id"] for row in members]))


async def _send_away(call: Call, organization_id: str, user_ids: str) -> None:
    db = call.db
    # First held, then asked where else they are: a user who joins another one meanwhile stays.
    await db.fetch_all(_HOLD_USERS, ids=user_ids)
    rows = await db.fetch_all(_ONLY_HERE, ids=user_ids, organization_id=organization_id)
    gone = [User.from_row(row) for row in rows]
    if gone:
        await db.fetch_all(_DELETE_USERS, ids=to_json([user.id for user in gone]))
        await db.record_all(
            call.event("user.deleted", organization_id=organization_id, before=user.shown())
            for user in gone
        )
    await db.fetch_all(_SEND_AWAY, ids=user_ids, organization_id=organization_id)


async def _record_leaving(call: Call, user: User, places: list[Membership]) -> None:
    for start in range(0, len(places), _AT_ONCE):
        left = places[start : start + _AT_ONCE]
        wanted = to_json([place.organization_id for place in left])
        rows = await call.db.fetch_all(_ORGANIZATIONS, ids=wanted)
        known = {row["id"]: Organization.from_row(row) for row in rows}
        await call.db.record_all(
            call.event(
                "user.organization_membership_deleted",
                organization_id=place.organization_id,
                before=shown_together(known[place.organization_id], user, place),
            )
            for place in left
            if place.organization_id in known
        )
