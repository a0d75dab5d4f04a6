"""The differences between a directory and the lists that were read of it.

Each statement reads along one index, and the comparing is done here: a plan for both at once would
be made while the tables are empty, before the first poll, and kept while they grow.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Integer, Text, bindparam, select

from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories.model import (
    DirectoryGroup,
    DirectoryUser,
    directory_groups,
    directory_members,
    directory_users,
    key,
    of_directory,
)
from tenantry.tenants.directories.polling import staging

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Table

    from tenantry.db.engine import Session
    from tenantry.tenants.directories.model import Directory

_AT_ONCE = 500

_u, _g, _m = directory_users.c, directory_groups.c, directory_members.c
_GIVEN = json_values(bindparam("given", type_=Text))
_NAMES = json_values(bindparam("names", type_=Text))


@dataclass(frozen=True, slots=True)
class Unread:
    """The unread people or groups of a part; ``number`` are all of the part."""

    ids: list[str]
    number: int
    last: str  # the id that the next part is behind; "" for the last part


_PEOPLE = Statement(
    select(directory_users).where(*of_directory(directory_users), _u.external_id.in_(_GIVEN))
)
_NAMELESS = Statement(
    select(directory_users).where(
        *of_directory(directory_users), _u.user_name_key.in_(_NAMES), _u.external_id.is_(None)
    )
)
_GROUPS = Statement(
    select(directory_groups).where(*of_directory(directory_groups), _g.external_id.in_(_GIVEN))
)
_MEMBERS = Statement(
    select(_m.directory_user_id).where(
        *of_directory(directory_members), _m.directory_group_id == bindparam("group_id", type_=Text)
    )
)


@functools.cache
def _part(table: Table) -> Statement:
    return Statement(
        select(table.c.id, table.c.external_id)
        .where(*of_directory(table), table.c.id > bindparam("after", type_=Text))
        .order_by(table.c.id)
        .limit(bindparam("take", type_=Integer))
    )


async def people(
    db: Session, directory: Directory, external_ids: Collection[str], names: Collection[str]
) -> dict[str, DirectoryUser]:
    """Return the people of these ids at the provider; of those without one, these user names.

    The names are given as they are compared. The result is by the ids, and by the names of those
    without one.
    """
    given, of = to_json(list(external_ids)), key(directory)
    rows = [*await db.fetch_all(_PEOPLE, given=given, **of)]
    if len(rows) < len(external_ids):
        rows += await db.fetch_all(_NAMELESS, names=to_json(list(names)), **of)
    found = map(DirectoryUser.from_row, rows)
    return {one.external_id or one.user_name_key: one for one in found}


async def groups(
    db: Session, directory: Directory, external_ids: Collection[str]
) -> dict[str | None, DirectoryGroup]:
    """Return the groups of these ids at the provider, by them."""
    rows = await db.fetch_all(_GROUPS, given=to_json(list(external_ids)), **key(directory))
    return {one.external_id: one for one in map(DirectoryGroup.from_row, rows)}


async def members(db: Session, directory: Directory, group_id: str) -> set[str]:
    """Return the ids of all members of a group."""
    rows = await db.fetch_all(_MEMBERS, group_id=group_id, **key(directory))
    return {row["directory_user_id"] for row in rows}


async def people_unread(db: Session, directory: Directory, after: str = "") -> Unread:
    """Return the unread ones of some people, in the order of their ids."""
    return await _unread(db, directory, directory_users, staging.PERSON, after)


async def groups_unread(db: Session, directory: Directory, after: str = "") -> Unread:
    """Return the unread ones of some groups, in the order of their ids."""
    return await _unread(db, directory, directory_groups, staging.GROUP, after)


async def _unread(db: Session, directory: Directory, table: Table, kind: str, after: str) -> Unread:
    where = key(directory)
    rows = await db.fetch_all(_part(table), after=after, take=_AT_ONCE, **where)
    there = [row["external_id"] for row in rows if row["external_id"] is not None]
    known = await staging.known(db, directory, kind, there)
    missing = [row["id"] for row in rows if row["external_id"] not in known]
    return Unread(missing, len(rows), rows[-1]["id"] if len(rows) == _AT_ONCE else "")
