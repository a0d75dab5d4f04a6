"""People and groups as the API lists them: in pages, the newest first, with a total."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Text,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
)

from tenantry.db.lists import pages
from tenantry.db.search.dialects import text_has
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories.model import (
    DIRECTORY_ID,
    ORGANIZATION_ID,
    DirectoryGroup,
    DirectoryUser,
    Member,
    directory_groups,
    directory_members,
    directory_user_search,
    directory_users,
    key,
    of_directory,
    user_tally,
)
from tenantry.tenants.directories.resources.holding import groups_of
from tenantry.tenants.directories.scim.schemas import fold

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import ColumnElement, Select, Subquery, Table

    from tenantry.db.engine import Row, Session
    from tenantry.db.lists.pages import Page
    from tenantry.tenants.directories.model import Directory

_u, _g, _m = directory_users.c, directory_groups.c, directory_members.c
_GROUP_ID = bindparam("group_id", type_=Text)
_UPDATED_AFTER = bindparam("updated_after", type_=BigInteger)
_SEARCH = bindparam("search", type_=Text)
_NEAR, _BY_INDEX, _ALL_OF_INDEX, _AMONG_ALL = "near", "by index", "all of the index", "among all"
_NOT_COUNTED: Select[Any] = select(literal_column("0").label("total"))
MOST_SEARCHED = 256  # characters
# Where people are searched: among this number of the nearest, which fill a page for what many have;
# then by index, which has parts of this number of characters, where that finds no more than this
# number. Of more, all that the index finds are sorted, unless a group or a time narrows the list
# already.
_NEAREST, _LEAST_INDEXED, _FEW = 1000, 3, 5000


async def page_of_users(
    db: Session,
    directory: Directory,
    *,
    page_size: int,
    page_token: str,
    group_id: str = "",
    updated_after: int | None = None,
    search: str = "",
) -> Page[DirectoryUser]:
    """Return one page of a directory's people, or of those in a group.

    ``updated_after`` narrows it to those that were changed later than this, in microseconds since
    1970; then 10,000 are counted at most. ``search`` narrows it to those with this text in the user
    name, the display name or the address of the account, without regard to case; then none are
    counted, which would take a walk through all. ``page_size`` 0 is the default of 10; more than
    100 is 100. A group that is not there has nobody.
    """
    listing = f"users of {directory.id} {group_id} {updated_after} {search}".rstrip()
    position = pages.position(db, listing, page_size=page_size, page_token=page_token)
    shape, sought = (bool(group_id), updated_after is not None), fold(search)
    params = {"group_id": group_id, "updated_after": updated_after, "search": sought}
    if not search:
        statement = _users(*shape, position.direction)
        return await _page(db, directory, position, statement, DirectoryUser.with_groups, **params)
    params |= key(directory) | position.params
    by_index = len(sought) >= _LEAST_INDEXED
    last = _AMONG_ALL if any(shape) or not by_index else _ALL_OF_INDEX
    for where in (_NEAR, *((_BY_INDEX,) if by_index else ()), last):
        rows = await db.fetch_all(_searched(where, *shape, position.direction), **params)
        # Of more than a few, the index has found some, and not the nearest.
        is_by_few = where == _BY_INDEX
        if rows[0]["matches"] <= _FEW if is_by_few else len(rows) > position.size:
            break
    return position.page(rows).of(DirectoryUser.with_groups)


async def page_of_groups(
    db: Session,
    directory: Directory,
    *,
    page_size: int,
    page_token: str,
    updated_after: int | None = None,
    search: str = "",
) -> Page[DirectoryGroup]:
    """Return one page of a directory's groups, or of those with a text in the name.

    See `page_of_users`.
    """
    listing = f"groups of {directory.id} {updated_after} {search}".rstrip()
    position = pages.position(db, listing, page_size=page_size, page_token=page_token)
    statement = _groups(updated_after is not None, bool(search), position.direction)
    params = {"updated_after": updated_after, "search": fold(search)}
    return await _page(db, directory, position, statement, DirectoryGroup.from_row, **params)


async def names_of_groups(db: Session, directory: Directory) -> list[Member]:
    """Return the ids and names of all groups, by name."""
    rows = await db.fetch_all(_NAMES, **key(directory))
    return [Member(row["id"], row["display_name"]) for row in rows]


async def _page(
    db: Session,
    directory: Directory,
    position: pages.Position,
    statement: Statement,
    record: Callable[[Row], Any],
    **params: Any,
) -> Page[Any]:
    rows = await db.fetch_all(statement, **key(directory), **position.params, **params)
    total = int(rows[0]["total"] or 0) if rows else 0
    return position.page(rows, total).of(record)


_NAMES = Statement(
    select(_g.id, _g.display_name)
    .where(*of_directory(directory_groups))
    .order_by(_g.display_name_key, _g.id)
)


def _has(*columns: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that one of these columns has the text in it that is searched for."""
    return or_(*(text_has(column, _SEARCH) for column in columns))


