"""Invitations: the token in the link, the mail that carries it, sending it again, accepting.

The token is derived from the membership and the end of its invitation, and only its digest is
stored: so no secret lies in the outbox, and a new end makes a new token.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, bindparam, func, or_, select, update

from tenantry.core import errors
from tenantry.core.times import DAY, now
from tenantry.crypto import vault
from tenantry.db.sql.schema import from_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound
from tenantry.events.email import branding
from tenantry.events.email import service as email_service
from tenantry.events.interceptors.model import PRE_USER_INVITATION
from tenantry.i18n import languages
from tenantry.net import email_addresses
from tenantry.tenants.memberships import grantable_roles, seats
from tenantry.tenants.memberships.service import member
from tenantry.tenants.organizations import service as organizations_service
from tenantry.tenants.organizations.model import Branding, Organization, organizations
from tenantry.tenants.users import reading
from tenantry.tenants.users import service as users
from tenantry.tenants.users.model import (
    ACTIVE,
    INVITE_EXPIRED,
    PENDING_INVITE,
    Membership,
    User,
    full_name,
    memberships,
    shown_together,
)
from tenantry.tenants.users.model import users as user_table
from tenantry.tenants.users.service import UserIdentifier

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.events.email.model import Email
    from tenantry.events.interceptors.service import Interceptors
    from tenantry.settings import Settings

TEMPLATE = "invitation"

_m = memberships.c
_IN_QUESTION = (
    _m.organization_id == bindparam("organization_id", type_=Text),
    _m.user_id == bindparam("user_id", type_=Text),
)
_FIND = Statement(
    select(
        *(_m.id, _m.inviter_email),
        *(organizations.c.display_name, organizations.c.branding),
        user_table.c.profile,
    )
    .join_from(memberships, organizations)
    .join(user_table, user_table.c.id == _m.user_id)
    .where(
        *_IN_QUESTION,
        _m.status == PENDING_INVITE,
        _m.invite_digest == bindparam("digest"),
        _m.expire_time > bindparam("p_now"),
    )
)
_NEW_CLIENT_ID = bindparam("p_new_client_id", type_=Text)
_CLIENT_ID = bindparam("p_client_id", type_=Text)
_RESEND = Statement(
    update(memberships)
    .where(*_IN_QUESTION)
    .values(
        bound(("expire_time", "invite_digest", "invite_resend_time", "invite_resend_count"))
        | {"invite_client_id": func.coalesce(_NEW_CLIENT_ID, _m.invite_client_id, _CLIENT_ID)}
    )
    .returning(_m.id),
    email_service.INSERT,
)
_DIGEST = bindparam("p_digest", type_=Text)
_NOW = bindparam("p_now", type_=BigInteger)
_accept = (
    update(memberships)
    .where(*_IN_QUESTION, _m.status == PENDING_INVITE)
    .values(status=ACTIVE, accept_time=_NOW, join_time=_NOW, invite_digest=None)
    .returning(_m.id)
)
_ACCEPT = Statement(
    _accept.where(_m.expire_time > _NOW, or_(_DIGEST.is_(None), _m.invite_digest == _DIGEST))
)
_ACCEPT_LATE = Statement(_accept)


def end(at: int, days: int) -> int:
    """Return when an invitation of this time ends."""
    return at + days * DAY


def token(db: Session, membership_id: str, expire_time: int) -> str:
    """Return the secret of the link, which proves that a person got this invitation."""
    key = db.vault.derive("invitation")
    mac = hmac.digest(key, f"{membership_id}.{expire_time}".encode(), "sha256")
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def digest(db: Session, membership: Membership) -> str | None:
    """Return the stored digest of the token; None for a member that is not invited."""
    if membership.expire_time is None:
        return None
    return vault.digest(token(db, membership.id, membership.expire_time))


def email_row(
    db: Session,
    user: User,
    membership: Membership,
    *,
    reminder: bool = False,
    language: str | None = None,
) -> dict[str, Any]:
    """Return the parameters of `email.service.INSERT` for the email of an invitation.

    ``language`` is that of the inviter, for readers whose own is not known.
    """
    return email_service.row(
        db,
        template=TEMPLATE,
        recipient=user.email,
        organization_id=membership.organization_id,
        variables={
            "user_id": user.id,
            "membership_id": membership.id,
            "expire_time": membership.expire_time,
            "reminder": reminder,
            **({"language": language} if language else {}),
        },
    )


async def email_variables(db: Session, mail: Email, settings: Settings) -> dict[str, Any] | None:
    """Return the variables of an invitation's mail; None if that is over or was replaced."""
    given = mail.variables
    secret = token(db, given["membership_id"], given["expire_time"])
    row = await db.fetch_one(
        _FIND,
        organization_id=mail.organization_id,
        user_id=given["user_id"],
        digest=vault.digest(secret),
        p_now=now(),
    )
    if row is None:
        return None
    own = Branding.read(row["branding"])
    profile = from_json(row["profile"])
    return {
        **branding.variables(settings, own.color if own else ""),
        "organization_name": row["display_name"],
        "user_name": full_name(profile),
        "user_language": languages.best("", (profile.get("locale", ""), given.get("language", ""))),
        "inviter_email": row["inviter_email"],
        "expire_time": given["expire_time"],
        "reminder": given["reminder"],
        "link": f"{settings.public_url}/invitations/{secret}",
    }


