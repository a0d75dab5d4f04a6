"""The rules of users: finding one, changing, proving the e-mail address, deleting.

A change is optimistic, as with organizations: read, compute, write if the revision is still the one
that was read; only one that loses again and again locks the row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Boolean, Text, bindparam, delete, insert, select, true, update

from tenantry.core import errors
from tenantry.core.caller import signed_in as signed_in_caller
from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.engine import DuplicateKey
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Batch, Statement
from tenantry.db.writes.duplicate_key import taken
from tenantry.db.writes.orphans import delete_orphans
from tenantry.db.writes.rows import bound, prefixed, revised
from tenantry.net import email_addresses
from tenantry.tenants.organizations.model import Organization, organizations
from tenantry.tenants.users import reading, values
from tenantry.tenants.users.model import (
    USERS,
    Membership,
    User,
    member_tally,
    memberships,
    shown_together,
    user_search,
    user_tally,
    users,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tenantry.call import Call
    from tenantry.db.engine import Session

# A change that loses this often against others takes a lock.
_ATTEMPTS = 3
_AT_ONCE = 500

_u, _m = users.c, memberships.c
_USER_ID = bindparam("user_id", type_=Text)
_IDS = json_values(bindparam("ids", type_=Text))
INSERT = insert(users).values(bound(users, but={"password_hash", "password_time"})).returning(_u.id)
MARK = user_search.mark
COUNT = user_tally.one_more(USERS)
_INSERT = Statement(INSERT, MARK, COUNT, batch=Batch("p_id"))
_HOLDER_OF_EMAIL = crud.get(users, by=("email_key",), columns=("id",))
_HOLDER_OF_EXTERNAL_ID = crud.get(users, by=("external_id",), columns=("id",))
_next_revision = {"revision": _u.revision + 1, "update_time": bindparam("p_update_time")}
VERIFY = (
    update(users)
    .where(_u.id == _USER_ID, ~_u.email_verified, _u.sub.is_(None))
    .values(email_verified=true(), **_next_revision)
)
_VERIFY = Statement(VERIFY.returning(_u.id))
_update = (
    update(users)
    .where(_u.id == bindparam("p_id"), _u.revision == bindparam("p_seen"))
    .values(bound(("external_id", "profile", "metadata", "revision", "update_time")))
    .returning(_u.id)
)
# By: is it searched anew.
_UPDATE = {
    False: Statement(_update, batch=Batch("p_id")),
    True: Statement(_update, MARK, batch=Batch("p_id")),
}
_CHANGE_PROFILE = Statement(
    update(users)
    .where(_u.id == _USER_ID)
    .values(
        profile=bindparam("p_profile"),
        email_verified=_u.email_verified | _u.sub.is_(None),
        **_next_revision,
    )
    .returning(_u.id)
)
_CHANGE_ADDRESS = Statement(
    update(users)
    .where(_u.id == _USER_ID, _u.sub.is_not(None))
    .values(
        email=bindparam("p_email", type_=Text),
        email_verified=bindparam("p_email_verified", type_=Boolean),
        **_next_revision,
    )
    .returning(_u.id),
    MARK,
)
# No new revision: a change that has read the user before is not in its way.
_SIGNED_IN = Statement(
    update(users)
    .where(_u.id == _USER_ID)
    .values(last_login_time=bindparam("p_now", type_=BigInteger))
    .returning(*reading.COLUMNS)
)
_HOLD = Statement(select(_u.id).where(_u.id == _USER_ID).with_for_update())
_HOLD_MEMBERSHIPS = Statement(
    select(_m.organization_id)
    .where(_m.user_id == _USER_ID)
    .order_by(_m.organization_id)
    .with_for_update()
)
_o = organizations.c
_HOLD_ADDRESSES = Statement(
    select(_u.id)
    .where(_u.email_key.in_(json_values(bindparam("keys", type_=Text))))
    .order_by(_u.id)
    .with_for_update()
)
_KEEP_ORGANIZATIONS = Statement(
    select(_o.id)
    .where(_o.id.in_(select(_m.organization_id).where(_m.user_id == _USER_ID)))
    .order_by(_o.id)
    .with_for_update(read=True, key_share=True)
)
_DELETE = Statement(
    delete(users).where(_u.id == bindparam("p_id")).returning(_u.id),
    MARK,
    user_tally.one_less(USERS),
)
_LEAVE = Statement(
    delete(memberships)
    .where(_m.user_id == _USER_ID, _m.organization_id.in_(_IDS))
    .returning(_m.organization_id)
)
_ORGANIZATIONS = Statement(select(organizations).where(organizations.c.id.in_(_IDS)))


@dataclass(frozen=True, slots=True)
class UserIdentifier:
    """Which user is meant: by our id or by the application's own."""

    id: str | None = None
    external_id: str | None = None