_HAS = _has(_u.user_name_key, _u.display_name_key, _u.email_key)


@functools.cache
def _users(of_group: bool, updated: bool, direction: str) -> Statement:
    found, identity = _all_users(of_group, updated)
    total: Select[Any] = select(user_tally.of(ORGANIZATION_ID, DIRECTORY_ID).label("total"))
    if of_group:
        of_it = _g.id == _GROUP_ID
        members = select(_g.member_count).where(*of_directory(directory_groups), of_it)
        total = select(members.scalar_subquery().label("total"))
    counted = pages.counted(found) if updated else total.subquery("counted")
    return _statement(directory_users, counted, found, identity, direction, groups_of(_u.id))


def _all_users(
    of_group: bool, updated: bool, *, searched: bool = False
) -> tuple[Select[Any], ColumnElement[str]]:
    """Return the ids of a directory's people, or of those in a group, and their column."""
    identity: ColumnElement[str] = _u.id
    found = select(identity).where(*of_directory(directory_users))
    if of_group:
        identity = _m.directory_user_id
        found = select(identity.label("id")).where(
            *of_directory(directory_members), _m.directory_group_id == _GROUP_ID
        )
        if updated or searched:
            found = found.join(directory_users, _u.id == identity)
            found = found.where(*of_directory(directory_users))
    if updated:
        found = found.where(_u.update_time > _UPDATED_AFTER)
    if searched:
        found = found.where(_HAS)
    return found, identity


@functools.cache
def _searched(where: str, of_group: bool, updated: bool, direction: str) -> Statement:
    """Return the statement of a page of those that have a text; each row has the `matches`.

    These are the people whom the index has found, `_FEW` and one at the most.
    """
    found: Select[Any]
    identity: ColumnElement[str]
    matches: ColumnElement[int] = literal_column("0")
    if where in {_BY_INDEX, _ALL_OF_INDEX}:
        matching = directory_user_search.matching(_SEARCH, ORGANIZATION_ID, DIRECTORY_ID)
        some = select(matching.c.id)
        if where == _BY_INDEX:
            some = some.limit(literal_column(str(_FEW + 1)))
        few = some.cte("matching")
        matches = select(func.count()).select_from(few).scalar_subquery()
        # Sorted first, so that no more people are read than the page takes. A subquery for each,
        # and no join: PostgreSQL could start from all people.
        ordered = pages.part(select(few.c.id), few.c.id, direction)
        each = ordered.offset(literal_column("0")).subquery("each_one")
        person = select(_u.id).where(*of_directory(directory_users), _u.id == each.c.id)
        if updated:
            person = person.where(_u.update_time > _UPDATED_AFTER)
        if of_group:
            of_it = _m.directory_group_id == _GROUP_ID, _m.directory_user_id == _u.id
            person = person.where(exists().where(*of_directory(directory_members), *of_it))
        found = select(each.c.id).where(person.scalar_subquery().is_not(None))
        identity = each.c.id
    elif where == _NEAR:
        looked_at = pages.part(*_all_users(of_group, updated), direction)
        near = looked_at.limit(literal_column(str(_NEAREST))).subquery("near")
        person = select(_HAS).where(*of_directory(directory_users), _u.id == near.c.id)
        found, identity = select(near.c.id).where(person.scalar_subquery()), near.c.id
    else:
        found, identity = _all_users(of_group, updated, searched=True)
    uncounted = select(literal_column("0", BigInteger).label("total"), matches.label("matches"))
    return _statement(
        directory_users, uncounted.subquery("counted"), found, identity, direction, groups_of(_u.id)
    )


@functools.cache
def _groups(updated: bool, searched: bool, direction: str) -> Statement:
    found = select(_g.id).where(*of_directory(directory_groups))
    if updated:
        found = found.where(_g.update_time > _UPDATED_AFTER)
    if searched:
        found = found.where(_has(_g.display_name_key))
        counted = _NOT_COUNTED.subquery("counted")
        return _statement(directory_groups, counted, found, _g.id, direction)
    if updated:
        return _statement(directory_groups, pages.counted(found), found, _g.id, direction)
    every = found.subquery("every")
    counted = select(func.count().label("total")).select_from(every).subquery("counted")
    return _statement(directory_groups, counted, found, _g.id, direction)


def _statement(
    table: Table,
    counted: Subquery,
    found: Select[Any],
    identity: ColumnElement[str],
    direction: str,
    *further: ColumnElement[Any],
) -> Statement:
    """Return the statement of a page: its rows, each with the total, which may stand alone."""
    page = pages.few(pages.part(found, identity, direction))
    rows = and_(*of_directory(table), table.c.id == page.c.id)
    statement = select(table, *counted.c, *further).select_from(
        counted.outerjoin(page, true()).outerjoin(table, rows)
    )
    return Statement(statement.order_by(pages.order(page.c.id, backward=direction == "backward")))
