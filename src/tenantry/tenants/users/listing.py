"""Lists of users: by key, newest first, with an exact total.

A list is of all users, or of the members of one organization; its key is the id of the user, or
that of the membership.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, select, true

from tenantry.core import errors
from tenantry.db.lists import pages
from tenantry.db.sql.statements import Statement
from tenantry.tenants.organizations.model import organizations
from tenantry.tenants.users import reading
from tenantry.tenants.users.model import USERS, member_tally, memberships, user_tally, users

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, ScalarSelect, Select, Subquery

    from tenantry.call import Call
    from tenantry.db.engine import Row, Session
    from tenantry.tenants.users.model import User

ORGANIZATION_ID: ColumnElement[str] = bindparam("organization_id", type_=Text)
_m, _u = memberships.c, users.c


async def of_environment(call: Call, *, page_size: int, page_token: str) -> pages.Page[User]:
    """Return one page of all users, each with the oldest 100 of its memberships."""
    reading.check_scope(call)
    position = pages.position(call.db, "users", page_size=page_size, page_token=page_token)
    rows = await call.db.fetch_all(
        _ALL[position.direction], most=reading.MOST_MEMBERSHIPS_LISTED, **position.params
    )
    return await page(call.db, position, rows)


async def of_organization(
    call: Call, organization_id: str, *, page_size: int, page_token: str
) -> pages.Page[User]:
    """Return one page of an organization's members, each with this membership."""
    reading.check_scope(call, organization_id)
    listing = f"members of {organization_id}"
    position = pages.position(call.db, listing, page_size=page_size, page_token=page_token)
    rows = await call.db.fetch_all(
        _MEMBERS[position.direction], organization_id=organization_id, **position.params
    )
    if not rows:
        raise errors.NotFound("organization")
    return await page(call.db, position, rows)


async def page(db: Session, position: pages.Position, rows: Sequence[Row]) -> pages.Page[User]:
    """Return the page of these rows, one at least: see `page_statement`."""
    found = position.page(rows, int(rows[0]["total"] or 0), key="page_key")
    return replace(found, items=await reading.users_of(db, found.items))


def page_statement(
    counted: Subquery, keys: Select[Any], direction: str, *, of_one: bool
) -> Statement:
    """Return a statement for the users of a page: `reading.with_memberships` and two columns.

    ``counted`` is one row with the `total`, which comes with each user, and alone where the page
    is empty. ``keys``, in order, has the columns `user_id` and `page_key`.
    """
    page = pages.few(keys)
    statement = (
        reading.with_memberships(of_one=of_one)
        .add_columns(page.c.page_key, *counted.c)
        .select_from(
            counted.outerjoin(page, true()).outerjoin(users, _u.id == page.c.user_id),
        )
    )
    order = pages.order(page.c.page_key, backward=direction == "backward")
    return Statement(statement.order_by(order))


def members_total() -> ScalarSelect[int]:
    """Return how many members an organization has."""
    return member_tally.of(ORGANIZATION_ID)  # they are never counted by walking


def _all(direction: str) -> Statement:
    counted = select(user_tally.of(USERS).label("total")).subquery("counted")
    keys = select(_u.id.label("user_id"), _u.id.label("page_key"))
    return page_statement(counted, pages.part(keys, _u.id, direction), direction, of_one=False)


def _members(direction: str) -> Statement:
    total = select(members_total().label("total")).where(organizations.c.id == ORGANIZATION_ID)
    keys = select(_m.user_id, _m.id.label("page_key")).where(_m.organization_id == ORGANIZATION_ID)
    return page_statement(
        total.subquery("counted"), pages.part(keys, _m.id, direction), direction, of_one=True
    )


_ALL = {direction: _all(direction) for direction in pages.DIRECTIONS}
_MEMBERS = {direction: _members(direction) for direction in pages.DIRECTIONS}
