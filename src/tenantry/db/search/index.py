"""Searching rows by a part of their text, by an index that is made after the commit.

A change that touches the text marks its row as due, for the price of a row in a small table; the
worker indexes many at once. A search reads the rows that are due beside the index, so it is exact
at every moment, and slower the more of them there are (docs/decisions/0002-search.md).

The index is its own table. PostgreSQL: the text with all parts of `GRAM` characters, under a
GIN index. SQLite: FTS5 with the trigram tokenizer, by the number of the id.
"""

from __future__ import annotations

import functools
from operator import eq
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Column,
    FetchedValue,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    tuple_,
    union_all,
)
from sqlalchemy import cast as sa_cast
from sqlalchemy.dialects.postgresql import TSVECTOR

from tenantry.db.lists import pages
from tenantry.db.search.dialects import (
    Indexing,
    folded_part,
    index_has,
    indexed_id,
    indexed_text,
    is_of,
    merged,
    search_text,
    text_has,
)
from tenantry.db.search.terms import Terms
from tenantry.db.sql.records import records
from tenantry.db.sql.schema import metadata, postgresql_tables, to_json
from tenantry.db.sql.sharding import OF_ENVIRONMENT, of_organization, sharding_of
from tenantry.db.sql.statements import Statement, happened
from tenantry.db.upgrades.back_fills import older_running

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement, FromClause, Insert, Select, Subquery

    from tenantry.db.engine import Session

_AT_ONCE = 200  # rows of one transaction, which other writers of SQLite wait for
_FOLLOWED_SINCE = "0040"  # the schema whose processes keep `search_terms`
_PAUSE_SECONDS = 5.0  # a row that changes again and again meanwhile is indexed once


