"""Many new users that become members of one organization at once, as a directory brings them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.sql.records import named, spelled
from tenantry.tenants.memberships.joining import membership
from tenantry.tenants.memberships.model import Terms
from tenantry.tenants.roles.model import role_holders
from tenantry.tenants.users.model import (
    USERS,
    member_tally,
    memberships,
    shown_together,
    user_search,
    user_tally,
    users,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.call import Call
    from tenantry.core.event import Event
    from tenantry.tenants.organizations.model import Organization
    from tenantry.tenants.roles.catalogue import HeldRole
    from tenantry.tenants.users.model import User

_AT_ONCE = 50  # people whose events are written without a pause
_NOT_GIVEN = {"password_hash", "password_time"}

_USERS = [column for column in users.c if column.name not in _NOT_GIVEN]
_MEMBERSHIPS = named(memberships)
_HOLDERS = named(role_holders)


_INSERT_USERS = crud.insert_all(users, _USERS)
_INSERT_MEMBERSHIPS = crud.insert_all(memberships)
_INSERT_HOLDERS = crud.insert_all(role_holders)


@dataclass(frozen=True, slots=True)
class NewMember:
    """A new user, and the event that follows those of user and membership."""

    user: User
    event: Event


async def provision(
    call: Call,
    organization: Organization,
    held: tuple[HeldRole, ...],
    arrivals: Sequence[NewMember],
) -> None:
    """Make these new users members, with these roles; within a transaction.

    The organization has no limit of seats.

    Raises:
        db.engine.DuplicateKey: there is such a user meanwhile.
        db.engine.ForeignKey: one of these roles, or the organization, went away meanwhile.

    """
    if not arrivals:
        return
    db, at = call.db, now()
    joined = [
        (one, membership(db, organization, one.user.id, held, Terms(), at=at)) for one in arrivals
    ]
    rows = [one.user.to_row() for one in arrivals]
    await db.fetch_all(_INSERT_USERS, given=spelled(_USERS, rows))
    await user_tally.add(db, {USERS: len(rows)})
    await user_search.mark_all(db, [one.user.id for one in arrivals])
    rows = [
        {**place.to_row(), "invite_digest": None, "invite_client_id": None} for _, place in joined
    ]
    await db.fetch_all(_INSERT_MEMBERSHIPS, given=spelled(_MEMBERSHIPS, rows))
    await member_tally.add(db, {organization.id: len(rows)})
    rows = [
        {"organization_id": organization.id, "user_id": one.user.id, "role_id": role.id}
        for one in arrivals
        for role in held
    ]
    if rows:
        await db.fetch_all(_INSERT_HOLDERS, given=spelled(_HOLDERS, rows))
    for start in range(0, len(joined), _AT_ONCE):
        told: list[Event] = []
        for one, place in joined[start : start + _AT_ONCE]:
            told += [
                call.event(
                    "user.created", organization_id=organization.id, after=one.user.to_event()
                ),
                call.event(
                    "user.organization_membership_created",
                    organization_id=organization.id,
                    after=shown_together(organization, one.user, place),
                ),
                one.event,
            ]
        await db.record_all(told)
        await asyncio.sleep(0)
