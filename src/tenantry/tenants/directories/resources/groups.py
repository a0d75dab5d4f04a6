"""Groups of a directory and their members, which are rows and never part of a document.

A change of members is one statement that adds and one that removes, for any number of them; the row
of their group is held meanwhile, so that two of them follow each other and none is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace as replaced
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, func, literal_column, select

from tenantry.core import ids
from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.sql.schema import from_json, json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import prefixed, revised
from tenantry.tenants.directories.effects import role_mapping
from tenantry.tenants.directories.model import (
    GIVEN,
    ID,
    DirectoryGroup,
    Member,
    directory_groups,
    directory_members,
    directory_users,
    key,
    of_directory,
)
from tenantry.tenants.directories.resources import moving_members
from tenantry.tenants.directories.resources.holding import hold_group, hold_names, not_found
from tenantry.tenants.directories.resources.moving_members import Steps
from tenantry.tenants.directories.scim import patches, resources
from tenantry.tenants.roles import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from tenantry.call import Call
    from tenantry.core.event import Event
    from tenantry.db.engine import Session
    from tenantry.tenants.directories.model import Directory
    from tenantry.tenants.directories.scim.patches import Operation
    from tenantry.tenants.directories.scim.resources import GroupPayload

    # A group as it was, and its members that joined and left, and those that are not known.
    _Moved = tuple[DirectoryGroup, tuple[str, ...], tuple[str, ...], tuple[str, ...]]

_u, _g, _m = directory_users.c, directory_groups.c, directory_members.c
_CREATE = crud.insert(directory_groups)
_UPDATE = crud.update(directory_groups)
_DELETE = crud.delete(directory_groups)
_GET = Statement(select(directory_groups).where(*of_directory(directory_groups), _g.id == ID))

_members = *of_directory(directory_members), _m.directory_group_id == ID
# A subquery for each name: a plan made for small tables would join all people of the directory.
_display = (
    select(func.coalesce(_u.document.op("->>")(literal_column("'displayName'")), _u.user_name))
    .where(*of_directory(directory_users), _u.id == _m.directory_user_id)
    .scalar_subquery()
    .label("display")
)
_MEMBERS = Statement(
    select(_m.directory_user_id, _display)
    .where(*_members, _m.directory_user_id > bindparam("after", type_=Text))
    .order_by(_m.directory_user_id)
    .limit(bindparam("take"))
)
_MEMBERS_OF_GROUPS = Statement(
    select(_m.directory_group_id, _m.directory_user_id, _display)
    .where(*of_directory(directory_members), _m.directory_group_id.in_(json_values(GIVEN)))
    .order_by(_m.directory_group_id, _m.directory_user_id)
)


@dataclass(frozen=True, slots=True)
class Changed:
    """A group as a change has left it, and the members that were given and are not known."""

    group: DirectoryGroup
    skipped: tuple[str, ...] = ()


async def create(call: Call, directory: Directory, payload: GroupPayload) -> Changed:
    """Create a group of a directory with its members; those that are not known are skipped."""
    group = new(call.db, directory, payload.document)
    given = dict.fromkeys(payload.members or ())
    joined: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    await catalogue.keep_current(call.db)
    async with call.db.transaction() as db:
        held = replaced(call, db=db)
        await moving_members.expect(db, len(given))
        await hold_names(db, directory, "[]")
        if given:  # which refer to the group
            await db.apply(_CREATE, **prefixed(group.to_row()))
            joined, skipped = await moving_members.add(db, group, given)
            group = replaced(group, member_count=len(joined))
        last: list[Event] = []
        await role_mapping.group_changed(held, directory, None, group, joined_ids=joined, last=last)
        await db.apply(_UPDATE if given else _CREATE, *last, **prefixed(group.to_row()))
    return Changed(group, skipped)


def new(db: Session, directory: Directory, document: Mapping[str, Any]) -> DirectoryGroup:
    """Return a new group without members, to be inserted."""
    at = now()
    return DirectoryGroup(
        id=db.new_id(ids.DIRECTORY_GROUP),
        organization_id=directory.organization_id,
        directory_id=directory.id,
        document=document,
        create_time=at,
        update_time=at,
        **resources.group_columns(document),
    )


async def get(db: Session, directory: Directory, id_: str) -> DirectoryGroup:
    row = await db.fetch_one(_GET, id=id_, **key(directory))
    if row is None:
        raise not_found(id_)
    return DirectoryGroup.from_row(row)


async def replace(call: Call, directory: Directory, id_: str, payload: GroupPayload) -> Changed:
    """Replace a group and its members (RFC 7644 section 3.5.1); without members it has none."""
    steps = Steps(only=True, joining=dict.fromkeys(payload.members or ()))
    return await _changed(call, directory, id_, lambda _: payload.document, steps)


async def patch(
    call: Call, directory: Directory, id_: str, operations: Sequence[Operation]
) -> Changed:
    """Make these changes of a group and its members, all or none (RFC 7644 section 3.5.2)."""
    read = patches.read_group_patch(operations, id=id_)
    change = read.apply if read.operations else None
    return await _changed(call, directory, id_, change, Steps.of(read.member_steps))


async def change_members(
    call: Call,
    directory: Directory,
    id_: str,
    *,
    add: Collection[str] = (),
    remove: Collection[str] = (),
) -> Changed:
    """Add these members to a group, and remove those."""
    steps = Steps.of([("remove", remove), ("add", add)])
    return await _changed(call, directory, id_, None, steps)


async def remove(call: Call, directory: Directory, id_: str) -> None:
    """Delete a group; its members stay in the directory."""
    async with call.db.transaction() as db:
        group = await hold_group(db, directory, id_)
        call.expect(group.revision)
        held = replaced(call, db=db)
        _, left, _ = await moving_members.apply(db, directory, group, Steps(only=True))
        # Its role assignments are still there, by which its meaning is known.
        await role_mapping.group_changed(held, directory, group, None, left_ids=left)
        await db.apply(_DELETE, **prefixed({"id": id_, **key(directory)}))


async def members_of(
    db: Session, directory: Directory, id_: str, *, after: str = "", take: int = 1000
) -> list[Member]:
    """Return members of a group by their ids, those behind ``after``, up to a limit."""
    rows = await db.fetch_all(_MEMBERS, id=id_, after=after, take=take, **key(directory))
    return [Member(row["directory_user_id"], row["display"]) for row in rows]


async def members_of_groups(
    db: Session, directory: Directory, ids_: Collection[str]
) -> dict[str, list[Member]]:
    """Return all members of these groups, by the ids of those that have any, in one statement.

    For groups that have few: their caller looks at `DirectoryGroup.member_count` first.
    """
    given = to_json(list(ids_))
    found: dict[str, list[Member]] = {}
    for row in await db.fetch_all(_MEMBERS_OF_GROUPS, given=given, **key(directory)):
        shown = Member(row["directory_user_id"], row["display"])
        found.setdefault(row["directory_group_id"], []).append(shown)
    return found


async def _changed(
    call: Call,
    directory: Directory,
    id_: str,
    change: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None,
    steps: Steps,
) -> Changed:
    """Change a group's document, if there is a change of it, and its members by these steps."""
    await catalogue.keep_current(call.db)
    async with call.db.transaction() as db:
        held = replaced(call, db=db)
        number = len(steps.joining) + len(steps.leaving)
        await moving_members.expect(db, number)
        is_small = number <= moving_members.AT_ONCE
        at_once = is_small and change is None and db.sees_before and call.if_match is None
        move = _moved_at_once if at_once else _moved
        before, joined, left, skipped = await move(held, directory, id_, steps)
        document = before.document if change is None else change(before.document)
        if not (joined or left or document != before.document):
            return Changed(before, skipped)
        columns = {} if document == before.document else resources.group_columns(document)
        count = before.member_count + len(joined) - len(left)
        after = revised(before, document=document, member_count=count, **columns)
        mean = partial(
            role_mapping.group_changed,
            *(held, directory, before, after),
            joined_ids=joined,
            left_ids=left,
        )
        last: list[Event] = []
        is_renamed = document != before.document  # then people's events have the new name
        if not is_renamed:
            await mean(last=last)
        await db.apply(_UPDATE, *last, **prefixed(after.to_row()))
        if is_renamed:
            await mean()
    return Changed(after, skipped)


async def _moved(call: Call, directory: Directory, id_: str, steps: Steps) -> _Moved:
    before = await hold_group(call.db, directory, id_)
    call.expect(before.revision)
    return before, *await moving_members.apply(call.db, directory, before, steps)


async def _moved_at_once(call: Call, directory: Directory, id_: str, steps: Steps) -> _Moved:
    row = await call.db.fetch_one(
        moving_members.move(only=steps.only),
        id=id_,
        joining=to_json(list(steps.joining)),
        leaving=to_json(list(steps.leaving)),
        **key(directory),
    )
    if row is None:
        raise not_found(id_)
    joined, left, known = (
        tuple(from_json(row[name] or "[]")) for name in ("joined", "left", "known")
    )
    unknown = steps.joining.keys() - known
    skipped = tuple(one for one in steps.joining if one in unknown)
    return DirectoryGroup.from_row(row), joined, left, skipped
