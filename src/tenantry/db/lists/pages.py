"""Pages of a list: by key, the newest first, in both directions, never by offset.

The domain package has the statement and the record. Here is where a page starts, how much it takes,
and the tokens of its neighbors. A page is read in one of three directions: ``first``, ``forward``
(older than the row it starts behind) or ``backward`` (newer than that row, the nearest first).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import Text, bindparam, func, literal_column, select

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import ColumnElement, Select, Subquery

    from tenantry.db.engine import Row, Session

DEFAULT_SIZE = 10
MAX_SIZE = 100
MOST_COUNTED = 10_000  # of a list whose total would take a walk
DIRECTIONS = ("first", "forward", "backward")

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class Page(Generic[_Item]):
    """One page of a list; a token is "" where there is no page."""

    items: list[_Item]
    total_size: int  # of the list; 0 where it is not counted
    next_page_token: str
    prev_page_token: str
    is_exact: bool = True  # the total; else a lower bound

    def of(self, make: Callable[[_Item], _Made]) -> Page[_Made]:
        """Return the page with something made of each item."""
        items = [make(item) for item in self.items]
        return Page(
            items, self.total_size, self.next_page_token, self.prev_page_token, self.is_exact
        )


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page starts in a list, and how many rows it shows."""

    db: Session
    listing: str
    size: int
    direction: str  # one of `DIRECTIONS`
    start: str  # the key of the row next to it; "" for the first page, or backward for the last one
    total: int | None = None  # of the list, where the page token says it and a new one shall

    @property
    def backward(self) -> bool:
        """Whether the page is read from its end."""
        return self.direction == "backward"

    @property
    def params(self) -> dict[str, Any]:
        """The bind parameters of `part` and `few`."""
        # One more than is shown tells whether there is a further page.
        return {"start": self.start, "take": self.size + 1}

    def bounds(self, low: str, high: str) -> dict[str, str]:
        """Return the bind parameters of a list between two keys, and of the page within it."""
        bounds = {"low": low, "high": high, "all_low": low, "all_high": high}
        if self.start:
            bounds["low" if self.backward else "high"] = self.start
        return bounds

    def page(
        self, rows: Sequence[Row], total: int = 0, *, key: str = "id", end: str = ""
    ) -> Page[Row]:
        """Return the page of these rows, but of those without a key, which hold a total alone.

        ``end`` is the key up to which rows were looked for, where there may be more behind it.
        """
        rows = [row for row in rows if row[key] is not None]
        more, rows = len(rows) > self.size, rows[: self.size]
        if self.backward:
            rows = rows[::-1]
        has_next = bool(self.start) if self.backward else more
        has_previous = more if self.backward else self.direction == "forward"
        next_ = self._token(rows[-1][key], backward=False) if rows and has_next else ""
        previous = self._token(rows[0][key], backward=True) if rows and has_previous else ""
        if end and self.backward:
            previous = self._token(end, backward=True)
        elif end:
            next_ = self._token(end, backward=False)
        return Page(rows, total, next_, previous)

    def _token(self, key: str, *, backward: bool) -> str:
        return self.db.page_tokens.encode(
            self.listing, backward=backward, id_=key, total=self.total
        )


def position(
    db: Session, listing: str, *, page_size: int, page_token: str, most: int = MAX_SIZE
) -> Position:
    """Return the position that a page token holds; without one, that of the first page.

    ``listing`` says which list with which filter: a token opens no other. ``page_size`` 0 is the
    default of 10, and more than ``most`` is ``most``.
    """
    start, direction, total = "", "first", None
    if page_token and page_token == db.page_tokens.last:
        direction = "backward"
    elif page_token:
        backward, start, total = db.page_tokens.decode(listing, page_token)
        direction = "backward" if backward else "forward"
    return Position(db, listing, min(page_size or DEFAULT_SIZE, most), direction, start, total)


def part(keyed: Select[Any], key: ColumnElement[str], direction: str) -> Select[Any]:
    """Narrow a statement to the rows in this direction, the nearest first."""
    start = bindparam("start", type_=Text)
    if direction == "forward":
        keyed = keyed.where(key < start)
    if direction == "backward":
        keyed = keyed.where(key > start)
    return keyed.order_by(order(key, backward=direction == "backward"))


def order(key: ColumnElement[Any], *, backward: bool) -> ColumnElement[Any]:
    """Return what rows are ordered by."""
    return key if backward else key.desc()


def few(keys: Select[Any], most: int = MAX_SIZE) -> Subquery:
    """Return as many of these ordered keys as a page takes, of ``most`` and one at the most.

    Read no further than `take`, but planned for as few as this: for a number that it does not know
    yet, PostgreSQL takes a tenth of the table, and would read all of it at once.
    """
    planned = keys.limit(literal_column(str(most + 1))).subquery("few")
    return select(planned).limit(bindparam("take")).subquery("page")


def counted(found: Select[Any]) -> Subquery:
    """Return one row with the `total` of found rows, `MOST_COUNTED` at the most."""
    limited = found.limit(literal_column(str(MOST_COUNTED))).subquery("every")
    return select(func.count().label("total")).select_from(limited).subquery("counted")
