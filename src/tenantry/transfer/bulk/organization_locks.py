"""Locks organizations whose members change: as `memberships.seats` does, but for many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, case, func, select

from tenantry.core.times import now
from tenantry.db.schema import json_values, to_json
from tenantry.db.statements import Statement
from tenantry.tenants.memberships.seats import SEATED
from tenantry.tenants.organizations.model import Organization, organizations
from tenantry.tenants.users.model import member_tally, memberships

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenantry.db.engine import Session
    from tenantry.transfer.bulk.dry_run import DryRunWrites
    from tenantry.transfer.bulk.model import Offers

_o, _m = organizations.c, memberships.c
_wanted = _o.id.in_(json_values(bindparam("ids", type_=Text)))
# In one order, so that two imports do not wait for each other.
_HOLD = Statement(
    select(organizations).where(_wanted).order_by(_o.id).with_for_update(key_share=True)
)
_REFER = Statement(
    select(_o.id).where(_wanted).order_by(_o.id).with_for_update(read=True, key_share=True)
)
_members = func.coalesce(member_tally.of(_o.id), 0)
_seated = (
    select(func.count())
    .select_from(memberships)
    .where(_m.organization_id == _o.id, SEATED)
    .scalar_subquery()
)
# Far from the limit nobody needs to be counted one by one.
_TAKEN = Statement(
    select(
        _o.id,
        case(
            (_members + bindparam("coming") <= _o.max_allowed_users, _members), else_=_seated
        ).label("taken"),
    ).where(_wanted, _o.max_allowed_users > 0)
)


async def lock_members(
    db: Session,
    ids: Iterable[str],
    offers: Offers,
    *,
    coming: int,
    dry_run_writes: DryRunWrites | None,
) -> dict[str, int | None]:
    """Lock organizations for a change of members; return the seats left, None without a limit.

    ``coming`` is how many may join at most. Rows of the organizations are read again.
    """
    wanted = to_json(sorted(ids))
    seats: dict[str, int | None] = {}
    for row in await db.fetch_all(_HOLD, ids=wanted):
        organization = Organization.from_row(row)
        offers.by_id[organization.id].organization = organization
        seats[organization.id] = None
    for row in await db.fetch_all(_TAKEN, ids=wanted, coming=coming, p_now=now()):
        limit = offers.by_id[row["id"]].organization.max_allowed_users
        noted = 0 if dry_run_writes is None else dry_run_writes.seats[row["id"]]
        seats[row["id"]] = (limit or 0) - row["taken"] - noted
    return seats


async def lock_against_deletion(db: Session, ids: Iterable[str]) -> None:
    """Lock organizations, in their order, before rows are inserted that refer to them.

    The foreign keys would lock them in the order of the rows.
    """
    if wanted := sorted(set(ids)):
        await db.fetch_all(_REFER, ids=to_json(wanted))
