"""Adds members to a group and removes them, while the row of the group is held.

Many members are moved in batches, in the order of their ids: so all transactions lock people in the
same order, and other requests run in between.
"""

from __future__ import annotations

import asyncio
import functools
import heapq
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, delete, select, true
from sqlalchemy.dialects.postgresql import insert

from tenantry.db.sql.schema import json_rows, json_values, one_of, to_json
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories.effects import reading
from tenantry.tenants.directories.model import (
    GIVEN,
    ID,
    directory_groups,
    directory_members,
    directory_users,
    of_directory,
)
from tenantry.tenants.directories.resources import holding

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable

    from tenantry.db.engine import Session
    from tenantry.tenants.directories.model import Directory, DirectoryGroup

    Ids = tuple[str, ...]

AT_ONCE = 1000  # members that one statement adds or removes
_WITHOUT_PAUSE = 10_000  # ids that are compared

_u, _g, _m = directory_users.c, directory_groups.c, directory_members.c
_given = one_of(_u.id, GIVEN)
_known = select(_u.organization_id, _u.directory_id, ID, _u.id).where(
    *of_directory(directory_users), _given
)
# Held against deletion while they become members: one that is being deleted is waited for, and
# then is not there.
_ADD = Statement(
    insert(directory_members)
    .from_select(list(_m), _known.order_by(_u.id).with_for_update(read=True, key_share=True))
    .on_conflict_do_nothing()
    .returning(_m.directory_user_id)
)
_KNOWN = Statement(select(_u.id).where(*of_directory(directory_users), _given))
_members = *of_directory(directory_members), _m.directory_group_id == ID
_REMOVE = Statement(
    delete(directory_members)
    .where(*_members, one_of(_m.directory_user_id, GIVEN))
    .returning(_m.directory_user_id)
)
_KEEP = Statement(
    delete(directory_members)
    .where(*_members, _m.directory_user_id.not_in(json_values(GIVEN)))
    .returning(_m.directory_user_id)
)


@dataclass(slots=True)
class Steps:
    """The result of steps that are made one after the other; each id is named once."""

    only: bool = False  # those that join are all that remain
    joining: dict[str, None] = field(default_factory=dict)  # in their order
    leaving: dict[str, None] = field(default_factory=dict)

    @classmethod
    def of(cls, steps: Iterable[tuple[str, Collection[str]]]) -> Steps:
        """Return what these come to: "add" and "remove" some, "replace" by some, "clear"."""
        all_ = cls()
        for verb, given in steps:
            if verb in {"replace", "clear"}:
                all_ = cls(only=True)
            joins = verb in {"add", "replace"}
            named, others = all_.joining, all_.leaving
            if not joins:
                named, others = others, named
            named |= dict.fromkeys(given)
            if others:
                for id_ in given:
                    others.pop(id_, None)
        return all_


async def expect(db: Session, number: int) -> None:
    """Prepare a transaction that is about to move a number of members."""
    if number > AT_ONCE:
        await db.expect_growth()


async def apply(
    db: Session, directory: Directory, group: DirectoryGroup, steps: Steps
) -> tuple[Ids, Ids, Ids]:
    """Return the members that these steps have added, those removed, and the unknown ones."""
    joining, leaving = steps.joining, steps.leaving
    if steps.only and max(len(joining), group.member_count) > AT_ONCE:
        before = {id_: None async for id_ in _members_of(db, directory, group)}
        leaving = await _without(before, joining)
        joining = await _without(joining, before)
    elif steps.only:
        left = await _ids(db, _KEEP, group, joining)
        joined, unknown = await add(db, group, joining)
        return joined, left, unknown
    gone: list[str] = []
    async for some in _batches(leaving):
        gone += await _ids(db, _REMOVE, group, some)
    joined, unknown = await add(db, group, joining)
    return joined, tuple(gone), unknown


