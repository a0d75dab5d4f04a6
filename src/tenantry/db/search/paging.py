"""Pages of a search by a part of the text, in the order of the ids.

On SQLite the index gives its matches in that order. On PostgreSQL it does not, so the page comes
from whichever source is cheap for this part, and each of them reads a bounded number of rows:

1. the nearest rows in the order of the page: they fill it where many rows match
2. the index of the search, where few rows match: all of them are sorted
3. the rows in the order of the page, by stretches, where many match and none is near; a stretch
   without a match is noted, and skipped the next time

See docs/decisions/0044-search-totals.md.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Text, bindparam, func, literal_column, select, true

from tenantry.db.lists import pages
from tenantry.db.search.gaps import Gaps
from tenantry.db.search.terms import FEW, Terms, Total
from tenantry.db.sql.records import records
from tenantry.db.sql.schema import from_json, json_list, to_json
from tenantry.db.sql.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import CTE, ColumnElement, FromClause, ScalarSelect, Select, Subquery

    from tenantry.db.engine import Row, Session
    from tenantry.db.search.index import Searched

NEAR = 2_000  # rows that are looked at for a page of a common part
# And where none of them is near, by the first statement, the second, and so on.
STRETCHES = (1_000, 2_500, 5_000, 10_000)
_MOST_STRETCHES = 100  # of the last size

_PART: ColumnElement[str] = bindparam("part", type_=Text)


class PageStatement(Protocol):
    """Builds the statement of a page.

    It returns the `state` of the one row of ``beside`` with each row, and alone where the page is
    empty; ``keys``, in order, has the ids as `page_key`.
    """

    def __call__(self, beside: Subquery, keys: Select[Any], direction: str) -> Statement: ...


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of a page, one more than it shows where there are more, and how many match."""

    rows: Sequence[Row]
    total: Total
    end: str = ""  # the id up to which rows were looked at, where the page could not be filled


