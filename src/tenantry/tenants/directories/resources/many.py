"""Changes of many people or groups of a directory, by few statements in one transaction.

Each leaves a person or a group, accounts and events as the same change by `people` or `groups`
does. A change that would be refused, or that needs more statements, is left to these.
"""

from __future__ import annotations

import itertools
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import replace as replaced
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Column, bindparam, delete, insert, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from tenantry.core.errors import ConcurrentChange
from tenantry.core.times import now
from tenantry.db.sql.records import records, rows_of, spelled
from tenantry.db.sql.schema import one_of, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import revised
from tenantry.tenants.directories.effects import many_people as effects
from tenantry.tenants.directories.effects import member_events, role_mapping
from tenantry.tenants.directories.effects.role_mapping import Movement, MustRunSeparately
from tenantry.tenants.directories.model import (
    DIRECTORY_ID,
    GIVEN,
    ORGANIZATION_ID,
    directory_emails,
    directory_groups,
    directory_members,
    directory_user_search,
    directory_users,
    key,
    of_directory,
    user_tally,
)
from tenantry.tenants.directories.resources import groups
from tenantry.tenants.directories.resources.groups import Changed
from tenantry.tenants.directories.resources.holding import hold_groups, hold_names, hold_users
from tenantry.tenants.directories.resources.moving_members import Steps
from tenantry.tenants.directories.scim import resources
from tenantry.tenants.directories.scim.faults import Fault
from tenantry.tenants.roles import catalogue

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.tenants.directories.model import Directory, DirectoryGroup, DirectoryUser
    from tenantry.tenants.directories.scim.resources import GroupPayload

# Those of one change, whose events are recorded with it.
MOST_MOVED = member_events.AT_ONCE

