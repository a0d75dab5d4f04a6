"""A membership that is switched off and on again: it stays, with its roles, and opens nothing.

A directory of the organization switches them. One that is off holds no seat, and an invitation
among them is over.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, bindparam, func, select, update

from tenantry.core import errors
from tenantry.core.times import now
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound
from tenantry.tenants.memberships import seats
from tenantry.tenants.users.model import (
    ACTIVE,
    DIRECT_PROVISION,
    INACTIVE,
    PENDING_INVITE,
    memberships,
    shown_together,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from tenantry.call import Call
    from tenantry.core.event import Event
    from tenantry.db.engine import Session
    from tenantry.db.writes.transactions import DeferredWrite
    from tenantry.tenants.organizations.model import Organization
    from tenantry.tenants.users.model import Membership, User

_m = memberships.c
_MEMBER = (
    _m.organization_id == bindparam("organization_id", type_=Text),
    _m.user_id == bindparam("user_id", type_=Text),
)
_NOW = bindparam("p_now", type_=BigInteger)
_ACTIVATE = Statement(
    update(memberships)
    .where(*_MEMBER, _m.status != ACTIVE)
    .values(
        **bound(("provisioning_method",)),
        status=ACTIVE,
        accept_time=func.coalesce(_m.accept_time, _NOW),
        join_time=func.coalesce(_m.join_time, _NOW),
        invite_digest=None,
    )
    .returning(_m.id)
)
_DEACTIVATE = Statement(
    update(memberships)
    .where(*_MEMBER, _m.status != INACTIVE)
    .values(status=INACTIVE, invite_digest=None)
    .returning(_m.id)
)
_MEMBERS = (
    _m.organization_id == bindparam("organization_id", type_=Text),
    _m.user_id.in_(json_values(bindparam("user_ids", type_=Text))),
)
_HOLD_ALL = Statement(
    select(_m.user_id).where(*_MEMBERS).order_by(_m.user_id).with_for_update(key_share=True)
)
_ACTIVATE_ALL = Statement(
    update(memberships)
    .where(*_MEMBERS, _m.status == INACTIVE)
    .values(
        status=ACTIVE,
        accept_time=func.coalesce(_m.accept_time, _NOW),
        join_time=func.coalesce(_m.join_time, _NOW),
        invite_digest=None,
    )
    .returning(_m.id)
)
_DEACTIVATE_ALL = Statement(
    update(memberships)
    .where(*_MEMBERS, _m.status == ACTIVE)
    .values(status=INACTIVE, invite_digest=None)
    .returning(_m.id)
)


async def activate(
    call: Call,
    organization: Organization,
    user: User,
    place: Membership,
    *further: Event,
    left: DeferredWrite | None = None,
) -> Membership:
    """Make a member that is off, or invited, an active one; within a transaction.

    ``further`` are events that follow that of the membership. The change itself is left to
    ``left``, if it is given; no row of it means that the membership has ended meanwhile.

    Raises:
        errors.InvalidArgument: the organization has no free seat.

    """
    db, at = call.db, now()
    if organization.max_allowed_users:
        held = await seats.hold(db, organization.id)
        # A pending invitation has its seat already.
        check = seats.check_active if place.status == PENDING_INVITE else seats.check
        await check(db, held)
    after, event = activated(call, organization, user, place, at)
    given = {"organization_id": organization.id, "user_id": user.id, "p_now": at}
    given["p_provisioning_method"] = after.provisioning_method
    await _apply(db, left, _ACTIVATE, event, *further, **given)
    return after


async def deactivate(
    call: Call,
    organization: Organization,
    user: User,
    place: Membership,
    *further: Event,
    left: DeferredWrite | None = None,
) -> None:
    """Switch a membership off, also of the last administrator; within a transaction.

    ``further`` are events that follow that of the membership. The change itself is left to
    ``left``, if it is given; no row of it means that the membership has ended meanwhile.

    Raises:
        errors.ConcurrentChange: the membership has ended, or was switched off meanwhile.

    """
    event = deactivated(call, organization, user, place)
    given = {"organization_id": organization.id, "user_id": user.id}
    await _apply(call.db, left, _DEACTIVATE, event, *further, **given)


def activated(
    call: Call, organization: Organization, user: User, place: Membership, at: int
) -> tuple[Membership, Event]:
    """Return a membership as `activate` makes it, and the event of that."""
    again = place.status == INACTIVE
    after = replace(
        place,
        status=ACTIVE,
        accept_time=place.accept_time or at,
        join_time=place.join_time or at,
        provisioning_method=place.provisioning_method if again else DIRECT_PROVISION,
    )
    event = call.event(
        f"user.organization_membership_{'updated' if again else 'created'}",
        organization_id=organization.id,
        before=shown_together(organization, user, place) if again else None,
        after=shown_together(organization, user, after),
    )
    return after, event


def deactivated(call: Call, organization: Organization, user: User, place: Membership) -> Event:
    """Return the event of a membership that `deactivate` switches off."""
    return call.event(
        "user.organization_membership_updated",
        organization_id=organization.id,
        before=shown_together(organization, user, place),
        after=shown_together(organization, user, replace(place, status=INACTIVE)),
    )


async def switch_all(
    db: Session, organization_id: str, *, on: Collection[str], off: Collection[str], at: int
) -> None:
    """Activate the inactive memberships of some users, and deactivate the active ones of others.

    Within a transaction, whose caller records the events. The organization has no limit of seats.
    """
    if not on and not off:
        return
    held = to_json(sorted({*on, *off}))
    await db.fetch_all(_HOLD_ALL, organization_id=organization_id, user_ids=held)
    for statement, those in ((_ACTIVATE_ALL, on), (_DEACTIVATE_ALL, off)):
        if not those:
            continue
        given: dict[str, Any] = {"user_ids": to_json(sorted(those))}
        if statement is _ACTIVATE_ALL:
            given["p_now"] = at
        rows = await db.fetch_all(statement, organization_id=organization_id, **given)
        if len(rows) < len(those):
            raise errors.ConcurrentChange


async def _apply(
    db: Session, left: DeferredWrite | None, change: Statement, *events: Event, **params: Any
) -> None:
    if left is not None:
        left.defer(change, *events, **params)
    elif await db.apply(change, *events, **params) is None:
        raise errors.ConcurrentChange