class SearchPages:
    """The pages of one searched table; ``size`` is how many rows that has."""

    def __init__(self, search: Searched, size: ScalarSelect[int], statement: PageStatement) -> None:
        assert search.terms is not None
        self._search = search
        self._terms: Terms = search.terms
        self._key = search.table.c.id
        self._size = size
        self._statement = statement
        # The number of shapes is small: each is built and compiled once.
        self.near = functools.cache(self._near)
        self.in_order = functools.cache(self._in_order)
        self.by_index = functools.cache(self._by_index)
        self.count_few = Statement(select(self._few()[1]))
        self.stretch = functools.cache(self._stretch)
        self.by_ids = functools.cache(self._by_ids)

    async def read(self, db: Session, position: pages.Position, part: str, **params: Any) -> Found:
        """Return the rows of a page of those that have a part of 3 characters or more.

        ``params`` are those of the statement.
        """
        direction, is_ordered = position.direction, db.orders_matches
        params |= position.params | self._terms.params(part)
        first = self.in_order if is_ordered else self.near
        rows = await db.fetch_all(first(direction), **params)
        known, size, *gaps = from_json(rows[0]["state"])
        is_full = len(rows) > position.size
        if known is None:
            # Of a part that fills a page many match, unless its first page has said otherwise.
            is_common = is_full and direction == "first" and not self._terms.is_rare(db, part)
            asks_index = is_ordered or not is_common
        else:
            asks_index = known <= FEW and not is_ordered
        if asks_index:
            by_index = self.count_few if is_ordered else self.by_index(direction)
            few = await db.fetch_all(by_index, **params)
            matches = int(few[0]["state"])
            if matches <= FEW:
                return Found(rows if is_ordered else few, Total(matches))
        if known is None:
            at_least = FEW + 1 if asks_index else len(rows)
            total = await self._terms.count(db, part, rows=size or 0, at_least=at_least)
        else:
            total = Total(known)
        if is_full or is_ordered:
            return Found(rows, total)
        if known is None:
            gaps = await self._terms.load(db, part)
        ids = [row["id"] for row in rows if row["id"] is not None]
        end = await self._walk(db, position, part, *gaps, ids=ids)
        given = to_json([[id_] for id_ in ids])
        rows = await db.fetch_all(self.by_ids(direction), ids=given, **params)
        return Found(rows, total, end)

    async def _walk(
        self,
        db: Session,
        position: pages.Position,
        part: str,
        known: str | None,
        matches_added: int | None,
        *,
        ids: list[str],
    ) -> str:
        """Add the ids of a page to those that are found, read in its order, but for known gaps.

        Return the id that was reached, where the page is not full after a number of stretches.
        """
        sizes = itertools.chain(STRETCHES, itertools.repeat(STRETCHES[-1], _MOST_STRETCHES))
        backward, take = position.backward, position.size + 1
        gaps = Gaps.read(known)
        # Rows that are not indexed yet may match within a gap.
        due = await self._terms.due_matches(db, part)
        gaps = Gaps() if len(due) >= FEW else gaps
        passed = Gaps(gaps)
        gaps.split(due)
        at = ids[-1] if ids else position.start
        empty = end_of_page = ""  # the first id of the rows without a match, up to `at`
        found_gap = False
        while len(ids) < take:
            gap = gaps.next(at, backward=backward)
            end = "" if gap is None else gap[0] if backward else gap[1]
            if gap is not None and at and (end <= at if backward else at <= end):
                at = gap[1] if backward else gap[0]  # it is passed without a look
                continue
            most = next(sizes, 0)
            if not most:
                end_of_page = at
                break
            rows = await db.fetch_all(
                self.stretch(most, backward=backward, starts=bool(at), ends=bool(end)),
                part=part,
                start=at,
                end=end,
                take=take - len(ids),
            )
            looked, hits = rows[0]["looked"], [row["id"] for row in rows if row["id"] is not None]
            ids += hits
            if looked:
                first, last = rows[0]["first"], rows[0]["last"]
                if hits:
                    empty = ""
                else:
                    empty = empty or first
                    found_gap = True
                    passed.add(*sorted((empty, last)))
                at = last
            if looked < most:
                if gap is None:
                    break
                at = gap[1] if backward else gap[0]
        if found_gap and matches_added is not None:
            await self._terms.note_gaps(db, part, passed, added=matches_added)
        return end_of_page

    def _columns(self) -> list[ColumnElement[Any]]:
        names = dict.fromkeys(("id", *self._search.columns))
        return [self._search.table.c[name] for name in names]

    def _near(self, direction: str) -> Statement:
        columns = self._columns()
        nearest = pages.part(select(*columns), self._key, direction)
        looked_at = nearest.limit(literal_column(str(NEAR))).subquery("nearest")
        hits = select(looked_at.c.id.label("page_key"))
        hits = hits.where(self._search.holds_in(looked_at, _PART))
        keys = hits.order_by(pages.order(looked_at.c.id, backward=direction == "backward"))
        return self._statement(self._state(), keys, direction)

    def _in_order(self, direction: str) -> Statement:
        found = self._search.in_order(_PART, direction)
        keys = select(found.c.id.label("page_key"))
        keys = keys.order_by(pages.order(found.c.id, backward=direction == "backward"))
        return self._statement(self._state(), keys, direction)

    def _state(self) -> Subquery:
        known = self._terms.known
        state = json_list(known.c.total, self._size, known.c.gaps, known.c.matches_added)
        return select(state.label("state")).select_from(known).subquery("beside")

    def _by_index(self, direction: str) -> Statement:
        few, matches = self._few()
        keys = pages.part(select(few.c.id.label("page_key")), few.c.id, direction)
        return self._statement(matches, keys, direction)

    def _few(self) -> tuple[CTE, Subquery]:
        """Return the ids that the index finds, `FEW` and one at the most, and their number."""
        matching = self._search.matching(_PART)
        few = select(matching.c.id).limit(literal_column(str(FEW + 1))).cte("few_matches")
        return few, select(func.count().label("state")).select_from(few).subquery("beside")

    def _by_ids(self, direction: str) -> Statement:
        given = records("ids", [self._key]).c.id
        one = select(literal_column("0").label("state")).subquery("beside")
        keys = select(given.label("page_key"))
        keys = keys.order_by(pages.order(given, backward=direction == "backward"))
        return self._statement(one, keys, direction)

    def _stretch(self, most: int, *, backward: bool, starts: bool, ends: bool) -> Statement:
        """Return the statement of one stretch: one row at least, with the range that was read."""
        key = self._key
        start, end = bindparam("start", type_=Text), bindparam("end", type_=Text)
        rows = select(*self._columns())
        if starts:
            rows = rows.where(key > start if backward else key < start)
        if ends:
            rows = rows.where(key < end if backward else key > end)
        rows = rows.order_by(pages.order(key, backward=backward))
        few = rows.limit(literal_column(str(most))).subquery("nearest")
        holds = self._search.holds_in(few, _PART).label("holds")
        seen = select(few.c.id, holds).cte("seen")
        looked = select(*_extent(seen, backward=backward)).subquery("looked_at")
        hits = select(seen.c.id).where(seen.c.holds)
        hits = hits.order_by(pages.order(seen.c.id, backward=backward))
        page = hits.limit(bindparam("take")).subquery("hits")
        statement = select(*looked.c, page.c.id).select_from(looked.outerjoin(page, true()))
        return Statement(statement.order_by(pages.order(page.c.id, backward=backward)))


def _extent(rows: FromClause, *, backward: bool) -> list[ColumnElement[Any]]:
    low, high = func.min(rows.c.id), func.max(rows.c.id)
    return [
        func.count().label("looked"),
        (low if backward else high).label("first"),
        (high if backward else low).label("last"),
    ]
