"""NDJSON and CSV, piece by piece: bytes come in, rows with their line numbers come out.

A row is the object that its line of NDJSON spells, or None with its fault. CSV says by its heads
what it has no other way to say: ``metadata.plan`` is a member of `metadata`, and a list has ``;``
between its elements. An empty cell says nothing.
"""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from collections import Counter, deque
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

import orjson

from tenantry.core import errors, strict_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MAX_ROW = 128 << 10  # bytes; also what Python's CSV takes for one cell
_ROW_KIB = MAX_ROW >> 10
_BOM = b"\xef\xbb\xbf"
# How files begin that no row can be read from: said once, and not of every line.
_NO_TEXT = {
    b"\x1f\x8b": "is compressed by gzip: unpack it first",
    b"PK\x03\x04": "is a ZIP archive or a workbook: save it as CSV in UTF-8",
    b"\xff\xfe": "is in UTF-16: save it in UTF-8",
    b"\xfe\xff": "is in UTF-16: save it in UTF-8",
}


class Format(Enum):
    """The formats of a file; the value is the media type."""

    NDJSON = "application/x-ndjson"
    CSV = "text/csv"


class Column(Enum):
    """How a cell of CSV is read."""

    TEXT = "text"
    SWITCH = "switch"  # true or false
    LIST = "list"  # a;b
    MAP = "map"  # one column for each key: name.key


@dataclass(slots=True)  # not frozen: that doubles the time to make one
class Record:
    """One row as it came."""

    line: int
    size: int  # in bytes
    members: dict[str, Any] | None  # None: it cannot be read
    problem: str = ""


class Reader(ABC):
    """Turns pieces of a file into rows."""

    def __init__(self, max_row: int) -> None:
        self._lines = _Lines(max_row)

    def feed(self, piece: bytes) -> Iterator[Record]:
        """Return the rows that are complete with this piece."""
        return self._records(self._lines.feed(piece), last=False)

    def end(self) -> Iterator[Record]:
        """Return the rows left at the end of the file."""
        return self._records(self._lines.end(), last=True)

    @abstractmethod
    def _records(self, lines: Iterator[_Line], *, last: bool) -> Iterator[Record]:
        """Return the rows that these further lines complete."""


def guess(start: bytes) -> Format:
    """Return the format of a file that begins like this: JSON is NDJSON."""
    is_json = start.removeprefix(_BOM).lstrip()[:1] in {b"{", b"["}
    return Format.NDJSON if is_json else Format.CSV


def reader(kind: Format, columns: Mapping[str, Column], *, required: str) -> Reader:
    """Return a reader of a file that may have these columns, and has to have one of them."""
    return ndjson() if kind is Format.NDJSON else _Csv(columns, required)


def ndjson(max_row: int = MAX_ROW) -> Reader:
    """Return a reader of NDJSON."""
    return _Ndjson(max_row)


@dataclass(slots=True)
class _Line:
    number: int
    text: bytes | None  # None: it is too long to be kept
    alone: bool = False  # no quoted cell goes on after it


class _Lines:
    """Cuts pieces into lines and counts them."""

    def __init__(self, max_row: int) -> None:
        self._max_row = max_row
        self._rest = b""
        self._too_long = False
        self._number = 0

    def feed(self, piece: bytes) -> Iterator[_Line]:
        first, *others = piece.split(b"\n")
        self._rest += first if not self._too_long else b""
        for other in others:
            yield self._next()
            self._rest = other
        if len(self._rest) > self._max_row:
            self._rest, self._too_long = b"", True

    def end(self) -> Iterator[_Line]:
        if self._rest or self._too_long:
            yield self._next()

    def _next(self) -> _Line:
        self._number += 1
        if self._number == 1:
            self._begin()
        text = None if self._too_long or len(self._rest) > self._max_row else self._rest
        self._rest, self._too_long = b"", False
        return _Line(self._number, text)

    def _begin(self) -> None:
        """Look at the start of the file, which may have come in several pieces."""
        for start, says in _NO_TEXT.items():
            if self._rest.startswith(start):
                raise errors.InvalidArgument(f"the file {says}")
        self._rest = self._rest.removeprefix(_BOM)


