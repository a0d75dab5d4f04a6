"""The meaning of a change of a person in a directory, for the account and the membership.

While the directory has somebody as active, that person is a member: with the account of the
address, or a new one. Inactive or deleted there, the membership is off, for all ways to sign
in. Only this organization's membership ever changes. The address must be of a domain
that the organization has proved, and stays the same: so no directory gets at another account.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, select, update

from tenantry.core import errors, ids
from tenantry.core.caller import Caller, Kind
from tenantry.core.times import now
from tenantry.db.sql.statements import Statement
from tenantry.net import email_addresses
from tenantry.tenants.directories.effects import event_data, profiles, reading, role_mapping
from tenantry.tenants.directories.model import ORGANIZATION_ID, directory_users
from tenantry.tenants.directories.scim import resources
from tenantry.tenants.directories.scim.faults import Fault
from tenantry.tenants.memberships import activity, administrators, joining, seats
from tenantry.tenants.roles import catalogue
from tenantry.tenants.users import reading as users_reading
from tenantry.tenants.users import service as users
from tenantry.tenants.users.model import ACTIVE, INACTIVE, User
from tenantry.tenants.users.model import users as accounts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.call import Call
    from tenantry.core.event import Event
    from tenantry.db.engine import Session
    from tenantry.db.writes.transactions import DeferredWrite
    from tenantry.tenants.directories.effects.reading import Around
    from tenantry.tenants.directories.model import Directory, DirectoryUser
    from tenantry.tenants.users.model import Membership

# The permission of a directory where people have accounts.
PROVISION = "provision"

_log = logging.getLogger(__name__)

_USER_ID = bindparam("p_user_id", type_=Text)
_ACCOUNT = Statement(select(accounts.c.id).where(accounts.c.id == _USER_ID))
_UNLINK = Statement(
    update(directory_users)
    .where(
        directory_users.c.organization_id == ORGANIZATION_ID, directory_users.c.user_id == _USER_ID
    )
    .values(user_id=None)
)


def caller_of(directory: Directory, *, is_modular: bool) -> Caller:
    """Return a directory as a caller.

    In modular mode it has records and events alone: people have no accounts there, and a directory
    is believed for any address, as a connection is.
    """
    may = frozenset() if is_modular else frozenset({PROVISION})
    return Caller(Kind.DIRECTORY, directory.id, directory.organization_id, may)


def has_accounts(call: Call) -> bool:
    """Whether people have accounts by what this caller says."""
    permissions = call.caller.permissions
    return permissions is None or PROVISION in permissions


async def person_changed(
    call: Call,
    directory: Directory,
    before: DirectoryUser | None,
    after: DirectoryUser | None,
    *,
    left: DeferredWrite | None = None,
) -> DirectoryUser | None:
    """Do what a change of a person means, and record its events; within a transaction.

    To be called before the row of ``after`` is written, and after that of a deleted person is
    gone. Returns ``after`` with the account that is theirs. A change that comes last, before
    the row, is left to ``left``, for the statement that writes the row.

    Raises:
        Fault: 400 invalidValue for a missing address or one of a domain that is not proved, 400
            mutability for another address than before, 403 where there is no free seat.
        db.engine.DuplicateKey: somebody else made the account or the membership at this moment.

    """
    if has_accounts(call) and before is not None and after is not None:
        after = _of_same_address(before, after)
    person = after or before
    assert person is not None
    around = await reading.around(call.db, directory, person)
    if around is None:
        raise errors.NotFound("organization")
    event = event_of(call, directory, before, after, around)
    if not has_accounts(call):
        await _record(call, event, left)
        return after
    if after is None or not after.active:
        if before is None and after is not None:
            _check_domain(after, around)
        return await _dismiss(call, around, after, event, left)
    try:
        return await _admit(call, directory, before, after, around, event, left)
    except errors.InvalidArgument as refusal:
        raise Fault(403, "", refusal.message) from None  # there is no free seat


async def left(db: Session, user_id: str, organization_id: str, _at: int) -> None:
    """Take a deleted account from the people that were linked to it; done again, as well.

    The worker does so a moment later: a deletion that holds an organization's row may not wait for
    one of a directory. Until then, the address says which account it is.
    """
    if await db.fetch_one(_ACCOUNT, p_user_id=user_id) is None:
        await db.fetch_all(_UNLINK, p_user_id=user_id, organization_id=organization_id)


def _of_same_address(before: DirectoryUser, after: DirectoryUser) -> DirectoryUser:
    """Return a person by the earlier address, where it is still one of the person's."""
    if before.email_key in {"", after.email_key}:
        return after
    known = {*resources.addresses(after.document), email_addresses.key(after.user_name)}
    if before.email_key not in known:
        raise Fault(
            400,
            "mutability",
            f"the email address {before.email} identifies the account and cannot be changed; "
            "delete the user and create a new one",
        )
    return replace(after, email=before.email, email_key=before.email_key)


def _check_domain(person: DirectoryUser, around: Around) -> None:
    if not person.email:
        raise Fault(
            400, "invalidValue", "emails: an email address is required, here or as userName"
        )
    if not around.owned:
        domain = email_addresses.domain_of(person.email)
        raise Fault(
            400,
            "invalidValue",
            f"emails: {domain[:255]!r} is not a verified domain of this organization",
        )


