"""The first steps of a poll: groups, their members, then people, a page at a time.

Groups and members are kept as they are read, and nothing is changed by them yet. People are made
equal page by page; that somebody is gone is known at the end alone.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tenantry.core import errors
from tenantry.db.engine import DuplicateKey
from tenantry.tenants.directories.model import SELECTED
from tenantry.tenants.directories.polling import differences, people_of_google, polls, staging
from tenantry.tenants.directories.polling.workspace import AccessRefused, GroupNotFound
from tenantry.tenants.directories.resources import many, people
from tenantry.tenants.directories.scim import resources
from tenantry.tenants.directories.scim.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from tenantry.db.engine import Session
    from tenantry.tenants.directories.model import DirectoryUser
    from tenantry.tenants.directories.polling.polls import Poll, Turn
    from tenantry.tenants.directories.polling.workspace import Listed

_AT_ONCE = 8  # groups whose members are asked for
_CHANGED_AT_ONCE = 50  # people, in one transaction
_READ_AT_ONCE = 20  # people, before the loop is given back


async def begin(turn: Turn) -> None:
    poll = turn.poll.begun(turn.directory)
    async with turn.held() as db:
        await staging.clear(db, turn.directory)
        await turn.keep(db, poll)
    turn.poll = poll


async def read_groups(turn: Turn) -> None:
    """Read a page of the groups, or one of those that are selected."""
    assert turn.account is not None
    poll = turn.poll
    if turn.directory.groups_tracked != SELECTED:
        page = await turn.workspace.groups(turn.account, poll.page_token)
        await _take_groups(turn, poll, page.items, page_token=page.next_page_token)
        return
    left = [one for one in polls.selected(turn.directory) if one > poll.group]
    found = []
    for id_ in left[:1]:
        try:
            found.append(await turn.workspace.group(turn.account, id_))
        except GroupNotFound as problem:
            poll = poll.noted({"group": id_, "reason": str(problem)})
    await _take_groups(turn, poll, found, group=left[0] if left[1:] else "")


async def _take_groups(
    turn: Turn,
    poll: Poll,
    found: Sequence[Mapping[str, Any]],
    *,
    page_token: str = "",
    group: str = "",
) -> None:
    documents: dict[str, Any] = {}
    for one in found:
        try:
            documents[one["id"]] = resources.read_group(people_of_google.group(one)).document
        except Fault as fault:
            poll = poll.noted({"group": one["id"], "reason": fault.detail})
    step = polls.GROUPS if page_token or group else polls.MEMBERS
    poll = poll.at(step, group=group, page_token=page_token)
    async with turn.held() as db:
        await staging.add(db, turn.directory, staging.GROUP, documents)
        await staging.add(db, turn.directory, staging.UNREAD, documents.keys())
        await turn.keep(db, poll)
    turn.poll = poll


async def read_members(turn: Turn) -> None:
    """Read the members of some groups at once, or one more page of a large one."""
    assert turn.account is not None
    asked = {turn.poll.group: turn.poll.page_token} if turn.poll.group else {}
    if not asked:
        unread = await staging.some(turn.db, turn.directory, staging.UNREAD, take=_AT_ONCE)
        asked = dict.fromkeys(unread, "")
    if not asked:
        await turn.move(turn.poll.at(polls.PEOPLE))
        return
    answers = await asyncio.gather(
        *(turn.workspace.members(turn.account, *one) for one in asked.items()),
        return_exceptions=True,
    )
    tracked = await staging.known(turn.db, turn.directory, staging.GROUP, asked)
    poll = turn.poll.at(polls.MEMBERS)
    pages: dict[str, Listed | None] = {}
    for id_, answer in zip(asked, answers, strict=True):
        # A group within a group may be somebody else's, and hide its members.
        if isinstance(answer, GroupNotFound) or (
            isinstance(answer, AccessRefused) and id_ not in tracked
        ):
            pages[id_] = None
            poll = poll.noted({"group": id_, "reason": str(answer)})
        elif isinstance(answer, BaseException):
            raise answer
        else:
            pages[id_] = answer
            # Of several large ones the others are read from the beginning after it.
            if answer.next_page_token and not poll.group:
                poll = poll.at(polls.MEMBERS, group=id_, page_token=answer.next_page_token)
    async with turn.held() as db:
        for id_, page in pages.items():
            await _take_members(turn, db, id_, page)
        await turn.keep(db, poll)
    turn.poll = poll


async def _take_members(turn: Turn, db: Session, id_: str, page: Listed | None) -> None:
    """Keep a page of a group's members; None where the group is gone."""
    directory = turn.directory
    if page is None:
        await staging.drop(db, directory, staging.GROUP, [id_])
    else:
        members = [one["id"] for one in page.items if one.get("type") == "USER"]
        inner = [one["id"] for one in page.items if one.get("type") == "GROUP"]
        if any(one.get("type") == "CUSTOMER" for one in page.items):
            members.append(staging.EVERYBODY)
        await staging.add(db, directory, staging.MEMBER_OF + id_, members)
        if directory.groups_tracked == SELECTED:
            await staging.add(db, directory, staging.WANTED, members)
        if inner:
            pairs = {f"{id_} {one}": {"outer": id_, "inner": one} for one in inner}
            await staging.add(db, directory, staging.INNER, pairs)
            read = await staging.known(db, directory, staging.READ, inner)
            await staging.add(db, directory, staging.UNREAD, set(inner) - read.keys())
    if page is None or not page.next_page_token:
        await staging.drop(db, directory, staging.UNREAD, [id_])
        await staging.add(db, directory, staging.READ, [id_])