async def ask_interceptors(
    call: Call,
    interceptors: Interceptors,
    organization_id: str,
    *,
    email: str = "",
    identity: UserIdentifier | None = None,
) -> None:
    """Ask whether there may be an invitation: of an e-mail address that is new, or of a user.

    Without an interceptor nothing is looked up.

    Raises:
        errors.Intercepted: an interceptor says no.

    """
    if not await interceptors.runs(PRE_USER_INVITATION):
        return
    reading.check_scope(call, organization_id)
    organization = await organizations_service.get(
        call, organizations_service.OrganizationIdentifier(id=organization_id)
    )
    context = {"user_email": email, "organization_id": organization.id}
    if identity is not None:
        user = await users.get(call, identity)
        context |= {"user_email": user.email, "user_id": user.id}
    await interceptors.run(
        call,
        PRE_USER_INVITATION,
        context=context,
        data={"organization": {"id": organization.id, "name": organization.display_name}},
    )


async def resend(
    call: Call,
    organization_id: str,
    user_id: str,
    *,
    days: int,
    client_id: str | None = None,
    replaces_client: bool = False,
) -> Membership:
    """Send an invitation again: a reminder while it holds, a new one when it has expired.

    It leads to the application ``client_id`` if it led to none before, or if ``replaces_client``.

    Raises:
        errors.InvalidArgument: the member is not invited any more, or a new invitation finds no
            free seat.

    """
    reading.check_scope(call, organization_id)
    async with call.db.transaction() as db:
        organization = await seats.hold(db, organization_id)
        user, before = await member(db, organization_id, UserIdentifier(user_id))
        if before.status not in {PENDING_INVITE, INVITE_EXPIRED}:
            raise errors.InvalidArgument(
                f"membership is {before.status}; there is no invitation to resend"
            )
        await grantable_roles.check(call, db, organization_id, before.roles)
        at = now()
        after = replace(before, resend_time=at, resend_count=before.resend_count + 1)
        _check_domain(organization, user)
        expired = before.status == INVITE_EXPIRED
        if expired:
            await seats.check(db, organization)
            after = replace(after, status=PENDING_INVITE, expire_time=end(at, days))
        resent = await db.apply(
            _RESEND,
            call.event(
                "user.invitation_resent",
                organization_id=organization_id,
                before=shown_together(organization, user, before),
                after=shown_together(organization, user, after),
            ),
            organization_id=organization_id,
            user_id=user.id,
            p_expire_time=after.expire_time,
            p_invite_digest=digest(db, after),
            p_invite_resend_time=after.resend_time,
            p_invite_resend_count=after.resend_count,
            p_client_id=client_id,
            p_new_client_id=client_id if replaces_client else None,
            **email_row(db, user, after, reminder=not expired, language=call.language),
        )
        if resent is None:
            raise errors.NotFound("membership")  # with its user, meanwhile
    return after


def _check_domain(organization: Organization, user: User) -> None:
    """Raise DomainNotAllowed if the policy of the organization no longer invites the domain."""
    policy = organization.policy
    if policy is not None and not policy.allows_domain(email_addresses.domain_of(user.email)):
        raise DomainNotAllowed


class DomainNotAllowed(errors.InvalidArgument):
    """The organization no longer invites email addresses of this domain."""

    sentence = "this organization no longer invites email addresses of this domain"


async def accept(
    call: Call,
    organization_id: str,
    user_id: str,
    *,
    verified: bool,
    digest: str | None = None,
    late: bool = False,
    provisioned: bool = False,
) -> User:
    """Accept an invitation that holds, and return the user with this membership; in a transaction.

    With ``digest`` it must be that of the token which was shown. With ``verified`` the person has
    proved the e-mail address by it. With ``late`` it may have expired: the person could join
    without one. With ``provisioned`` the identity provider of the organization has vouched for the
    person. A pending invitation holds a seat already; but where there have become fewer seats
    since, the members that are there count.

    Raises:
        errors.InvalidArgument: the organization has no free seat.

    """
    db = call.db
    organization = await seats.hold(db, organization_id)
    await users.hold(db, user_id)
    user = await reading.find(db, id_=user_id, external_id=None, organization_id=organization_id)
    statuses = {PENDING_INVITE, INVITE_EXPIRED} if late else {PENDING_INVITE}
    if user is None or not user.memberships or user.memberships[0].status not in statuses:
        raise errors.NotFound("invitation")
    if not provisioned:
        _check_domain(organization, user)
    if user.memberships[0].status == PENDING_INVITE:
        await seats.check_active(db, organization)
    else:
        await seats.check(db, organization)
    at = now()
    place = replace(user.memberships[0], status=ACTIVE, accept_time=at, join_time=at)
    if verified:
        user = await users.verify(call, user)
    user = replace(user, memberships=[place])
    # Only now is it a member, and receivers of the event act on that.
    event = call.event(
        "user.organization_membership_created",
        organization_id=organization_id,
        after=shown_together(organization, user, place),
    )
    done = await db.apply(
        _ACCEPT_LATE if late else _ACCEPT,
        event,
        organization_id=organization_id,
        user_id=user_id,
        p_digest=digest,
        p_now=at,
    )
    if done is None:
        raise errors.NotFound("invitation")  # its time has run out this very moment
    return user