_u, _g, _m = directory_users.c, directory_groups.c, directory_members.c
_KEY = "organization_id", "directory_id", "id"
_UNCHANGED = {*_KEY, "create_time"}
_user = records("given", list(_u)).c
_UPDATE_USERS = Statement(
    update(directory_users)
    # By all of the key: SQLite would read all people of a directory that a parameter names.
    .where(*(_u[name] == _user[name] for name in _KEY))
    .values({one: _user[one.name] for one in _u if one.name not in _UNCHANGED})
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
_DELETE_USERS = Statement(
    delete(directory_users).where(*of_directory(directory_users), one_of(_u.id, GIVEN))
)
_DROP_ADDRESSES = Statement(
    delete(directory_emails).where(
        *of_directory(directory_emails), one_of(directory_emails.c.directory_user_id, GIVEN)
    )
)
_INSERT_GROUPS = Statement(
    insert(directory_groups).from_select(list(_g), rows_of("given", list(_g)))
)
_group = records("given", list(_g)).c
_UPDATE_GROUPS = Statement(
    update(directory_groups)
    .where(*(_g[name] == _group[name] for name in _KEY))
    .values({name: _group[name] for name in ("member_count", "revision", "update_time")})
)
_HOLD_PEOPLE = Statement(
    select(_u.id)
    .where(*of_directory(directory_users), one_of(_u.id, GIVEN))
    .order_by(_u.id)
    .with_for_update(read=True, key_share=True)
)
_PAIR = [_m.directory_group_id, _m.directory_user_id]
_pairs = records("given", _PAIR).c
_ADD_ALL = Statement(
    insert_or_leave(directory_members)
    .from_select(
        [_m.organization_id, _m.directory_id, *_PAIR],
        # A condition, or SQLite would take the conflict for that of a join.
        select(ORGANIZATION_ID, DIRECTORY_ID, *_pairs).where(_pairs.directory_user_id != ""),
    )
    .on_conflict_do_nothing()
    .returning(*_PAIR)
)
_REMOVE_ALL = Statement(
    delete(directory_members)
    .where(*of_directory(directory_members), tuple_(*_PAIR).in_(rows_of("given", _PAIR)))
    .returning(*_PAIR)
)


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a person: a function from the old document to the new one, and If-Match."""

    id: str
    apply: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    if_match: frozenset[int] | None = None


async def change_users(
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
            await _write_users(db, directory, written[:number])
        return [after for _, after in steps]


async def remove_users(
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
            await _delete_users(db, directory, going, groups)
        return len(going)


async def _delete_users(
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
    await db.fetch_all(_DELETE_USERS, given=ids, **key(directory))
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


async def _write_users(
    db: Session, directory: Directory, steps: Sequence[tuple[DirectoryUser, DirectoryUser]]
) -> None:
    if not steps:
        return
    rows = [after.to_row() for _, after in steps]
    await db.fetch_all(_UPDATE_USERS, given=spelled(list(_u), rows))
    renamed = [
        after.id
        for before, after in steps
        if any(getattr(after, one) != getattr(before, one) for one in directory_user_search.columns)
    ]
    await directory_user_search.mark_all(db, renamed, directory.organization_id, directory.id)


@dataclass(frozen=True, slots=True)
class _Moves:
    """The people that changes have moved, by pairs of group and person, and those not known."""

    joined: set[tuple[str, str]]
    left: set[tuple[str, str]]
    unknown: set[str]

    def of(self, group_id: str, steps: Steps) -> tuple[list[str], list[str], tuple[str, ...]]:
        """Return the people that a change added to a group and removed from it, and the unknown."""
        return (
            [id_ for id_ in steps.joining if (group_id, id_) in self.joined],
            [id_ for id_ in steps.leaving if (group_id, id_) in self.left],
            tuple(id_ for id_ in steps.joining if id_ in self.unknown),
        )


async def create_groups(
    call: Call, directory: Directory, payloads: Sequence[GroupPayload]
) -> list[Changed]:
    """Create groups with their members, which are different people; see `groups.create`.

    None is created, and nothing returned, if one of them must be created separately.
    """
    return await _together(call, lambda held: _created(held, directory, payloads))


async def change_members(
    call: Call, directory: Directory, changes: Sequence[tuple[str, Steps]]
) -> list[Changed]:
    """Make the first of these changes of groups' members, which are different people.

    It stops before a group that is not there. None of the changes is `Steps.only`. Nothing is
    changed or returned if one of them must run separately.
    """
    return await _together(call, lambda held: _changed_members(held, directory, changes))


async def _together(call: Call, make: Callable[[Call], Awaitable[list[Changed]]]) -> list[Changed]:
    """Make changes in one transaction, or none of them if one must run separately."""
    await catalogue.keep_current(call.db)
    with suppress(MustRunSeparately):
        async with call.db.transaction() as db:
            await db.expect_growth()
            return await make(replaced(call, db=db))
    return []


async def _created(
    call: Call, directory: Directory, payloads: Sequence[GroupPayload]
) -> list[Changed]:
    db = call.db
    await hold_names(db, directory, "[]")
    made = [groups.new(db, directory, one.document) for one in payloads]
    rows = spelled(list(_g), [group.to_row() for group in made])
    await db.fetch_all(_INSERT_GROUPS, given=rows)
    steps = [Steps(joining=dict.fromkeys(one.members or ())) for one in payloads]
    moves = await _move(db, directory, [(g.id, one) for g, one in zip(made, steps, strict=True)])
    found: list[Changed] = []
    movements: list[Movement] = []
    for group, one in zip(made, steps, strict=True):
        joined, _, unknown = moves.of(group.id, one)
        after = replaced(group, member_count=len(joined))
        found.append(Changed(after, unknown))
        movements.append(Movement(None, after, joined))
    await role_mapping.groups_changed(call, directory, movements)
    await _write_groups(db, [one.after for one in movements if one.moved])
    return found


async def _changed_members(
    call: Call, directory: Directory, changes: Sequence[tuple[str, Steps]]
) -> list[Changed]:
    held = await hold_groups(call.db, directory, {id_ for id_, _ in changes})
    made = list(itertools.takewhile(lambda change: change[0] in held, changes))
    moves = await _move(call.db, directory, made)
    found: list[Changed] = []
    movements: list[Movement] = []
    for id_, steps in made:
        joined, left, unknown = moves.of(id_, steps)
        before = held[id_]
        if joined or left:
            count = before.member_count + len(joined) - len(left)
            held[id_] = revised(before, member_count=count)
            movements.append(Movement(before, held[id_], [*joined, *left]))
        found.append(Changed(held[id_], unknown))
    if movements:
        await role_mapping.groups_changed(call, directory, movements)
        await _write_groups(
            call.db, [held[id_] for id_ in sorted({one.after.id for one in movements})]
        )
    return found


async def _move(db: Session, directory: Directory, changes: Sequence[tuple[str, Steps]]) -> _Moves:
    leaving = [(id_, one) for id_, steps in changes for one in steps.leaving]
    joining = [(id_, one) for id_, steps in changes for one in steps.joining]
    left = await _pairs_of(db, directory, _REMOVE_ALL, leaving)
    given = sorted({one for _, one in joining})
    rows = await db.fetch_all(_HOLD_PEOPLE, given=to_json(given), **key(directory)) if given else ()
    known = {row["id"] for row in rows}
    joined = await _pairs_of(
        db, directory, _ADD_ALL, [pair for pair in joining if pair[1] in known]
    )
    return _Moves(joined, left, set(given) - known)


async def _pairs_of(
    db: Session, directory: Directory, statement: Statement, pairs: Iterable[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Run a statement for pairs of group and person, and return those that it changed."""
    names = [column.name for column in _PAIR]
    given = [dict(zip(names, pair, strict=True)) for pair in pairs]
    if not given:
        return set()
    rows = await db.fetch_all(statement, given=spelled(_PAIR, given), **key(directory))
    return {(row[0], row[1]) for row in rows}


async def _write_groups(db: Session, changed: Sequence[DirectoryGroup]) -> None:
    if changed:
        rows = [group.to_row() for group in changed]
        await db.fetch_all(_UPDATE_GROUPS, given=spelled(list(_g), rows))
