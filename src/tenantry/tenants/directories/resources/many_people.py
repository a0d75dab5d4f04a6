"""Changes and deletions of many people of a directory, by few statements in one transaction.

Each leaves a person, their account and the events as the same change by `people` does. A change
that would be refused, or that needs more statements, is left to that.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from dataclasses import replace as replaced
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Column, bindparam, delete, select, update

from tenantry.core.errors import ConcurrentChange
from tenantry.core.times import now
from tenantry.db.sql.records import records, spelled
from tenantry.db.sql.schema import one_of, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import revised
from tenantry.tenants.directories.effects import many_people as effects
from tenantry.tenants.directories.model import (
    GIVEN,
    directory_emails,
    directory_groups,
    directory_members,
    directory_user_search,
    directory_users,
    key,
    of_directory,
    user_tally,
)
from tenantry.tenants.directories.resources.holding import hold_groups, hold_users
from tenantry.tenants.directories.scim import resources
from tenantry.tenants.directories.scim.faults import Fault
from tenantry.tenants.roles import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.tenants.directories.model import Directory, DirectoryUser

_u, _g, _m = directory_users.c, directory_groups.c, directory_members.c
_KEY = "organization_id", "directory_id", "id"
_UNCHANGED = {*_KEY, "create_time"}
_changed = records("given", list(_u)).c
_UPDATE_ALL = Statement(
    update(directory_users)
    # By all of the key: SQLite would read all people of a directory that a parameter names.
    .where(*(_u[name] == _changed[name] for name in _KEY))
    .values({one: _changed[one.name] for one in _u if one.name not in _UNCHANGED})
)

_members_given = *of_directory(directory_members), one_of(_m.directory_user_id, GIVEN)
_GROUPS_OF_ALL = Statement(
    select(_m.directory_user_id, _m.directory_group_id).where(*_members_given)
)
_LEFT = [_g.organization_id, _g.directory_id, _g.id, Column("n", BigInteger)]
_left = records("given", _LEFT).c
_LEAVE_ALL = Statement(
    update(directory_groups)
    .where(*(_g[name] == _left[name] for name in _KEY))
    .values(
        member_count=_g.member_count - _left.n,
        revision=_g.revision + _left.n,
        update_time=bindparam("now", type_=BigInteger),
    )
)
_DELETE_ALL = Statement(
    delete(directory_users).where(*of_directory(directory_users), one_of(_u.id, GIVEN))
)
_DROP_ADDRESSES = Statement(
    delete(directory_emails).where(
        *of_directory(directory_emails), one_of(directory_emails.c.directory_user_id, GIVEN)
    )
)


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a person: a function from the old document to the new one, and If-Match."""

    id: str
    apply: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    if_match: frozenset[int] | None = None


async def change(
    call: Call, directory: Directory, changes: Sequence[Change]
) -> list[DirectoryUser]:
    """Make the first of these changes, which are of different people; return those people.

    It stops before a change that must run separately.
    """
    await catalogue.keep_current(call.db)
    async with call.db.transaction() as db:
        await db.expect_growth()
        held = await hold_users(db, directory, [one.id for one in changes])
        steps: list[tuple[DirectoryUser, DirectoryUser]] = []
        for one in changes:
            before = held.get(one.id)
            after = None if before is None else _after(before, one)
            if before is None or after is None:
                break
            steps.append((before, after))
        written = [(before, after) for before, after in steps if after is not before]
        if written:
            number = await effects.people_changed(replaced(call, db=db), directory, written)
            if number < len(written):
                first = written[number][0]
                steps = steps[: next(n for n, (one, _) in enumerate(steps) if one is first)]
            await _write(db, directory, written[:number])
        return [after for _, after in steps]


async def remove(
    call: Call, directory: Directory, given: Mapping[str, frozenset[int] | None]
) -> int:
    """Delete the first of these people, each with its If-Match; return of how many.

    It stops before a deletion that must run separately.
    """
    await catalogue.keep_current(call.db)
    async with call.db.transaction() as db:
        await db.expect_growth()
        ids = to_json(list(given))
        # Their ids first: to hold those of a join, PostgreSQL may look at each group.
        rows = await db.fetch_all(_GROUPS_OF_ALL, given=ids, **key(directory))
        groups = {row["directory_group_id"] for row in rows}
        if groups:
            await hold_groups(db, directory, groups)
        held = await hold_users(db, directory, given)
        going: list[DirectoryUser] = []
        for id_, if_match in given.items():
            user = held.get(id_)
            if user is None or (if_match is not None and user.revision not in if_match):
                break
            going.append(user)
        if going:
            pairs = [(user, None) for user in going]
            number = await effects.people_changed(replaced(call, db=db), directory, pairs)
            going = going[:number]
            await _delete(db, directory, going, groups)
        return len(going)


async def _delete(
    db: Session, directory: Directory, users: Sequence[DirectoryUser], groups: set[str]
) -> None:
    """Delete people; these groups are held."""
    if not users:
        return
    ids = to_json([user.id for user in users])
    rows = await db.fetch_all(_GROUPS_OF_ALL, given=ids, **key(directory))
    left = Counter(row["directory_group_id"] for row in rows)
    if left.keys() - groups:
        raise ConcurrentChange  # one was added while it was waited for
    if left:
        given = [{**key(directory), "id": id_, "n": n} for id_, n in left.items()]
        await db.fetch_all(_LEAVE_ALL, given=spelled(_LEFT, given), now=now())
    await db.fetch_all(_DELETE_ALL, given=ids, **key(directory))
    await db.fetch_all(_DROP_ADDRESSES, given=ids, **key(directory))
    await directory_user_search.mark_all(
        db, (user.id for user in users), directory.organization_id, directory.id
    )
    await user_tally.add(db, {(directory.organization_id, directory.id): -len(users)})


def _after(before: DirectoryUser, change: Change) -> DirectoryUser | None:
    """Return a person after a change; None if it must run separately."""
    if change.if_match is not None and before.revision not in change.if_match:
        return None
    try:
        document = change.apply(before.document)
    except Fault:
        return None
    if document == before.document:
        return before
    after = revised(before, document=document, **resources.columns(document))
    is_plain = after.user_name_key == before.user_name_key and resources.addresses(
        document
    ) == resources.addresses(before.document)
    return after if is_plain else None


async def _write(
    db: Session, directory: Directory, steps: Sequence[tuple[DirectoryUser, DirectoryUser]]
) -> None:
    if not steps:
        return
    rows = [after.to_row() for _, after in steps]
    await db.fetch_all(_UPDATE_ALL, given=spelled(list(_u), rows))
    renamed = [
        after.id
        for before, after in steps
        if any(getattr(after, one) != getattr(before, one) for one in directory_user_search.columns)
    ]
    await directory_user_search.mark_all(db, renamed, directory.organization_id, directory.id)