async def create(
    call: Call,
    user_id: str,
    *,
    email: str,
    profile: Mapping[str, Any],
    sub: str | None = None,
    verified: bool = True,
) -> User:
    """Create a user that has proved this e-mail address, of a new id; within a transaction.

    With a ``sub`` it is one whom a provider alone knows, for whose address somebody else may be
    known, and which is proved only where it is ``verified``.
    """
    user = User.new(
        user_id,
        email_addresses.checked(email, "email"),
        email_verified=verified,
        at=now(),
        profile=values.profile({}, profile, "user_profile"),
        sub=sub,
    )
    event = call.event("user.created", after=user.to_event())
    try:
        await call.db.apply(_INSERT, event, **prefixed(user.to_row()))
    except DuplicateKey as problem:
        raise duplicate(problem, user) from None
    return user


async def get(call: Call, identity: UserIdentifier) -> User:
    """Return a user, with all memberships that this caller may see."""
    bound = call.caller.organization_id
    user = await reading.find(
        call.db, id_=identity.id, external_id=identity.external_id, organization_id=bound
    )
    if user is None or (bound is not None and not user.memberships):
        raise errors.NotFound("user")
    return user


async def change(call: Call, identity: UserIdentifier, changes: Mapping[str, Any]) -> User:
    """Change the given members: external_id, metadata, and the given members of the profile.

    None or "" clears external_id and members of the profile; metadata replaces the whole map.
    """
    reading.check_scope(call)
    for _ in range(_ATTEMPTS):
        if done := await _attempt(call, identity, changes):
            return done
    async with call.db.transaction() as db:
        held = replace(call, db=db)
        user = await get(held, identity)
        await hold(db, user.id)
        if done := await _attempt(held, identity, changes):
            return done
    raise errors.ConcurrentChange  # the external id went over to another user meanwhile


async def change_own(call: Call, changes: Mapping[str, Any]) -> User:
    """Change the signed-in user who calls, in whichever organization they are: see `change`."""
    own = signed_in_caller(call.caller.id, None, call.caller.session_id)
    return await change(replace(call, caller=own), UserIdentifier(call.caller.id), changes)


async def change_profile(call: Call, user: User, profile: Mapping[str, Any]) -> User:
    """Apply the profile that a user entered after proving their email address, in a transaction.

    The address of one whom a provider alone knows is proved by nothing but `follow_address`.
    """
    db = call.db
    await hold(db, user.id)
    before = await reading.find(db, id_=user.id, external_id=None)
    if before is None:
        raise errors.NotFound("user")
    clean = values.profile(before.profile, profile, "user_profile")
    verified = before.email_verified or before.sub is None
    if clean == before.profile and verified == before.email_verified:
        return before
    after = revised(before, at=now(), profile=clean, email_verified=verified)
    await db.apply(
        _CHANGE_PROFILE,
        call.event("user.updated", before=before.to_event(), after=after.to_event()),
        user_id=user.id,
        p_profile=to_json(clean),
        p_update_time=after.update_time,
    )
    return after


async def follow_address(call: Call, user: User, email: str, *, verified: bool) -> None:
    """Have somebody whom a provider alone knows have the address that it says now.

    Within a transaction.
    """
    db = call.db
    await hold(db, user.id)
    before = await reading.find(db, id_=user.id, external_id=None)
    if before is None or before.sub is None:
        raise errors.NotFound("user")
    if (before.email, before.email_verified) == (email, verified):
        return
    after = revised(before, at=now(), email=email, email_verified=verified)
    await db.apply(
        _CHANGE_ADDRESS,
        call.event("user.updated", before=before.to_event(), after=after.to_event()),
        user_id=user.id,
        p_email=email,
        p_email_verified=verified,
        p_id=user.id,
        p_update_time=after.update_time,
    )


async def signed_in(call: Call, user_id: str, *, verified: bool) -> User | None:
    """Note that a user has signed in just now; return it, without memberships.

    With ``verified`` the person has proved the e-mail address by it. Within a transaction, up to
    whose end nobody else changes the user.
    """
    row = await call.db.apply(_SIGNED_IN, user_id=user_id, p_now=now())
    if row is None:
        return None
    user = User.from_row(row)
    return await verify(call, user) if verified else user


async def verify(call: Call, before: User) -> User:
    """Note that a held user has proved the e-mail address; return it as it is then.

    Of one whom a provider alone knows nothing is noted: see `follow_address`.
    """
    if before.email_verified or before.sub is not None:
        return before
    after = revised(before, at=now(), email_verified=True)
    event = call.event("user.updated", before=before.to_event(), after=after.to_event())
    await call.db.apply(_VERIFY, event, user_id=after.id, p_update_time=after.update_time)
    return after


