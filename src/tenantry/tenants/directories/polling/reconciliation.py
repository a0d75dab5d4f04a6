"""The last steps of a poll: groups and memberships are made equal, and the rest is removed.

Before them stands the guard: an answer that lacks most people, or all groups, is rather a fault of
the answer, or of the selection, than a company that has let everybody go.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tenantry.tenants.directories.model import SELECTED
from tenantry.tenants.directories.polling import differences, polls, staging
from tenantry.tenants.directories.polling.workspace import TemporaryError
from tenantry.tenants.directories.resources import groups, people
from tenantry.tenants.directories.scim import patches, resources
from tenantry.tenants.directories.scim.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from tenantry.tenants.directories.model import DirectoryGroup
    from tenantry.tenants.directories.polling.differences import Unread
    from tenantry.tenants.directories.polling.polls import Poll, Turn

_GROUPS_AT_ONCE = 50
_MEMBERS_AT_ONCE = 500
_MOST_INNER = 100_000  # groups in groups
_FEW = 20  # of which any part may go, but not all of several
_PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


class PollHalted(Exception):
    """The guard has stopped the poll; the text is a sentence for people."""


async def guard(turn: Turn) -> None:
    """Stop where so much would be removed that it is rather a mistake."""
    named = await staging.count(turn.db, turn.directory, staging.PERSON)
    if not named and turn.directory.groups_tracked != SELECTED:
        raise TemporaryError("Google Workspace returned no users.")
    numbers = (
        await _numbers(turn, differences.people_unread),
        await _numbers(turn, differences.groups_unread),
    )
    going = tuple(leaving for _, leaving in numbers)
    agreed = len(turn.poll.confirmed) == len(going) and all(
        now <= then for now, then in zip(going, turn.poll.confirmed, strict=True)
    )
    if not agreed and any(_alarms(*one) for one in numbers):
        turn.poll = replace(turn.poll, held=going)
        (users, leaving), (all_groups, groups_leaving) = numbers
        raise PollHalted(
            f"The last sync would have removed {leaving} of {users} users and {groups_leaving} "
            f"of {all_groups} groups, so it removed none. If that is intended, start a sync to "
            "remove them."
        )
    await turn.move(turn.poll.at(polls.WRITE_GROUPS))


async def _numbers(turn: Turn, unread: Callable[..., Awaitable[Unread]]) -> tuple[int, int]:
    """Return how many there are, and how many of them were not read."""
    there, leaving, after, more = 0, 0, "", True
    while more:
        part = await unread(turn.db, turn.directory, after)
        there, leaving, after = there + part.number, leaving + len(part.ids), part.last
        more = bool(after)
    return there, leaving


def _alarms(there: int, leaving: int) -> bool:
    if there > _FEW:
        return 2 * leaving > there
    return leaving == there > 1


async def write_groups(turn: Turn) -> None:
    """Make some more groups equal, with their members."""
    directory, poll = turn.directory, turn.poll
    read = await staging.some(
        turn.db, directory, staging.GROUP, after=poll.group, take=_GROUPS_AT_ONCE
    )
    there = await differences.groups(turn.db, directory, read)
    for id_, document in read.items():
        group = there.get(id_)
        if group is None:
            async with turn.held() as db:
                payload = resources.GroupPayload(document, None)
                group = (await groups.create(turn.call(db), directory, payload)).group
            poll = poll.counted(groups_created=1)
        elif group.document != document:
            async with turn.held() as db:
                await groups.patch(turn.call(db), directory, group.id, _as_patch(document))
            poll = poll.counted(groups_updated=1)
        poll = await _make_members_equal(turn, group, await _flattened(turn, id_), poll)
    more = len(read) == _GROUPS_AT_ONCE
    await turn.move(
        poll.at(polls.WRITE_GROUPS, group=max(read)) if more else poll.at(polls.DROP_GROUPS)
    )


def _as_patch(document: Mapping[str, Any]) -> Any:
    replaced = {"op": "replace", "value": document}
    return patches.parse({"schemas": [_PATCH], "Operations": [replaced]})


async def _make_members_equal(
    turn: Turn, group: DirectoryGroup, of: Collection[str], poll: Poll
) -> Poll:
    """Give a group the people of these kinds, and no others."""
    there = await differences.members(turn.db, turn.directory, group.id)
    wanted = await _ids(turn, of)
    for word, ids in (("remove", there - wanted), ("add", wanted - there)):
        ordered = sorted(ids)
        for start in range(0, len(ordered), _MEMBERS_AT_ONCE):
            some = {word: ordered[start : start + _MEMBERS_AT_ONCE]}
            async with turn.held() as db:
                await groups.change_members(turn.call(db), turn.directory, group.id, **some)
        poll = poll.counted(**{f"members_{word}": len(ordered)})
    return poll


async def _ids(turn: Turn, kinds: Collection[str]) -> set[str]:
    """Return the ids of the people of these kinds, as far as they are here."""
    db, directory = turn.db, turn.directory
    found: set[str] = set()
    for kind in kinds:
        after = ""
        while part := await staging.some(db, directory, kind, after=after, take=_MEMBERS_AT_ONCE):
            after = max(part)
            known = part
            if kind != staging.PERSON:
                known = await staging.known(db, directory, staging.PERSON, part)
            found.update(one["id"] for one in known.values() if one is not None)
    return found


async def _flattened(turn: Turn, id_: str) -> list[str]:
    """Return the kinds whose people are in a group: its own, and those of all groups in it."""
    if turn.inner is None:
        turn.inner = {}
        pairs = await staging.some(turn.db, turn.directory, staging.INNER, take=_MOST_INNER)
        for pair in pairs.values():
            turn.inner.setdefault(pair["outer"], []).append(pair["inner"])
    found, waiting = {id_}, [id_]
    while waiting:
        inner = set(turn.inner.get(waiting.pop(), ())) - found
        found |= inner
        waiting += inner
    kinds = [staging.MEMBER_OF + one for one in sorted(found)]
    for kind in kinds:
        if await staging.known(turn.db, turn.directory, kind, [staging.EVERYBODY]):
            return [staging.PERSON]
    return kinds


async def drop_groups(turn: Turn) -> None:
    """Delete the unread ones of some groups, and at last go on."""
    part = await differences.groups_unread(turn.db, turn.directory, turn.poll.group)
    await _remove(turn, part.ids, groups.remove)
    poll = turn.poll.counted(groups_deleted=len(part.ids))
    await turn.move(poll.at(polls.DROP_GROUPS if part.last else polls.DROP_PEOPLE, group=part.last))


async def drop_people(turn: Turn) -> None:
    """Delete the unread ones of some people; behind the last ones the poll is at its end."""
    part = await differences.people_unread(turn.db, turn.directory, turn.poll.group)
    await _remove(turn, part.ids, people.remove)
    poll = turn.poll.counted(deleted=len(part.ids))
    await turn.move(poll.at(polls.DROP_PEOPLE if part.last else polls.DONE, group=part.last))


async def _remove(turn: Turn, ids: Collection[str], remove: Callable[..., Any]) -> None:
    for id_ in ids:
        # Each by itself: the groups of a person are held before the person.
        with suppress(Fault):  # somebody else was faster
            async with turn.held() as db:
                await remove(turn.call(db), turn.directory, id_)
