"""The rules of users: creating one as a member, finding, changing, deleting.

A change is optimistic, as with organizations: read, compute, write if the revision is still the one
that was read; only one that loses again and again locks the row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, select, update

from tenantry import email_addresses, errors, ids
from tenantry.db.engine import DuplicateKey
from tenantry.db.statements import Statement
from tenantry.events.mail import service as mail_service
from tenantry.tenants.memberships import administrators, joining, leaving
from tenantry.tenants.users import reading, values
from tenantry.tenants.users.model import User, memberships, users
from tenantry.times import now

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.tenants.memberships.joining import Rules, Terms

# A change that loses this often against others takes a lock.
_ATTEMPTS = 3

_u = users.c
_insert = (
    insert(users)
    .values(
        {
            name: bindparam(f"p_{name}")
            for name in _u.keys()  # noqa: SIM118 - columns
            if name not in {"password_hash", "password_time"}
        }
    )
    .returning(_u.id)
)
_CREATE = Statement(_insert, joining.INSERT, joining.INSERT_HOLDERS)
_CREATE_AND_INVITE = Statement(_insert, joining.INSERT, joining.INSERT_HOLDERS, mail_service.INSERT)
_UPDATE = Statement(
    update(users)
    .where(_u.id == bindparam("p_id"), _u.revision == bindparam("p_seen"))
    .values(
        {
            name: bindparam(f"p_{name}")
            for name in ("external_id", "profile", "metadata", "revision", "update_time")
        }
    )
    .returning(_u.id)
)
_HOLD = Statement(select(_u.id).where(_u.id == bindparam("p_id")).with_for_update())
_HOLD_MEMBERSHIPS = Statement(
    select(memberships.c.id).where(memberships.c.user_id == bindparam("p_id")).with_for_update()
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Which user is meant: by our id or by the application's own."""

    id: str | None = None
    external_id: str | None = None


async def create(
    call: Call,
    organization_id: str,
    terms: Terms,
    *,
    rules: Rules,
    email: str,
    external_id: str | None = None,
    profile: Mapping[str, Any] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> User:
    """Create a user who is a member of an organization, invited by mail or at once.

    Raises:
        errors.Duplicate: another user has this e-mail address or external id.
        errors.NotFound: there is no such organization that this caller may see.
        errors.InvalidArgument: a value cannot be taken; the field is named. Or the organization
            has no free seat.

    """
    reading.check_scope(call, organization_id)
    at = now()
    user = User(
        id=call.db.new_id(ids.USER),
        email=email_addresses.checked(email, "user.email"),
        external_id=values.external_id(external_id, "user.external_id"),
        profile=values.profile({}, profile or {}, "user.user_profile"),
        metadata=dict(metadata or {}),
        email_verified=not terms.invite,
        last_login_time=None,
        revision=1,
        create_time=at,
        update_time=at,
    )
    joining.check_address(rules, user.email, "user.email")
    organization, held = await joining.offered(call.db, organization_id, terms.roles)
    place = joining.membership(call.db, organization, user.id, held, terms, rules=rules, at=at)
    created = call.event("user.created", organization_id=organization.id, after=user.shown())
    statement = _CREATE_AND_INVITE if terms.invite else _CREATE
    try:
        await joining.join(
            call, statement, organization, user, place, created, **_prefixed(user.to_row())
        )
    except DuplicateKey as problem:
        raise _duplicate(problem, user) from None
    user.memberships.append(place)
    return user


async def get(call: Call, identity: Identity) -> User:
    """Return a user, with all memberships that this caller may see.

    Raises:
        errors.NotFound: there is none that this caller may see.
        errors.InvalidArgument: neither id is given.

    """
    bound = call.caller.organization_id
    user = await reading.find(
        call.db, id_=identity.id, external_id=identity.external_id, organization_id=bound
    )
    if user is None or (bound is not None and not user.memberships):
        raise errors.NotFound("user")
    return user


async def change(call: Call, identity: Identity, changes: Mapping[str, Any]) -> User:
    """Change the given members: external_id, metadata, and the given members of the profile.

    None or "" clears external_id and members of the profile; metadata replaces the whole map.

    Raises:
        errors.NotFound: there is none that this caller may see.
        errors.PreconditionFailed: If-Match names another revision.
        errors.Duplicate: another one has this external id.
        errors.InvalidArgument: a value cannot be taken; the field is named.
        errors.PermissionDenied: the caller is bound to one organization.

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
    raise errors.Busy  # the external id went over to another user meanwhile


async def remove(call: Call, identity: Identity, *, forced: bool) -> None:
    """Delete a user with all memberships.

    Raises:
        errors.NotFound: there is none.
        errors.PreconditionFailed: If-Match names another revision.
        errors.InvalidArgument: it is the last admin of others, and this is not forced.
        errors.PermissionDenied: the caller is bound to one organization.

    """
    reading.check_scope(call)
    user = await get(call, identity)
    for _ in range(_ATTEMPTS):
        if await _remove(call, user.id, forced=forced):
            return
    raise errors.Busy


async def hold(db: Session, user_id: str) -> None:
    """Let nobody else change or join this user before this transaction ends."""
    await db.fetch_one(_HOLD, p_id=user_id)


def revised(before: User, *, at: int, **changes: Any) -> User:
    """Return a user after a change at this time: its next revision."""
    return replace(
        before,
        **changes,
        revision=before.revision + 1,
        update_time=max(at, before.update_time + 1),
    )


async def _remove(call: Call, user_id: str, *, forced: bool) -> bool:
    """Delete a user, unless it became the admin of one more organization meanwhile."""
    async with call.db.transaction() as db:
        checked = set() if forced else await administrators.check_everywhere(db, user_id)
        await hold(db, user_id)
        # One that others end or change at this moment has ended or changed when it is read.
        await db.fetch_all(_HOLD_MEMBERSHIPS, p_id=user_id)
        # Not held, there the other admin could go at this moment. It cannot be held now: who
        # changes members holds the organization first.
        if not forced and not await administrators.organizations_of(db, user_id) <= checked:
            return False
        held = replace(call, db=db)
        user = await get(held, Identity(user_id))
        _check_revision(call, user)
        await leaving.of_user(held, user)
    return True


async def _attempt(call: Call, identity: Identity, changes: Mapping[str, Any]) -> User | None:
    before = await get(call, identity)
    _check_revision(call, before)
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
    event = call.event("user.updated", before=before.shown(), after=after.shown())
    try:
        changed = await call.db.apply(
            _UPDATE, event, p_seen=before.revision, **_prefixed(after.to_row())
        )
    except DuplicateKey as problem:
        raise _duplicate(problem, after) from None
    return after if changed else None


def _check_revision(call: Call, user: User) -> None:
    if call.if_match is not None and user.revision not in call.if_match:
        raise errors.PreconditionFailed(user.revision)


def _duplicate(problem: DuplicateKey, user: User) -> errors.Duplicate:
    if problem.field == "external_id":
        return errors.Duplicate("external_id", user.external_id or "")
    return errors.Duplicate("email", user.email)


def _prefixed(row: Mapping[str, Any]) -> dict[str, Any]:
    return {f"p_{name}": value for name, value in row.items()}