_TOO_LONG = "is too long"
_NUL = "must not contain a NUL character"
# No row nests so deep, nor does a line of an environment; later readers of it recurse.
_MAX_DEPTH = 64


class _Ndjson(Reader):
    def _records(self, lines: Iterator[_Line], *, last: bool) -> Iterator[Record]:  # noqa: ARG002
        for line in lines:
            if line.text is None:
                yield Record(line.number, 0, None, _TOO_LONG)
            elif line.text.strip():
                yield _from_json(line.number, line.text)


def _from_json(number: int, text: bytes) -> Record:
    size = len(text)
    try:
        members = orjson.loads(text)
    except orjson.JSONDecodeError as problem:
        return Record(number, size, None, f"is not JSON in UTF-8: {problem.msg}")
    if not isinstance(members, dict):
        return Record(number, size, None, "is not a JSON object")
    if text.count(b"[") + text.count(b"{") > _MAX_DEPTH and _depth(members) > _MAX_DEPTH:
        return Record(number, size, None, f"nests deeper than {_MAX_DEPTH} levels")
    if strict_json.has_nul(members, spelled=text):
        return Record(number, size, None, _NUL)
    return Record(number, size, members)


def _depth(members: Any) -> int:
    depth, level = 0, [members]
    while level:
        depth += 1
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
    return depth


class _Csv(Reader):
    """RFC 4180, by the standard library: a quoted cell may hold commas and line breaks."""

    def __init__(self, columns: Mapping[str, Column], required: str) -> None:
        super().__init__(MAX_ROW)
        self._known = columns
        self._required = required
        self._cells: list[_Cell] | None = None  # None until the heads have come
        self._rows = _Rows()

    def _records(self, lines: Iterator[_Line], *, last: bool) -> Iterator[Record]:
        for values, row in self._rows.read(lines, last=last):
            if self._cells is None:
                if row.problem:
                    raise errors.InvalidArgument(f"line {row.line}: {row.problem}")
                self._cells = _cells(values, self._known, self._required)
            elif row.problem:
                yield row
            elif values:  # a blank line has none
                yield self._record(row, values)

    def _record(self, row: Record, values: list[str]) -> Record:
        assert self._cells is not None
        if len(values) != len(self._cells):
            says = f"has {len(values)} cells, expected {len(self._cells)}"
            return replace(row, problem=says)
        members: dict[str, Any] = {}
        for cell, value in zip(self._cells, values, strict=True):
            if value:
                cell.put(members, cell.name, value)
        return replace(row, members=members)


class _Rows:
    """Puts lines together to rows: a quoted cell goes on in the next line.

    Each line is looked at twice at most. Those of a row that cannot be read are their own rows
    then, but for its first: an open quote costs one row, and not all that follow.
    """

    def __init__(self) -> None:
        self._waiting: deque[_Line] = deque()
        self._taken: list[_Line] = []  # of a row that is incomplete
        self._size = 0  # in bytes, of those taken, with their ends
        self._opened = 0  # the line of the quote that is open, 0 without one
        self._text: list[str] = []  # the line that the next one reads
        self._reader = csv.reader(iter(self._text.pop, None), strict=True)

    def read(self, lines: Iterator[_Line], *, last: bool) -> Iterator[tuple[list[str], Record]]:
        """Return the values of each row that is whole with these lines, or its fault."""
        for line in lines:
            values = None if self._taken or line.text is None else self._of_one_line(line.text)
            if values is not None:
                yield values, Record(line.number, len(line.text or b"") + 1, None)
                continue
            self._waiting.append(line)
            yield from self._whole()
        while last and self._taken:
            yield self._row(f"has a quote in line {self._opened} that is never closed")
            yield from self._whole()

    def _of_one_line(self, text: bytes) -> list[str] | None:
        """Return the values of a line that is a row; None where it takes more to read it."""
        if b"\x00" in text or len(text) >= MAX_ROW:
            return None
        try:
            if b'"' in text:
                if _opening(text, is_open=False) is not None:
                    return None
                self._text.append(text.decode())
                return next(self._reader)
            text = text.removesuffix(b"\r")
            if b"\r" in text:  # which ends no line here, and is in no cell without quotes
                return None
            return text.decode().split(",") if text else []
        except (csv.Error, UnicodeDecodeError):
            return None

    def _whole(self) -> Iterator[tuple[list[str], Record]]:
        while self._waiting:
            line = self._waiting.popleft()
            self._taken.append(line)
            problem = self._look(line)
            if problem or not self._opened:
                yield self._row(problem)

    def _look(self, line: _Line) -> str:
        """Note whether a line leaves a quote open; return its fault."""
        if line.text is None:
            return _TOO_LONG
        self._size += len(line.text) + 1
        opened = _opening(line.text, is_open=bool(self._opened))
        if opened is None:
            self._opened = 0
        elif opened >= 0:
            self._opened = line.number
        if self._size > MAX_ROW:
            told = f"has a quote in line {self._opened} that is not closed within {_ROW_KIB} KiB"
            return told if self._opened else _TOO_LONG
        if b"\x00" in line.text:
            return _NUL
        if line.alone and self._opened:
            return "has a quote that is not closed"
        return ""

    def _row(self, problem: str) -> tuple[list[str], Record]:
        taken, size = self._taken, self._size
        self._taken, self._size, self._opened = [], 0, 0
        values: list[str] = []
        if not problem:
            try:
                texts = [(line.text or b"").decode() + "\n" for line in taken]
                values = next(csv.reader(texts, strict=True))
            except UnicodeDecodeError:
                problem = "is not UTF-8"
            except csv.Error as fault:
                problem = str(fault)
        first, *others = taken
        if problem and others:
            size = len(first.text or b"") + 1
            for line in others:
                line.alone = True
            self._waiting.extendleft(reversed(others))
        return values, Record(first.number, size, None, problem)


