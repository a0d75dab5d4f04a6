"""The rows of directories that are gone: the worker deletes them, a bounded number at a time.

The request that deletes a directory, or its organization, deletes the row of the directory, and
from then on nobody finds the others. No process has to be told: a tally whose directory is not
there says it, and is the last to go. The next worker finds the rest after one that dies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Integer, bindparam, delete, literal_column, select, true, tuple_
from sqlalchemy.dialects.postgresql import insert

from tenantry.db.sql.records import rows_of, spelled
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories.model import (
    DIRECTORY_ID,
    OF_DIRECTORY,
    ORGANIZATION_ID,
    directories,
    directory_changes,
    directory_emails,
    directory_groups,
    directory_members,
    directory_polled,
    directory_role_assignments,
    directory_tallies,
    directory_user_search,
    directory_users,
    of_directory,
    of_row,
)
from tenantry.tenants.directories.request_log import directory_requests

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement, Table

    from tenantry.db.engine import Session

AT_ONCE = 1000  # rows of one transaction
IDLE_SECONDS = 5.0
_FULL = 50  # transactions of one run that delete the above number
_WORD = "removed directories"
# A table that refers to another one comes before it.
_TABLES = (
    *(directory_members, directory_emails, directory_role_assignments, directory_groups),
    *(directory_users, directory_changes, directory_polled, directory_requests, directory_tallies),
)

_d, _t = directories.c, directory_tallies.c
_GONE = Statement(
    select(_t.organization_id, _t.directory_id)
    .where(~select(_d.id).where(of_row(directory_tallies)).exists())
    .limit(literal_column("1"))
)


def _delete(table: Table) -> Statement:
    """Return the statement that deletes some rows of a directory that is not there."""
    of_it = of_directory(table)
    own = [c for c in table.primary_key if c.name not in OF_DIRECTORY]
    # A restore may have brought it back.
    there = select(_d.id).where(_d.organization_id == ORGANIZATION_ID, _d.id == DIRECTORY_ID)
    # In a CTE, which PostgreSQL runs once: a subquery that locks rows can be run again for each row
    # of a join, and then finds the next ones beyond the limit.
    some = (
        select(*own)
        .where(*of_it, ~there.exists())
        .order_by(*own)
        .limit(bindparam("at_once", type_=Integer))
        .with_for_update(of=table)
        .cte("some")
    )
    key = own[0] if len(own) == 1 else tuple_(*own)
    return Statement(delete(table).where(*of_it, key.in_(select(*some.c))).returning(own[0]))


_DELETE = tuple(_delete(table) for table in _TABLES)
_DELETE_PEOPLE = _DELETE[_TABLES.index(directory_users)]
_KEY = [_t.organization_id, _t.directory_id]
_zero: ColumnElement[int] = literal_column("0")
_ENTER = Statement(
    insert(directory_tallies)
    .from_select(
        ["organization_id", "directory_id", "slot", "n"],
        # A condition, or SQLite would take the conflict for that of a join.
        rows_of("given", _KEY).add_columns(_zero, _zero).where(true()),
    )
    .on_conflict_do_nothing()
)


async def enter(db: Session, keys: Iterable[tuple[str, str]]) -> None:
    """Give new directories, by their organizations and ids, the tallies that they are found by.

    In the transaction that writes them.
    """
    given = ({"organization_id": of, "directory_id": id_} for of, id_ in keys)
    await db.fetch_all(_ENTER, given=spelled(_KEY, given))


async def run(db: Session) -> float:
    """Delete some rows of a directory that is gone; return the seconds to the next look."""
    gone = await db.fetch_one(_GONE)
    if gone is None:
        return IDLE_SECONDS
    key = {"organization_id": gone["organization_id"], "directory_id": gone["directory_id"]}
    left = _FULL
    for statement in _DELETE:
        n = AT_ONCE
        while n == AT_ONCE:
            if not left:
                return 0.0
            async with db.transaction() as held:
                if not await held.alone(_WORD):
                    return IDLE_SECONDS
                rows = await held.fetch_all(statement, at_once=AT_ONCE, **key)
                if statement is _DELETE_PEOPLE:
                    await directory_user_search.mark_all(
                        held, (row["id"] for row in rows), *key.values()
                    )
            n = len(rows)
            left -= n == AT_ONCE
    return 0.0
