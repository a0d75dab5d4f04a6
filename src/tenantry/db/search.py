"""Searching rows by a part of their text, by an index that is made after the commit.

A change that touches the text marks its row as due, for the price of a row in a small table; the
worker indexes many at once. A search reads the rows that are due beside the index, so it is exact
at every moment, and slower the more of them there are (docs/decisions/0002-search.md).

The index is a table of its own. PostgreSQL: the text with all parts of `GRAM` characters, under a
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
    insert,
    literal_column,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import NullType, TypeEngine

from tenantry.db import pages
from tenantry.db.records import records
from tenantry.db.schema import metadata, postgresql_tables, to_json
from tenantry.db.spread import OF_ENVIRONMENT, of_organization, spread_of
from tenantry.db.statements import Statement, happened

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement, Insert, Select, Subquery
    from sqlalchemy.sql.compiler import SQLCompiler

    from tenantry.db.engine import Session

GRAM = 5
_AT_ONCE = 200  # rows of one transaction, which other writers of SQLite wait for
_PAUSE_SECONDS = 5.0  # a row that changes again and again meanwhile is indexed once
_SEPARATOR = 31  # a control character between columns: no part reaches over two


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
        self._text = _search_text(*(table.c[column] for column in columns))
        beside = spread_of(table).is_of_organization  # with its organization, as the row itself
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
        self._indexed_id = _indexed_id(self._index.c[key])
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
                _is_of(*(self._index.c[one] for one in names), given.scalar_subquery())
            )
        )
        this = _one([*self._place, self._id])
        texts = select(*self._place, self._id, self._text.label("text")).where(this.in_(given))
        self._write = Statement(_Indexing(self._index, texts.subquery()))
        self._merge = Statement(select(_merged(literal_column(f"'ix_{name}__grams'"))))

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
            _index_has(self._index.c.text, part, *place),
            self._indexed_id.not_in(due),
        )
        beside = select(self._id).where(
            *map(eq, self._place, place), self._id.in_(due), self.holds(part)
        )
        return union_all(indexed.select_from(self._index), beside).subquery("matching")

    def holds(self, part: ColumnElement[str]) -> ColumnElement[bool]:
        """Whether a row that is looked at anyway has this part in its text."""
        return _text_has(self._text, _folded(part))

    async def index(self, db: Session) -> int:
        """Index some of the rows that are due; return how many changes that were."""
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
            await held.fetch_all(self._forget, ids=ids)
            await held.fetch_all(self._write, ids=ids)
        return len(taken)

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


# As a boolean SQLAlchemy would write `... = 1` for SQLite, which then uses no index.
_CONDITION: TypeEngine[Any] = NullType()


class _search_text(GenericFunction[str]):  # noqa: N801 - named as they read in a statement
    """These columns, folded and separated."""

    inherit_cache = True
    type = Text()


@compiles(_search_text, "postgresql")
def _search_text_postgresql(element: _search_text, compiler: SQLCompiler, **kw: Any) -> str:
    return f"lower({_joined(element, 'chr', compiler, **kw)})"


@compiles(_search_text, "sqlite")
def _search_text_sqlite(element: _search_text, compiler: SQLCompiler, **kw: Any) -> str:
    return f"tenantry_folded({_joined(element, 'char', compiler, **kw)})"


def _joined(element: _search_text, char: str, compiler: SQLCompiler, **kw: Any) -> str:
    columns = (f"coalesce({compiler.process(column, **kw)}, '')" for column in element.clauses)
    return f" || {char}({_SEPARATOR}) || ".join(columns)


class _folded(GenericFunction[str]):  # noqa: N801
    inherit_cache = True
    type = Text()


@compiles(_folded, "postgresql")
def _folded_postgresql(element: _folded, compiler: SQLCompiler, **kw: Any) -> str:
    return f"lower({compiler.process(element.clause_expr.element, **kw)})"


@compiles(_folded, "sqlite")
def _folded_sqlite(element: _folded, compiler: SQLCompiler, **kw: Any) -> str:
    return f"tenantry_folded({compiler.process(element.clause_expr.element, **kw)})"


class _text_has(GenericFunction[bool]):  # noqa: N801
    """Whether a folded text has a folded part."""

    inherit_cache = True
    type = _CONDITION


@compiles(_text_has, "postgresql")
def _text_has_postgresql(element: _text_has, compiler: SQLCompiler, **kw: Any) -> str:
    return f"strpos({compiler.process(element.clause_expr.element, **kw)}) > 0"


@compiles(_text_has, "sqlite")
def _text_has_sqlite(element: _text_has, compiler: SQLCompiler, **kw: Any) -> str:
    return f"instr({compiler.process(element.clause_expr.element, **kw)}) > 0"


class _index_has(GenericFunction[bool]):  # noqa: N801
    """Whether the text of the index has this part."""

    inherit_cache = True
    type = _CONDITION


@compiles(_index_has, "postgresql")
def _index_has_postgresql(element: _index_has, compiler: SQLCompiler, **kw: Any) -> str:
    text, part, *place = element.clauses
    column, sought = compiler.process(text, **kw), f"lower({compiler.process(part, **kw)})"
    # Its rows of other places are passed over in the index. A condition on the place itself could
    # lead to those of the place, all of which are read then.
    first = ""
    if place:
        own = _place_gram(compiler.process(place[-1], **kw))
        first = f"chr(39) || {own} || chr(39) || ' & ' || "
    # Side by side, and the last one over the one before, these grams cover the part. A part that is
    # shorter is the beginning of a gram.
    gram = f"substr(sought, least(i, greatest(length(sought) - {GRAM - 1}, 1)), {GRAM})"
    escaped = f"replace(replace({gram}, chr(92), repeat(chr(92), 2)), chr(39), repeat(chr(39), 2))"
    quoted = f"chr(39) || {escaped} || chr(39)"
    query = (
        f"(SELECT CAST({first}string_agg({quoted}, ' & ')"
        f" || CASE WHEN max(length(sought)) < {GRAM} THEN ':*' ELSE '' END AS tsquery)"
        f" FROM (SELECT {sought} AS sought) AS given,"
        f" generate_series(1, length(sought), {GRAM}) AS i)"
    )
    grams = f"{text.table.name}.grams"
    return f"({grams} @@ {query} AND strpos({column}, {sought}) > 0)"


def _place_gram(place: str) -> str:
    """Return the gram of a place; no text has it."""
    return f"chr({_SEPARATOR - 1}) || {place}"


@compiles(_index_has, "sqlite")
def _index_has_sqlite(element: _index_has, compiler: SQLCompiler, **kw: Any) -> str:
    text, part = list(element.clauses)[:2]  # it does not know places
    name = text.table.name
    return f"""{name} MATCH '"' || replace({compiler.process(part, **kw)}, '"', '""') || '"'"""


class _indexed_id(GenericFunction[str]):  # noqa: N801
    """The id of a row of the index."""

    inherit_cache = True
    type = Text()


@compiles(_indexed_id, "postgresql")
def _indexed_id_postgresql(element: _indexed_id, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clause_expr.element, **kw)


@compiles(_indexed_id, "sqlite")
def _indexed_id_sqlite(element: _indexed_id, _compiler: SQLCompiler, **_: Any) -> str:
    (key,) = element.clauses
    table: Table = key.table
    return f"('{table.info['prefix']}' || {table.name}.rowid)"


class _is_of(GenericFunction[bool]):  # noqa: N801
    """Whether a row of the index, by its key, is one of these."""

    inherit_cache = True
    type = _CONDITION


@compiles(_is_of, "postgresql")
def _is_of_postgresql(element: _is_of, compiler: SQLCompiler, **kw: Any) -> str:
    *key, ids = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"({', '.join(key)}) IN {ids}"


@compiles(_is_of, "sqlite")
def _is_of_sqlite(element: _is_of, compiler: SQLCompiler, **kw: Any) -> str:
    *_, key, ids = element.clauses
    table: Table = key.table
    given = compiler.process(ids, **kw)
    return f"{table.name}.rowid IN (SELECT {_number(table, key.name)} FROM {given})"


def _number(table: Table, id_: str) -> str:
    return f"CAST(substr({id_}, {len(table.info['prefix']) + 1}) AS INTEGER)"


class _merged(GenericFunction[int]):  # noqa: N801
    """Merge the new rows into this index of PostgreSQL, beside which a search reads them all."""

    inherit_cache = True
    type = BigInteger()


@compiles(_merged, "postgresql")
def _merged_postgresql(element: _merged, compiler: SQLCompiler, **kw: Any) -> str:
    name = compiler.process(element.clause_expr.element, **kw)
    # Of an index in parts, that of each part.
    return (
        "(SELECT sum(gin_clean_pending_list(oid)) FROM pg_class WHERE relkind = 'i'"
        f" AND oid IN (SELECT {name}::regclass UNION SELECT relid FROM pg_partition_tree({name})))"
    )


@compiles(_merged, "sqlite")
def _merged_sqlite(_element: _merged, _compiler: SQLCompiler, **_: Any) -> str:
    return "0"


class _Indexing(ClauseElement):
    """Puts these rows, of an `id` and a `text`, into the index."""

    inherit_cache = False

    def __init__(self, index: Table, texts: Subquery) -> None:
        self.index = index
        self.texts = texts


@compiles(_Indexing, "postgresql")
def _indexing_postgresql(element: _Indexing, compiler: SQLCompiler, **kw: Any) -> str:
    # Materialized: the text is folded once, and not for each of its parts.
    texts = compiler.process(element.texts.element, **kw)
    *place, key = element.index.primary_key.columns.keys()
    own = "".join(f" || ARRAY[{_place_gram(name)}]" for name in place[-1:])
    return (
        f"WITH texts AS MATERIALIZED ({texts})"
        f" INSERT INTO {element.index.name} ({', '.join([*place, key])}, text, grams)"
        f" SELECT {', '.join([*place, 'id'])}, text,"
        f" array_to_tsvector(ARRAY(SELECT substr(text, i, {GRAM})"
        f" FROM generate_series(1, length(text) - 2) AS i){own}) FROM texts"
    )


@compiles(_Indexing, "sqlite")
def _indexing_sqlite(element: _Indexing, compiler: SQLCompiler, **kw: Any) -> str:
    texts = compiler.process(element.texts.element, **kw)
    number = _number(element.index, "id")
    return f"INSERT INTO {element.index.name} (rowid, text) SELECT {number}, text FROM ({texts})"
