"""Directories as the API shows them: whole, or the states of all organizations' ones."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, bindparam, cast, func, literal_column, or_, select

from tenantry.core import errors
from tenantry.db.lists import pages
from tenantry.db.sql.schema import from_json, json_list, json_rows
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories import secrets
from tenantry.tenants.directories.model import (
    Directory,
    Secret,
    directories,
    directory_groups,
    directory_role_assignments,
    directory_tallies,
    directory_users,
    of_row,
)
from tenantry.tenants.directories.request_log import directory_requests
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations.model import organizations as organizations_table
from tenantry.tenants.organizations.service import OrganizationIdentifier
from tenantry.tenants.roles.model import roles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Column, ScalarSelect, Table

    from tenantry.call import Call
    from tenantry.db.engine import Row, Session

MOST_LISTED = 30  # states

_d, _o, _r = directories.c, organizations_table.c, directory_requests.c
_a, _t = directory_role_assignments.c, directory_tallies.c


def _last(table: Table) -> Any:
    return select(func.max(table.c.update_time)).where(of_row(table)).scalar_subquery()


def _last_failed(column: Column[Any]) -> ScalarSelect[Any]:
    """Return this column of the last request that failed: one look into their index."""
    return (
        select(column)
        .where(of_row(directory_requests), _r.error != literal_column("''"))
        .order_by(_r.id.desc())
        .limit(literal_column("1"))
        .scalar_subquery()
    )


_assigned = (
    select(json_rows(json_list(_a.directory_group_id, roles.c.name, roles.c.id)))
    .join_from(directory_role_assignments, roles, roles.c.id == _a.role_id)
    .where(of_row(directory_role_assignments))
)
_people = select(cast(func.sum(_t.n), BigInteger)).where(of_row(directory_tallies))
_total_users = _people.scalar_subquery().label("total_users")
_groups = select(func.count()).select_from(directory_groups).where(of_row(directory_groups))
_whole = select(
    directories,
    _assigned.scalar_subquery().label("assignments"),
    _total_users,
    _groups.scalar_subquery().label("total_groups"),
    _last(directory_users).label("user_updated"),
    _last(directory_groups).label("group_updated"),
).where(_d.organization_id == bindparam("p_organization_id"))
_ONE = Statement(_whole.where(_d.id == bindparam("p_id")))
_LIST = Statement(_whole.order_by(_d.id))
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


@dataclass(frozen=True, slots=True, order=True)
class Assignment:
    """A role that the members of a group have."""

    group_id: str
    role_name: str
    role_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryDetails:
    """A directory with all that the API shows of it; times in microseconds since 1970, UTC."""

    directory: Directory
    secrets: Sequence[Secret]  # the newest first
    assignments: Sequence[Assignment]  # by group
    total_users: int
    total_groups: int
    user_updated: int | None
    group_updated: int | None


async def whole(call: Call, directory: Directory) -> DirectoryDetails:
    """Return a directory that this caller may see with all that the API shows of it."""
    row = await call.db.fetch_one(
        _ONE, p_organization_id=directory.organization_id, p_id=directory.id
    )
    if row is None:
        raise errors.NotFound("directory")
    return _whole_of(row, await secrets.of_directory(call.db, directory))


async def of_organization(call: Call, organization_id: str) -> list[DirectoryDetails]:
    """Return all directories of an organization, the oldest first."""
    await organizations.get(call, OrganizationIdentifier(organization_id))
    rows = await call.db.fetch_all(_LIST, p_organization_id=organization_id)
    kept = await secrets.of_organization(call.db, organization_id) if rows else {}
    return [_whole_of(row, kept.get(row["id"], [])) for row in rows]


def _whole_of(row: Row, kept: Sequence[Secret]) -> DirectoryDetails:
    return DirectoryDetails(
        directory=Directory.from_row(row),
        secrets=kept[::-1],
        assignments=sorted(Assignment(*one) for one in from_json(row["assignments"] or "[]")),
        total_users=row["total_users"] or 0,
        total_groups=row["total_groups"],
        user_updated=row["user_updated"],
        group_updated=row["group_updated"],
    )


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
        directory = Directory.from_row(row)
        return cls(
            directory,
            row["organization_name"],
            row["total_users"] or 0,
            row["failed_time"],
            directory.error or row["failed_error"] or "",
        )


async def page_of_states(
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
    given = {"p_query": query.strip(), "p_type": type_, "p_status": status, "p_enabled": enabled}
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
            _total_users,
            _last_failed(_r.create_time).label("failed_time"),
            _last_failed(_r.error).label("failed_error"),
        )
        .join_from(
            few, directories, (_d.organization_id == few.c.organization_id) & (_d.id == few.c.id)
        )
        .join(organizations_table, _o.id == _d.organization_id)
    )
    return Statement(shown.order_by(pages.order(_d.id, backward=direction == "backward")))