async def read_people(turn: Turn) -> None:
    """Read a page of the people, and make those equal who differ."""
    assert turn.account is not None
    page = await turn.workspace.users(turn.account, turn.poll.page_token)
    wanted = await _wanted(turn, [one["id"] for one in page.items])
    documents: dict[str, dict[str, Any]] = {}
    poll = turn.poll
    for number, one in enumerate(page.items):
        if number % _READ_AT_ONCE == _READ_AT_ONCE - 1:
            await asyncio.sleep(0)
        if one["id"] in wanted:
            payload = people_of_google.user(one, custom=turn.custom.id if turn.custom else "")
            try:
                documents[one["id"]] = resources.read_user(payload, custom=turn.custom)
            except Fault as fault:
                poll = poll.noted({"user": payload["externalId"], "reason": fault.detail})
    stays, poll = await _make_equal(turn, wanted, documents, poll)
    token = page.next_page_token
    poll = poll.at(polls.PEOPLE if token else polls.GUARD, page_token=token)
    async with turn.held() as db:
        await staging.add(db, turn.directory, staging.PERSON, stays)
        await turn.keep(db, poll)
    turn.poll = poll


async def _wanted(turn: Turn, external_ids: list[str]) -> set[str]:
    """Return the people of a page in a selected group, or all where all groups are tracked."""
    if turn.directory.groups_tracked != SELECTED:
        return set(external_ids)
    asked = [*external_ids, staging.EVERYBODY]
    found = await staging.known(turn.db, turn.directory, staging.WANTED, asked)
    return set(external_ids) if staging.EVERYBODY in found else set(found)


async def _make_equal(
    turn: Turn, wanted: Collection[str], documents: Mapping[str, dict[str, Any]], poll: Poll
) -> tuple[dict[str, Any], Poll]:
    """Create and change people; return those who stay, with their ids here, and the poll.

    One without a document, which could not be taken, stays as they are here.
    """
    names = {id_: resources.columns(one)["user_name_key"] for id_, one in documents.items()}
    there = await differences.people(turn.db, turn.directory, wanted, names.values())
    stays: dict[str, Any] = {}
    new: dict[str, dict[str, Any]] = {}
    changed: dict[str, dict[str, Any]] = {}
    for id_ in wanted:
        before = there.get(id_) or there.get(names.get(id_, ""))
        stays[id_] = None if before is None else {"id": before.id}
        document = documents.get(id_)
        if document is None:
            continue
        if before is None:
            new[id_] = document
        elif (kept := _with_address(document, before)) is None:
            # The account is known by its address: it goes, and another one comes.
            del stays[id_]
            skipped = {"user": document["userName"], "reason": "the address is another one by now"}
            poll = replace(poll, again=True).noted(skipped)
        elif kept != before.document:
            changed[before.id] = kept
    for some in _parts(list(new)):
        made, poll = await _create(turn, [new[id_] for id_ in some], poll)
        ids = zip(some, made, strict=True)
        stays |= {id_: {"id": one.id} for id_, one in ids if not isinstance(one, Fault)}
    for some in _parts(sorted(changed)):  # as everybody holds people
        poll = await _change(turn, {id_: changed[id_] for id_ in some}, poll)
    return stays, poll


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + _CHANGED_AT_ONCE] for start in range(0, len(ids), _CHANGED_AT_ONCE))


async def _create(
    turn: Turn, documents: Sequence[Mapping[str, Any]], poll: Poll
) -> tuple[Sequence[DirectoryUser | Fault], Poll]:
    async with turn.held() as db:
        made = await people.create_many(turn.call(db), turn.directory, documents)
    for document, one in zip(documents, made, strict=True):
        if not isinstance(one, Fault):
            poll = poll.counted(created=1)
            continue
        # Somebody else, perhaps about to go, has the name.
        poll = replace(poll, again=poll.again or one.status == 409)
        poll = poll.noted({"user": document["userName"], "reason": one.detail})
    return made, poll


async def _change(turn: Turn, documents: Mapping[str, Mapping[str, Any]], poll: Poll) -> Poll:
    left = list(documents.items())
    while left:
        if done := await _change_first(turn, left):
            poll = poll.counted(updated=done)
        else:
            poll = await _change_one(turn, *left[0], poll)
        left = left[max(done, 1) :]
    return poll


async def _change_first(turn: Turn, documents: Sequence[tuple[str, Mapping[str, Any]]]) -> int:
    """Change the first users in one transaction; return how many, 0 if one must run separately."""
    changes = [many.Change(id_, _replaced_by(document)) for id_, document in documents]
    try:
        async with turn.held() as db:
            return len(await many.change_users(turn.call(db), turn.directory, changes))
    except (Fault, errors.Error, DuplicateKey):
        return 0


def _replaced_by(document: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    return lambda _: document


async def _change_one(turn: Turn, id_: str, document: Mapping[str, Any], poll: Poll) -> Poll:
    try:
        async with turn.held() as db:
            await people.replace(turn.call(db), turn.directory, id_, document)
    except Fault as fault:
        return poll.noted({"user": document["userName"], "reason": fault.detail})
    return poll.counted(updated=1)


def _with_address(document: dict[str, Any], before: DirectoryUser) -> dict[str, Any] | None:
    """Return the document with the address by which the account is known as the primary one.

    A renamed person has the former address as an alias. None where it is theirs no more.
    """
    if before.email_key in {"", resources.columns(document)["email_key"]}:
        return document
    if before.email_key not in resources.addresses(document):
        return None
    emails = [
        {name: value for name, value in one.items() if name != "primary"}
        for one in document["emails"]
    ]
    for one in emails:
        if resources.addresses({"emails": [one]}) == [before.email_key]:
            one["primary"] = True
    return {**document, "emails": emails}
