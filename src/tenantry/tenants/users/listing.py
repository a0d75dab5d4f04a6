"""Lists of users: by key, newest first, with an exact total.

A list is of all users, or of the members of one organization; its key is the id of the user, or
that of the membership.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, bindparam, cast, func, literal_column, select, true

from tenantry import errors
from tenantry.db.schema import tallies
from tenantry.db.statements import Statement
from tenantry.tenants.organizations.model import organizations
from tenantry.tenants.users import reading
from tenantry.tenants.users.model import User, member_tallies, memberships, users

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, ScalarSelect, Select, Subquery

    from tenantry.call import Call
    from tenantry.db.engine import Row

DEFAULT_PAGE = 10
MAX_PAGE = 100
DIRECTIONS = ("first", "forward", "backward")

ORGANIZATION_ID: ColumnElement[str] = bindparam("organization_id", type_=Text)
_m, _u = memberships.c, users.c


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; a token is "" where there is no page."""

    users: list[User]
    total_size: int
    next_page_token: str
    prev_page_token: str


class Position:
    """Which page of a list: read off its token; its neighbours have tokens of their own."""

    def __init__(self, call: Call, listing: str, *, page_size: int, page_token: str) -> None:
        """Take a page size of 0 for the default, and one over 100 for 100.

        Raises:
            errors.InvalidArgument: the page token is not of this list and filter.

        """
        self._call = call
        self._listing = listing
        self._size = min(page_size or DEFAULT_PAGE, MAX_PAGE)
        self._backward, start = False, ""
        self.direction = "first"
        if page_token:
            self._backward, start = call.db.page_tokens.decode(listing, page_token)
            self.direction = "backward" if self._backward else "forward"
        # One more than is shown tells whether there is a further page.
        self.params = {"start": start, "take": self._size + 1}

    async def page(self, rows: Sequence[Row]) -> Page:
        """Return the page of these rows, one at least: see `page_statement`."""
        total = int(rows[0]["total"] or 0)
        rows = [row for row in rows if row["page_key"] is not None]
        more, rows = len(rows) > self._size, rows[: self._size]
        if self._backward:
            rows = rows[::-1]
        token = functools.partial(self._call.db.page_tokens.encode, self._listing)
        has_next = more or self._backward
        has_previous = more if self._backward else self.direction != "first"
        return Page(
            await reading.users_of(self._call.db, rows),
            total,
            token(backward=False, id_=rows[-1]["page_key"]) if rows and has_next else "",
            token(backward=True, id_=rows[0]["page_key"]) if rows and has_previous else "",
        )


async def of_environment(call: Call, *, page_size: int, page_token: str) -> Page:
    """Return one page of all users, each with the oldest 100 of its memberships.

    Raises:
        errors.InvalidArgument: the page token is not of this list.
        errors.PermissionDenied: the caller is bound to one organization.

    """
    reading.check_scope(call)
    position = Position(call, "users", page_size=page_size, page_token=page_token)
    rows = await call.db.fetch_all(
        _ALL[position.direction], most=reading.MOST_MEMBERSHIPS_LISTED, **position.params
    )
    return await position.page(rows)


async def of_organization(
    call: Call, organization_id: str, *, page_size: int, page_token: str
) -> Page:
    """Return one page of an organization's members, each with this membership.

    Raises:
        errors.InvalidArgument: the page token is not of this list.
        errors.NotFound: there is no such organization that this caller may see.

    """
    reading.check_scope(call, organization_id)
    listing = f"members of {organization_id}"
    position = Position(call, listing, page_size=page_size, page_token=page_token)
    rows = await call.db.fetch_all(
        _MEMBERS[position.direction], organization_id=organization_id, **position.params
    )
    if not rows:
        raise errors.NotFound("organization")
    return await position.page(rows)


def in_part(keyed: Select[Any], key: ColumnElement[str], direction: str) -> Select[Any]:
    """Narrow a statement to what follows `start` in the list, nearest first."""
    if direction == "forward":
        keyed = keyed.where(key < bindparam("start", type_=Text))
    if direction == "backward":
        keyed = keyed.where(key > bindparam("start", type_=Text))
    return keyed.order_by(key if direction == "backward" else key.desc())


def page_statement(
    counted: Subquery, keys: Select[Any], direction: str, *, of_one: bool
) -> Statement:
    """Return a statement for the users of a page: `reading.with_memberships` and two columns.

    ``counted`` is one row with the `total`, which comes with each user, and alone where the page
    is empty. ``keys``, in order, has the columns `user_id` and `page_key`.
    """
    # Read no further than `take`, but planned for as few as this: for a number that it does not
    # know yet, PostgreSQL takes a tenth of the table, and would read all of it at once.
    few = keys.limit(literal_column(str(MAX_PAGE + 1))).subquery("few")
    page = select(few).limit(bindparam("take")).subquery("page")
    statement = (
        reading.with_memberships(of_one=of_one)
        .add_columns(page.c.page_key, *counted.c)
        .select_from(
            counted.outerjoin(page, true()).outerjoin(users, _u.id == page.c.user_id),
        )
    )
    key = page.c.page_key
    return Statement(statement.order_by(key if direction == "backward" else key.desc()))


def member_tally() -> ScalarSelect[int]:
    """Return how many members an organization has."""
    # They are never counted by walking: a trigger keeps the tally.
    total = select(cast(func.sum(member_tallies.c.n), BigInteger))
    return total.where(member_tallies.c.organization_id == ORGANIZATION_ID).scalar_subquery()


def _all(direction: str) -> Statement:
    total = select(cast(func.sum(tallies.c.n), BigInteger).label("total"))
    counted = total.where(tallies.c.name == users.name).subquery("counted")
    keys = select(_u.id.label("user_id"), _u.id.label("page_key"))
    return page_statement(counted, in_part(keys, _u.id, direction), direction, of_one=False)


def _members(direction: str) -> Statement:
    total = select(member_tally().label("total")).where(organizations.c.id == ORGANIZATION_ID)
    keys = select(_m.user_id, _m.id.label("page_key")).where(_m.organization_id == ORGANIZATION_ID)
    return page_statement(
        total.subquery("counted"), in_part(keys, _m.id, direction), direction, of_one=True
    )


_ALL = {direction: _all(direction) for direction in DIRECTIONS}
_MEMBERS = {direction: _members(direction) for direction in DIRECTIONS}
