"""Completes a federated login: evaluates trust in the provider and provisions the user.

`trust` defines what the providers of an organization may assert. A social provider may assert the
addresses that it marks as verified. No account is linked to a provider without verification.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tenantry.core import errors, strict_json
from tenantry.db.engine import ForeignKey
from tenantry.db.sql.schema import to_json
from tenantry.identity.authenticators.passwordless.model import NO_ACCOUNT, SIGNIN, SIGNUP
from tenantry.identity.connections import reading as connections
from tenantry.identity.connections.federated_identities import FederationError
from tenantry.identity.federation import identities, own_sign_ins, sessions
from tenantry.identity.federation import requests as ways
from tenantry.identity.sign_in import answers, choosing, login_requirements
from tenantry.identity.sign_in.auth_requests import counting, requests, states
from tenantry.identity.sign_in.factors import inboxes
from tenantry.identity.sign_in.federated import trust
from tenantry.identity.sign_in.federated.admission import accepted_profile, admit, sync
from tenantry.identity.sign_in.federated.provider_answer import ProviderAnswer, identity_of
from tenantry.net import email_addresses
from tenantry.tenants.user_attributes import reading as user_attributes
from tenantry.tenants.user_attributes.model import RESERVED, SSO
from tenantry.tenants.users import reading

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.identity.connections.federated_identities import FederatedIdentity
    from tenantry.identity.connections.model import Connection
    from tenantry.identity.sessions.model import Session as OurSession
    from tenantry.identity.sign_in.dependencies import SignInDependencies
    from tenantry.identity.sign_in.model import AuthorizationResponse, AuthRequest
    from tenantry.tenants.users.model import User

CLAIMS_MAX = 8192  # characters of JSON: they are in each ID token


async def arrive(
    dependencies: SignInDependencies, call: Call, request: AuthRequest, secret: str
) -> AuthRequest:
    states.expect(request, *states.UNPROVED)
    taken = await ways.take_arrival(call.db, secret)
    if taken is None or taken[0].auth_request_id != request.id:
        raise states.OutOfStep("this provider response has expired or belongs to another sign-in")
    way, identity = taken
    return await identified(dependencies, call, request, way.connection_id, identity)


async def named(
    dependencies: SignInDependencies,
    call: Call,
    request_id: str,
    connection_id: str,
    identity: FederatedIdentity | None,
) -> AuthRequest:
    """Continue with the user that an application with its own sign-in reports.

    This is an assertion by the connection that the request waits for; None means no user.
    The browser finds it so when it comes back.
    """
    request = await requests.find_of_any(call.db, request_id)
    connection = await connections.find(call.db, connection_id)
    if request is None or connection is None:
        raise errors.NotFound("auth request")
    if request.facts.sso != login_requirements.address(connection):
        # Its further way is told to the connection that it waited for alone.
        if request.connection_id == connection.id:
            raise states.OutOfStep("a user was already reported for this sign-in")
        raise errors.NotFound("auth request")
    if request.state != states.SSO_PENDING or request.error is not None:
        raise states.OutOfStep("a user was already reported for this sign-in")
    if own_sign_ins.login_uri(connection):
        if not await own_sign_ins.name(call.db, connection, request.id, identity):
            raise states.OutOfStep(
                "a user was already reported, or the sign-in was not sent to this connection"
            )
        return request
    if identity is None:
        fault = FederationError("authentication_not_completed", "the user did not sign in")
        return await _end(call, request, fault, connection, None, browser=False)
    return await identified(dependencies, call, request, connection_id, identity, browser=False)


async def identified(
    dependencies: SignInDependencies,
    call: Call,
    request: AuthRequest,
    connection_id: str,
    identity: FederatedIdentity,
    *,
    browser: bool = True,
) -> AuthRequest:
    """Continue with the user that a connection asserts, or end a request that must not continue.

    Without ``browser`` it is the application that calls, and the browser keeps its secret.
    """
    connection = await connections.find(call.db, connection_id)
    try:
        answer = ProviderAnswer(
            dependencies, call, request, _serving(connection), identity, browser=browser
        )
        answer.check()
        take = _by_social if answer.connection.organization_id is None else _by_organization
        if dependencies.settings.is_modular:
            take = _by_itself
        try:
            return await take(answer)
        except errors.Duplicate:
            # Another tab has just made the user or the member: now there is one.
            return await take(answer)
    except (FederationError, errors.InvalidArgument) as problem:
        fault = _fault(problem)
        return await _end(call, request, fault, connection, identity, browser=browser)


async def inbox_proved(
    dependencies: SignInDependencies, call: Call, request: AuthRequest, email: str
) -> AuthRequest:
    """Continue with a user that a provider asserts, after verification of the inbox."""
    connection = await connections.find(call.db, request.connection_id or "")
    identity = identity_of(call.db, request)
    try:
        answer = ProviderAnswer(dependencies, call, request, _serving(connection), identity)
        if answer.connection.organization_id is None:
            user = await reading.find_by_email(call.db, email)
            return await _first_factor(answer, states.VERIFIED, email=email, user=user)
        found = await trust.of(call.db, answer.connection, identity)
        return await admit(answer, states.VERIFIED, found, proved=email)
    except (FederationError, errors.InvalidArgument) as problem:
        return await _end(call, request, _fault(problem), connection, identity)


async def failed(
    dependencies: SignInDependencies,
    call: Call,
    request_id: str,
    fault: FederationError,
    *,
    connection_id: str,
) -> AuthorizationResponse | None:
    """End the sign-in that a provider was to answer, and return what the application is told.

    None where there is no such sign-in any more, or its person is known by now.
    """
    request = await requests.find_of_any(call.db, request_id)
    if request is None or request.state not in states.UNPROVED:
        return None
    connection = await connections.find(call.db, connection_id)
    try:
        ended = await _end(call, request, fault, connection, None)
    except states.OutOfStep:
        return None
    return answers.of_failed(dependencies, ended)


async def record(call: Call, request: AuthRequest, session: OurSession) -> bool:
    """Store a user's identity and session at the provider, within a transaction.

    False if that cannot be any more: the connection is gone, or the identity somebody else's.
    """
    if not request.facts.identity:
        return True
    assert request.connection_id is not None
    assert request.user_id is not None
    identity = identity_of(call.db, request)
    try:
        return await sessions.keep(
            call.db,
            session.id,
            request.connection_id,
            identity,
            user_id=request.user_id,
            is_proved=request.facts.inbox_proved,
            claims=await _claims(call.db, identity),
        )
    except ForeignKey:
        return False


async def _by_organization(answer: ProviderAnswer) -> AuthRequest:
    found = await trust.of(answer.call.db, answer.connection, answer.identity)
    found.check()
    if not found.owned and not found.proved:
        return await _ask_for_proof(answer, email=found.address, template=SIGNIN)
    return await admit(answer, states.SSO_AUTHENTICATED, found)


async def _by_itself(answer: ProviderAnswer) -> AuthRequest:
    """Sign in a user whom only this connection identifies: no account has the email address."""
    db, connection, sso = answer.call.db, answer.connection, answer.request.facts.sso
    if sso != login_requirements.address(connection):
        # The application has said whose provider is meant: another one of them may do.
        chosen = await connections.find(db, sso.rpartition("/")[2])
        organization_id = None if chosen is None else chosen.organization_id
        if organization_id is None or organization_id != connection.organization_id:
            raise FederationError(
                "invalid_connection_id", "the request requires another connection"
            )
    found = await trust.of_itself(db, connection, answer.identity)
    return await admit(answer, states.SSO_AUTHENTICATED, found)


async def _by_social(answer: ProviderAnswer) -> AuthRequest:
    db, dependencies, email = answer.call.db, answer.dependencies, answer.identity.email
    known = await identities.find(db, answer.connection.id, answer.identity.subject)
    user = None
    if known is not None and known[1].sub is None:
        _, user = known
        email = user.email
    elif answer.identity.email_verified:
        user = await reading.find_by_email(db, email)
    else:
        home = await login_requirements.enforced(db, email, answer.request.named)
        if home is not None:
            way = states.SSO_AUTHENTICATED
            return await login_requirements.send(db, answer.request, way, home=home, email=email)
        there = await reading.find_by_email(db, email) is not None
        new = SIGNUP if dependencies.settings.may_sign_up else NO_ACCOUNT
        return await _ask_for_proof(answer, email=email, template=SIGNIN if there else new)
    return await _first_factor(answer, states.SSO_AUTHENTICATED, email=email, user=user)


async def _first_factor(
    answer: ProviderAnswer, way: str, *, email: str, user: User | None
) -> AuthRequest:
    """Accept a social provider as the first factor, like any other method of the environment."""
    call = answer.call
    if user is not None and answer.settings.sync_user_profile_on_login:
        async with call.db.transaction() as db:
            held = requests.as_person(call, db, answer.request, user.id)
            await sync(held, user, accepted_profile(answer.identity.profile))
    return await choosing.after_first_factor(
        answer.dependencies,
        call,
        answer.request,
        way,
        facts=replace(answer.facts(), email_proved=True, inbox_proved=True),
        connection_id=answer.connection.id,
        email=email,
        user=user,
        is_proof=answer.browser,
    )


async def _ask_for_proof(answer: ProviderAnswer, *, email: str, template: str) -> AuthRequest:
    """Require verification of the inbox before accepting the provider's assertion."""
    call, request = answer.call, answer.request
    if answer.browser:
        await inboxes.take(call, email)
    sent = await inboxes.ask(answer.dependencies, call, request, email=email, template=template)
    return await requests.move(
        call.db,
        request,
        states.SSO_AUTHENTICATED,
        states.VERIFICATION_SENT,
        facts=replace(answer.facts(), passwordless=sent),
        email=email,
        user_id=None,
        connection_id=answer.connection.id,
        is_proof=answer.browser,
    )


