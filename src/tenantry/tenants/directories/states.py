"""Directories of all organizations, with how they go: page by page, the newest first."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, bindparam, cast, func, literal_column, or_, select

from tenantry.core import errors
from tenantry.db.lists import pages
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories.model import Directory, directories, directory_tallies, of_row
from tenantry.tenants.directories.request_logs.model import directory_requests
from tenantry.tenants.organizations.model import organizations

if TYPE_CHECKING:
    from sqlalchemy import Column, ScalarSelect

    from tenantry.call import Call
    from tenantry.db.engine import Row, Session

MOST_LISTED = 30

_d, _o, _r, _t = directories.c, organizations.c, directory_requests.c, directory_tallies.c


def _last_failed(column: Column[Any]) -> ScalarSelect[Any]:
    """Return this column of the last request that failed: one look into their index."""
    return (
        select(column)
        .where(of_row(directory_requests), _r.error != literal_column("''"))
        .order_by(_r.id.desc())
        .limit(literal_column("1"))
        .scalar_subquery()
    )


_people = (
    select(cast(func.sum(_t.n), BigInteger)).where(of_row(directory_tallies)).scalar_subquery()
)
_FILTERS = {
    "p_query": or_(
        _d.id == bindparam("p_query", type_=Text),
        _d.organization_id == bindparam("p_query", type_=Text),
    ),
    "p_type": _d.directory_type == bindparam("p_type", type_=Text),
    "p_status": _d.status == bindparam("p_status", type_=Text),
    "p_enabled": _d.enabled == bindparam("p_enabled"),
}
_TOTAL = Statement(select(pages.counted(select(_d.id))))


@dataclass(frozen=True, slots=True)
class State:
    """A directory and how it goes; the time in microseconds since 1970, UTC.

    ``last_error`` is that of the poll, or else of the last request that failed.
    """

    directory: Directory
    organization_name: str
    total_users: int
    last_failed_time: int | None
    last_error: str

    @classmethod
    def from_row(cls, row: Row) -> State:
        """Return the state of one row."""
        directory = Directory.from_row(row)
        return cls(
            directory,
            row["organization_name"],
            row["total_users"] or 0,
            row["failed_time"],
            directory.error or row["failed_error"] or "",
        )


async def page(
    call: Call,
    *,
    query: str = "",
    type_: str = "",
    status: str = "",
    enabled: bool | None = None,
    page_size: int,
    page_token: str,
) -> pages.Page[State]:
    """Return one page; ``query`` is the id of a directory or of an organization.

    "" and None leave a filter out. The list goes by the id, and looks at what a filter leaves out.
    """
    if call.caller.organization_id is not None:
        raise errors.PermissionDenied
    given = {
        "p_query": query.strip(),
        "p_type": type_,
        "p_status": status,
        "p_enabled": enabled,
    }
    narrow = tuple(name for name, value in given.items() if value not in {"", None})
    position = pages.position(
        call.db,
        "directories" + json.dumps(list(given.values())),
        page_size=page_size,
        page_token=page_token,
        most=MOST_LISTED,
    )
    rows = await call.db.fetch_all(
        _page(narrow, position.direction),
        **{name: given[name] for name in narrow},
        **position.params,
    )
    return position.page(rows).of(State.from_row)


async def total(db: Session) -> int:
    """Return how many directories there are, counted up to `pages.MOST_COUNTED`."""
    row = await db.fetch_one(_TOTAL)
    assert row is not None
    found: int = row["total"]
    return found


@functools.cache
def _page(narrow: tuple[str, ...], direction: str) -> Statement:
    found = select(_d.organization_id, _d.id).where(*(_FILTERS[name] for name in narrow))
    few = pages.few(pages.part(found, _d.id, direction))
    shown = (
        select(
            directories,
            _o.display_name.label("organization_name"),
            _people.label("total_users"),
            _last_failed(_r.create_time).label("failed_time"),
            _last_failed(_r.error).label("failed_error"),
        )
        .join_from(
            few, directories, (_d.organization_id == few.c.organization_id) & (_d.id == few.c.id)
        )
        .join(organizations, _o.id == _d.organization_id)
    )
    return Statement(shown.order_by(pages.order(_d.id, backward=direction == "backward")))
