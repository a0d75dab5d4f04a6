"""Filters as conditions of statements, as far as rows have what they ask for.

A filter becomes a shape, which is the same for all filters of its kind, and the values that go
into it: so a statement is made once for each shape. A shape leaves out the terms that rows cannot
answer, and then finds more than the filter does, never less; documents decide the rest
(`filters.matcher`).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Table,
    Text,
    and_,
    bindparam,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from tenantry.db.search.dialects import text_has
from tenantry.net import email_addresses
from tenantry.tenants.directories.model import (
    directory_emails,
    directory_groups,
    directory_members,
    directory_users,
    of_directory,
)
from tenantry.tenants.directories.scim import filters
from tenantry.tenants.directories.scim.faults import Fault
from tenantry.tenants.directories.scim.filters import And, Compare, Not, Present, ValuePath
from tenantry.tenants.directories.scim.schemas import INDEXED, AttributePath, fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import ColumnElement
    from sqlalchemy.sql.compiler import SQLCompiler

    from tenantry.tenants.directories.scim.filters import Filter

# ("and" | "or", shapes), ("not", shape), ("true",), (field, operator, number of its value)
Shape: TypeAlias = tuple[Any, ...]

_u, _g, _m, _e = directory_users.c, directory_groups.c, directory_members.c, directory_emails.c
# Other tables that one statement joins: the time to plan it grows with the square of them.
_MOST_JOINED = 8
_LAST = chr(0x10FFFF)
_ORDERS = {"gt": "__gt__", "ge": "__ge__", "lt": "__lt__", "le": "__le__"}


def _as_it_is(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class _Field:
    """The column of an attribute, and the type by which its values are compared."""

    column: Column[Any]
    spelled: Callable[[Any], Any] = _as_it_is
    always: bool = True  # each row has a value; one without has NULL, or ""
    # Where the values are rows of another table: the column there that says whose they are.
    owner: Column[str] | None = None
    is_name: bool = False  # a key of `resources.name_keys`
    joined: tuple[Column[str], Column[str]] | None = None

    @property
    def is_text(self) -> bool:
        return isinstance(self.column.type, Text)


def _names(table: Table) -> dict[str, _Field]:
    return {
        "id": _Field(table.c.id),
        "externalId": _Field(table.c.external_id, always=False),
        "displayName": _Field(table.c.display_name_key, fold, always=table is directory_groups),
        "meta.lastModified": _Field(table.c.update_time, filters.microseconds),
        "meta.created": _Field(table.c.create_time, filters.microseconds),
    }


_USER = {
    **_names(directory_users),
    "userName": _Field(_u.user_name_key, fold),
    "active": _Field(_u.active),
    "name.familyName": _Field(_u.family_name_key, fold, always=False, is_name=True),
    "name.givenName": _Field(_u.given_name_key, fold, always=False, is_name=True),
    "emails.value": _Field(
        _e.email_key, email_addresses.key, always=False, owner=_e.directory_user_id
    ),
    "groups.value": _Field(_m.directory_group_id, always=False, owner=_m.directory_user_id),
    "groups.display": _Field(
        _g.display_name_key,
        fold,
        always=False,
        owner=_m.directory_user_id,
        joined=(_g.id, _m.directory_group_id),
    ),
}
_GROUP = {
    **_names(directory_groups),
    "members.value": _Field(_m.directory_user_id, always=False, owner=_m.directory_group_id),
}
_FIELDS = {directory_users.name: _USER, directory_groups.name: _GROUP}


class Narrowed:
    """A filter as far as rows of people or of groups can answer it: a shape with its values."""

    def __init__(self, table: Table, filter_: Filter | None, *, by_names: bool = True) -> None:
        self._table = table
        self._fields = _FIELDS[table.name]
        self._by_names = by_names  # whether the keys of names are used
        self._values: list[Any] = []
        self.has_names = False  # it compares one, which may be that of a former revision
        self.shape: Shape | None = None
        self.exact = True  # the shape finds what the filter finds
        if filter_ is not None:
            self.shape, self.exact = self._shape_of(filter_)

    @property
    def params(self) -> dict[str, Any]:
        """The bind parameters of the shape's condition."""
        return {f"v{number}": value for number, value in enumerate(self._values)}

    def _shape_of(self, filter_: Filter) -> tuple[Shape | None, bool]:
        """Return the shape of a filter, and whether both match the same rows."""
        if isinstance(filter_, Compare | Present):
            shape = self._term(filter_)
            return shape, shape is not None
        if isinstance(filter_, ValuePath):
            return self._of_values(filter_)
        if isinstance(filter_, Not):
            shape, exact = self._shape_of(filter_.part)
            # Of more than is found, the opposite is less than is to be found.
            return (("not", shape), True) if shape and exact else (None, False)
        parts = [self._shape_of(part) for part in filter_.parts]
        shapes = tuple(shape for shape, _ in parts if shape is not None)
        exact = len(shapes) == len(parts) and all(exact for _, exact in parts)
        if isinstance(filter_, And):
            return (("and", shapes), exact) if shapes else (None, False)
        return (("or", shapes), exact) if len(shapes) == len(parts) else (None, False)

    def _of_values(self, filter_: ValuePath) -> tuple[Shape | None, bool]:
        name = filter_.path.name
        if isinstance(filter_.filter, Compare | Present):
            shape = self._term(filter_.filter, of=name)
            if shape is not None:
                return shape, True
        if f"{name}.value" not in self._fields or filter_.path.schema:
            return None, False
        parts = filter_.filter.parts if isinstance(filter_.filter, And) else ()
        shapes = [
            shape
            for part in parts
            if isinstance(part, Compare) and (shape := self._term(part, of=name)) is not None
        ]
        if shapes:
            return ("and", tuple(shapes)), False
        self._refuse_of_members(filter_.path)
        return None, False

    def _term(self, term: Compare | Present, *, of: str = "") -> Shape | None:
        path = AttributePath(None, of, term.path.name) if of else term.path
        name = f"{path.name}.{path.sub}" if path.sub else path.name
        if isinstance(term, Present) and f"{name}.value" in self._fields:
            name += ".value"
        known = None if path.schema else self._fields.get(name)
        if known is not None and known.is_name:
            if not self._by_names:
                return None
            self.has_names = True
        if known is None:
            self._refuse_of_members(path)
            return None
        if isinstance(term, Present):
            return (name, "pr", None)
        if term.value is None:
            present = (name, "pr", None)
            return present if term.op == "ne" else ("not", present)
        return self._comparison(name, known, term.op, term.value)

    def _comparison(self, name: str, known: _Field, op: str, value: Any) -> Shape | None:
        of_boolean = isinstance(known.column.type, Boolean)
        if isinstance(value, str) is of_boolean or (of_boolean and not isinstance(value, bool)):
            return None
        if not known.is_text and op in {"co", "sw", "ew"}:
            return None
        if known.column is _e.email_key and op not in {"eq", "ne"} and not value.isascii():
            return None  # the keys have domains as DNS does
        number, spelled = len(self._values), known.spelled(value)
        if known.is_name and (op in {"co", "ew"} or len(spelled) > INDEXED):
            return None  # a key may be without the end of a long name
        self._values.append(spelled)
        if op == "ne":
            return ("not", (name, "eq", number))
        if op == "sw" and known.owner is None:
            end = _end_of_prefix(spelled)
            self._values.append(end)
            op = "sw" if end else "ge"
        return (name, op, number)

    def _refuse_of_members(self, path: AttributePath) -> None:
        if self._table is directory_groups and path.name == "members":
            raise Fault(
                400, "invalidFilter", "Groups can only be filtered by the value of a member."
            )


