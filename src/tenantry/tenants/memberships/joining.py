"""Becoming a member: as a new user or an old one, invited or at once, or as a founder."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, insert

from tenantry.core import errors, ids
from tenantry.core.times import now
from tenantry.db.engine import DuplicateKey
from tenantry.db.sql.schema import to_json
from tenantry.db.sql.statements import Batch, Statement
from tenantry.db.writes.rows import bound, prefixed, revised
from tenantry.events.email import service as email_service
from tenantry.net import email_addresses
from tenantry.tenants.domains import email_domains
from tenantry.tenants.memberships import (
    activity,
    deprovisioned,
    grantable_roles,
    invitations,
    roles,
    seats,
    service,
)
from tenantry.tenants.memberships.model import NamedRole, Rules, Terms
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.users import reading, values
from tenantry.tenants.users import service as users
from tenantry.tenants.users.model import (
    ACTIVE,
    DIRECT_PROVISION,
    INACTIVE,
    INVITATION,
    ORG_CREATOR,
    PENDING_INVITE,
    Membership,
    User,
    member_tally,
    memberships,
    shown_together,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.call import Call
    from tenantry.core.event import Event
    from tenantry.db.engine import Session
    from tenantry.db.writes.transactions import DeferredWrite
    from tenantry.tenants.organizations.model import Organization
    from tenantry.tenants.roles.catalogue import HeldRole
    from tenantry.tenants.users.service import UserIdentifier

_m = memberships.c
_insert = insert(memberships).values(bound(memberships, "m_"))
_first = _insert.returning(_m.id)
_COUNT = member_tally.one_more(bindparam("m_organization_id", type_=Text))
# No batch: it would lock an organization after the user of the call before it.
_JOIN = Statement(_first, roles.GIVE, _COUNT)
_JOIN_VERIFIED = Statement(_first, roles.GIVE, _COUNT, users.VERIFY)
_INVITE = Statement(_first, roles.GIVE, _COUNT, email_service.INSERT)
_created = users.INSERT, users.MARK, users.COUNT, _insert, roles.GIVE, _COUNT
_batch = Batch("p_id", order="m_organization_id")
_CREATE = Statement(*_created, batch=_batch)
_CREATE_AND_INVITE = Statement(*_created, email_service.INSERT, batch=_batch)


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
    """Create a user as a member of an organization, invited by mail or at once.

    Raises:
        errors.InvalidArgument: a value cannot be taken; the field is named. Or the organization
            has no free seat, or a directory has the person as inactive.

    """
    reading.check_scope(call, organization_id)
    at = now()
    user = User.new(
        call.db.new_id(ids.USER),
        email_addresses.checked(email, "user.email"),
        email_verified=not terms.invite,
        at=at,
        external_id=values.external_id(external_id, "user.external_id"),
        profile=values.profile({}, profile or {}, "user.user_profile"),
        metadata=metadata,
    )
    check_address(rules, user.email, "user.email")
    organization, held = await roles.offered(call.db, organization_id, terms.roles)
    await grantable_roles.check(call, call.db, organization_id, held, terms.roles)
    check_domain(organization, user.email, "user.email")
    await deprovisioned.check(call.db, organization.id, user.email)
    place = membership(call.db, organization, user.id, held, terms, rules=rules, at=at)
    row = prefixed(user.to_row()) | {"m_invite_client_id": terms.client_id}
    created = call.event("user.created", organization_id=organization.id, after=user.to_event())
    statement = _CREATE_AND_INVITE if terms.invite else _CREATE
    await _join(call, statement, organization, user, place, created, **row)
    user.memberships.append(place)
    return user


async def invite(
    call: Call, organization_id: str, terms: Terms, *, rules: Rules, email: str
) -> User:
    """Invite the person of an address, a new user or an old one; a member calls.

    Return the user with this membership alone: where else they are is not for a member to know.
    """
    reading.check_scope(call, organization_id)
    inviter = await grantable_roles.caller_in(call, call.db, organization_id)
    terms = replace(terms, inviter_email=inviter.email)
    address = email_addresses.checked(email, "user.email")
    found = await reading.find_by_email(call.db, address)
    if found is None:
        return await create(call, organization_id, terms, rules=rules, email=address)
    check_address(rules, found.email, "user.email")
    user = await _add(call, organization_id, found, terms, rules=rules)
    return replace(
        user,
        memberships=[one for one in user.memberships if one.organization_id == organization_id],
    )


async def add(
    call: Call, organization_id: str, identity: UserIdentifier, terms: Terms, *, rules: Rules
) -> User:
    """Make an existing user a member, invited by mail or at once; return it with all it may show.

    A membership that a directory has switched off, and keeps off no longer, is active again.

    Raises:
        errors.Duplicate: the user is a member already, and not switched off.
        errors.InvalidArgument: there is no such role, the e-mail address is blocked, the
            organization has no free seat, or a directory has the person as inactive.

    """
    reading.check_scope(call, organization_id)
    user = await users.get(call, identity)
    check_address(rules, user.email, "user.email")
    if terms.invite or user.email_verified or user.sub is not None:
        return await _add(call, organization_id, user, terms, rules=rules)
    # The user changes, too: held, so that the event shows it as it was and is.
    async with call.db.transaction() as db:
        held = replace(call, db=db)
        await seats.hold(db, organization_id)
        await users.hold(db, user.id)
        user = await users.get(held, users.UserIdentifier(user.id))
        return await _add(held, organization_id, user, terms, rules=rules)


async def _add(call: Call, organization_id: str, user: User, terms: Terms, *, rules: Rules) -> User:
    organization, held = await roles.offered(call.db, organization_id, terms.roles)
    await grantable_roles.check(call, call.db, organization_id, held, terms.roles)
    place = user.membership_in(organization.id)
    if place is not None and place.status != INACTIVE:
        raise errors.Duplicate("membership", user.id)
    check_domain(organization, user.email, "user.email")
    await deprovisioned.check(call.db, organization.id, user.email)
    if place is not None:
        return await _add_again(call, organization, user, place, terms)
    at = now()
    place = membership(call.db, organization, user.id, held, terms, rules=rules, at=at)
    if terms.invite:
        await _join(call, _INVITE, organization, user, place, m_invite_client_id=terms.client_id)
    elif user.email_verified or user.sub is not None:
        await _join(call, _JOIN, organization, user, place)
    else:
        # The application vouches for the e-mail address: nobody needs to prove it any more.
        before, user = user, revised(user, at=at, email_verified=True)
        updated = call.event("user.updated", before=before.to_event(), after=user.to_event())
        proof: dict[str, Any] = {"user_id": user.id, "p_update_time": user.update_time}
        await _join(call, _JOIN_VERIFIED, organization, user, place, updated, **proof)
    user.memberships.append(place)
    return user


async def _add_again(
    call: Call, organization: Organization, user: User, place: Membership, terms: Terms
) -> User:
    """Make a member that a directory has switched off an active one again."""
    if terms.invite:
        raise errors.InvalidArgument(
            "membership is INACTIVE; set send_invitation_email=false to reactivate it"
        )
    async with call.db.transaction() as db:
        held = replace(call, db=db)
        await activity.activate(held, organization, user, place)
        if not terms.roles and not terms.metadata:
            return await users.get(held, users.UserIdentifier(user.id))
        return await service.change(
            held,
            organization.id,
            users.UserIdentifier(user.id),
            named=terms.roles,
            metadata=terms.metadata,
            forced=False,
        )


async def join(
    call: Call,
    user: User,
    organization_id: str,
    named: Sequence[NamedRole],
    *,
    provisioning_method: str = DIRECT_PROVISION,
) -> None:
    """Make a user a member at once; within a transaction.

    Raises:
        errors.InvalidArgument: there is no such role, no free seat, or a directory has the person
            as inactive.

    """
    organization, held = await roles.offered(call.db, organization_id, named)
    await deprovisioned.check(call.db, organization.id, user.email, also_disabled=True)
    terms = Terms(provisioning_method=provisioning_method)
    place = membership(call.db, organization, user.id, held, terms, at=now())
    await _join(call, _JOIN, organization, user, place)


async def provision(
    call: Call,
    organization: Organization,
    user: User,
    held: tuple[HeldRole, ...],
    *further: Event,
    is_new: bool,
    left: DeferredWrite | None = None,
) -> Membership:
    """Make somebody a member at once, as a new user or an old one; within a transaction.

    ``further`` are events that follow that of the membership. The change itself is left to
    ``left``, if it is given: then that raises what the database refuses.

    Raises:
        db.engine.DuplicateKey: there is such a user, or member, meanwhile.
        errors.InvalidArgument: there is no free seat.

    """
    terms = Terms(provisioning_method=DIRECT_PROVISION)
    place = membership(call.db, organization, user.id, held, terms, at=now())
    event = _joined(call, organization, user, place)
    params = _of_place(call.db, place)
    statement, first = _JOIN, []
    if is_new:
        statement = _CREATE
        params |= prefixed(user.to_row())
        first = [call.event("user.created", organization_id=organization.id, after=user.to_event())]
    if organization.max_allowed_users:
        await seats.check(call.db, await seats.hold(call.db, organization.id))
    if left is not None:
        left.defer(statement, *first, event, *further, **params)
        return place
    await call.db.apply(statement, *first, event, *further, **params)
    return place


async def found(call: Call, user: User, *, display_name: str, region_code: str) -> Organization:
    """Found an organization whose first member and admin this user is; within a transaction."""
    organization = await organizations.create(
        call, region_code=region_code, display_name=display_name
    )
    terms = Terms(provisioning_method=ORG_CREATOR)
    held = await roles.of_creator(call.db)
    place = membership(call.db, organization, user.id, held, terms, at=now())
    await _join(call, _JOIN, organization, user, place, type_="user.signup")
    return organization


def check_address(rules: Rules, address: str, field: str) -> None:
    """Refuse an e-mail address that may not join.

    Raises:
        errors.InvalidArgument: its domain is blocked.

    """
    domain = email_addresses.domain_of(address)
    if rules.block_disposable_emails and email_domains.is_disposable(domain):
        raise errors.InvalidArgument.field(
            field, "not_disposable", f"{domain} is a disposable email domain"
        )
    if rules.block_public_emails and email_domains.is_public(domain):
        raise errors.InvalidArgument.field(
            field, "not_public", f"{domain} is a public email domain"
        )


def check_domain(organization: Organization, address: str, field: str) -> None:
    """Refuse an email address whose domain the policy of the organization does not invite.

    Raises:
        errors.InvalidArgument: the domain is not allowed.

    """
    domain = email_addresses.domain_of(address)
    if organization.policy is not None and not organization.policy.allows_domain(domain):
        raise errors.InvalidArgument.field(
            field,
            "allowed_domain",
            f"{domain} is not a domain that this organization invites",
        )


def membership(
    db: Session,
    organization: Organization,
    user_id: str,
    held: tuple[HeldRole, ...],
    terms: Terms,
    *,
    at: int,
    rules: Rules | None = None,
) -> Membership:
    """Return a new membership; the rules say how long an invitation holds."""
    end = None
    if terms.invite:
        assert rules is not None
        end = invitations.end(at, rules.invitation_days)
    joined = None if terms.invite else at
    return Membership(
        id=db.new_id(ids.MEMBERSHIP),
        organization_id=organization.id,
        organization_name=organization.display_name,
        user_id=user_id,
        status=PENDING_INVITE if terms.invite else ACTIVE,
        metadata=dict(terms.metadata),
        inviter_email=terms.inviter_email or None,
        provisioning_method=INVITATION if terms.invite else terms.provisioning_method,
        create_time=at,
        accept_time=joined,
        join_time=joined,
        expire_time=end,
        resend_time=None,
        resend_count=0,
        roles=held,
    )


async def _join(
    call: Call,
    statement: Statement,
    organization: Organization,
    user: User,
    place: Membership,
    *further: Event,
    type_: str = "",
    **params: Any,
) -> None:
    """Make a user a member, by a statement that inserts the membership and its roles."""
    db = call.db
    params = _of_place(db, place) | params
    if place.status == PENDING_INVITE:
        params |= invitations.email_row(db, user, place, language=call.language)
        type_ = "user.organization_invitation"
    event = _joined(call, organization, user, place, type_)
    try:
        if not organization.max_allowed_users:
            await db.apply(statement, *further, event, **params)
            return
        async with db.transaction() as held:
            await seats.check(held, await seats.hold(held, organization.id))
            await held.apply(statement, *further, event, **params)
    except DuplicateKey as problem:
        if statement in {_CREATE, _CREATE_AND_INVITE}:
            raise users.duplicate(problem, user) from None
        raise errors.Duplicate("membership", user.id) from None


def _of_place(db: Session, place: Membership) -> dict[str, Any]:
    """Return the parameters by which a statement inserts a membership and its roles."""
    params = prefixed(place.to_row(), "m_")
    params |= {"m_invite_digest": invitations.digest(db, place), "m_invite_client_id": None}
    params["m_role_ids"] = to_json([role.id for role in place.roles])
    return params


def _joined(
    call: Call, organization: Organization, user: User, place: Membership, type_: str = ""
) -> Event:
    return call.event(
        type_ or "user.organization_membership_created",
        organization_id=organization.id,
        after=shown_together(organization, user, place),
    )