async def hold(db: Session, user_id: str) -> None:
    """Let nobody else change or join this user before this transaction ends."""
    await db.fetch_one(_HOLD, user_id=user_id)


async def hold_addresses(db: Session, keys: Collection[str]) -> None:
    """Lock the users of these keys of email addresses until the transaction ends."""
    await db.fetch_all(_HOLD_ADDRESSES, keys=to_json(sorted(set(keys))))


async def keep_organizations(db: Session, user_id: str) -> set[str]:
    """Lock a user's organizations against deletion, and return their ids.

    The first step of deleting the user, whose memberships count for each of them.
    """
    rows = await db.fetch_all(_KEEP_ORGANIZATIONS, user_id=user_id)
    return {row["id"] for row in rows}


async def hold_with_memberships(call: Call, user_id: str, kept: Collection[str]) -> User:
    """Lock a user and all memberships until the transaction ends, and return the user.

    ``kept`` are the organizations that `keep_organizations` has locked.
    """
    await hold(call.db, user_id)
    rows = await call.db.fetch_all(_HOLD_MEMBERSHIPS, user_id=user_id)
    if any(row["organization_id"] not in kept for row in rows):
        raise errors.ConcurrentChange
    return await get(call, UserIdentifier(user_id))


async def delete_held(call: Call, user: User) -> None:
    """Delete a held user, with all memberships.

    Others may stay behind without an administrator: `memberships.leaving` looks at that.
    """
    db = call.db
    await _leave(call, user)
    left = user
    while len(left.memberships) == reading.MOST_MEMBERSHIPS:  # and there may be more
        rest = await reading.find(db, id_=user.id, external_id=None)
        left = replace(user, memberships=rest.memberships if rest else [])
        await _leave(call, left)
    deleted = call.event("user.deleted", before=user.to_event())
    await db.apply(_DELETE, deleted, p_id=user.id)


async def _leave(call: Call, user: User) -> None:
    """End the memberships of a user that are known."""
    await _record_leaving(call, user, user.memberships)
    left = to_json([place.organization_id for place in user.memberships])
    gone = await call.db.fetch_all(_LEAVE, user_id=user.id, ids=left)
    await member_tally.add(call.db, {row["organization_id"]: -1 for row in gone})
    keys = [{"organization_id": row["organization_id"], "user_id": user.id} for row in gone]
    await delete_orphans(call.db, memberships, keys)


def duplicate(problem: DuplicateKey, user: User) -> errors.Duplicate:
    """Return the error for a user whose e-mail address or external id another one has."""
    if problem.field == "external_id":
        key = user.external_id or ""
        return taken("external_id", key, _HOLDER_OF_EXTERNAL_ID, p_external_id=key)
    return taken("email", user.email, _HOLDER_OF_EMAIL, p_email_key=email_addresses.key(user.email))


async def _attempt(call: Call, identity: UserIdentifier, changes: Mapping[str, Any]) -> User | None:
    before = await get(call, identity)
    call.expect(before.revision)
    clean: dict[str, Any] = {}
    if "external_id" in changes:
        clean["external_id"] = values.external_id(changes["external_id"], "user.external_id")
    if "profile" in changes:
        clean["profile"] = values.profile(before.profile, changes["profile"], "user.user_profile")
    if "metadata" in changes:
        clean["metadata"] = dict(changes["metadata"])
    if all(getattr(before, name) == value for name, value in clean.items()):
        return before
    after = revised(before, at=now(), **clean)
    event = call.event("user.updated", before=before.to_event(), after=after.to_event())
    statement = _UPDATE[not clean.keys().isdisjoint(user_search.columns)]
    try:
        changed = await call.db.apply(
            statement, event, p_seen=before.revision, **prefixed(after.to_row())
        )
    except DuplicateKey as problem:
        raise duplicate(problem, after) from None
    return after if changed else None


async def _record_leaving(call: Call, user: User, places: list[Membership]) -> None:
    for start in range(0, len(places), _AT_ONCE):
        left = places[start : start + _AT_ONCE]
        wanted = to_json([place.organization_id for place in left])
        rows = await call.db.fetch_all(_ORGANIZATIONS, ids=wanted)
        known = {row["id"]: Organization.from_row(row) for row in rows}
        await call.db.record_all(
            call.event(
                "user.organization_membership_deleted",
                organization_id=place.organization_id,
                before=shown_together(known[place.organization_id], user, place),
            )
            for place in left
            if place.organization_id in known
        )
