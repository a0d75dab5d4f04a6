"""Directories as the API shows them: with their secrets, roles and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, bindparam, cast, func, select

from tenantry.core import errors
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
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations.service import OrganizationIdentifier
from tenantry.tenants.roles.model import roles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Table

    from tenantry.call import Call
    from tenantry.db.engine import Row

_d, _r = directories.c, roles.c


def _last(table: Table) -> Any:
    return select(func.max(table.c.update_time)).where(of_row(table)).scalar_subquery()


_a, _t = directory_role_assignments.c, directory_tallies.c
_assigned = (
    select(json_rows(json_list(_a.directory_group_id, _r.name, _r.id)))
    .join_from(directory_role_assignments, roles, _r.id == _a.role_id)
    .where(of_row(directory_role_assignments))
)
_people = select(cast(func.sum(_t.n), BigInteger)).where(of_row(directory_tallies))
_groups = select(func.count()).select_from(directory_groups).where(of_row(directory_groups))
_whole = select(
    directories,
    _assigned.scalar_subquery().label("assignments"),
    _people.scalar_subquery().label("total_users"),
    _groups.scalar_subquery().label("total_groups"),
    _last(directory_users).label("user_updated"),
    _last(directory_groups).label("group_updated"),
).where(_d.organization_id == bindparam("p_organization_id"))
_ONE = Statement(_whole.where(_d.id == bindparam("p_id")))
_LIST = Statement(_whole.order_by(_d.id))


@dataclass(frozen=True, slots=True, order=True)
class Assignment:
    """A role that the members of a group have."""

    group_id: str
    role_name: str
    role_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A directory with all that the API shows of it; times in microseconds since 1970, UTC."""

    directory: Directory
    secrets: Sequence[Secret]  # the newest first
    assignments: Sequence[Assignment]  # by group
    total_users: int
    total_groups: int
    user_updated: int | None
    group_updated: int | None


async def whole(call: Call, directory: Directory) -> Whole:
    """Return a directory that this caller may see with all that the API shows of it."""
    row = await call.db.fetch_one(
        _ONE, p_organization_id=directory.organization_id, p_id=directory.id
    )
    if row is None:
        raise errors.NotFound("directory")
    return _wholeof_row(row, await secrets.of_directory(call.db, directory))


async def of_organization(call: Call, organization_id: str) -> list[Whole]:
    """Return all directories of an organization, the oldest first."""
    await organizations.get(call, OrganizationIdentifier(organization_id))
    rows = await call.db.fetch_all(_LIST, p_organization_id=organization_id)
    kept = await secrets.of_organization(call.db, organization_id) if rows else {}
    return [_wholeof_row(row, kept.get(row["id"], [])) for row in rows]


def _wholeof_row(row: Row, kept: Sequence[Secret]) -> Whole:
    return Whole(
        directory=Directory.from_row(row),
        secrets=kept[::-1],
        assignments=sorted(Assignment(*one) for one in from_json(row["assignments"] or "[]")),
        total_users=row["total_users"] or 0,
        total_groups=row["total_groups"],
        user_updated=row["user_updated"],
        group_updated=row["group_updated"],
    )