async def _claims(db: Session, identity: FederatedIdentity) -> dict[str, Any]:
    """Return the custom attributes that are registered, and can be claims."""
    if not identity.claims:
        return {}
    known = {one.key for one in await user_attributes.of_kind(db, SSO) if one.enabled} - RESERVED
    kept: dict[str, Any] = {}
    for name in sorted(known & identity.claims.keys()):
        longer = {**kept, name: identity.claims[name]}
        if len(to_json(longer)) <= CLAIMS_MAX and not strict_json.has_nul(identity.claims[name]):
            kept = longer
    return kept


async def _end(
    call: Call,
    request: AuthRequest,
    fault: FederationError,
    connection: Connection | None,
    identity: FederatedIdentity | None,
    *,
    browser: bool = True,
) -> AuthRequest:
    """End a sign-in by a fault, which the log has with the connection and the address.

    Without its ``browser`` the end has to wait until that comes for it.
    """
    counting.vouched(refused=True)
    changes: dict[str, Any] = {}
    if connection is not None:
        changes = {"connection_id": connection.id, "organization_id": connection.organization_id}
    said = fault.evidence if identity is None else identity.evidence
    if said:
        changes["facts"] = replace(request.facts, evidence=said)
    if identity is not None and identity.email and len(identity.email) <= email_addresses.MAX:
        changes["email"] = identity.email
    return await requests.move(
        call.db,
        request,
        states.FAILED if browser else states.SSO_PENDING,
        error=requests.problem(fault.description, fault.error),
        **changes,
    )


def _serving(connection: Connection | None) -> Connection:
    if connection is None or not connection.serves:
        raise FederationError("connection_not_active", "this connection is no longer active")
    return connection


def _fault(problem: FederationError | errors.InvalidArgument) -> FederationError:
    if isinstance(problem, FederationError):
        return problem
    # Such as an organization without a free seat.
    return FederationError("access_denied", problem.message)
