"""What signing in does to users: one is made, founds an organization, accepts, has signed in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, bindparam, func, insert, or_, select, true, update

from tenantry import email_addresses, errors, ids
from tenantry.db.engine import DuplicateKey, ForeignKey
from tenantry.db.schema import to_json
from tenantry.db.statements import Statement
from tenantry.tenants.memberships import joining, seats
from tenantry.tenants.organizations import service as organizations_service
from tenantry.tenants.organizations.model import Organization, organizations
from tenantry.tenants.roles import catalogue
from tenantry.tenants.roles.model import roles
from tenantry.tenants.users import reading, values
from tenantry.tenants.users.model import (
    ACTIVE,
    PENDING_INVITE,
    Membership,
    User,
    memberships,
    shown_together,
    users,
)
from tenantry.times import now

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.tenants.memberships.joining import NamedRole

# How somebody became a member, beside those of `users.model`.
ORG_CREATOR = "org_creator"

_u, _m, _r, _o = users.c, memberships.c, roles.c, organizations.c
_USER_ID = bindparam("user_id", type_=Text)
_ORGANIZATION_ID = bindparam("organization_id", type_=Text)
_NOW = bindparam("p_now", type_=BigInteger)
_DIGEST = bindparam("p_digest", type_=Text)

_FIND_BY_EMAIL = Statement(
    reading.with_memberships(of_one=False).where(_u.email_key == bindparam("key", type_=Text))
)
_INSERT_USER = Statement(
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
_JOIN = Statement(joining.INSERT.returning(_m.id), joining.INSERT_HOLDERS)
_CREATOR = Statement(
    select(_r.id, catalogue.version.label("version")).where(
        _r.organization_id.is_(None), _r.default_creator
    )
)
_ACCEPT = Statement(
    update(memberships)
    .where(
        _m.organization_id == _ORGANIZATION_ID,
        _m.user_id == _USER_ID,
        _m.status == PENDING_INVITE,
        _m.expire_time > _NOW,
        or_(_DIGEST.is_(None), _m.invite_digest == _DIGEST),
    )
    .values(status=ACTIVE, accept_time=_NOW, join_time=_NOW, invite_digest=None)
    .returning(_m.id)
)
_ACTIVE_MEMBERS = Statement(
    select(func.count().label("n")).where(
        _m.organization_id == _ORGANIZATION_ID, _m.status == ACTIVE
    )
)
_revision = {"revision": _u.revision + 1, "update_time": bindparam("p_update_time")}
_VERIFY = Statement(
    update(users)
    .where(_u.id == _USER_ID, ~_u.email_verified)
    .values(email_verified=true(), **_revision)
    .returning(_u.id)
)
_CHANGE_PROFILE = Statement(
    update(users)
    .where(_u.id == _USER_ID)
    .values(profile=bindparam("p_profile"), email_verified=true(), **_revision)
    .returning(_u.id)
)
_HOLD = Statement(select(_u.id).where(_u.id == _USER_ID).with_for_update())
# Not of its revision: nobody changes it who has read the user before.
_SIGNED_IN = Statement(
    update(users).where(_u.id == _USER_ID).values(last_login_time=_NOW).returning(*reading.COLUMNS)
)
# Nobody ends the membership before the end of the transaction.
_HOLD_PLACE = Statement(
    select(organizations)
    .join_from(memberships, organizations)
    .where(
        _m.organization_id == _ORGANIZATION_ID,
        _m.user_id == _USER_ID,
        _m.status == ACTIVE,
    )
    .with_for_update(read=True, of=memberships)
)


async def find_by_email(db: Session, address: str) -> User | None:
    """Return the user of an e-mail address, with all memberships."""
    rows = await db.fetch_all(
        _FIND_BY_EMAIL, key=email_addresses.key(address), most=reading.MOST_MEMBERSHIPS
    )
    found = await reading.users_of(db, rows)
    return found[0] if found else None


async def create(call: Call, user_id: str, *, email: str, profile: Mapping[str, Any]) -> User:
    """Create a user who has proved this e-mail address, of a new id; within a transaction.

    Raises:
        errors.Duplicate: another one was created with it meanwhile.
        errors.InvalidArgument: a member of the profile cannot be taken.

    """
    at = now()
    user = User(
        id=user_id,
        email=email_addresses.checked(email, "email"),
        external_id=None,
        profile=values.profile({}, profile, "user_profile"),
        metadata={},
        email_verified=True,
        last_login_time=None,
        revision=1,
        create_time=at,
        update_time=at,
    )
    event = call.event("user.created", after=user.shown())
    row = {f"p_{name}": value for name, value in user.to_row().items()}
    try:
        await call.db.apply(_INSERT_USER, event, **row)
    except DuplicateKey:
        raise errors.Duplicate("email", user.email) from None
    return user


async def change_profile(call: Call, user: User, profile: Mapping[str, Any]) -> User:
    """Give a user what it has told of itself, having proved its address; within a transaction.

    Raises:
        errors.NotFound: it is gone.
        errors.InvalidArgument: a member of the profile cannot be taken.

    """
    db = call.db
    await db.fetch_one(_HOLD, user_id=user.id)
    before = await reading.find(db, id_=user.id, external_id=None)
    if before is None:
        raise errors.NotFound("user")
    clean = values.profile(before.profile, profile, "user_profile")
    if clean == before.profile and before.email_verified:
        return before
    after = _revised(before, profile=clean, email_verified=True)
    await db.apply(
        _CHANGE_PROFILE,
        call.event("user.updated", before=before.shown(), after=after.shown()),
        user_id=user.id,
        p_profile=to_json(clean),
        p_update_time=after.update_time,
    )
    return after


async def found(
    call: Call, user: User, *, display_name: str, region_code: str
) -> tuple[Organization, Membership]:
    """Found an organization whose first member and admin this user is; within a transaction.

    Raises:
        errors.InvalidArgument: the name cannot be taken.

    """
    db = call.db
    organization = await organizations_service.create(
        call, region_code=region_code, display_name=display_name
    )
    row = await db.fetch_one(_CREATOR)
    assert row is not None
    held = await catalogue.look_up(db, {row["id"]}, row["version"])
    place = joined(db, organization, user, reading.in_order(held.values()), ORG_CREATOR)
    await _join(call, "user.signup", organization, user, place)
    return organization, place


async def join(
    call: Call,
    user: User,
    organization_id: str,
    named: Sequence[NamedRole],
    *,
    provisioning_method: str,
) -> tuple[Organization, Membership]:
    """Make a user a member at once; within a transaction.

    Raises:
        errors.NotFound: there is no such organization.
        errors.InvalidArgument: there is no such role, or no free seat.

    """
    db = call.db
    await seats.check(db, await seats.hold(db, organization_id))
    organization, held = await joining.offered(db, organization_id, named)
    place = joined(db, organization, user, held, provisioning_method)
    await _join(call, "user.organization_membership_created", organization, user, place)
    return organization, place


def joined(
    db: Session,
    organization: Organization,
    user: User,
    held: Sequence[catalogue.HeldRole],
    provisioning_method: str,
) -> Membership:
    """Return the membership of somebody who becomes a member now."""
    at = now()
    return Membership(
        id=db.new_id(ids.MEMBERSHIP),
        organization_id=organization.id,
        organization_name=organization.display_name,
        user_id=user.id,
        status=ACTIVE,
        metadata={},
        inviter_email=None,
        provisioning_method=provisioning_method,
        create_time=at,
        accept_time=at,
        join_time=at,
        expire_time=None,
        resend_time=None,
        resend_count=0,
        roles=tuple(held),
    )


async def accept(
    call: Call,
    organization_id: str,
    user_id: str,
    *,
    verified: bool,
    digest: str | None = None,
) -> User:
    """Accept an invitation that holds, and return the user with this membership; in a transaction.

    With ``digest`` it must be that of the token which was shown. With ``verified`` the person has
    proved the e-mail address by it. A pending invitation holds a
    seat already; but where there have become fewer seats since, the members who are there count.

    Raises:
        errors.NotFound: there is no such invitation (any more).
        errors.InvalidArgument: the organization has no free seat.

    """
    db = call.db
    organization = await seats.hold(db, organization_id)
    await db.fetch_one(_HOLD, user_id=user_id)
    user = await reading.find(db, id_=user_id, external_id=None, organization_id=organization_id)
    if user is None or not user.memberships or user.memberships[0].status != PENDING_INVITE:
        raise errors.NotFound("invitation")
    if organization.max_allowed_users:
        row = await db.fetch_one(_ACTIVE_MEMBERS, organization_id=organization_id)
        if row is not None and row["n"] >= organization.max_allowed_users:
            raise errors.InvalidArgument(
                f"organization has reached its limit of {organization.max_allowed_users} users"
            )
    at = now()
    happened = []
    if verified and not user.email_verified:
        before, user = user, _revised(user, email_verified=True)
        happened.append(call.event("user.updated", before=before.shown(), after=user.shown()))
        await db.fetch_all(_VERIFY, user_id=user_id, p_update_time=user.update_time)
    place = replace(user.memberships[0], status=ACTIVE, accept_time=at, join_time=at)
    user = replace(user, memberships=[place])
    # Only now is it a member: that is what receivers of the event act on.
    happened.append(
        call.event(
            "user.organization_membership_created",
            organization_id=organization_id,
            after=shown_together(organization, user, place),
        )
    )
    done = await db.apply(
        _ACCEPT,
        *happened,
        organization_id=organization_id,
        user_id=user_id,
        p_digest=digest,
        p_now=at,
    )
    if done is None:
        raise errors.NotFound("invitation")  # its time has run out this very moment
    return user


async def hold_place(db: Session, organization_id: str, user_id: str) -> Organization | None:
    """Return an organization of which somebody is an active member, and stays one meanwhile."""
    row = await db.fetch_one(_HOLD_PLACE, organization_id=organization_id, user_id=user_id)
    return Organization.from_row(row) if row else None


async def signed_in(call: Call, user_id: str, *, verified: bool) -> User | None:
    """Note that somebody has signed in just now; return the user, without memberships.

    With ``verified`` the person has proved the e-mail address by it. Within a transaction, up to
    whose end nobody else changes the user.
    """
    db = call.db
    row = await db.apply(_SIGNED_IN, user_id=user_id, p_now=now())
    if row is None:
        return None
    user = User.from_row(row)
    if not verified or user.email_verified:
        return user
    after = _revised(user, email_verified=True)
    event = call.event("user.updated", before=user.shown(), after=after.shown())
    await db.apply(_VERIFY, event, user_id=user_id, p_update_time=after.update_time)
    return after


async def _join(
    call: Call, type_: str, organization: Organization, user: User, place: Membership
) -> None:
    params = {f"m_{name}": value for name, value in place.to_row().items()}
    event = call.event(
        type_,
        organization_id=organization.id,
        after=shown_together(organization, user, place),
    )
    try:
        await call.db.apply(
            _JOIN,
            event,
            **params,
            m_invite_digest=None,
            m_role_ids=to_json([role.id for role in place.roles]),
        )
    except DuplicateKey:
        raise errors.Duplicate("membership", user.id) from None
    except ForeignKey:
        raise errors.Busy from None  # the organization, the user or a role went away meanwhile


def _revised(before: User, **changes: Any) -> User:
    return replace(
        before,
        **changes,
        revision=before.revision + 1,
        update_time=max(now(), before.update_time + 1),
    )
