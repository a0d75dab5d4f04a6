"""Listing resources, and the scopes that each may have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, select

from tenantry.access.resources import values
from tenantry.access.resources.model import Resource, resources
from tenantry.db.lists import pages
from tenantry.db.sql.statements import Statement
from tenantry.tenants.roles.model import Permission, permissions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Session

MAX_PAGE = 30  # by the contract

_r, _p = resources.c, permissions.c
_wanted = _r.resource_type == bindparam("p_resource_type")
_total = select(func.count().label("total")).select_from(resources).where(_wanted)
_TOTAL = Statement(_total)
_LIST = {
    direction: Statement(
        pages.part(
            select(resources, _total.scalar_subquery().label("total")).where(_wanted),
            _r.id,
            direction,
        ).limit(bindparam("take"))
    )
    for direction in pages.DIRECTIONS
}
_SCOPES = Statement(select(permissions).where(_p.built_in.is_(False)).order_by(_p.name))


async def page(
    call: Call, resource_type: str, *, page_size: int, page_token: str
) -> pages.Page[Resource]:
    """Return one page of the resources of a type, newest first."""
    values.resource_type(resource_type)
    position = pages.position(
        call.db,
        f"resources {resource_type}",
        page_size=page_size,
        page_token=page_token,
        most=MAX_PAGE,
    )
    rows = await call.db.fetch_all(
        _LIST[position.direction], p_resource_type=resource_type, **position.params
    )
    if rows:
        total = rows[0]["total"]
    else:
        row = await call.db.fetch_one(_TOTAL, p_resource_type=resource_type)
        total = row["total"] if row else 0
    return position.page(rows, total).of(Resource.from_row)


async def scopes(db: Session) -> Sequence[Permission]:
    """Return all permissions that can be scopes of a resource, by name."""
    return [Permission.from_row(row) for row in await db.fetch_all(_SCOPES)]
