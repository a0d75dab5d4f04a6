"""Totals of the search terms that match many rows.

Counting a million matches takes a second, so it is done once for a term, and the total is kept in
`search_terms`. The indexer changes it with the index, in the same transaction, and a read corrects
it by the rows that are not indexed yet: it is exact at every moment. Beside the total are `gaps`:
ranges of ids that a page has walked without a match, which the next one skips.

See docs/decisions/0044-search-totals.md.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Table,
    Text,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from tenantry.core.times import SECOND, now
from tenantry.db.engine import Failure
from tenantry.db.search.dialects import end_of_ids, folded_part
from tenantry.db.search.gaps import Gaps
from tenantry.db.sql.schema import metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT
from tenantry.db.sql.statements import Statement
from tenantry.telemetry.log import warn_rate_limited

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Select, Subquery

    from tenantry.db.engine import Database, Row, Session

# A term is common that has more matches than this: fewer are counted for each page.
FEW = 5_000
# A table of this number of rows is counted for each page.
SMALL = 20_000
# A term is counted anew after this time.
_KEPT_SECONDS = 3600
_MOST_TERMS = 200  # of one table
# A request waits so long for a count, and this number of counts wait for the one that runs.
_WAIT_SECONDS = 5.0
_MOST_COUNTS = 20
_MOST_RARE = 1_000

_log = logging.getLogger(__name__)

search_terms = Table(
    "search_terms",
    metadata,
    Column("table_name", Text, primary_key=True),
    Column("term", Text, primary_key=True),  # folded, as the texts of the index
    Column("total", BigInteger, nullable=False),  # before the count: rows added since then
    Column("counted", Boolean, nullable=False),
    Column("matches_added", BigInteger, nullable=False),  # rows that the indexer wrote, with it
    Column("gaps", Text, nullable=False),
    time_column("create_time"),
    info=OF_ENVIRONMENT,
)
_t = search_terms.c
_PART: ColumnElement[str] = bindparam("part", type_=Text)


@dataclass(frozen=True, slots=True)
class Total:
    """How many rows match; where it is not exact, it is a lower bound."""

    count: int
    is_exact: bool = True


@dataclass(slots=True)
class _Counts:
    """The counts under way in one process, each awaited by all requests for it."""

    tasks: dict[tuple[str, str], asyncio.Task[int]] = field(default_factory=dict)
    rare: dict[tuple[str, str], None] = field(default_factory=dict)  # parts that few match
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)


class Terms:
    """The common terms of one searched table.

    ``ids`` are those of its ``index``, whose texts have the term where it ``matches``. ``stale``
    counts those of them that wait to be indexed anew, and ``fresh`` the waiting rows that have the
    term now, whose ids ``due`` selects.
    """

    def __init__(
        self,
        name: str,
        lock: str,
        *,
        ids: ColumnElement[str],
        index: Table,
        matches: ColumnElement[bool],
        stale: Select[Any],
        fresh: Select[Any],
        due: Select[Any],
    ) -> None:
        self._lock = lock
        is_of_table = _t.table_name == literal_column(f"'{name}'")
        this = and_(is_of_table, _t.term == folded_part(_PART))
        self._name = name
        self._corrections = (fresh.scalar_subquery() - stale.scalar_subquery()).label("correction")
        since: ColumnElement[int] = bindparam("since", type_=BigInteger)
        one_row = select(literal_column("1").label("one")).subquery("one_row")
        self._known = (
            select(
                case((_t.total.is_not(None), _t.total + self._corrections)).label("total"),
                _t.gaps,
                _t.matches_added,
            )
            .select_from(
                one_row.outerjoin(search_terms, and_(this, _t.counted, _t.create_time > since))
            )
            .subquery("known")
        )
        self._load = Statement(select(self._known))
        least, most = end_of_ids("min", ids), end_of_ids("max", ids)
        indexed = select(func.count().label("n"), least.label("least"), most.label("most"))
        indexed_ = indexed.select_from(index).where(matches).subquery("indexed")
        # One row, also where these are no aggregates.
        ends = select(least.label("first"), most.label("last")).select_from(index)
        ends_ = ends.limit(literal_column("1")).subquery("ends")
        term = (_t.total, _t.matches_added, _t.create_time)
        self._count = Statement(
            select(*indexed_.c, *ends_.c, self._corrections, *term).select_from(
                indexed_.outerjoin(ends_, true()).outerjoin(search_terms, this)
            )
        )
        self._due = Statement(due.limit(literal_column(str(FEW))))
        self._expire = Statement(delete(search_terms).where(is_of_table, _t.create_time <= since))
        newest = select(_t.term).where(is_of_table).order_by(_t.create_time.desc(), _t.term)
        some = newest.limit(literal_column(str(_MOST_TERMS - 1))).subquery("newest")
        self._trim = Statement(
            delete(search_terms).where(is_of_table, _t.term.not_in(select(some.c.term)))
        )
        added: list[Any] = [
            literal_column(f"'{name}'", Text),
            folded_part(_PART),
            *(literal_column("0", BigInteger), literal_column("false"), literal_column("0")),
            literal_column("'[]'", Text),
            bindparam("at", type_=BigInteger),
        ]
        self._register = Statement(
            insert(search_terms)
            .from_select([column.name for column in search_terms.c], select(*added).where(true()))
            .on_conflict_do_nothing()
        )
        registered = and_(this, _t.create_time == bindparam("at"))
        self._settle = Statement(
            update(search_terms)
            .where(registered, ~_t.counted)
            .values(
                total=_t.total + bindparam("difference", type_=BigInteger),
                counted=True,
                gaps=case(
                    (_t.matches_added == bindparam("before"), bindparam("p_gaps")), else_="[]"
                ),
            )
        )
        self._drop = Statement(delete(search_terms).where(registered))
        self._followed = Statement(select(_t.term, _t.gaps, _t.total).where(is_of_table))
        self._follow = Statement(
            update(search_terms)
            .where(is_of_table, _t.term == bindparam("p_term", type_=Text))
            .values(
                total=_t.total + bindparam("difference", type_=BigInteger),
                matches_added=_t.matches_added + bindparam("added", type_=BigInteger),
                gaps=bindparam("p_gaps", type_=Text),
            )
        )
        self._note_gaps = Statement(
            update(search_terms)
            .where(this, _t.matches_added == bindparam("before", type_=BigInteger))
            .values(gaps=bindparam("p_gaps", type_=Text))
        )
        self._forget_all = Statement(delete(search_terms).where(is_of_table))
        self._any = Statement(select(_t.term).where(is_of_table).limit(1))

    @property
    def known(self) -> Subquery:
        """One row with the `total` of `part`, `gaps` and `matches_added`; NULL where not counted.

        It takes the parameters of `params`.
        """
        return self._known

    @staticmethod
    def params(part: str) -> dict[str, Any]:
        """Return the parameters of `known`."""
        return {"part": part, "since": now() - _KEPT_SECONDS * SECOND}

    async def load(self, db: Session, part: str) -> tuple[str | None, int | None]:
        """Return the `gaps` and `matches_added` of `known`."""
        row = await db.fetch_one(self._load, **self.params(part))
        assert row is not None
        return row["gaps"], row["matches_added"]

    async def count(self, db: Session, part: str, *, rows: int, at_least: int) -> Total:
        """Count the rows that have a part, of a table with ``rows`` rows.

        The total of a common part is kept from then on. Each process counts one part at a time;
        requests wait for it some seconds, without a connection, and get ``at_least`` after that.
        """
        database = db.database
        if rows <= SMALL or database is None:
            row = await db.fetch_one(self._count, part=part)
            assert row is not None
            return Total(row["n"] + row["correction"])
        counts: _Counts = database.committed.setdefault(_Counts, _Counts())
        key = (self._name, part)
        task = counts.tasks.get(key)
        if task is None:
            if len(counts.tasks) >= _MOST_COUNTS:
                return Total(at_least, is_exact=False)
            # Not in the context of the request, which may end before.
            task = asyncio.get_running_loop().create_task(
                self._count_once(database, counts, part), context=contextvars.Context()
            )
            counts.tasks[key] = task
            task.add_done_callback(lambda _: counts.tasks.pop(key, None))
        done, _ = await asyncio.wait({task}, timeout=_WAIT_SECONDS)
        if not done or task.cancelled():
            return Total(at_least, is_exact=False)
        if (problem := task.exception()) is not None:
            if not isinstance(problem, Failure):
                raise problem
            fields = {"table": self._name, "problem": str(problem)}
            warn_rate_limited(_log, "failed to count a search", self._name, fields)
            return Total(at_least, is_exact=False)
        return Total(task.result())

    def is_rare(self, db: Session, part: str) -> bool:
        """Whether this process has counted few matches of a part before."""
        counts = db.committed.get(_Counts)
        return counts is not None and (self._name, part) in counts.rare

    async def _count_once(self, database: Database, counts: _Counts, part: str) -> int:
        async with counts.one_at_a_time:
            await self._begin(database, part)
            row = await database.fetch_one(self._count, part=part)
            assert row is not None
            if row["n"] <= FEW:
                if len(counts.rare) >= _MOST_RARE:
                    counts.rare.clear()
                counts.rare[self._name, part] = None
            if row["create_time"] is not None:
                await self._end(database, part, row)
            total: int = row["n"] + row["correction"]
            return total

    async def _begin(self, database: Database, part: str) -> None:
        """Have the indexer add to the total of a term from here on."""
        at = now()
        try:
            async with database.transaction() as held:
                # An indexer that has begun does not know the term.
                await held.serialize(self._lock)
                await held.fetch_all(self._expire, since=at - _KEPT_SECONDS * SECOND)
                await held.fetch_all(self._trim)
                await held.fetch_all(self._register, part=part, at=at)
        except Failure as problem:  # it is counted all the same, and again the next time
            fields = {"table": self._name, "problem": str(problem)}
            warn_rate_limited(_log, "failed to store the total of a search", self._name, fields)

    async def _end(self, database: Database, part: str, row: Row) -> None:
        this = {"part": part, "at": row["create_time"]}
        try:
            if row["n"] <= FEW:
                await database.fetch_all(self._drop, **this)
                return
            gaps = Gaps()
            if row["least"] is not None:
                gaps.add(row["first"], row["last"])
                gaps.keep_outside(row["least"], row["most"])
            await database.fetch_all(
                self._settle,
                # Rows added before the count are in it already.
                difference=row["n"] - row["total"],
                before=row["matches_added"],
                p_gaps=gaps.to_json(),
                **this,
            )
        except Failure as problem:
            fields = {"table": self._name, "problem": str(problem)}
            warn_rate_limited(_log, "failed to store the total of a search", self._name, fields)

    async def due_matches(self, db: Session, part: str) -> list[str]:
        """Return the ids of rows that have a part and are not indexed yet, `FEW` at most."""
        return [row["id"] for row in await db.fetch_all(self._due, part=part)]

    async def note_gaps(self, db: Session, part: str, gaps: Gaps, *, added: int) -> None:
        """Keep the gaps of a term, unless a match was ``added`` since they were found."""
        if (database := db.database) is None:
            return
        try:
            async with database.transaction() as held:
                await held.serialize(self._lock)
                await held.fetch_all(
                    self._note_gaps, part=part, before=added, p_gaps=gaps.to_json()
                )
        except Failure as problem:
            fields = {"table": self._name, "problem": str(problem)}
            warn_rate_limited(_log, "failed to store the gaps of a search", self._name, fields)

    async def followed(self, held: Session) -> Sequence[Row]:
        """Return the terms to follow; in the transaction of the indexer."""
        return await held.fetch_all(self._followed)

    async def follow(
        self,
        held: Session,
        terms: Sequence[Row],
        before: Mapping[str, str],
        after: Mapping[str, str],
    ) -> None:
        """Change the totals and gaps of terms, for texts that are others in the index now."""
        for row in terms:
            term = row["term"]
            matches = [id_ for id_, text in after.items() if term in text]
            difference = len(matches) - sum(term in text for text in before.values())
            if not matches and not difference:
                continue
            gaps = Gaps.read(row["gaps"])
            gaps.split(matches)
            await held.fetch_all(
                self._follow,
                p_term=term,
                difference=difference,
                added=len(matches),
                p_gaps=gaps.to_json(),
            )

    async def has_any(self, db: Session) -> bool:
        """Whether the total of any term is kept."""
        return await db.fetch_one(self._any) is not None

    async def forget_all(self, db: Session) -> None:
        """Forget all terms: an indexer ran that does not follow them."""
        await db.fetch_all(self._forget_all)