def _opening(text: bytes, *, is_open: bool) -> int | None:
    """Return where a quote opens that is not closed in this line, -1 for one of a line before.

    None where all are closed, or are followed by what no reader takes. ``is_open`` says that the
    line begins within a quoted cell (RFC 4180 section 2).
    """
    start = at = -1
    if not is_open and not text.startswith(b'"'):
        at = text.find(b',"')
        if at < 0:
            return None
    if not is_open:
        start = at = at + 1
    while True:  # within a cell, whose quote is at `start`
        at = text.find(b'"', at + 1)
        if at < 0:
            return start
        after = text[at + 1 : at + 2]
        if after == b'"':  # a quote that the cell holds
            at += 1
            continue
        at = text.find(b',"', at) if after == b"," else -1
        if at < 0:  # the end of the row, or a fault
            return None
        start = at = at + 1


@dataclass(frozen=True, slots=True)
class _Cell:
    name: str
    put: Callable[[dict[str, Any], str, str], None]


def _cells(heads: list[str], known: Mapping[str, Column], required: str) -> list[_Cell]:
    """Return what each column means."""
    cells = []
    for head in heads:
        name, _, key = head.strip().partition(".")
        kind = known.get(name)
        if kind is None or bool(key) != (kind is Column.MAP):
            names = (n + ".KEY" * (k is Column.MAP) for n, k in known.items())
            raise errors.InvalidArgument.field(
                head.strip()[:60], "unknown_field", f"is not a column; there are {', '.join(names)}"
            )
        cells.append(_Cell(f"{name}.{key}" if key else name, _PUT[kind]))
    there = Counter(cell.name for cell in cells)
    for name, times in there.items():
        if times > 1:
            raise errors.InvalidArgument.field(name, "once", "is a duplicate column")
    if required not in there:
        raise errors.InvalidArgument.field(required, "required", "is a required column")
    return cells


def _put_text(members: dict[str, Any], name: str, value: str) -> None:
    members[name] = value


def _put_switch(members: dict[str, Any], name: str, value: str) -> None:
    # Anything else stays as it came, and is refused as that.
    members[name] = {"true": True, "false": False}.get(value.lower(), value)


def _put_list(members: dict[str, Any], name: str, value: str) -> None:
    members[name] = [part for one in value.split(";") if (part := one.strip())]


def _put_map(members: dict[str, Any], name: str, value: str) -> None:
    name, _, key = name.partition(".")
    members.setdefault(name, {})[key] = value


_PUT = {
    Column.TEXT: _put_text,
    Column.SWITCH: _put_switch,
    Column.LIST: _put_list,
    Column.MAP: _put_map,
}