async def _admit(  # noqa: PLR0917 - before and after
    call: Call,
    directory: Directory,
    before: DirectoryUser | None,
    after: DirectoryUser,
    around: Around,
    event: Event,
    left: DeferredWrite | None,
) -> DirectoryUser:
    """Have an active person be a member, with an account that keeps in step."""
    joins = not around.has_account or around.status != ACTIVE
    if before is None or joins or after.user_id is None:
        _check_domain(after, around)
    mapping = directory.attribute_mapping
    profile = profiles.profile(after, mapping, around.mapping.attributes)
    if not around.has_account:
        account = new_account(call, after, profile)
        user = await _join(call, around, account, event, left=left, is_new=True)
        return replace(after, user_id=user.id)
    news = profiles.news(
        around.profile,
        {} if before is None else profiles.profile(before, mapping, around.mapping.attributes),
        profile,
        around.mapping.attributes,
    )
    if not joins and not news and after.user_id is not None:
        await _record(call, event, left)
        return after
    user = await around.account(call.db)
    linked = replace(after, user_id=user.id)
    place = user.memberships[0] if user.memberships else None
    follows = place is not None and roles_differ(after, place, around)
    # The organization vouches for addresses of its domains.
    changes = bool(news) or not user.email_verified
    if joins and changes:
        await _hold(call.db, around, user)
    if place is None:
        user = await _join(call, around, user, is_new=False)
    elif joins and not follows and not changes:
        await activity.activate(call, around.mapping.organization, user, place, event, left=left)
        return linked
    elif joins:
        await activity.activate(call, around.mapping.organization, user, place)
    if changes:
        await users.change_profile(call, user, news)
    await _record(call, event, None if follows else left)
    if place is not None and follows:
        place = replace(place, status=ACTIVE)
        await role_mapping.follow(call, directory, linked, place, around.mapped)
    return linked


async def _hold(db: Session, around: Around, user: User) -> None:
    """Lock an account before its membership is changed, and after the organization."""
    if around.mapping.organization.max_allowed_users:
        await seats.hold(db, around.mapping.organization.id)
    await users.hold(db, user.id)


def roles_differ(person: DirectoryUser, place: Membership, around: Around) -> bool:
    """Whether the roles of a former member may differ from those of the groups.

    Somebody back after a time outside has left groups without being a member, or all of them.
    """
    if place.status == INACTIVE:
        wanted = around.mapped.keys() or {around.mapping.default_role_id}
        return {role.id for role in place.roles} != set(wanted)
    return person.user_id is None and bool(around.mapped)


def new_account(call: Call, person: DirectoryUser, profile: Mapping[str, Any]) -> User:
    """Return the account of a new person, to be inserted."""
    return User.new(
        call.db.new_id(ids.USER),
        email_addresses.checked(person.email),
        email_verified=True,
        at=now(),
        profile=dict(profile),
    )


async def _join(
    call: Call,
    around: Around,
    user: User,
    *further: Event,
    is_new: bool,
    left: DeferredWrite | None = None,
) -> User:
    """Make somebody a member with the roles of the groups, or else the default one."""
    wanted = around.mapped.keys() or {around.mapping.default_role_id}
    held = users_reading.in_order(
        (await catalogue.look_up(call.db, wanted, around.mapping.version)).values()
    )
    await joining.provision(
        call, around.mapping.organization, user, held, *further, is_new=is_new, left=left
    )
    return user


async def _dismiss(
    call: Call,
    around: Around,
    after: DirectoryUser | None,
    event: Event,
    left: DeferredWrite | None,
) -> DirectoryUser | None:
    """Have somebody be a member no more, also if it was the last administrator: out means out."""
    if not around.has_account:
        await _record(call, event, left)
        return after
    user = await around.account(call.db)
    if around.status in {None, INACTIVE}:
        await _record(call, event, left)
    else:
        organization = around.mapping.organization
        place = user.memberships[0]
        is_last = around.mapping.creator_role_id in {role.id for role in place.roles} and (
            await administrators.is_last(call.db, user.id, organization.id)
        )
        await activity.deactivate(call, organization, user, place, event, left=left)
        if is_last:
            _log.warning(
                "directory removed the last administrator of an organization",
                extra={"fields": {"organization_id": organization.id, "user_id": user.id}},
            )
    return None if after is None else replace(after, user_id=user.id)


async def _record(call: Call, event: Event, left: DeferredWrite | None) -> None:
    if left is None:
        await call.db.record(event)
    else:
        left.events.append(event)


def event_of(
    call: Call,
    directory: Directory,
    before: DirectoryUser | None,
    after: DirectoryUser | None,
    around: Around,
) -> Event:
    """Return the event of a change of a person: before and after, None for neither of them."""

    def told(user: DirectoryUser | None) -> dict[str, Any] | None:
        if user is None:
            return None
        return event_data.person(
            directory,
            user,
            groups=around.groups,
            roles=around.mapped.values(),
            attributes=around.mapping.attributes,
        )

    if after is None:
        assert before is not None
        gone = event_data.departed(before)
        return event_data.event(call, directory, "user_deleted", before=gone, after=None)
    name = "user_updated" if before else "user_created"
    return event_data.event(call, directory, name, before=told(before), after=told(after))
