"""Searches by what no index finds: a limited number of rows is scanned at a time, the newest first.

So no search takes long, however rare the rows are that it is for. A page can have few of them, or
none, and a token all the same: of the row up to which it looked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, Text, and_, bindparam, func, literal_column, select, true

from tenantry.db.lists import key_ranges, pages

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement, FromClause

    from tenantry.db.engine import Row, Session

LOOKED_AT = 2000  # rows that one page looks through


@dataclass(frozen=True, slots=True)
class Start:
    """Where a page of a search starts; ``most`` rows are looked at."""

    position: pages.Position
    most: int

    def params(self, low: str, high: str) -> dict[str, Any]:
        """Return the bind parameters of `lists` and `found` for keys between these two."""
        high = self.position.start or high
        return {"low": low, "high": high, "take": self.position.size + 1}

    def page(self, rows: Sequence[Row]) -> pages.Page[Row]:
        """Return the page of the rows of a statement by `found`."""
        shown = [row for row in rows if row["id"] is not None]
        end = ""
        if len(shown) > self.position.size:
            shown = shown[: self.position.size]
            end = shown[-1]["id"]
        elif rows[0]["looked"] >= self.most:
            end = rows[0]["reached"]
        tokens, listing = self.position.db.page_tokens, self.position.listing
        token = tokens.encode(listing, backward=False, id_=end) if end else ""
        return pages.Page(shown, 0, token, "")


def start(db: Session, listing: str, *, page_size: int, page_token: str, searches: bool) -> Start:
    """Return where a page starts; ``searches`` says whether rows are looked through."""
    position = pages.position(db, listing, page_size=page_size, page_token=page_token)
    return Start(position, LOOKED_AT if searches else pages.MAX_SIZE + 1)


def found(
    lists: Iterable[Select[Any]],
    source: FromClause,
    key: ColumnElement[str],
    wanted: Sequence[ColumnElement[bool]],
    *,
    most: int,
) -> FromClause:
    """Return what a statement selects from: `looked` and `reached` in each row, and an id or NULL.

    ``lists`` are ids by an index, each by `key_ranges.nearest` and ``most`` of them; ``source`` is
    the table with this ``key`` that the conditions are about. There is one row at least.
    """
    near = key_ranges.merged(lists).subquery("near")
    seen = select(near.c.id)
    if wanted:
        seen = select(near.c.id, and_(*wanted).label("is_wanted")).select_from(
            near.join(source, key == near.c.id)
        )
    cut = seen.order_by(near.c.id.desc()).limit(literal_column(str(most))).cte("seen")
    hits = select(cut.c.id)
    if wanted:
        hits = hits.where(cut.c.is_wanted)
    hit = hits.order_by(cut.c.id.desc()).limit(bindparam("take")).subquery("hit")
    reach = select(func.count().label("looked"), func.min(cut.c.id).label("reached")).subquery(
        "reach"
    )
    return (
        select(reach.c.looked, reach.c.reached, hit.c.id.label("hit_id"))
        .select_from(reach.outerjoin(hit, true()))
        .subquery("found")
    )


def member(column: ColumnElement[Any], name: str) -> ColumnElement[str]:
    """Return a member of a JSON column as text, "" where there is none."""
    taken: ColumnElement[str] = column.op("->>", return_type=Text())(literal_column(f"'{name}'"))
    return func.coalesce(taken, "")
