"""Filters (RFC 7644 section 3.4.2.2): read into a tree, and held against a resource.

The cost of a filter is bounded before it is read: its length, then its terms and their depth.
Operators and names are taken in any case. Beyond the RFC's grammar an attribute may follow a value
path, as in ``emails[type eq "work"].value eq "a@x.com"``, which Microsoft Entra ID sends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

import orjson

from tenantry.core.strict_json import is_number
from tenantry.tenants.directories.scim.faults import Fault, quotable
from tenantry.tenants.directories.scim.schemas import (
    Attribute,
    AttributePath,
    Record,
    attribute_path,
    definition,
    top,
)

if TYPE_CHECKING:
    Value: TypeAlias = str | int | float | bool | None

LONGEST = 10_000  # characters
DEEPEST = 20
MOST_TERMS = 200
_LONGEST_NUMBER = 40

OPERATORS = frozenset({"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"})
OF_TEXT = frozenset({"co", "sw", "ew"})
_OF_ANY = frozenset({"eq", "ne"})
_OF_ORDER = frozenset({"gt", "ge", "lt", "le"})
# Strings whole, brackets, words; anything else is a token of one character, and never right.
# A string that does not end is one token, too: each of its quotes would be looked at to the end.
_TOKENS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[()\[\]]|[^\s()\[\]"]+|\S', re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True, eq=False, repr=False)
class Compare(Record):
    """A comparison; ``ne`` is true where ``eq`` is not, so where there is no value too."""

    path: AttributePath
    op: str
    value: Value

    def __str__(self) -> str:
        return f"{self.path} {self.op} {orjson.dumps(self.value).decode()}"


@dataclass(slots=True, eq=False, repr=False)
class Present(Record):
    """An attribute has a value (``pr``)."""

    path: AttributePath

    def __str__(self) -> str:
        return f"{self.path} pr"


@dataclass(slots=True, eq=False, repr=False)
class And(Record):
    """All of two or more filters."""

    parts: tuple[Filter, ...]

    def __str__(self) -> str:
        return " and ".join(f"({p})" if isinstance(p, And | Or) else str(p) for p in self.parts)


@dataclass(slots=True, eq=False, repr=False)
class Or(Record):
    """Any of two or more filters."""

    parts: tuple[Filter, ...]

    def __str__(self) -> str:
        return " or ".join(f"({p})" if isinstance(p, Or) else str(p) for p in self.parts)


@dataclass(slots=True, eq=False, repr=False)
class Not(Record):
    """The opposite of a filter."""

    part: Filter

    def __str__(self) -> str:
        return f"not ({self.part})"


@dataclass(slots=True, eq=False, repr=False)
class ValuePath(Record):
    """One value of an attribute for which a filter of its sub-attributes holds."""

    path: AttributePath
    filter: Filter

    def __str__(self) -> str:
        return f"{self.path}[{self.filter}]"


Filter: TypeAlias = Compare | Present | And | Or | Not | ValuePath


def parse(text: str) -> Filter:
    reader = Reader(text)
    found = reader.any_of()
    reader.end()
    return found


def microseconds(text: str) -> int | None:
    """Return a time (RFC 7643 section 2.3.5) in microseconds since 1970; None if it is no time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    past = moment - _EPOCH
    return (past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds


class Reader:
    """Reads the tokens of a filter, or of a path of a patch, from left to right."""

    __slots__ = ("_at", "_depth", "_inside", "_terms", "_tokens")

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise _invalid(f"exceeds {LONGEST} characters")
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                raise _invalid("contains an unpaired surrogate") from None
        if "\0" in text:
            raise _invalid("contains a NUL character")
        self._tokens = _TOKENS.findall(text)
        self._tokens.append("")
        self._at = self._depth = self._terms = 0
        self._inside: Attribute | str | None = None

    def peek(self) -> str:
        """Return the next token; "" at the end."""
        token: str = self._tokens[self._at]
        return token

    def take(self) -> str:
        """Return the next token, and go on behind it; "" at the end."""
        token: str = self._tokens[self._at]
        if token:
            self._at += 1
        return token

    def end(self) -> None:
        if self.peek():
            raise _invalid(f"has unexpected text at {quotable(self.peek())}")

    def any_of(self) -> Filter:
        """Read filters between which there may be "or"."""
        parts = [self._all_of()]
        while self.peek().casefold() == "or":
            self.take()
            parts.append(self._all_of())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all_of(self) -> Filter:
        parts = [self._one()]
        while self.peek().casefold() == "and":
            self.take()
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self) -> Filter:
        token = self.take()
        if token == "(":  # noqa: S105 - no password
            return self._within(")")
        if self.peek() == "(" and token.casefold() == "not":
            self.take()
            return Not(self._within(")"))
        if self.peek() == "[":
            return self._of_values(token)
        return self._term(self._path(token))

    def _within(self, closing: str) -> Filter:
        """Read up to the closing bracket of one that was just taken."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise _invalid(f"is nested deeper than {DEEPEST} levels")
        found = self.any_of()
        if self.take() != closing:
            raise _invalid(f"is missing a {closing}")
        self._depth -= 1
        return found

    def _of_values(self, token: str) -> Filter:
        """Read a value path, with an attribute and a comparison behind it or without."""
        path = self._path(token)
        found = self.selection(path)
        if not self.peek().startswith("."):
            return ValuePath(path, found)
        self._inside = top(path) or path.name
        term = self._term(self._path(self.take()[1:]))
        self._inside = None
        return ValuePath(path, And((*(found.parts if isinstance(found, And) else (found,)), term)))

    def selection(self, path: AttributePath) -> Filter:
        """Read the filter in brackets behind the path of an attribute with values."""
        if self._inside is not None:
            raise _invalid("has nested brackets")
        if path.sub or not path.name:
            raise _invalid(f"cannot select values of {quotable(str(path))}")
        self.take()
        self._inside = top(path) or path.name
        found = self._within("]")
        self._inside = None
        return found

    def _path(self, token: str) -> AttributePath:
        """Return the path of an attribute, or of a sub-attribute within brackets."""
        try:
            path = attribute_path(token)
        except ValueError:
            raise _invalid(
                f"has {quotable(token) or 'its end'} where an attribute name is expected"
            ) from None
        if self._inside is None:
            return path
        if path.sub or ":" in token:
            raise _invalid(f"has {quotable(token)} in brackets, which is not a sub-attribute")
        sub = self._inside.find(token) if isinstance(self._inside, Attribute) else None
        return AttributePath(None, sub.name if sub else token)

    def _term(self, path: AttributePath) -> Filter:
        self._terms += 1
        if self._terms > MOST_TERMS:
            raise _invalid(f"has more than {MOST_TERMS} terms")
        op = self.take().casefold()
        if op == "pr":
            return Present(path)
        if op not in OPERATORS:
            raise _invalid(f"has {quotable(op) or 'its end'} where an operator is expected")
        if not path.name:
            raise _invalid(f"cannot compare {quotable(str(path))}")
        if self._inside is None:
            path, known = _with_value(path)
        elif isinstance(self._inside, Attribute):
            known = self._inside.find(path.name)
        else:
            known = None
        return Compare(path, op, _checked(path, known, op, self.take()))


def _with_value(path: AttributePath) -> tuple[AttributePath, Attribute | None]:
    """Name the sub-attribute that stands for a complex attribute: its value."""
    known = definition(path)
    if known and known.type == "complex" and path.sub is None and (value := known.find("value")):
        return AttributePath(path.schema, path.name, "value"), value
    return path, known


def _checked(path: AttributePath, known: Attribute | None, op: str, token: str) -> Value:
    """Return the value of a comparison, of the type that the attribute has."""
    value = _value(token)
    kind = known.type if known else ""
    if kind == "boolean":
        if isinstance(value, str) and (word := value.casefold()) in {"true", "false"}:
            value = word == "true"
        if op in _OF_ORDER:
            raise _invalid(f"cannot use {op} with {path}, which is a boolean")
    elif kind == "binary" and op in _OF_ORDER:
        raise _invalid(f"cannot use {op} with {path}, which is binary")
    elif kind == "dateTime":
        if value is not None and (not isinstance(value, str) or microseconds(value) is None):
            raise _invalid(f"compares {path} with a value that is not a timestamp")
    elif kind in {"string", "reference"} and isinstance(value, int | float):
        value = token  # 701984, for an employee number
    fits = isinstance(value, str) or (op not in OF_TEXT if is_number(value) else op in _OF_ANY)
    if not fits:
        raise _invalid(f"cannot use {op} to compare {path} with {quotable(token)}")
    return value


def _value(token: str) -> Value:
    if token.startswith('"') and len(token) > 1:
        if "\\" not in token and token[-1] == '"' and token.isprintable():
            return token[1:-1]
        try:
            text: str = orjson.loads(token)
        except ValueError:
            raise _invalid(f"has {quotable(token)}, which is not a JSON string") from None
        if "\0" in text:
            raise _invalid("contains a NUL character")
        return text
    if (word := token.lower()) in _WORDS:
        return _WORDS[word]
    if len(token) > _LONGEST_NUMBER or not _NUMBER.fullmatch(token):
        raise _invalid(f"has {quotable(token) or 'its end'} where a value is expected")
    try:
        number: float = orjson.loads(token)
    except ValueError:
        raise _invalid(f"has the number {token}, which is too large") from None
    return number


def _invalid(trouble: str) -> Fault:
    return Fault(400, "invalidFilter", f"The filter {trouble}.")
