"""The steps that the sign-in policy of an organization adds to a sign-in.

`completing` checks the policy once for all methods, when the organization is chosen and all proofs
are given, and calls `follow` if the policy refuses. Sessions that answer at once are checked by
`beginning`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.core.times import now
from tenantry.identity.authenticators.totp import service as totp
from tenantry.identity.connections import reading as connections
from tenantry.identity.organization_policies import enforcement
from tenantry.identity.sign_in import login_requirements
from tenantry.identity.sign_in.auth_requests import counting, requests, states
from tenantry.identity.sign_in.model import AUTHENTICATE_AGAIN, SESSION
from tenantry.tenants.organizations import policy as policies
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations.policy import Evidence, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.call import Call
    from tenantry.core.event import Event
    from tenantry.db.engine import Session as Database
    from tenantry.identity.authenticators.totp.model import Registration
    from tenantry.identity.connections.model import Connection
    from tenantry.identity.sessions.model import Session
    from tenantry.identity.sign_in.dependencies import SignInDependencies
    from tenantry.identity.sign_in.model import AuthRequest
    from tenantry.tenants.organizations.model import Organization
    from tenantry.tenants.users.model import User


class Withheld(Exception):
    """A sign-in with all proofs does not meet the policy: another step comes first."""

    def __init__(self, refusal: Refusal, user: User, *, deadline: int | None = None) -> None:
        super().__init__(refusal.sentence)
        self.refusal, self.user = refusal, user
        self.deadline = deadline  # until then the step may be deferred


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A sign-in that is about to be completed in an organization."""

    organization: Organization
    user: User
    request: AuthRequest
    session: Session | None  # that it enters
    amr: Sequence[str]  # of the session, once it is completed


async def check(call: Call, attempt: Attempt) -> list[Event]:
    """Check the policy; return the event of a sign-in by break-glass access, if it is one.

    Raises:
        Withheld: the policy refuses, or asks for a second factor that can still be deferred.

    """
    policy, request, session = attempt.organization.policy, attempt.request, attempt.session
    if policy is None or request.impersonator:
        return []
    user, facts = attempt.user, request.facts
    place = user.membership_in(attempt.organization.id)
    has_factor = session is not None and session.second_factor_time is not None
    evidence = Evidence(
        user_id=user.id,
        at=now(),
        member_since=(place.join_time or place.create_time) if place else 0,
        methods=await enforcement.methods_of(call.db, attempt.organization.id, attempt.amr),
        has_second_factor=facts.has_second_factor or has_factor,
        address=call.origin.address,
    )
    refusal = policy.refusal(evidence)
    if refusal is not None:
        raise Withheld(refusal, user)
    if SESSION in facts.proofs and session is not None:
        if policy.is_too_old(request.scopes, auth_time=session.auth_time, at=evidence.at):
            raise Withheld(Refusal.REAUTHENTICATION, user)
    elif policy.lacks_second_factor(evidence) and not facts.setup_deferred:
        deadline = policy.enrollment_deadline(evidence.member_since)
        raise Withheld(Refusal.SECOND_FACTOR, user, deadline=deadline)
    if policies.SSO in evidence.methods or not policy.sso_required:
        return []
    organization_id = attempt.organization.id
    about = {"id": organization_id, "user_id": user.id, "client_id": request.client_id}
    return [
        call.event("organization.break_glass_used", organization_id=organization_id, after=about)
    ]


