"""Searching users by a part of e-mail address or external id, or by the whole id.

The index (`tenantry.db.search`) finds a rare part at once, with all its users. A common one
(`gmail`) is found at once among the newest, but counting it takes time: such a count is remembered
for some seconds.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, bindparam, func, literal_column, or_, select, union

from tenantry import errors, ids
from tenantry.db import pages
from tenantry.db.statements import Statement
from tenantry.tenants.organizations.model import organizations
from tenantry.tenants.users import listing, reading
from tenantry.tenants.users.listing import ORGANIZATION_ID
from tenantry.tenants.users.model import memberships, user_search, users
from tenantry.times import now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import CTE, ColumnElement, Select

    from tenantry.call import Call
    from tenantry.db.engine import Row
    from tenantry.tenants.users.model import User

# So many members of an organization are looked at one by one; of more, it is done only where the
# part is one that more users than this have.
_FEW = 2_000
# A count from here on is remembered, for so long.
_MANY = 2_000
_REMEMBERED_MICROSECONDS = 10_000_000
_MOST_REMEMBERED = 1_000
# So many of the newest are looked at for a page of a common part.
_NEWEST = 10_000

_PART: ColumnElement[str] = bindparam("part", type_=Text)
_m, _u = memberships.c, users.c


async def of_environment(
    call: Call, part: str, *, page_size: int, page_token: str
) -> pages.Page[User]:
    """Return one page of the users that match 3 characters or more.

    Raises:
        errors.InvalidArgument: the page token is not of this search.
        errors.PermissionDenied: the caller is bound to one organization.

    """
    reading.check_scope(call)
    search = _Search(call, "", part, page_size=page_size, page_token=page_token)
    rows = await search.among_newest() or await search.found("users by index")
    return await search.page(rows)


async def of_organization(
    call: Call, organization_id: str, part: str, *, page_size: int, page_token: str
) -> pages.Page[User]:
    """Return one page of an organization's members that match 3 characters or more.

    Raises:
        errors.InvalidArgument: the page token is not of this search.
        errors.NotFound: there is no such organization that this caller may see.

    """
    reading.check_scope(call, organization_id)
    row = await call.db.fetch_one(_COUNT_MEMBERS, organization_id=organization_id)
    if row is None:
        raise errors.NotFound("organization")
    search = _Search(call, organization_id, part, page_size=page_size, page_token=page_token)
    rows = await search.among_newest()
    if not rows and (row["total"] or 0) > _FEW:
        rows = await search.found("members by index")
        if rows[0]["matches"] > _FEW:
            rows = []
    return await search.page(rows or await search.found("members one by one"))


class _Search:
    """One page of one search."""

    def __init__(self, call: Call, organization_id: str, part: str, **page: Any) -> None:
        listing_ = f"users of {organization_id} with {part}"
        self._db = call.db
        self._position = pages.position(call.db, listing_, **page)
        self._shape = (bool(organization_id), self._position.direction)
        self._by_id = ids.well_formed(ids.USER, part.lower())
        self._key = (organization_id, part)
        self._params = {
            "organization_id": organization_id,
            "part": part,
            "whole": part.lower(),
            "most": reading.MOST_MEMBERSHIPS_LISTED,
            **self._position.params,
        }

    async def among_newest(self) -> Sequence[Row]:
        """Return the page of a common part, if it is known to be one, and the page is full."""
        counts = _Counts.of(self._db)
        total = counts.get(self._key) if counts else None
        if total is None:
            return []
        statement = _among_newest(*self._shape)
        rows = await self._db.fetch_all(statement, total=total, **self._params)
        return rows if len(rows) == self._params["take"] else []

    async def found(self, how: str) -> Sequence[Row]:
        """Return the page of the users that match."""
        statement = _found(how, *self._shape, by_id=self._by_id)
        return await self._db.fetch_all(statement, **self._params)

    async def page(self, rows: Sequence[Row]) -> pages.Page[User]:
        """Return the page of these rows."""
        counts, total = _Counts.of(self._db), rows[0]["total"]
        if counts and total >= _MANY and not self._by_id:
            counts.keep(self._key, total)
        return await listing.page(self._db, self._position, rows)


@dataclass(slots=True)
class _Counts:
    """Counts of many, as this process remembers them."""

    kept: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, db: Any) -> _Counts | None:
        if db.remembered is None:
            return None
        counts: _Counts = db.remembered.setdefault(cls, cls())
        return counts

    def get(self, key: tuple[str, str]) -> int | None:
        total, until = self.kept.get(key, (0, 0))
        return total if now() < until else None

    def keep(self, key: tuple[str, str], total: int) -> None:
        if self.get(key) is None:
            if len(self.kept) >= _MOST_REMEMBERED:
                self.kept.clear()
            self.kept[key] = (total, now() + _REMEMBERED_MICROSECONDS)


# The number of shapes is small: each is built and compiled once.


@functools.cache
def _found(how: str, of_one: bool, direction: str, *, by_id: bool) -> Statement:
    matches: ColumnElement[int] = literal_column("0")
    if how == "users by index":
        found = _by_index(by_id=by_id).cte("found")
    elif how == "members by index":
        matching = _by_index(by_id=by_id).limit(literal_column(str(_FEW + 1))).cte("matching")
        matches = select(func.count()).select_from(matching).scalar_subquery()
        found = _members_of(matching).cte("found")
    else:
        holds = _holds(_m.user_id)
        members = select(_m.user_id, _m.id.label("page_key"))
        members = members.where(_m.organization_id == ORGANIZATION_ID)
        matching_one = or_(_m.user_id == bindparam("whole"), holds) if by_id else holds
        found = members.where(matching_one).cte("found")
    counted = select(func.count().label("total"), matches.label("matches")).select_from(found)
    keys = select(found.c.user_id, found.c.page_key)
    return listing.page_statement(
        counted.subquery("counted"),
        pages.part(keys, found.c.page_key, direction),
        direction,
        of_one=of_one,
    )


@functools.cache
def _among_newest(of_one: bool, direction: str) -> Statement:
    if of_one:
        key = _m.id
        keys = select(_m.user_id, key.label("page_key"))
        keys = keys.where(_m.organization_id == ORGANIZATION_ID)
    else:
        key = _u.id
        keys = select(key.label("user_id"), key.label("page_key"))
    newest = pages.part(keys, key, direction).limit(literal_column(str(_NEWEST)))
    looked_at = newest.subquery("newest")
    page_key = looked_at.c.page_key
    matching = (
        select(looked_at)
        .where(_holds(looked_at.c.user_id))
        .order_by(pages.order(page_key, backward=direction == "backward"))
    )
    total = select(bindparam("total", type_=BigInteger).label("total")).subquery("counted")
    return listing.page_statement(total, matching, direction, of_one=of_one)


def _by_index(*, by_id: bool) -> Select[Any]:
    found = user_search.matching(_PART).c.id
    by_text = select(found.label("user_id"), found.label("page_key"))
    if not by_id:
        return by_text
    matching = select(_u.id.label("user_id"), _u.id.label("page_key"))
    both = union(by_text, matching.where(_u.id == bindparam("whole"))).subquery("both")
    return select(both)


def _members_of(matching: CTE) -> Select[Any]:
    # A subquery for each, and no join: PostgreSQL would join starting from the members, which are
    # few in most organizations.
    member = (
        select(_m.id)
        .where(_m.organization_id == ORGANIZATION_ID, _m.user_id == matching.c.user_id)
        .scalar_subquery()
    )
    all_ = select(matching.c.user_id, member.label("page_key")).subquery("all_matching")
    return select(all_).where(all_.c.page_key.is_not(None))


def _holds(user_id: ColumnElement[str]) -> ColumnElement[bool]:
    # A subquery for each, and no join, which could start from all users.
    return select(user_search.holds(_PART)).where(_u.id == user_id).scalar_subquery()


_COUNT_MEMBERS = Statement(
    select(listing.members_total().label("total")).where(organizations.c.id == ORGANIZATION_ID)
)
