"""Seats: how many members an organization may have, also when many join at once.

A change of an organization's members holds its row, but for joining where there is no limit. So a
seat that is counted as free stays free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, case, func, or_, select

from tenantry.core import errors
from tenantry.core.times import now
from tenantry.db.statements import Statement
from tenantry.tenants.organizations.model import Organization, organizations
from tenantry.tenants.users.model import ACTIVE, PENDING_INVITE, member_tally, memberships

if TYPE_CHECKING:
    from tenantry.db.engine import Row, Session

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
SEATED = or_(
    _m.status == ACTIVE, (_m.status == PENDING_INVITE) & (_m.expire_time > bindparam("p_now"))
)
_seated = (
    select(func.count())
    .select_from(memberships)
    .where(_m.organization_id == _ORGANIZATION_ID, SEATED)
    .scalar_subquery()
)
# Far from the limit nobody needs to be counted one by one.
_TAKEN = Statement(
    select(case((_members < bindparam("p_limit"), _members), else_=_seated).label("taken"))
)
_ACTIVE = Statement(
    select(func.count().label("taken")).where(
        _m.organization_id == _ORGANIZATION_ID, _m.status == ACTIVE
    )
)


async def hold(db: Session, organization_id: str) -> Organization:
    """Return an organization whose members nobody else changes before this transaction ends.

    Raises:
        errors.NotFound: there is no such organization.

    """
    row = await db.fetch_one(_HOLD, organization_id=organization_id)
    if row is None:
        raise errors.NotFound("organization")
    return Organization.from_row(row)


async def check(db: Session, organization: Organization) -> None:
    """Make sure that an organization that is held has a free seat.

    Raises:
        errors.InvalidArgument: it has as many members as it may have.

    """
    limit = organization.max_allowed_users
    if not limit:
        return
    row = await db.fetch_one(_TAKEN, organization_id=organization.id, p_limit=limit, p_now=now())
    _check(row, limit)


async def check_active(db: Session, organization: Organization) -> None:
    """Make sure that an organization that is held has a seat for one that was invited before.

    Raises:
        errors.InvalidArgument: it has as many active members as it may have.

    """
    limit = organization.max_allowed_users
    if not limit:
        return
    _check(await db.fetch_one(_ACTIVE, organization_id=organization.id), limit)


def _check(row: Row | None, limit: int) -> None:
    if row is not None and row["taken"] >= limit:
        raise errors.InvalidArgument(f"organization has reached its limit of {limit} users")
