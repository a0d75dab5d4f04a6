"""Locks organizations whose members a batch changes, or that its rows refer to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, select

from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.tenants.memberships import seats
from tenantry.tenants.organizations.model import organizations

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tenantry.db.engine import Session
    from tenantry.transfer.bulk.dry_run import DryRunWrites
    from tenantry.transfer.bulk.model import Offers

_o = organizations.c
_wanted = _o.id.in_(json_values(bindparam("ids", type_=Text)))
_REFER = Statement(
    select(_o.id).where(_wanted).order_by(_o.id).with_for_update(read=True, key_share=True)
)


async def lock_members(
    db: Session,
    ids: Collection[str],
    offers: Offers,
    *,
    coming: int,
    dry_run_writes: DryRunWrites | None,
) -> dict[str, int | None]:
    """Lock organizations for a change of members; return the seats left, None without a limit.

    ``coming`` is how many may join at most. Rows of the organizations are read again.
    """
    left: dict[str, int | None] = {}
    for organization, free in await seats.hold_all(db, ids, coming=coming):
        id_ = organization.id
        offers.by_id[id_].organization = organization
        noted = 0 if dry_run_writes is None else dry_run_writes.seats[id_]
        left[id_] = None if free is None else free - noted
    return left


async def lock_against_deletion(db: Session, ids: Iterable[str]) -> None:
    """Lock organizations, in their order, before rows are inserted that refer to them.

    The foreign keys would lock them in the order of the rows.
    """
    if wanted := sorted(set(ids)):
        await db.fetch_all(_REFER, ids=to_json(wanted))
