"""Searching users by a part of e-mail address or external id, or by the whole id.

Those of the environment are read by `tenantry.db.search.paging`, whose totals are kept. Members are
read the same way: the nearest fill the page of a part that many have; of a part that few users
have, the index finds all. Else they are read in the order of the page. The total of many members
is counted one by one, so it goes with the page token and is remembered for some seconds.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, func, literal_column, or_, select, union

from tenantry.core import errors, ids
from tenantry.core.times import now
from tenantry.db.lists import pages
from tenantry.db.search.paging import NEAR, SearchPages
from tenantry.db.search.terms import FEW
from tenantry.db.sql.statements import Statement
from tenantry.tenants.organizations.model import organizations
from tenantry.tenants.users import listing, reading
from tenantry.tenants.users.listing import ORGANIZATION_ID
from tenantry.tenants.users.model import USERS, memberships, user_search, user_tally, users

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import CTE, ColumnElement, Select, Subquery

    from tenantry.call import Call
    from tenantry.db.engine import Row
    from tenantry.tenants.users.model import User

_REMEMBERED_MICROSECONDS = 10_000_000
_MOST_REMEMBERED = 1_000

_PART: ColumnElement[str] = bindparam("part", type_=Text)
_m, _u = memberships.c, users.c


async def of_environment(
    call: Call, part: str, *, page_size: int, page_token: str
) -> pages.Page[User]:
    """Return one page of the users that match 3 characters or more."""
    reading.check_scope(call)
    search = _Search(call, "", part, page_size=page_size, page_token=page_token)
    if search.by_id:
        rows = await search.rows(_found("users by index", search.direction, by_id=True))
        return await listing.page(call.db, search.position, rows)
    found = await _USERS.read(call.db, search.position, part, most=reading.MOST_MEMBERSHIPS_LISTED)
    call.tell_total(is_exact=found.total.is_exact)
    page = search.position.page(found.rows, found.total.count, end=found.end)
    return replace(
        page,
        items=await reading.users_of(call.db, page.items),
        is_exact=found.total.is_exact,
    )


async def of_organization(
    call: Call, organization_id: str, part: str, *, page_size: int, page_token: str
) -> pages.Page[User]:
    """Return one page of an organization's members that match 3 characters or more."""
    reading.check_scope(call, organization_id)
    row = await call.db.fetch_one(_COUNT_MEMBERS, organization_id=organization_id)
    if row is None:
        raise errors.NotFound("organization")
    search = _Search(call, organization_id, part, page_size=page_size, page_token=page_token)
    if (row["total"] or 0) <= FEW or search.by_id:
        rows = await search.rows(_found("members one by one", search.direction, by_id=search.by_id))
        return await listing.page(call.db, search.position, rows)
    return await search.page_of_many()


class _Search:
    """One page of one search."""

    def __init__(self, call: Call, organization_id: str, part: str, **page: Any) -> None:
        self._db = call.db
        listing_ = f"users of {organization_id} with {part}"
        self.position = pages.position(call.db, listing_, **page)
        self.direction = self.position.direction
        self.by_id = ids.well_formed(ids.USER, part.lower())
        self._key = (organization_id, part)
        self._params = {
            "organization_id": organization_id,
            "part": part,
            "whole": part.lower(),
            "most": reading.MOST_MEMBERSHIPS_LISTED,
            **self.position.params,
        }

    async def rows(self, statement: Statement) -> Sequence[Row]:
        """Run a statement of this search."""
        return await self._db.fetch_all(statement, **self._params)

    async def page_of_many(self) -> pages.Page[User]:
        """Return the page of an organization with many members."""
        rows = await self.rows(_members(self.direction, NEAR))
        if len(rows) <= self.position.size:
            found = await self.rows(_found("members by index", self.direction))
            if found[0]["matches"] <= FEW:
                return await listing.page(self._db, self.position, found)
            rows = await self.rows(_members(self.direction, None))
        total = await self._total()
        position = replace(self.position, total=total)
        page = position.page(rows, total, key="page_key")
        return replace(page, items=await reading.users_of(self._db, page.items))

    async def _total(self) -> int:
        """Return how many members match: as the page token says, or as was counted just now."""
        if self.position.total is not None:
            return self.position.total
        counts = _Counts.of(self._db)
        total = counts.get(self._key) if counts else None
        if total is None:
            (row,) = await self.rows(_COUNT_MATCHES)
            total = int(row["total"])
            if counts:
                counts.keep(self._key, total)
        return total


@dataclass(slots=True)
class _Counts:
    """Counts of many members, as this process remembers them."""

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
def _found(how: str, direction: str, *, by_id: bool = False) -> Statement:
    matches: ColumnElement[int] = literal_column("0")
    if how == "users by index":
        found = _by_index(by_id=by_id).cte("found")
    elif how == "members by index":
        matching = _by_index(by_id=by_id).limit(literal_column(str(FEW + 1))).cte("matching")
        matches = select(func.count()).select_from(matching).scalar_subquery()
        found = _members_of(matching).cte("found")
    else:
        holds = _holds(_m.user_id)
        matching_one = or_(_m.user_id == bindparam("whole"), holds) if by_id else holds
        found = _all_members().where(matching_one).cte("found")
    counted = select(func.count().label("total"), matches.label("matches")).select_from(found)
    keys = select(found.c.user_id, found.c.page_key)
    return listing.page_statement(
        counted.subquery("counted"),
        pages.part(keys, found.c.page_key, direction),
        direction,
        of_one=how != "users by index",
    )


@functools.cache
def _members(direction: str, most: int | None) -> Statement:
    """Return the page of those that match among a number of the nearest, or among all."""
    nearest = pages.part(_all_members(), _m.id, direction)
    if most is not None:
        nearest = nearest.limit(literal_column(str(most)))
    looked_at = nearest.subquery("nearest")
    page_key = looked_at.c.page_key
    matching = (
        select(looked_at)
        .where(_holds(looked_at.c.user_id))
        .order_by(pages.order(page_key, backward=direction == "backward"))
    )
    one = select(literal_column("1").label("one")).subquery("one_row")
    return listing.page_statement(one, matching, direction, of_one=True)


def _all_members() -> Select[Any]:
    members = select(_m.user_id, _m.id.label("page_key"))
    return members.where(_m.organization_id == ORGANIZATION_ID)


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


def _page_of_users(beside: Subquery, keys: Select[Any], direction: str) -> Statement:
    key = keys.selected_columns.page_key
    named = keys.add_columns(key.element.label("user_id"))
    return listing.page_statement(beside, named, direction, of_one=False)


_USERS = SearchPages(user_search, user_tally.of(USERS), _page_of_users)
_COUNT_MEMBERS = Statement(
    select(listing.members_total().label("total")).where(organizations.c.id == ORGANIZATION_ID)
)
_COUNT_MATCHES = Statement(
    select(func.count().label("total"))
    .select_from(memberships)
    .where(_m.organization_id == ORGANIZATION_ID, _holds(_m.user_id))
)