async def add(db: Session, group: DirectoryGroup, given: Collection[str]) -> tuple[Ids, Ids]:
    """Add members to a group that is held; return those that it did not have, and the unknown."""
    joined: list[str] = []
    unknown: list[str] = []
    async for some in _batches(given):
        new = await _ids(db, _ADD, group, some)
        rest = set(some).difference(new)
        rest.difference_update(await _ids(db, _KNOWN, group, rest) if rest else ())
        joined += new
        unknown += (id_ for id_ in some if id_ in rest)
    return tuple(joined), tuple(unknown)


@functools.cache
def move(*, only: bool) -> Statement:
    """Return the statement that removes the members ``leaving``, or all ``only`` but ``joining``.

    Then it adds ``joining``. It is for PostgreSQL. Its snapshot may be older than the wait for the
    group: then a member that another change has added meanwhile is not removed, as if that change
    came later. Its row is the group as it was, with the ids of those that `joined`,
    that `left`, and that are `known` of ``joining``, as JSON; NULL for nobody. There is no row
    without the group.
    """
    joining, leaving = (bindparam(name, type_=Text) for name in ("joining", "leaving"))
    group = holding.of_held(directory_groups).where(_g.id == ID).cte("held_group")
    # Groups are held before people, so the first of them is read by way of the other one.
    known = (
        select(_u.id)
        .select_from(group.join(directory_users, true()))
        .where(*of_directory(directory_users), one_of(_u.id, joining))
        .order_by(_u.id)
        .with_for_update(read=True, key_share=True, of=directory_users)
        .cte("known")
    )
    key = group.c.organization_id, group.c.directory_id, group.c.id
    joined = (
        insert(directory_members)
        .from_select(list(_m), select(*key, known.c.id).join_from(group, known, true()))
        .on_conflict_do_nothing()
        .returning(_m.directory_user_id)
        .cte("joined")
    )
    member = _m.directory_user_id
    goes = member.not_in(json_values(joining)) if only else one_of(member, leaving)
    left = (
        delete(directory_members)
        .where(*of_directory(directory_members), _m.directory_group_id == group.c.id, goes)
        .returning(_m.directory_user_id)
        .cte("left_ones")
    )
    moved = [
        select(json_rows(rows.c[0])).scalar_subquery().label(name)
        for name, rows in (("joined", joined), ("left", left), ("known", known))
    ]
    return Statement(select(group, *moved).add_cte(joined, left), is_read=False)


async def _members_of(
    db: Session, directory: Directory, group: DirectoryGroup
) -> AsyncIterator[str]:
    after = ""
    while some := await reading.members_after(db, directory, [group.id], after, most=AT_ONCE):
        after = some[-1]
        for id_ in some:
            yield id_


async def _without(ids: Iterable[str], others: Collection[str]) -> dict[str, None]:
    """Return those of these ids that are not among the others."""
    left: dict[str, None] = {}
    unseen = iter(ids)
    while some := list(islice(unseen, _WITHOUT_PAUSE)):
        left |= {id_: None for id_ in some if id_ not in others}
        await asyncio.sleep(0)
    return left


async def _batches(ids: Collection[str]) -> AsyncIterator[list[str]]:
    """Yield these ids in batches: a few as they are, and many in their order."""
    if len(ids) <= AT_ONCE:
        if ids:
            yield list(ids)
        return
    unsorted, parts = iter(ids), []
    while part := sorted(islice(unsorted, _WITHOUT_PAUSE)):
        parts.append(part)
        await asyncio.sleep(0)
    merged = heapq.merge(*parts)
    while some := list(islice(merged, AT_ONCE)):
        yield some


async def _ids(
    db: Session, statement: Statement, group: DirectoryGroup, given: Collection[str]
) -> Ids:
    rows = await db.fetch_all(
        statement,
        organization_id=group.organization_id,
        directory_id=group.directory_id,
        id=group.id,
        given=to_json(list(given)),
    )
    return tuple(row[0] for row in rows)
