"""Invitations as links in mail: a person with the link has the inbox that it was sent to.

It makes a member, once. It begins a session only for somebody that has never signed in and has no
second factor: for everybody else a link that is good for days must not be a way in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from sqlalchemy import Text, bindparam, select

from tenantry.access.clients.uris import return_targets
from tenantry.core import errors
from tenantry.core.caller import SYSTEM
from tenantry.core.times import now
from tenantry.crypto import vault
from tenantry.db.sql.statements import Statement
from tenantry.events.interceptors.model import PRE_SESSION_CREATION
from tenantry.identity.authenticators.totp import service as totp
from tenantry.identity.connections.model import PASSWORDLESS
from tenantry.identity.known_origins import service as known_origins
from tenantry.identity.sessions import applications, policies
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import LOGOUT
from tenantry.identity.sign_in import completing, login_requirements
from tenantry.identity.sign_in.contexts import connection_details, person
from tenantry.identity.sign_in.factors.methods import EMAIL
from tenantry.tenants.memberships import invitations
from tenantry.tenants.memberships import service as memberships_service
from tenantry.tenants.organizations import policy as policies_of_organizations
from tenantry.tenants.organizations.model import organizations
from tenantry.tenants.organizations.policy import Evidence, OrganizationPolicy
from tenantry.tenants.users import reading
from tenantry.tenants.users import service as users_service
from tenantry.tenants.users.model import PENDING_INVITE, memberships, users

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.access.clients.uris.return_targets import ReturnTarget
    from tenantry.call import Call
    from tenantry.db import engine
    from tenantry.identity.sessions.model import Session
    from tenantry.identity.sign_in.dependencies import SignInDependencies
    from tenantry.tenants.users.model import User

_m, _o, _u = memberships.c, organizations.c, users.c
_FIND = Statement(
    select(
        *(_m.organization_id, _m.user_id, _m.inviter_email, _m.expire_time, _m.invite_client_id),
        *(_o.display_name, _o.policy, _u.email),
    )
    .join_from(memberships, organizations)
    .join(users, _u.id == _m.user_id)
    .where(
        _m.invite_digest == bindparam("p_digest", type_=Text),
        _m.status == PENDING_INVITE,
    )
)
_CLIENT_ID_MAX = 64  # characters


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation that holds; times in microseconds since 1970, UTC."""

    organization_id: str
    organization_name: str
    user_id: str
    email: str
    inviter_email: str | None
    expire_time: int
    client_id: str | None  # of the application through which it was made
    policy: OrganizationPolicy | None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The outcome of accepting: secrets for the browser if a session began, and the redirect.

    Without one the person opens the application by themselves; ``app`` is its name, if known.
    """

    invitation: Invitation
    secret: str | None
    way: ReturnTarget | None
    app: str
    devices: tuple[str, ...]


async def find(db: engine.Session, token: str) -> Invitation | None:
    found = await _find(db, token)
    return found if found is not None and found.expire_time > now() else None


async def way_of(db: engine.Session, token: str) -> ReturnTarget | None:
    """Return the way to the application of an invitation, which may have expired."""
    found = await _find(db, token)
    return None if found is None else (await _application(db, found))[1]


async def application_of(call: Call) -> str | None:
    """Return the ID of the application that an invitation by this call leads to.

    It is named in the query as `client_id`, or it is the client that calls, or the application
    that the session of the calling page signed in to last.
    """
    given = call.text("client_id", _CLIENT_ID_MAX)
    if given:
        if await return_targets.find_application(call.db, given) is None:
            raise errors.InvalidArgument.field("client_id", "in", "is not an application")
        return given
    caller = call.caller
    if caller.session_id is not None and caller.calling_client_id is None:
        return await applications.client_id_of_session(call.db, caller.session_id)
    return None if caller is SYSTEM else caller.calling_client_id


async def _find(db: engine.Session, token: str) -> Invitation | None:
    row = await db.fetch_one(_FIND, p_digest=vault.digest(token))
    if row is None:
        return None
    return Invitation(
        row["organization_id"],
        row["display_name"],
        row["user_id"],
        row["email"],
        row["inviter_email"],
        row["expire_time"],
        row["invite_client_id"],
        OrganizationPolicy.read(row["policy"]),
    )


async def accept(
    dependencies: SignInDependencies, call: Call, token: str, *, session: Session | None
) -> Accepted:
    """Accept an invitation by its link; ``session`` is that of the browser.

    Raises:
        errors.InvalidArgument: the organization has no free seat.
        errors.Intercepted: an interceptor forbids the session; nothing is accepted then.

    """
    if session is not None and session.impersonator:
        raise errors.Impersonated
    found = await find(call.db, token)
    user = None
    if found is not None:
        user = await reading.find(call.db, id_=found.user_id, external_id=None)
    if found is None or user is None:
        raise errors.NotFound("invitation")
    begins = _policy_allows(call, found) and await _begins_session(
        dependencies, call, user, found.organization_id
    )
    claims: Mapping[str, Any] = {}
    details = await connection_details(call.db, (PASSWORDLESS,))
    if begins:
        context = {
            "user_email": user.email,
            "user_id": user.id,
            "organization_id": found.organization_id,
            "connection_details": details,
            "ip_address": call.origin.address,
        }
        verdict = await dependencies.interceptors.run(
            call, PRE_SESSION_CREATION, context=context, data={"user": person(user)}
        )
        claims = verdict.claims
    secret: str | None = None
    devices: tuple[str, ...] = ()
    async with call.db.transaction() as db:
        held = call.as_user(db, user.id)
        await invitations.accept(
            held,
            found.organization_id,
            user.id,
            verified=True,
            digest=vault.digest(token),
        )
        if begins:
            if session is not None:
                await sessions.end(held, session.id, status=LOGOUT)
            organization = await memberships_service.hold_place(db, found.organization_id, user.id)
            signed_in = await users_service.signed_in(held, user.id, verified=True)
            assert organization is not None
            assert signed_in is not None
            begun, secret = await sessions.begin(
                held,
                user_id=user.id,
                organization_id=organization.id,
                client_id=None,
                amr=[one["id"] for one in details],
                bounds=policies.bounds_of(dependencies.settings, organization),
                custom_claims=claims,
            )
            about = {"connection_id": details[0]["id"]}
            await db.record(completing.login(held, signed_in, begun, about))
            devices = (await known_origins.note(db, call.origin, user.id)).secrets
    app, way = await _application(call.db, found)
    return Accepted(found, secret, await _sign_in(call.db, found, way), app, devices)


def _policy_allows(call: Call, found: Invitation) -> bool:
    """Whether the sign-in policy of the organization accepts a link from an email as a sign-in.

    Where it asks for more, the user signs in at the application.
    """
    if found.policy is None:
        return True
    evidence = Evidence(
        user_id=found.user_id,
        at=now(),
        member_since=now(),
        methods=(policies_of_organizations.EMAIL,),
        has_second_factor=False,
        address=call.origin.address,
    )
    return found.policy.refusal(evidence) is None and not found.policy.lacks_second_factor(evidence)


async def _begins_session(
    dependencies: SignInDependencies, call: Call, user: User, organization_id: str
) -> bool:
    """Whether the link alone signs somebody in: not past a factor or their own provider."""
    return (
        user.last_login_time is None
        and EMAIL in dependencies.settings.own_methods
        and not await totp.is_enabled(call.db, user.id)
        and await login_requirements.enforced(call.db, user.email, organization_id) is None
    )


async def _application(
    db: engine.Session, invitation: Invitation
) -> tuple[str, ReturnTarget | None]:
    """Return the name of the application that an invitation leads to, and the way to it.

    It is the one through which the invitation was made; else the one that the organization's
    members used last; else the only one; None if there are several.
    """
    if invitation.client_id is not None:
        found = await return_targets.find_application(db, invitation.client_id)
        if found is not None:
            return found
    way = await applications.of_organization(db, invitation.organization_id)
    return ("" if way is None else way.app), way


async def _sign_in(
    db: engine.Session, accepted: Invitation, way: ReturnTarget | None
) -> ReturnTarget | None:
    """Return the way with the person and the organization, if a sign-in begins there."""
    if way is None or not way.begins:
        return way
    members = {"organization_id": accepted.organization_id, "login_hint": accepted.email}
    if await login_requirements.is_guest(db, accepted.email, accepted.organization_id):
        # The organization would lead to its provider, where a guest is a stranger.
        del members["organization_id"]
    query = urlencode(members)
    return replace(way, uri=f"{way.uri}{'&' if '?' in way.uri else '?'}{query}")
