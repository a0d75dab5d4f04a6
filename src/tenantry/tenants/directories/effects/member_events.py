"""The events of people that a change of groups or roles brings about: of few at once, with it.

Those of many are left to the worker, in rows of `directory_changes` that the change itself writes.
The worker takes the oldest row, tells of its people as they are then, and deletes it, all in one
transaction: so each is told of once, in order, even when a process dies meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, delete, literal_column, select

from tenantry.call import Call
from tenantry.core import ids
from tenantry.core.caller import Caller, Kind
from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.sql.records import spelled
from tenantry.db.sql.schema import from_json, json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories.effects import event_data, reading
from tenantry.tenants.directories.model import (
    ID,
    Directory,
    directories,
    directory_changes,
    key,
    of_directory,
    of_row,
)
from tenantry.tenants.directories.waiting import IDLE_SECONDS
from tenantry.tenants.roles import catalogue
from tenantry.tenants.users import reading as users_reading
from tenantry.tenants.users.model import users

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tenantry.core.event import Event
    from tenantry.db.engine import Session
    from tenantry.tenants.organizations.model import Organization
    from tenantry.tenants.roles.catalogue import HeldRole

AT_ONCE = 100  # people of whom a change tells itself, and of one row for the worker
_FEW = 3  # events that another statement may record: each number of them is a separate statement
_WORD = "changes of directories"

_c = directory_changes.c
_COLUMNS = list(directory_changes.c)
_LEAVE = crud.insert_all(directory_changes)
_OLDEST = Statement(
    select(*(_c.id.label("change_id"), _c.actor, _c.request_id, _c.directory_user_ids), directories)
    .join_from(directory_changes, directories, of_row(directory_changes))
    .order_by(_c.id)
    .limit(literal_column("1"))
)
_DELETE = Statement(delete(directory_changes).where(*of_directory(directory_changes), _c.id == ID))
_ACCOUNTS = Statement(
    users_reading.with_memberships(of_one=True).where(
        users.c.id.in_(json_values(bindparam("ids", type_=Text)))
    )
)


@dataclass(frozen=True, slots=True)
class MemberChange:
    """A person to tell of; with the account, and the ids of roles given to it and taken from it."""

    id: str
    user_id: str = ""
    given: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()

    def to_json(self) -> list[Any]:
        return [self.id, self.user_id, self.given, self.taken] if self.user_id else [self.id]

    @classmethod
    def from_json(cls, id_: str, user_id: str = "", *changes: list[str]) -> MemberChange:
        return cls(id_, user_id, *(tuple(one) for one in changes))


async def tell(
    call: Call,
    directory: Directory,
    mapping: reading.Mapping,
    told: Sequence[MemberChange],
    *,
    first: Event | None = None,
    but: str = "",
    last: list[Event] | None = None,
    found: Sequence[reading.Person] | None = None,
) -> None:
    """Record ``first``, and then the events of people as they are now; in a transaction.

    Their memberships' events come before their own. ``but`` is a group that is about to go. A few
    events are added to ``last`` instead, if it is given. People that were ``found`` already are not
    read.
    """
    events = [] if first is None else [first]
    if found is None:
        found = await reading.people(call.db, directory, [one.id for one in told], but=but)
    events += await events_of(call, directory, mapping, told, found)
    await record(call.db, events, last)


async def events_of(
    call: Call,
    directory: Directory,
    mapping: reading.Mapping,
    told: Sequence[MemberChange],
    found: Sequence[reading.Person],
) -> list[Event]:
    """Return the events of memberships whose roles have changed, and those of the people."""
    events = await events_of_roles(call, mapping.organization, told)
    for person in found:
        content = event_data.person(
            directory,
            person.user,
            groups=person.groups,
            roles=person.mapped.values(),
            attributes=mapping.attributes,
        )
        events.append(event_data.event(call, directory, "user_updated", before=None, after=content))
    return events


async def record(db: Session, events: list[Event], last: list[Event] | None) -> None:
    """Record these events, or add them to ``last`` where they are few enough for a statement."""
    if last is not None and len(events) <= _FEW:
        last += events
    else:
        await db.record_all(events)


async def leave(call: Call, directory: Directory, told: Sequence[MemberChange]) -> None:
    """Leave the events of these people to the worker; in a transaction."""
    at = now()
    rows = [
        {
            **key(directory),
            "id": call.db.new_id(ids.DIRECTORY_CHANGE),
            "actor": to_json(call.caller.actor),
            "request_id": call.request_id,
            "directory_user_ids": to_json([one.to_json() for one in told[start : start + AT_ONCE]]),
            "due_time": at,
        }
        for start in range(0, len(told), AT_ONCE)
    ]
    await call.db.fetch_all(_LEAVE, given=spelled(_COLUMNS, rows))


async def run(db: Session) -> float:
    """Tell of the people of the oldest change that waits; return the seconds to the next look."""
    async with db.transaction() as held:
        if not await held.alone(_WORD):
            return IDLE_SECONDS
        row = await held.fetch_one(_OLDEST)
        if row is None:
            return IDLE_SECONDS
        directory = Directory.from_row(row)
        mapping = await reading.mapping(held, directory)
        if mapping is not None:
            told = [MemberChange.from_json(*one) for one in from_json(row["directory_user_ids"])]
            call = _call_of(held, from_json(row["actor"]), row["request_id"])
            await tell(call, directory, mapping, told)
        await held.fetch_all(_DELETE, id=row["change_id"], **key(directory))
    return 0.0


def _call_of(db: Session, actor: dict[str, str], request_id: str) -> Call:
    return Call(Caller(Kind[actor["type"].upper()], actor["id"]), db, request_id)


async def events_of_roles(
    call: Call, organization: Organization, told: Iterable[MemberChange]
) -> list[Event]:
    """Return the events of memberships whose roles have changed."""
    changes = {one.user_id: one for one in told if one.user_id}
    if not changes:
        return []
    db = call.db
    rows = await db.fetch_all(
        _ACCOUNTS, ids=to_json(sorted(changes)), organization_id=organization.id
    )
    accounts = [user for user in await users_reading.users_of(db, rows) if user.memberships]
    if not accounts:
        return []
    lost = {role_id for one in changes.values() for role_id in one.taken}
    known = await catalogue.look_up(db, lost, rows[0]["version"])
    events, shown_organization = [], organization.to_event()
    for user in accounts:
        place = user.memberships[0]
        change = changes[user.id]
        kept = [role for role in place.roles if role.id not in change.given]
        gone = [known[role_id] for role_id in change.taken if role_id in known]
        was = replace(place, roles=_in_order([*kept, *gone]))
        # As `shown_together` has it.
        about = {"organization": shown_organization, "user": user.to_event()}
        events.append(
            call.event(
                "user.organization_membership_updated",
                organization_id=organization.id,
                before={**about, "membership": was.to_event()},
                after={**about, "membership": place.to_event()},
            )
        )
    return events


def _in_order(roles: Iterable[HeldRole]) -> tuple[HeldRole, ...]:
    return users_reading.in_order({role.id: role for role in roles}.values())
