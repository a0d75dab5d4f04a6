"""SQL of the search that each database spells in its own way: see `tenantry.db.search.index`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import NullType, TypeEngine

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement, Subquery, Table
    from sqlalchemy.sql.compiler import SQLCompiler

GRAM = 5
_SEPARATOR = 31  # a control character between columns: no part reaches over two

# As a boolean SQLAlchemy would write `... = 1` for SQLite, which then uses no index.
_CONDITION: TypeEngine[Any] = NullType()


class search_text(GenericFunction[str]):  # noqa: N801 - named as they read in a statement
    """These columns, folded and separated."""

    inherit_cache = True
    type = Text()


@compiles(search_text, "postgresql")
def _search_text_postgresql(element: search_text, compiler: SQLCompiler, **kw: Any) -> str:
    return f"lower({_joined(element, 'chr', compiler, **kw)})"


@compiles(search_text, "sqlite")
def _search_text_sqlite(element: search_text, compiler: SQLCompiler, **kw: Any) -> str:
    return f"tenantry_folded({_joined(element, 'char', compiler, **kw)})"


def _joined(element: search_text, char: str, compiler: SQLCompiler, **kw: Any) -> str:
    columns = (f"coalesce({compiler.process(column, **kw)}, '')" for column in element.clauses)
    return f" || {char}({_SEPARATOR}) || ".join(columns)


class folded_part(GenericFunction[str]):  # noqa: N801
    inherit_cache = True
    type = Text()


@compiles(folded_part, "postgresql")
def _folded_postgresql(element: folded_part, compiler: SQLCompiler, **kw: Any) -> str:
    # As a subquery it is evaluated once, and not for each row that it is compared with.
    return f"(SELECT lower({compiler.process(element.clause_expr.element, **kw)}))"


@compiles(folded_part, "sqlite")
def _folded_sqlite(element: folded_part, compiler: SQLCompiler, **kw: Any) -> str:
    return f"tenantry_folded({compiler.process(element.clause_expr.element, **kw)})"


class text_has(GenericFunction[bool]):  # noqa: N801
    """Whether a folded text has a folded part."""

    inherit_cache = True
    type = _CONDITION


@compiles(text_has, "postgresql")
def _text_has_postgresql(element: text_has, compiler: SQLCompiler, **kw: Any) -> str:
    return f"strpos({compiler.process(element.clause_expr.element, **kw)}) > 0"


@compiles(text_has, "sqlite")
def _text_has_sqlite(element: text_has, compiler: SQLCompiler, **kw: Any) -> str:
    return f"instr({compiler.process(element.clause_expr.element, **kw)}) > 0"


class index_has(GenericFunction[bool]):  # noqa: N801
    """Whether the text of the index has this part."""

    inherit_cache = True
    type = _CONDITION


@compiles(index_has, "postgresql")
def _index_has_postgresql(element: index_has, compiler: SQLCompiler, **kw: Any) -> str:
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
    return f"({grams} @@ {query} AND strpos({column}, (SELECT {sought})) > 0)"


def _place_gram(place: str) -> str:
    """Return the gram of a place; no text has it."""
    return f"chr({_SEPARATOR - 1}) || {place}"


@compiles(index_has, "sqlite")
def _index_has_sqlite(element: index_has, compiler: SQLCompiler, **kw: Any) -> str:
    text, part = list(element.clauses)[:2]  # it does not know places
    name = text.table.name
    return f"""{name} MATCH '"' || replace({compiler.process(part, **kw)}, '"', '""') || '"'"""


class indexed_id(GenericFunction[str]):  # noqa: N801
    """The id of a row of the index."""

    inherit_cache = True
    type = Text()


@compiles(indexed_id, "postgresql")
def _indexed_id_postgresql(element: indexed_id, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clause_expr.element, **kw)


@compiles(indexed_id, "sqlite")
def _indexed_id_sqlite(element: indexed_id, _compiler: SQLCompiler, **_: Any) -> str:
    (key,) = element.clauses
    table: Table = key.table
    return f"('{table.info['prefix']}' || {table.name}.rowid)"


class indexed_text(GenericFunction[str]):  # noqa: N801
    """The text that an index has for an id, by its key; NULL where it has none."""

    type = Text()

    def __init__(self, key: Column[Any], id_: ColumnElement[str]) -> None:
        super().__init__(id_)
        self.index_key = key  # no part of the statement around it


@compiles(indexed_text, "postgresql")
def _indexed_text_postgresql(element: indexed_text, compiler: SQLCompiler, **kw: Any) -> str:
    id_ = compiler.process(element.clause_expr.element, **kw)
    key = element.index_key
    return f"(SELECT i.text FROM {key.table.name} AS i WHERE i.{key.name} = {id_})"


@compiles(indexed_text, "sqlite")
def _indexed_text_sqlite(element: indexed_text, compiler: SQLCompiler, **kw: Any) -> str:
    table = element.index_key.table
    number = _number(table, compiler.process(element.clause_expr.element, **kw))
    return f"(SELECT i.text FROM {table.name} AS i WHERE i.rowid = {number})"


class end_of_ids(GenericFunction[str]):  # noqa: N801
    """The first or the last of some ids; NULL on SQLite, which would look at all of them."""

    type = Text()

    def __init__(self, which: str, ids: ColumnElement[str]) -> None:
        super().__init__(ids)
        self.which = which  # min or max


@compiles(end_of_ids, "postgresql")
def _end_of_ids_postgresql(element: end_of_ids, compiler: SQLCompiler, **kw: Any) -> str:
    return f"{element.which}({compiler.process(element.clause_expr.element, **kw)})"


@compiles(end_of_ids, "sqlite")
def _end_of_ids_sqlite(_element: end_of_ids, _compiler: SQLCompiler, **_: Any) -> str:
    return "NULL"


class is_of(GenericFunction[bool]):  # noqa: N801
    """Whether a row of the index, by its key, is one of these."""

    inherit_cache = True
    type = _CONDITION


@compiles(is_of, "postgresql")
def _is_of_postgresql(element: is_of, compiler: SQLCompiler, **kw: Any) -> str:
    *key, ids = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"({', '.join(key)}) IN {ids}"


@compiles(is_of, "sqlite")
def _is_of_sqlite(element: is_of, compiler: SQLCompiler, **kw: Any) -> str:
    *_, key, ids = element.clauses
    table: Table = key.table
    given = compiler.process(ids, **kw)
    return f"{table.name}.rowid IN (SELECT {_number(table, key.name)} FROM {given})"


def _number(table: Table, id_: str) -> str:
    return f"CAST(substr({id_}, {len(table.info['prefix']) + 1}) AS INTEGER)"


class merged(GenericFunction[int]):  # noqa: N801
    """Merge the new rows into this index of PostgreSQL, beside which a search reads them all."""

    inherit_cache = True
    type = BigInteger()


@compiles(merged, "postgresql")
def _merged_postgresql(element: merged, compiler: SQLCompiler, **kw: Any) -> str:
    name = compiler.process(element.clause_expr.element, **kw)
    # Of an index in parts, that of each part.
    return (
        "(SELECT sum(gin_clean_pending_list(oid)) FROM pg_class WHERE relkind = 'i'"
        f" AND oid IN (SELECT {name}::regclass UNION SELECT relid FROM pg_partition_tree({name})))"
    )


@compiles(merged, "sqlite")
def _merged_sqlite(_element: merged, _compiler: SQLCompiler, **_: Any) -> str:
    return "0"


class Indexing(ClauseElement):
    """Puts these rows, of an `id` and a `text`, into the index."""

    inherit_cache = False

    def __init__(self, index: Table, texts: Subquery) -> None:
        self.index = index
        self.texts = texts


@compiles(Indexing, "postgresql")
def _indexing_postgresql(element: Indexing, compiler: SQLCompiler, **kw: Any) -> str:
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


@compiles(Indexing, "sqlite")
def _indexing_sqlite(element: Indexing, compiler: SQLCompiler, **kw: Any) -> str:
    texts = compiler.process(element.texts.element, **kw)
    number = _number(element.index, "id")
    return f"INSERT INTO {element.index.name} (rowid, text) SELECT {number}, text FROM ({texts})"