async def follow(call: Call, request: AuthRequest, withheld: Withheld) -> AuthRequest:
    """Take a sign-in that the policy withholds to the step that the policy asks for."""
    refusal, organization_id = withheld.refusal, request.organization_id
    assert organization_id is not None
    facts = replace(request.facts, organization_id=organization_id, refusal=refusal.value)
    if refusal is Refusal.SECOND_FACTOR:
        return await _second_factor(call, request, withheld)
    if refusal is Refusal.REAUTHENTICATION:
        nobody = replace(login_requirements.nobody(facts), notice=AUTHENTICATE_AGAIN, refusal="")
        return await requests.move(
            call.db, request, states.IN_PROGRESS, facts=nobody, user_id=None, organization_id=None
        )
    if refusal is Refusal.SSO:
        home = await _provider(call.db, organization_id, withheld.user.email)
        if home is not None:
            return await login_requirements.send(
                call.db,
                replace(request, facts=replace(facts, refusal="")),
                home=home,
                email=withheld.user.email,
                organization_id=organization_id,
            )
    await enforcement.record(
        call,
        refusal,
        organization_id=organization_id,
        access="sign_in",
        user_id=withheld.user.id,
        client_id=request.client_id,
    )
    return await requests.move(call.db, request, states.POLICY_REFUSED, facts=facts)


async def _second_factor(call: Call, request: AuthRequest, withheld: Withheld) -> AuthRequest:
    """Ask for the second factor, or have the user set one up, which can wait until the deadline."""
    user_id = withheld.user.id
    facts = replace(request.facts, organization_id=request.organization_id or "")
    if await totp.is_enabled(call.db, user_id):
        return await requests.move(call.db, request, states.SECOND_FACTOR_PENDING, facts=facts)
    held = requests.as_person(call, call.db, request, user_id)
    registration = await totp.register(held, user_id=user_id)
    facts = replace(
        facts, registration_id=registration.id, enrollment_deadline=withheld.deadline or 0
    )
    return await requests.move(call.db, request, states.SECOND_FACTOR_SETUP, facts=facts)


async def registration_of(call: Call, request: AuthRequest) -> Registration:
    """Return the authenticator app that a sign-in sets up; its secret is shown until then."""
    states.expect(request, states.SECOND_FACTOR_SETUP)
    assert request.user_id is not None
    held = requests.as_person(call, call.db, request, request.user_id)
    registration = await totp.get(held, request.facts.registration_id)
    if registration.enabled or registration.user_id != request.user_id:
        raise errors.NotFound("TOTP registration")
    return registration


async def set_up(call: Call, request: AuthRequest, code: str) -> tuple[AuthRequest, list[str]]:
    """Enable the authenticator app by its first code; return its recovery codes as well."""
    registration = await registration_of(call, request)
    assert request.user_id is not None
    held = requests.as_person(call, call.db, request, request.user_id)
    with counting.proof(counting.SECOND_FACTOR):
        _, codes = await totp.enable(held, registration.id, code)
    facts = replace(
        request.facts,
        has_second_factor=True,
        registration_id="",
        enrollment_deadline=0,
    )
    moved = await requests.move(
        call.db,
        request,
        states.SECOND_FACTOR_VERIFIED,
        states.ORGANIZATION_SELECTED,
        facts=facts,
        is_proof=True,
    )
    return moved, codes


async def defer_setup(
    _dependencies: SignInDependencies, call: Call, request: AuthRequest
) -> AuthRequest:
    """Continue without a second factor within the grace period."""
    states.expect(request, states.SECOND_FACTOR_SETUP)
    if request.facts.enrollment_deadline <= now():
        raise errors.InvalidArgument("the grace period has ended: set up a second factor")
    facts = replace(request.facts, setup_deferred=True, registration_id="")
    return await requests.move(call.db, request, states.ORGANIZATION_SELECTED, facts=facts)


async def organization_of(call: Call, request: AuthRequest) -> Organization:
    """Return the organization whose policy withholds a sign-in."""
    return await organizations.get(
        call, organizations.OrganizationIdentifier(request.organization_id)
    )


async def _provider(db: Database, organization_id: str, email: str) -> Connection | None:
    """Return the connection of an organization that a user may sign in through."""
    enforced = await login_requirements.enforced(db, email, organization_id)
    if enforced is not None:
        return enforced
    serving = await connections.of_organization(db, organization_id)
    return serving[0] if serving else None
