"""Forgetting a person: their user is deleted, and old events and mail are blanked of them.

The event stays, with its time, its actor and all ids. All that is done here can be done again: an
erasure that was interrupted is finished by the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Text,
    bindparam,
    cast,
    exists,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)

from tenantry.core import errors, ids
from tenantry.db.sql.like import ESCAPE, escaped_json
from tenantry.db.sql.schema import events, from_json, json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.retries import retried
from tenantry.events.email import service as email_service
from tenantry.events.event_log import erasure as event_erasure
from tenantry.events.webhooks.deliveries import pruning as webhooks
from tenantry.net import email_addresses
from tenantry.tenants.users import service
from tenantry.tenants.users.model import memberships, users
from tenantry.tenants.users.redaction import ADDRESS, ErasedPerson

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Row, Session

ERASED = "user.erased"
_LOOKED_AT_ONCE = 5000  # events of one statement that searches them
_COLUMNS = ("before", "after")

_e, _u, _m = events.c, users.c, memberships.c

_USERS = Statement(
    select(_u.id, _u.email, _u.email_key).where(
        or_(
            _u.id == bindparam("p_id", type_=Text),
            _u.email_key == bindparam("p_address", type_=Text),
            _u.external_id == bindparam("p_external_id", type_=Text),
        )
    )
)
_IDS, _ADDRESSES = (json_values(bindparam(name, type_=Text)) for name in ("ids", "addresses"))
_HOLDERS = Statement(
    select(_u.id, _u.email).where(or_(_u.id.in_(_IDS), _u.email_key.in_(_ADDRESSES)))
)
_THERE = Statement(select(_u.id).where(_u.id.in_(_IDS)))
_AFTER = bindparam("after", type_=Text)


def _window(size: int) -> Statement:
    some = select(_e.id).where(_e.id > _AFTER).order_by(_e.id).limit(literal_column(str(size)))
    newest = func.max(some.subquery("some_events").c.id)
    return Statement(select(newest.label("last")))


_WINDOW = _window(_LOOKED_AT_ONCE)
_text = func.lower(
    func.coalesce(cast(_e.before, Text), "").concat(func.coalesce(cast(_e.after, Text), ""))
)
_patterns = json_values(bindparam("patterns", type_=Text)).subquery("patterns")
_HAS_ONE = exists(select(_patterns.c.value).where(_text.like(_patterns.c.value, escape=ESCAPE)))
_MENTIONS = Statement(
    select(_e.id, _e.before, _e.after)
    .where(
        _e.id > _AFTER,
        _e.id <= bindparam("last", type_=Text),
        _e.type != ERASED,  # which says no more than it must
        _HAS_ONE,
    )
    .order_by(_e.id)
)
_invited = (
    select(_m.organization_id, _m.user_id)
    .where(func.lower(_m.inviter_email).in_(_ADDRESSES))
    .order_by(_m.organization_id, _m.user_id)
    .with_for_update(key_share=True)
    .cte("invited")
)
_FORGET_INVITER = Statement(
    update(memberships)
    .where(
        tuple_(_m.organization_id, _m.user_id).in_(
            select(_invited.c.organization_id, _invited.c.user_id)
        )
    )
    .values(inviter_email=None)
    .returning(_m.id)
)
_NOTED = Statement(
    select(_e.id)
    .where(
        _e.type == ERASED,
        _HAS_ONE,
    )
    .limit(literal_column("1"))
)


@dataclass(frozen=True, slots=True)
class Found:
    """The person of an erasure, as far as users and events know them."""

    person: ErasedPerson
    is_there: bool  # as a user that is not deleted yet
    is_known: bool  # as one, or by an event


async def find(call: Call, key: str) -> Found:
    """Return the person of a user's id, e-mail address or external id, gone or not.

    A deleted user that had the same address is the same person; one that has it now is not, where
    another one was asked for.
    """
    db = call.db
    found, external_id = await _begin(db, key)
    while True:
        wider = await _widened(db, found, external_id)
        if wider == found or not wider.is_known:
            break
        found, external_id = wider, None
    if not wider.is_known:
        raise errors.NotFound("user")
    return wider


async def erase(call: Call, found: Found, progress: Callable[[int], object] | None = None) -> int:
    """Delete the user, blank their data everywhere, and return how many events mention them.

    ``progress`` is told this number as it grows.
    """
    db, person = call.db, found.person
    for row in await db.fetch_all(_THERE, ids=to_json(sorted(person.ids))):
        await retried(_delete, call, row["id"])
    await db.fetch_all(_FORGET_INVITER, addresses=to_json(sorted(person.addresses)))
    for address in sorted(person.addresses):
        await email_service.forget(db, address)
    count = redacted = 0
    async for rows in _mentions(db, [*person.ids, *person.addresses]):
        changed = [left for row in rows if (left := _changed(row, person))]
        about = {row["id"] for row in rows if _is_about(row, person)}
        about.update(left["id"] for left in changed)
        await event_erasure.blank(db, changed)
        # Also of those that an erasure which was interrupted had blanked already.
        await webhooks.forget(db, sorted(about))
        redacted += len(changed)
        count += len(about)
        if progress is not None:
            progress(count)
    if redacted or not await _was_noted(db, person):
        noted = {"id": max(person.ids)} if person.ids else {}
        event = call.event(ERASED, after={**noted, "events": count})
        async with db.transaction() as held:
            await held.record(event)
    return count


async def _delete(call: Call, user_id: str) -> None:
    async with call.db.transaction() as db:
        held = replace(call, db=db)
        kept = await service.keep_organizations(db, user_id)
        user = await service.hold_with_memberships(held, user_id, kept)
        await service.delete_held(held, user)


async def _begin(db: Session, key: str) -> tuple[Found, str | None]:
    """Return the person as users know them, and the external id to look for in events, if so."""
    is_id, is_address = ids.well_formed(ids.USER, key), "@" in key
    address = email_addresses.key(key) if is_address else None
    rows = await db.fetch_all(
        _USERS,
        p_id=key if is_id else None,
        p_address=address,
        p_external_id=None if is_id else key,
    )
    # An address before an external id that looks like one.
    for row in sorted(rows, key=lambda row: row["email_key"] != address):
        person = ErasedPerson(frozenset({row["id"]}), frozenset(_spellings(row["email"])))
        return Found(person, True, True), None
    person = ErasedPerson(
        frozenset({key} if is_id else ()), frozenset(_spellings(key) if is_address else ())
    )
    return Found(person, False, False), None if is_id else key


async def _widened(db: Session, found: Found, external_id: str | None) -> Found:
    """Return the person with the ids and addresses that events name together with theirs."""
    person = found.person
    user_ids, addresses, is_known = set(person.ids), set(person.addresses), found.is_there
    needles = [*person.ids, *person.addresses, *([external_id] if external_id else [])]
    async for rows in _mentions(db, needles):
        for row in rows:
            is_known = is_known or bool(_changed(row, person) or _is_about(row, person))
            for user in _users_in([_content(row, name) for name in _COLUMNS]):
                address = email_addresses.key(str(user.get("email") or ""))
                if (
                    user["id"] in person.ids
                    or address in person.addresses
                    or (external_id and user.get("external_id") == external_id)
                ):
                    user_ids.add(user["id"])
                    addresses |= _spellings(user.get("email") or "") - {"", ADDRESS}
                    is_known = True
    # A user that is there now and was not asked for is another person, with their own ids.
    others = await db.fetch_all(
        _HOLDERS, ids=to_json(sorted(user_ids)), addresses=to_json(sorted(addresses))
    )
    others = [row for row in others if row["id"] not in person.ids]
    user_ids -= {row["id"] for row in others}
    addresses -= {spelling for row in others for spelling in _spellings(row["email"])}
    return Found(ErasedPerson(frozenset(user_ids), frozenset(addresses)), found.is_there, is_known)


def _spellings(address: str) -> set[str]:
    """Return the key of an address, and its spelling in texts where that is not ASCII."""
    return {email_addresses.key(address), address.lower()}


async def _mentions(db: Session, texts: Sequence[str]) -> AsyncIterator[Sequence[Row]]:
    """Yield the events that hold one of these texts, or might, some at a time, by their ids."""
    patterns = to_json([f"%{escaped_json(text.lower())}%" for text in texts])
    after = ""
    while True:
        window = await db.fetch_one(_WINDOW, after=after)
        last = window["last"] if window is not None else None
        if last is None:
            return
        rows = await db.fetch_all(_MENTIONS, after=after, last=last, patterns=patterns)
        if rows:
            yield rows
        after = last


async def _was_noted(db: Session, person: ErasedPerson) -> bool:
    patterns = to_json([f'%"{escaped_json(id_)}"%' for id_ in person.ids])
    return await db.fetch_one(_NOTED, patterns=patterns) is not None


def _content(row: Row, name: str) -> Any:
    return None if row[name] is None else from_json(row[name])


def _changed(row: Row, person: ErasedPerson) -> dict[str, Any] | None:
    """Return the rest of an event that is to be blanked, its id and columns; None for others."""
    content = {name: _content(row, name) for name in _COLUMNS}
    left = {name: person.redacted(value) for name, value in content.items()}
    if left == content:
        return None
    spelled = {name: None if value is None else to_json(value) for name, value in left.items()}
    return {"id": row["id"], **spelled}


def _is_about(row: Row, person: ErasedPerson) -> bool:
    """Whether an event names the person."""
    texts = "".join(row[name] or "" for name in _COLUMNS)
    return any(f'"{id_}"' in texts for id_ in person.ids)


def _users_in(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the users within the content of an event."""
    if isinstance(value, list):
        for one in value:
            yield from _users_in(one)
    elif isinstance(value, dict):
        if ids.well_formed(ids.USER, str(value.get("id"))):
            yield value
        else:
            yield from _users_in(list(value.values()))
