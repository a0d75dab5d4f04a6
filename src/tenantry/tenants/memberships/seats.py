"""Seats: how many members an organization may have, also when many join at once.

A change of an organization's members holds its row, but for joining where there is no limit. So a
seat that is counted as free stays free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, case, func, or_, select

from tenantry.core import errors
from tenantry.core.times import now
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.tenants.organizations.model import Organization, organizations
from tenantry.tenants.users.model import ACTIVE, PENDING_INVITE, member_tally, memberships

if TYPE_CHECKING:
    from collections.abc import Collection

    from tenantry.db.engine import Session

_m = memberships.c
_ORGANIZATION_ID = bindparam("organization_id", type_=Text)
# A lock that lets others refer to the row meanwhile.
_HOLD = Statement(
    select(organizations)
    .where(organizations.c.id == _ORGANIZATION_ID)
    .with_for_update(key_share=True)
)
_members = member_tally.of(_ORGANIZATION_ID)
# A member has a seat, and so has an invitation that holds, at the time `p_now`.
_SEATED = or_(
    _m.status == ACTIVE, (_m.status == PENDING_INVITE) & (_m.expire_time > bindparam("p_now"))
)
_seated = (
    select(func.count())
    .select_from(memberships)
    .where(_m.organization_id == _ORGANIZATION_ID, _SEATED)
    .scalar_subquery()
)
# Far from the limit nobody needs to be counted one by one.
_TAKEN = Statement(
    select(case((_members < bindparam("p_limit"), _members), else_=_seated).label("taken"))
)
_o = organizations.c
_wanted = _o.id.in_(json_values(bindparam("ids", type_=Text)))
# In one order, so that two imports do not wait for each other.
_HOLD_ALL = Statement(
    select(organizations).where(_wanted).order_by(_o.id).with_for_update(key_share=True)
)
_members_of_each = func.coalesce(member_tally.of(_o.id), 0)
_seated_of_each = (
    select(func.count())
    .select_from(memberships)
    .where(_m.organization_id == _o.id, _SEATED)
    .scalar_subquery()
)
_TAKEN_IN_ALL = Statement(
    select(
        _o.id,
        case(
            (_members_of_each + bindparam("coming") <= _o.max_allowed_users, _members_of_each),
            else_=_seated_of_each,
        ).label("taken"),
    ).where(_wanted, _o.max_allowed_users > 0)
)
_ACTIVE = Statement(
    select(func.count().label("taken")).where(
        _m.organization_id == _ORGANIZATION_ID, _m.status == ACTIVE
    )
)


async def hold(db: Session, organization_id: str) -> Organization:
    """Return an organization whose members nobody else changes before this transaction ends."""
    row = await db.fetch_one(_HOLD, organization_id=organization_id)
    if row is None:
        raise errors.NotFound("organization")
    return Organization.from_row(row)


async def hold_all(
    db: Session, ids: Collection[str], *, coming: int
) -> list[tuple[Organization, int | None]]:
    """Hold organizations, as `hold` does; return each with its free seats, None without a limit.

    ``coming`` is how many may join one of them at most.
    """
    wanted = to_json(sorted(ids))
    held = [Organization.from_row(row) for row in await db.fetch_all(_HOLD_ALL, ids=wanted)]
    rows = await db.fetch_all(_TAKEN_IN_ALL, ids=wanted, coming=coming, p_now=now())
    taken = {row["id"]: row["taken"] for row in rows}
    return [
        (one, (one.max_allowed_users or 0) - taken[one.id] if one.id in taken else None)
        for one in held
    ]


async def check(db: Session, organization: Organization) -> None:
    """Make sure that an organization that is held has a free seat."""
    limit = organization.max_allowed_users
    if not limit:
        return
    row = await db.fetch_one(_TAKEN, organization_id=organization.id, p_limit=limit, p_now=now())
    assert row is not None
    check_left(organization, limit - row["taken"])


async def check_active(db: Session, organization: Organization) -> None:
    """Make sure that an organization that is held has a seat for one that was invited before."""
    limit = organization.max_allowed_users
    if not limit:
        return
    row = await db.fetch_one(_ACTIVE, organization_id=organization.id)
    assert row is not None
    check_left(organization, limit - row["taken"])


def check_left(organization: Organization, left: int) -> None:
    """Raise where no seat of an organization with a limit is left."""
    if left <= 0:
        limit = organization.max_allowed_users
        raise errors.InvalidArgument(f"organization has reached its limit of {limit} users")