def condition(table: Table, shape: Shape | None) -> ColumnElement[bool]:
    """Return the condition of a shape; its values are the parameters v0, v1, …."""
    return true() if shape is None else _condition(table, shape, itertools.count())


def _condition(
    table: Table, shape: Shape, joined: Iterator[int], *, negated: bool = False
) -> ColumnElement[bool]:
    """Return a condition that is true, or is not; ``negated``: NULL will not do for the latter."""
    if shape[0] == "not":
        return not_(_condition(table, shape[1], joined, negated=True))
    if shape[0] in {"and", "or"}:
        parts = [_condition(table, part, joined, negated=negated) for part in shape[1]]
        return and_(true(), *parts) if shape[0] == "and" else or_(false(), *parts)
    name, op, number = shape
    known = _FIELDS[table.name][name]
    if known.owner is None:
        return _test(known, op, number, negated=negated)
    values = known.owner.table
    found = select(known.owner).where(*of_directory(values), _test(known, op, number))
    if known.joined:
        there, here = known.joined
        found = found.join(there.table, there == here).where(*of_directory(there.table))
    if next(joined) >= _MOST_JOINED:
        found = found.offset(literal_column("0"))  # so PostgreSQL runs it by itself
    return table.c.id.in_(found)


def is_selective(shape: Shape | None) -> bool:
    """Whether a shape finds few: each of them has a value that few others have."""
    if shape is None or shape[0] == "not":
        return False
    if shape[0] in {"and", "or"}:
        return (any if shape[0] == "and" else all)(map(is_selective, shape[1]))
    return bool(shape[1] == "eq" and shape[0] != "active")


