"""The roles that come of groups: recomputed at each change of a group, its members or the mapping.

People in mapped groups have their roles, and of those that the mapping names no others; the
default member role is for people in no mapped group. All other roles stay. The last administrator
of an organization keeps that role, until somebody else has it.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, delete, exists, select, tuple_
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from tenantry.core import errors
from tenantry.db.sql.records import records, rows_of, spelled
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories.effects import event_data, member_events, reading
from tenantry.tenants.directories.effects.member_events import MemberChange
from tenantry.tenants.directories.effects.reading import MembershipStatus
from tenantry.tenants.directories.model import ORGANIZATION_ID
from tenantry.tenants.memberships import administrators, roles, seats
from tenantry.tenants.roles.model import role_holders
from tenantry.tenants.users.model import ACTIVE, memberships

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence

    from tenantry.call import Call
    from tenantry.core.event import Event
    from tenantry.tenants.directories.effects.reading import Mapping, Person
    from tenantry.tenants.directories.model import Directory, DirectoryGroup, DirectoryUser
    from tenantry.tenants.users.model import Membership

_AT_ONCE = 1000  # people of one statement
_FEW = 10  # people that are read with the organization, as often as that has to be sent
_log = logging.getLogger(__name__)

_h, _m = role_holders.c, memberships.c
_PAIR = [_h.user_id, _h.role_id]
_HOLD = Statement(
    select(_m.user_id)
    .where(
        _m.organization_id == ORGANIZATION_ID,
        _m.user_id.in_(json_values(bindparam("user_ids", type_=Text))),
    )
    .order_by(_m.user_id)
    .with_for_update(key_share=True)
)
_TAKE = Statement(
    delete(role_holders).where(
        _h.organization_id == ORGANIZATION_ID, tuple_(*_PAIR).in_(rows_of("given", _PAIR))
    )
)
_given = records("given", _PAIR)
_GIVE = Statement(
    insert_or_leave(role_holders)
    .from_select(
        ["organization_id", "user_id", "role_id"],
        select(ORGANIZATION_ID, _given.c.user_id, _given.c.role_id).where(
            exists().where(_m.organization_id == ORGANIZATION_ID, _m.user_id == _given.c.user_id)
        ),
    )
    .on_conflict_do_nothing()
)


async def group_changed(
    call: Call,
    directory: Directory,
    before: DirectoryGroup | None,
    after: DirectoryGroup | None,
    *,
    joined_ids: Collection[str] = (),
    left_ids: Collection[str] | None = (),
    last: list[Event] | None = None,
) -> None:
    """Do what a change of a group means, and record its event and those of its people.

    Within a transaction, once group and members are written; but before a group is deleted, whose
    members are read where ``left_ids`` is None. Events of many people are left to the worker. A few
    that come last are added to ``last`` instead, for the statement that writes the group to record
    them: then the members are written, and the group is not.
    """
    if after is None:
        assert before is not None
        event = event_data.event(
            call, directory, "group_deleted", before=event_data.deleted_group(before), after=None
        )
        if left_ids is None:
            members = _of_groups(call, directory, [before.id])
        else:
            members = _given_ids(left_ids)
        await _recompute(call, directory, members, first=event, but=before.id)
        return
    event = _event(call, directory, before, after)
    changed = dict.fromkeys((*joined_ids, *(left_ids or ())))
    await _recompute(call, directory, _given_ids(changed), first=event, last=last)


@dataclass(frozen=True, slots=True)
class Movement:
    """A group before and after a change, None before it is created, and the ids of its people."""

    before: DirectoryGroup | None
    after: DirectoryGroup
    moved: Sequence[str] = ()


class MustRunSeparately(Exception):
    """One of the group changes must run separately."""


async def groups_changed(call: Call, directory: Directory, movements: Sequence[Movement]) -> None:
    """Apply the effects of changes of groups that move different people, a hundred each at most.

    The same as `group_changed` for each of them, in their order. Within a transaction, once all
    members are written.

    Raises:
        MustRunSeparately: a user loses the administrator role, or two users share one account.

    """
    db = call.db
    ids = [id_ for one in movements for id_ in one.moved]
    mapping = await reading.mapping(db, directory)
    if mapping is None:
        raise errors.NotFound("organization")
    changes: dict[str, MemberChange] = {}
    if mapping.decided:
        await seats.hold(db, directory.organization_id)
        standings = await reading.standings(db, directory, ids)
        changes = await _change_apart(call, mapping, standings)
    found = {one.user.id: one for one in await reading.people(db, directory, ids)} if ids else {}
    events: list[Event] = []
    for one in movements:
        told = [changes.get(id_) or MemberChange(id_) for id_ in one.moved]
        people = [found[id_] for id_ in sorted(one.moved) if id_ in found]
        events.append(_event(call, directory, one.before, one.after))
        events += await member_events.events_of(call, directory, mapping, told, people)
        await asyncio.sleep(0)
    await db.record_all(events)


async def _change_apart(
    call: Call, mapping: Mapping, standings: Sequence[MembershipStatus]
) -> dict[str, MemberChange]:
    """Give and take roles where no change depends on another one."""
    planned = [_changed(one, mapping, mapping.decided) for one in standings]
    if any(one is not None and mapping.creator_role_id in one.taken for one in planned):
        raise MustRunSeparately
    if len({one.user_id for one in standings}) < len(standings):
        raise MustRunSeparately
    return await _change(call, mapping, standings, mapping.decided)


def _event(
    call: Call, directory: Directory, before: DirectoryGroup | None, after: DirectoryGroup
) -> Event:
    return event_data.event(
        call,
        directory,
        "group_updated" if before else "group_created",
        before=event_data.group(before) if before else None,
        after=event_data.group(after),
    )


async def roles_reassigned(
    call: Call, directory: Directory, group_ids: Sequence[str], *, dropped: Collection[str] = ()
) -> None:
    """Have the people of groups follow a changed mapping; within the transaction that changed it.

    ``dropped`` are the ids of roles that the mapping named before, and no more.
    """
    if group_ids:
        await _recompute(call, directory, _of_groups(call, directory, group_ids), dropped=dropped)


async def follow(
    call: Call,
    directory: Directory,
    person: DirectoryUser,
    place: Membership,
    mapped: Collection[str],
) -> None:
    """Give a member that was there before, and is linked just now, the roles of the groups."""
    mapping = await reading.mapping(call.db, directory)
    if mapping is None:
        raise errors.NotFound("organization")
    assert person.user_id is not None
    held = frozenset(role.id for role in place.roles)
    standing = MembershipStatus(
        person.id, person.user_id, place.id, place.status, held, frozenset(mapped)
    )
    changes = await _change(call, mapping, [standing], mapping.decided)
    events = await member_events.events_of_roles(call, mapping.organization, changes.values())
    await call.db.record_all(events)


async def _recompute(
    call: Call,
    directory: Directory,
    ids: AsyncIterator[list[str]],
    *,
    first: Event | None = None,
    but: str = "",
    dropped: Collection[str] = (),
    last: list[Event] | None = None,
) -> None:
    """Give people the roles of their groups, some at a time, and tell of them."""
    db = call.db
    some: list[str] = await anext(ids, [])
    found: list[Person] | None = None
    if 0 < len(some) <= _FEW:
        mapping, found = await reading.mapping_and_people(db, directory, some, but=but)
    else:
        mapping = await reading.mapping(db, directory)
    if mapping is None:
        raise errors.NotFound("organization")
    decided = mapping.decided | set(dropped)
    if decided:
        await seats.hold(db, directory.organization_id)
        found = None  # they may have changed before it was held
    is_first = True
    while some:
        changes: dict[str, MemberChange] = {}
        if decided:
            standings = await reading.standings(db, directory, some, but=but)
            changes = await _change(call, mapping, standings, decided)
        told = [changes.get(id_) or MemberChange(id_) for id_ in some]
        if is_first and len(told) <= member_events.AT_ONCE:
            await member_events.tell(
                *(call, directory, mapping, told), first=first, but=but, last=last, found=found
            )
        else:
            if is_first and first is not None:
                await db.record(first)
            await member_events.leave(call, directory, told)
            await asyncio.sleep(0)
        is_first = False
        some = await anext(ids, [])
    if is_first and first is not None:
        await member_events.record(db, [first], last)


async def _change(
    call: Call, mapping: Mapping, standings: Sequence[MembershipStatus], decided: Collection[str]
) -> dict[str, MemberChange]:
    """Give and take roles; return the changes that were made, by the ids of the people."""
    changes = {one.id: changed for one in standings if (changed := _changed(one, mapping, decided))}
    if not changes:
        return {}
    await _keep_an_administrator(call, mapping, standings, changes)
    taken, given = (
        [
            {"user_id": one.user_id, "role_id": role_id}
            for one in changes.values()
            for role_id in getattr(one, name)
        ]
        for name in ("taken", "given")
    )
    db, where = call.db, {"organization_id": mapping.organization.id}
    user_ids = {row["user_id"] for row in (*taken, *given)}
    await db.fetch_all(_HOLD, user_ids=to_json(sorted(user_ids)), **where)
    await roles.keep(db, {row["role_id"] for row in (*taken, *given)})
    if taken:
        await db.fetch_all(_TAKE, given=spelled(_PAIR, taken), **where)
    if given:
        await db.fetch_all(_GIVE, given=spelled(_PAIR, given), **where)
    return {id_: one for id_, one in changes.items() if one.taken or one.given}


def _changed(
    one: MembershipStatus, mapping: Mapping, decided: Collection[str]
) -> MemberChange | None:
    wanted = set(one.mapped)
    if wanted:
        taken = (one.held & {*decided, mapping.default_role_id}) - wanted
    else:
        taken = one.held & set(decided)
        if not one.held - taken:
            wanted = {mapping.default_role_id}
            taken -= wanted
    given = wanted - one.held
    if not taken and not given:
        return None
    return MemberChange(one.id, one.user_id, tuple(sorted(given)), tuple(sorted(taken)))


async def _keep_an_administrator(
    call: Call,
    mapping: Mapping,
    standings: Sequence[MembershipStatus],
    changes: dict[str, MemberChange],
) -> None:
    """Leave one of those that would lose it the role of administrators, if nobody else has it."""
    creator, organization_id = mapping.creator_role_id, mapping.organization.id
    losing = [
        one
        for one in standings
        if one.status == ACTIVE and one.id in changes and creator in changes[one.id].taken
    ]
    if not losing:
        return
    gaining = any(
        one.status == ACTIVE and one.id in changes and creator in changes[one.id].given
        for one in standings
    )
    oldest = min(losing, key=lambda one: one.membership_id)
    others = [one.user_id for one in losing if one is not oldest]
    if gaining or not await administrators.is_last(
        call.db, oldest.user_id, organization_id, demoted=others
    ):
        return
    change, default = changes[oldest.id], {mapping.default_role_id} - oldest.mapped
    changes[oldest.id] = replace(
        change,
        given=tuple(role_id for role_id in change.given if role_id not in default),
        taken=tuple(role_id for role_id in change.taken if role_id != creator),
    )
    _log.warning(
        "last administrator keeps the role despite the directory",
        extra={"fields": {"organization_id": organization_id, "user_id": oldest.user_id}},
    )


async def _given_ids(given: Collection[str]) -> AsyncIterator[list[str]]:
    ids = list(given)
    for start in range(0, len(ids), _AT_ONCE):
        yield list(ids[start : start + _AT_ONCE])


async def _of_groups(
    call: Call, directory: Directory, group_ids: Sequence[str]
) -> AsyncIterator[list[str]]:
    after = ""
    while some := await reading.members_after(call.db, directory, group_ids, after, most=_AT_ONCE):
        after = some[-1]
        yield some
