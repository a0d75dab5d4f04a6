"""Writing the plan of a batch: one statement for each table, and all its events."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Column, Text, bindparam, delete, select, tuple_, update

from tenantry.db import crud
from tenantry.db.sql.records import named, records, rows_of, spelled
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import revised
from tenantry.events.email.model import mail
from tenantry.tenants.memberships import invitations, roles
from tenantry.tenants.roles.model import role_holders
from tenantry.tenants.users.model import (
    PENDING_INVITE,
    USERS,
    User,
    member_tally,
    memberships,
    user_search,
    user_tally,
    users,
)
from tenantry.transfer.bulk import organization_locks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tenantry.call import Call
    from tenantry.core.event import Event
    from tenantry.db.engine import Session
    from tenantry.tenants.organizations.model import Organization
    from tenantry.tenants.users.model import Membership
    from tenantry.transfer.bulk.model import Join, Person, Plan

_USERS, _MEMBERSHIPS, _HOLDERS, _MAIL = map(named, (users, memberships, role_holders, mail))
_CHANGED = (
    *("external_id", "profile", "metadata", "email_verified", "password_hash"),
    *("revision", "update_time"),
)
_SEEN: Column[int] = Column("seen", users.c.revision.type)
_REVISED = [*named(users, "id", *_CHANGED), _SEEN]
_LABELLED = named(memberships, "organization_id", "user_id", "metadata")


_INSERT_USERS = crud.insert_all(users)
_INSERT_MEMBERSHIPS = crud.insert_all(memberships)
_INSERT_HOLDERS = crud.insert_all(role_holders)
_INSERT_EMAIL = crud.insert_all(mail)
_revised = records("given", _REVISED).c
_HOLD_USERS = Statement(
    select(users.c.id)
    .where(users.c.id.in_(json_values(bindparam("ids", type_=Text))))
    .order_by(users.c.id)
    .with_for_update(key_share=True)
)
_UPDATE_USERS = Statement(
    update(users)
    .values({name: _revised[name] for name in _CHANGED})
    .where(users.c.id == _revised.id, users.c.revision == _revised.seen)
    .returning(users.c.id)
)
_labelled = records("given", _LABELLED).c
_HELD = named(memberships, "organization_id", "user_id")
_HOLD_MEMBERSHIPS = Statement(
    select(memberships.c.id)
    .where(tuple_(*_HELD).in_(rows_of("given", _HELD)))
    .order_by(*_HELD)
    .with_for_update(key_share=True, of=memberships)
)
_UPDATE_MEMBERSHIPS = Statement(
    update(memberships)
    .values(metadata=_labelled.metadata)
    .where(
        memberships.c.organization_id == _labelled.organization_id,
        memberships.c.user_id == _labelled.user_id,
    )
)
_DROP_HOLDERS = Statement(
    delete(role_holders).where(tuple_(*_HOLDERS).in_(rows_of("given", _HOLDERS)))
)


class ConcurrentUpdate(Exception):
    """Somebody else changed a user since it was read; the batch is to be decided again."""


async def write(call: Call, db: Session, plan: Plan, at: int) -> None:
    """Write a plan in a transaction.

    Raises:
        ConcurrentUpdate: see there.
        DuplicateKey, ForeignKey: somebody else made or deleted something meanwhile.

    """
    people = [person for person in plan.people.values() if person.changed]
    joins = [join for join in plan.joins.values() if join.place.changed]
    for person in people:
        if person.before is not None:
            person.user = _next_revision(person.before, person.user, at)
    rows = _membership_rows(call, db, joins)
    # All locks first, in their order: ARCHITECTURE.md.
    await organization_locks.lock_against_deletion(db, (row["organization_id"] for row in rows.new))
    known = [person.user.id for person in plan.people.values() if person.before is not None]
    if known:
        await db.fetch_all(_HOLD_USERS, ids=to_json(sorted(known)))
    there = [join.place.before.to_row() for join in joins if join.place.before is not None]
    await _run(db, _HOLD_MEMBERSHIPS, _HELD, there)
    if rows.given or rows.dropped:
        await roles.keep(db, {row["role_id"] for row in (*rows.given, *rows.dropped)})
    await _write_users(db, people)
    await _write_memberships(db, rows)
    shown = _Shown()
    events = [_of_person(call, person, plan, shown) for person in people]
    events += [_of_join(call, join, shown) for join in joins]
    await db.record_all(events)


async def _write_users(db: Session, people: Iterable[Person]) -> None:
    new, old = [], []
    searched = []
    for person in people:
        if person.before is None or person.before.external_id != person.user.external_id:
            searched.append(person.user.id)
        row = {**person.user.to_row(), "password_hash": person.password_hash}
        if person.before is None:
            new.append({**row, "password_time": None})
        else:
            old.append({**row, "seen": person.before.revision})
    # In the order of a unique key, on which two imports of the same people would wait.
    new.sort(key=lambda row: row["email_key"])
    await _run(db, _INSERT_USERS, _USERS, new)
    await user_tally.add(db, {USERS: len(new)})
    if len(await _run(db, _UPDATE_USERS, _REVISED, old)) != len(old):
        raise ConcurrentUpdate
    await user_search.mark_all(db, searched)


class _MembershipRows(NamedTuple):
    """Rows of memberships, of the roles that they hold, and of invitations by mail."""

    new: list[dict[str, Any]]
    labelled: list[dict[str, Any]]  # with other metadata
    given: list[dict[str, Any]]  # roles
    dropped: list[dict[str, Any]]  # roles
    emails: list[dict[str, Any]]


def _membership_rows(call: Call, db: Session, joins: Iterable[Join]) -> _MembershipRows:
    rows = _MembershipRows([], [], [], [], [])
    new, labelled, given, dropped, emails = rows
    for join in joins:
        after, before = join.place.membership, join.place.before
        if before is None:
            is_invited = after.status == PENDING_INVITE
            new.append(
                {
                    **after.to_row(),
                    "invite_digest": invitations.digest(db, after),
                    "invite_client_id": call.caller.calling_client_id if is_invited else None,
                }
            )
            given += [_holder(after, role.id) for role in after.roles]
            if is_invited:
                emails.append(_mail(db, join.person.user, after))
            continue
        if after.metadata != before.metadata:
            labelled.append(after.to_row())
        held, had = ({role.id for role in one.roles} for one in (after, before))
        given += [_holder(after, id_) for id_ in sorted(held - had)]
        dropped += [_holder(after, id_) for id_ in sorted(had - held)]
    return rows


async def _write_memberships(db: Session, rows: _MembershipRows) -> None:
    await _run(db, _INSERT_MEMBERSHIPS, _MEMBERSHIPS, rows.new)
    await member_tally.add(db, Counter(row["organization_id"] for row in rows.new))
    await _run(db, _UPDATE_MEMBERSHIPS, _LABELLED, rows.labelled)
    await _run(db, _DROP_HOLDERS, _HOLDERS, rows.dropped)
    await _run(db, _INSERT_HOLDERS, _HOLDERS, rows.given)
    await _run(db, _INSERT_EMAIL, _MAIL, rows.emails)


async def _run(
    db: Session, statement: Statement, columns: Sequence[Column[Any]], rows: list[dict[str, Any]]
) -> Sequence[Any]:
    return await db.fetch_all(statement, given=spelled(columns, rows)) if rows else ()


def _holder(membership: Membership, role_id: str) -> dict[str, Any]:
    return {
        "organization_id": membership.organization_id,
        "user_id": membership.user_id,
        "role_id": role_id,
    }


def _mail(db: Session, user: User, membership: Membership) -> dict[str, Any]:
    row = invitations.email_row(db, user, membership)
    return {name.removeprefix("mail_"): value for name, value in row.items()}


def _next_revision(before: User, user: User, at: int) -> User:
    return revised(
        before,
        at=at,
        external_id=user.external_id,
        profile=user.profile,
        metadata=user.metadata,
        email_verified=user.email_verified,
    )


class _Shown:
    """Users and organizations as events show them, made once for all events of a batch."""

    def __init__(self) -> None:
        self._made: dict[str, dict[str, Any]] = {}

    def __call__(self, thing: User | Organization) -> dict[str, Any]:
        found = self._made.get(thing.id)
        if found is None:
            found = self._made[thing.id] = thing.to_event()
        return found


def _of_person(call: Call, person: Person, plan: Plan, shown: _Shown) -> Event:
    user, before = person.user, person.before
    if before is None:
        organization_id = plan.first_organizations.get(user.id)
        return call.event("user.created", organization_id=organization_id, after=shown(user))
    return call.event("user.updated", before=before.to_event(), after=shown(user))


def _of_join(call: Call, join: Join, shown: _Shown) -> Event:
    after, before = join.place.membership, join.place.before
    # As `tenantry.tenants.users.model.shown_together` has it.
    about = {"organization": shown(join.organization), "user": shown(join.person.user)}
    if before is not None:
        type_ = "user.organization_membership_updated"
    elif after.status == PENDING_INVITE:
        type_ = "user.organization_invitation"
    else:
        type_ = "user.organization_membership_created"
    return call.event(
        type_,
        organization_id=join.organization.id,
        before=None if before is None else {**about, "membership": before.to_event()},
        after={**about, "membership": after.to_event()},
    )