def has_prefix(shape: Shape | None) -> bool:
    """Whether a shape finds by the beginning of a text, in the order of the texts."""
    if shape is None or shape[0] == "not":
        return False
    if shape[0] in {"and", "or"}:
        return any(map(has_prefix, shape[1]))
    return bool(shape[1] == "sw")


def _end_of_prefix(prefix: str) -> str:
    """Return the least text, by code points, above every text with this prefix; "" if none exists.

    Halves of characters have codes, and no text has them.
    """
    rest = prefix.rstrip(_LAST)
    if not rest:
        return ""
    code = ord(rest[-1]) + 1
    return rest[:-1] + chr(0xE000 if 0xD800 <= code < 0xE000 else code)


class sorted_apart(GenericFunction[Any]):  # noqa: N801 - named as they read in a statement
    """A column to sort by after the rows are found: SQLite walks all for the order of an index."""

    inherit_cache = True


@compiles(sorted_apart, "postgresql")
def _sorted_apart_postgresql(element: sorted_apart, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clause_expr.element, **kw)


@compiles(sorted_apart, "sqlite")
def _sorted_apart_sqlite(element: GenericFunction[Any], compiler: SQLCompiler, **kw: Any) -> str:
    return f"+{compiler.process(element.clause_expr.element, **kw)}"


def _test(
    known: _Field, op: str, number: int | None, *, negated: bool = False
) -> ColumnElement[bool]:
    column: Any = known.column
    found: ColumnElement[bool]
    if op == "pr":
        if known.always or known.owner is not None:
            return true()
        return _there(column)
    kind = Text() if known.is_text else column.type
    value: Any = bindparam(
        f"v{number}", type_=BigInteger() if isinstance(kind, BigInteger) else kind
    )
    if op == "eq":
        found = column == value
    elif op in _ORDERS:
        found = getattr(_by_code(column) if known.is_text else column, _ORDERS[op])(value)
    elif op == "co":
        found = text_has(column, value)
    elif op == "sw" and known.owner is None:
        assert number is not None
        end = bindparam(f"v{number + 1}", type_=Text())
        found = and_(_by_code(column) >= value, _by_code(column) < end)
    elif op == "sw":
        found = func.substr(column, 1, func.length(value)) == value
    else:
        start = func.length(column) - func.length(value) + 1
        found = and_(start > 0, func.substr(column, start) == value)
    if known.always or known.owner is not None or (column.nullable and not negated):
        return found
    return and_(_there(column), found)


def _there(column: Column[Any]) -> ColumnElement[bool]:
    return column.is_not(None) if column.nullable else column != ""


class sorted_alone(GenericFunction[Any]):  # noqa: N801
    """The same on PostgreSQL, too, which takes what a bound finds for a share of the table."""

    inherit_cache = True


@compiles(sorted_alone, "postgresql")
def _sorted_alone_postgresql(element: sorted_alone, compiler: SQLCompiler, **kw: Any) -> str:
    column = compiler.process(element.clause_expr.element, **kw)
    return f"coalesce({column}, {column})"


@compiles(sorted_alone, "sqlite")
def _sorted_alone_sqlite(element: sorted_alone, compiler: SQLCompiler, **kw: Any) -> str:
    return _sorted_apart_sqlite(element, compiler, **kw)


class _by_code(GenericFunction[str]):  # noqa: N801
    """A text, to be compared by the codes of its characters."""

    inherit_cache = True
    type = Text()


@compiles(_by_code, "postgresql")
def _by_code_postgresql(element: _by_code, compiler: SQLCompiler, **kw: Any) -> str:
    return f'({compiler.process(element.clause_expr.element, **kw)} COLLATE "C")'


@compiles(_by_code, "sqlite")
def _by_code_sqlite(element: _by_code, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clause_expr.element, **kw)