class Searched:
    """The search over some columns of a table with an `id`, whose prefix is in its ``info``.

    ``key`` names the id in the tables of the search: `<table>_search`, and `<table>_search_due`,
    with a row for each change that is not indexed yet. Each statement that inserts or deletes a
    row, or changes one of ``columns``, goes with `mark`, or in a transaction with `mark_all`.

    Where the key of the table has columns before the id, these are its ``place``, the organization
    first and the narrowest last: a search is of one place, and a row is named by all of them.
    """

    def __init__(self, table: Table, key: str, *columns: str, place: tuple[str, ...] = ()) -> None:
        name = f"{table.name}_search"
        self.columns = columns
        self._word = f"search of {table.name}"
        self._id = table.c.id
        self._place = [table.c[column] for column in place]
        self._text = search_text(*(table.c[column] for column in columns))
        beside = sharding_of(table).is_of_organization  # with its organization, as the row itself
        names = [*place, key]
        spread = of_organization(names[0]) if beside else OF_ENVIRONMENT
        # On SQLite it has the text alone.
        self._index = Table(
            name,
            postgresql_tables,
            *(Column(one, Text, primary_key=True) for one in names),
            Column("text", Text, nullable=False),
            Column("grams", TSVECTOR, nullable=False),
            info=table.info | spread,
        )
        self._due = Table(
            f"{name}_due",
            metadata,
            *(Column(one, Text, primary_key=True) for one in names),
            # Any: two changes of a row are two marks, so none waits for another.
            Column(
                "number",
                BigInteger,
                primary_key=True,
                autoincrement=False,
                server_default=FetchedValue(),
            ),
            info=spread,
        )
        self._indexed_id = indexed_id(self._index.c[key])
        self._due_id = self._due.c[key]
        self._due_key = [self._due.c[one] for one in names]
        self._any = Statement(select(self._due_id).limit(1))
        due = _one(self._due_key)
        some = select(*self._due_key).order_by(*self._due_key)
        some = some.limit(literal_column(str(_AT_ONCE)))
        self._waiting = Statement(select(pages.counted(select(self._due_id)).c.total))
        self._take = Statement(delete(self._due).where(due.in_(some)).returning(*self._due_key))
        given = select(*records("ids", self._due_key).c)
        self._mark_all = Statement(self.marking(given))
        self._forget = Statement(
            delete(self._index).where(
                is_of(*(self._index.c[one] for one in names), given.scalar_subquery())
            )
        )
        this = _one([*self._place, self._id])
        texts = select(*self._place, self._id, self._text.label("text")).where(this.in_(given))
        self._write = Statement(Indexing(self._index, texts.subquery()))
        self._merge = Statement(select(merged(literal_column(f"'ix_{name}__grams'"))))
        indexed = self._indexed_id.label("id"), self._index.c.text.label("text")
        self._texts = Statement(
            select(*indexed)
            .select_from(self._index)
            .where(is_of(*(self._index.c[one] for one in names), given.scalar_subquery()))
        )
        self.table = table
        # Of a search that has places no total is promised.
        self.terms = None if place else self._counted_terms()

    def _counted_terms(self) -> Terms:
        part: ColumnElement[str] = bindparam("part", type_=Text)
        one = select(self._due_id.label("id")).distinct().subquery("one_due")
        was = text_has(indexed_text(self._index.c[self._due_id.name], one.c.id), folded_part(part))
        is_now = select(self.holds(part)).where(self._id == one.c.id).scalar_subquery()
        return Terms(
            self.table.name,
            self._word,
            ids=self._indexed_id,
            index=self._index,
            matches=index_has(self._index.c.text, part),
            stale=select(func.count()).select_from(one).where(was),
            fresh=select(func.count()).select_from(one).where(is_now),
            due=select(one.c.id).where(is_now),
        )

    @property
    def mark(self) -> Insert:
        """A further change of a statement: if it changed the row of `p_id`, that is due."""
        return self.marking(select(bindparam("p_id", type_=Text)).where(happened()))

    def marking(self, keys: Select[Any]) -> Insert:
        """Return the change that lets the rows of these places and ids be due."""
        return insert(self._due).from_select([column.name for column in self._due_key], keys)

    async def mark_all(self, db: Session, ids: Iterable[str], *place: str) -> None:
        """Let these rows, which are of one place, be due; in the transaction that changes them."""
        if marked := [[*place, id_] for id_ in ids]:
            await db.fetch_all(self._mark_all, ids=to_json(marked))

    async def waiting(self, db: Session) -> int:
        """Return how many changes are not indexed yet, up to `pages.MOST_COUNTED`."""
        row = await db.fetch_one(self._waiting)
        assert row is not None
        total: int = row["total"]
        return total

    def matching(self, part: ColumnElement[str], *place: ColumnElement[str]) -> Subquery:
        """Return the `id` of each row whose text has this part of 3 characters or more.

        Upper and lower case are the same. On SQLite, rows of other places may be among them.
        """
        due = select(self._due_id).where(*map(eq, self._due_key, place))
        indexed = select(self._indexed_id.label("id")).where(
            # Read once, into memory: PostgreSQL would plan a join for as few as it has seen.
            index_has(self._index.c.text, part, *place),
            self._indexed_id.not_in(due),
        )
        beside = select(self._id).where(
            *map(eq, self._place, place), self._id.in_(due), self.holds(part)
        )
        return union_all(indexed.select_from(self._index), beside).subquery("matching")

    def in_order(self, part: ColumnElement[str], direction: str) -> Subquery:
        """Return the nearest `take` of the same ids in a direction of a page; on SQLite alone.

        The number of an id is the key of the index, which gives its matches in this order.
        """
        index, start = self._index, bindparam("start", type_=Text)
        number: ColumnElement[int] = literal_column(f"{index.name}.rowid", BigInteger)
        due = select(self._due_id)
        indexed = select(self._indexed_id.label("id")).where(
            index_has(index.c.text, part), self._indexed_id.not_in(due)
        )
        beside = select(self._id.label("id")).where(self._id.in_(due), self.holds(part))
        if direction != "first":
            backward = direction == "backward"
            digits = func.substr(start, len(self.table.info["prefix"]) + 1)
            at = sa_cast(digits, BigInteger)
            indexed = indexed.where(number > at if backward else number < at)
            beside = beside.where(self._id > start if backward else self._id < start)
        order = pages.order(number, backward=direction == "backward")
        nearest = indexed.select_from(index).order_by(order).limit(bindparam("take"))
        both = union_all(select(nearest.subquery("nearest_indexed")), beside)
        return both.subquery("in_order")

    def holds(self, part: ColumnElement[str]) -> ColumnElement[bool]:
        """Whether a row that is looked at anyway has this part in its text."""
        return text_has(self._text, folded_part(part))

    def holds_in(self, rows: FromClause, part: ColumnElement[str]) -> ColumnElement[bool]:
        """Return the same for rows of the table that a subquery gives, with its columns."""
        return text_has(search_text(*(rows.c[one] for one in self.columns)), folded_part(part))

    async def index(self, db: Session) -> int:
        """Index a batch of due rows and return the number of changes."""
        if await db.fetch_one(self._any) is None:
            return 0
        async with db.transaction() as held:
            # Of two at once, the one that read a row first could write it last.
            if not await held.alone(self._word):
                return 0
            await held.expect_growth()
            taken = await held.fetch_all(self._take)
            keys = {tuple(row[column.name] for column in self._due_key) for row in taken}
            ids = to_json(sorted(keys))
            terms = [] if self.terms is None else await self.terms.followed(held)
            before = await self._texts_of(held, ids) if terms else {}
            await held.fetch_all(self._forget, ids=ids)
            await held.fetch_all(self._write, ids=ids)
            if self.terms is not None and terms:
                after = await self._texts_of(held, ids)
                await self.terms.follow(held, terms, before, after)
        return len(taken)

    async def _texts_of(self, db: Session, ids: str) -> dict[str, str]:
        """Return the texts that the index has for these ids."""
        return {row["id"]: row["text"] for row in await db.fetch_all(self._texts, ids=ids)}

    async def forget_terms(self, db: Session) -> None:
        """Forget the common terms while a process runs whose indexer does not follow them."""
        if self.terms is None or not await self.terms.has_any(db):
            return
        if await older_running(db, _FOLLOWED_SINCE):
            await self.terms.forget_all(db)

    async def catch_up(self, db: Session) -> None:
        """Index all that is due, unless another process does."""
        indexed = 0
        while some := await self.index(db):
            indexed += some
            if some < _AT_ONCE:
                break
        if indexed:
            await db.fetch_all(self._merge)


def _one(key: Sequence[ColumnElement[str]]) -> ColumnElement[Any]:
    """Return a key as one value, to be looked for among others."""
    return key[0] if len(key) == 1 else tuple_(*key)


async def run(db: Session, *, searches: Sequence[Searched]) -> float:
    """Index all that is due; return the seconds to wait: the worker's job."""
    for search in searches:
        await search.forget_terms(db)
        await search.catch_up(db)
    return _PAUSE_SECONDS


def folded(text: str) -> str:
    """Return a text without the case of its letters, each letter by itself, as FTS5 does it."""
    if text.isascii():
        return text.lower()
    return "".join(map(_folded_letter, text))


@functools.lru_cache(maxsize=4096)
def _folded_letter(letter: str) -> str:
    for one in (letter.casefold(), letter.lower()):
        if len(one) == 1:
            return one
    return letter
