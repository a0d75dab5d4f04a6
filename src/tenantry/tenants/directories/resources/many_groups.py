"""New groups of a directory and changes of members, many in one transaction by few statements.

Each leaves a group, its people and the events as the same change by `groups` does.
"""

from __future__ import annotations

import itertools
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import replace as replaced
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from tenantry.db.sql.records import records, rows_of, spelled
from tenantry.db.sql.schema import one_of, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import revised
from tenantry.tenants.directories.effects import role_mapping, telling
from tenantry.tenants.directories.effects.role_mapping import ByItself, Movement
from tenantry.tenants.directories.model import (
    DIRECTORY_ID,
    GIVEN,
    ORGANIZATION_ID,
    directory_groups,
    directory_members,
    directory_users,
    key,
    of_directory,
)
from tenantry.tenants.directories.resources import groups
from tenantry.tenants.directories.resources.groups import Changed
from tenantry.tenants.directories.resources.holding import hold_groups, hold_names
from tenantry.tenants.directories.resources.moving_members import Steps
from tenantry.tenants.roles import catalogue

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.tenants.directories.model import Directory, DirectoryGroup
    from tenantry.tenants.directories.scim.resources import GroupPayload

# Those of one change, whose events are recorded with it.
MOST_MOVED = telling.AT_ONCE

_u, _g, _m = directory_users.c, directory_groups.c, directory_members.c
_KEY = "organization_id", "directory_id", "id"
_INSERT_ALL = Statement(insert(directory_groups).from_select(list(_g), rows_of("given", list(_g))))
_changed = records("given", list(_g)).c
_UPDATE_ALL = Statement(
    update(directory_groups)
    .where(*(_g[name] == _changed[name] for name in _KEY))
    .values({name: _changed[name] for name in ("member_count", "revision", "update_time")})
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


async def create(
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
    with suppress(ByItself):
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
    await db.fetch_all(_INSERT_ALL, given=rows)
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
    await _write(db, [one.after for one in movements if one.moved])
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
        await _write(call.db, [held[id_] for id_ in sorted({one.after.id for one in movements})])
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


async def _write(db: Session, changed: Sequence[DirectoryGroup]) -> None:
    if changed:
        rows = [group.to_row() for group in changed]
        await db.fetch_all(_UPDATE_ALL, given=spelled(list(_g), rows))
