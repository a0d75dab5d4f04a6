"""The end of a sign-in: the session, the code, and the answer to the application."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tenantry.core import errors
from tenantry.core.times import MINUTE, now
from tenantry.crypto import vault
from tenantry.db.activity import counters
from tenantry.events.interceptors.model import PRE_SESSION_CREATION
from tenantry.identity.connections import environment as connections
from tenantry.identity.grants import codes
from tenantry.identity.known_origins import service as known_origins
from tenantry.identity.security_notices import service as security_notices
from tenantry.identity.sessions import policies
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import LOGOUT, NO_ORGANIZATION
from tenantry.identity.sign_in import answers, consenting, login_requirements, policy_steps
from tenantry.identity.sign_in.auth_requests import counting, requests, states
from tenantry.identity.sign_in.contexts import amr_of, connection_details, context_of, person
from tenantry.identity.sign_in.federated import completion, provider_answer
from tenantry.identity.sign_in.model import SESSION, AuthorizationResponse, Completion
from tenantry.tenants.memberships import service as memberships
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations.service import OrganizationIdentifier
from tenantry.tenants.users import reading
from tenantry.tenants.users import service as users

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.call import Call
    from tenantry.core.event import Event
    from tenantry.db import engine
    from tenantry.identity.sessions.model import Bounds, Session
    from tenantry.identity.sign_in.dependencies import SignInDependencies
    from tenantry.identity.sign_in.model import AuthRequest
    from tenantry.tenants.organizations.model import Organization
    from tenantry.tenants.users.model import User

_LOGIN_REQUIRED = "login_required"
_GONE = "the account or its membership no longer exists"


async def complete(
    dependencies: SignInDependencies, call: Call, request: AuthRequest, *, session: Session | None
) -> Completion | AuthRequest:
    """Return the answer to the application, and secrets for the browser to keep.

    Or the request, at the step that the sign-in policy of the organization asks for first.

    ``session`` is that of the browser. Somebody who authenticates again enters it; that of
    somebody else ends. A request that has failed is answered by its error.
    """
    if request.state == states.FAILED:
        return Completion(answers.of_failed(dependencies, request))
    states.expect(request, states.ORGANIZATION_SELECTED)
    try:
        done = await _checked_and_completed(dependencies, call, request, session)
    except policy_steps.Withheld as withheld:
        return await policy_steps.follow(call, request, withheld)
    except _Refused as refusal:
        return Completion(
            await cancel(dependencies, call, request, refusal.error, refusal.description)
        )
    counting.ended(states.COMPLETED, request.facts)
    if request.user_id is not None and not request.impersonator:
        counters.active(request.user_id, request.organization_id)
    return done


async def cancel(
    dependencies: SignInDependencies,
    call: Call,
    request: AuthRequest,
    error: str = "access_denied",
    description: str = "the sign-in was canceled",
) -> AuthorizationResponse:
    failed = await requests.move(
        call.db, request, states.FAILED, error=requests.problem(description, error)
    )
    return answers.of_failed(dependencies, failed)


async def _checked_and_completed(
    dependencies: SignInDependencies, call: Call, request: AuthRequest, session: Session | None
) -> Completion:
    params = request.params
    assert request.user_id is not None
    assert request.organization_id is not None
    user = await reading.find(call.db, id_=request.user_id, external_id=None)
    if user is None or not (
        request.organization_id == NO_ORGANIZATION or user.membership_in(request.organization_id)
    ):
        raise _Refused(_GONE)
    if (user.sub is not None) != dependencies.settings.is_modular:
        raise _Refused("the sign-in methods have changed: sign in again", _LOGIN_REQUIRED)
    if params.id_token_user not in {None, user.sub or user.id}:
        # OpenID Connect Core 1.0 section 3.1.2.2.
        raise _Refused("the signed-in user does not match id_token_hint", _LOGIN_REQUIRED)
    # A session that was stepped up by a second factor is no new sign-in.
    proofs = [] if SESSION in request.facts.proofs else list(request.facts.proofs)
    enters = (
        session is not None
        and session.user_id == user.id
        and await _is_open(dependencies, call, session, request.organization_id, anew=bool(proofs))
    )
    if not proofs and not (
        enters and session is not None and session.id == request.facts.session_id
    ):
        raise _Refused("the session has ended: sign in again", _LOGIN_REQUIRED)
    amr: Sequence[str] | None = () if session is None else session.proved_by
    if proofs:
        amr = await amr_of(call.db, proofs)
    if (
        request.organization_id != NO_ORGANIZATION
        and await login_requirements.reauthentication_requirement(
            call.db, request.organization_id, email=user.email, amr=amr
        )
        is not None
    ):
        raise _Refused("this organization requires its own sign-in: sign in again", _LOGIN_REQUIRED)
    problem = await consenting.problem(
        call.db,
        request.client_id,
        params,
        request.scopes,
        user_id=user.id,
        organization_id=request.organization_id,
        impersonator=request.impersonator,
        has_answered=request.facts.has_consented,
    )
    if problem is not None:
        raise _Refused(problem.description, problem.error)
    try:
        claims = await session_claims(dependencies, call, request, user)
    except errors.Intercepted as refusal:
        raise _Refused(refusal.message) from None
    return await _completed(
        dependencies,
        call,
        request,
        session,
        proofs=proofs,
        enters=enters,
        claims=claims,
        before=user,
    )


async def _is_open(
    dependencies: SignInDependencies,
    call: Call,
    session: Session,
    organization_id: str,
    *,
    anew: bool,
) -> bool:
    """Whether a session is young enough for an organization; see `is_within`."""
    if organization_id == NO_ORGANIZATION:
        return is_within(session, policies.bounds_of_deployment(dependencies.settings), anew=anew)
    try:
        organization = await organizations.get(call, OrganizationIdentifier(organization_id))
    except errors.NotFound:
        raise _Refused(_GONE) from None
    return is_within(session, policies.bounds_of(dependencies.settings, organization), anew=anew)


async def _completed(
    dependencies: SignInDependencies,
    call: Call,
    request: AuthRequest,
    session: Session | None,
    *,
    proofs: Sequence[str],
    enters: bool,
    claims: Mapping[str, Any],
    before: User,
) -> Completion:
    assert request.user_id is not None
    assert request.organization_id is not None
    secret: str | None = None
    devices: tuple[str, ...] = ()
    async with call.db.transaction() as db:
        # The first one of two at once; and then all that may have gone away meanwhile.
        await requests.move(db, request, states.COMPLETED)
        in_it = session.impersonator if enters and session is not None else ""
        held = call.as_user(db, request.user_id, impersonator=in_it)
        user = await _signed_in(held, request)
        if user is None:
            raise _Refused(_GONE)
        organization = await _organization(db, request)
        amr = await amr_of(call.db, proofs)
        entering, joined = session if enters else None, None
        if entering is not None and proofs:
            joined = await _joined(call.db, entering.amr, amr)
        happened = []
        if organization is not None:
            attempt = policy_steps.Attempt(
                organization=organization,
                user=before,
                request=request,
                session=entering,
                amr=amr if entering is None else joined or entering.amr,
            )
            happened += await policy_steps.check(held, attempt)
        shared: dict[str, Any] = {
            "organization_id": request.organization_id,
            "client_id": request.client_id,
            "bounds": _bounds(dependencies, organization),
            "custom_claims": claims,
            "until": provider_answer.expire_time(db, request),
            "has_second_factor": request.facts.has_second_factor,
        }
        entered = None
        if entering is not None:
            # It can do more from here on: its secret from before must not.
            secret = vault.new_secret()
            with suppress(sessions.SessionOver):
                entered = await sessions.enter(held, entering, **shared, amr=joined, secret=secret)
            if entered is None and not proofs:
                raise _Refused(_GONE)
        if entered is None:
            entered, secret = await _begun(held, user, session, amr=amr, **shared)
        if not await completion.record(held, request, entered):
            raise _Refused("this connection is no longer active", "connection_not_active")
        if proofs:
            devices = await _note_origin(held, request, before, session)
        if proofs or session is None or request.organization_id not in session.organizations:
            happened.append(login(held, user, entered, context_of_login(request)))
        code, row = new_code(request, entered)
        await codes.add(db, row, *happened)
    return Completion(answers.of(dependencies, request.params, code=code), secret, devices)


async def _begun(
    call: Call, user: User, former: Session | None, **members: Any
) -> tuple[Session, str]:
    """Begin a session of a user in the place of the one that the browser had."""
    if former is not None:
        await sessions.end(call, former.id, status=LOGOUT)
    return await sessions.begin(call, user_id=user.id, sub=user.sub, **members)


async def _note_origin(
    call: Call, request: AuthRequest, user: User, session: Session | None
) -> tuple[str, ...]:
    """Note where a user signs in from; return the secrets for the cookie of the browser.

    A user who signs in from elsewhere for the first time is told. A browser is known to the user
    of the session that it still has.
    """
    noted = await known_origins.note(call.db, call.origin, user.id)
    is_known = noted.is_known or (session is not None and session.user_id == user.id)
    if not is_known and user.last_login_time is not None and user.sub is None:
        await security_notices.queue(
            call, user.id, security_notices.NEW_DEVICE, client_id=request.client_id
        )
    return noted.secrets


async def _signed_in(call: Call, request: AuthRequest) -> User | None:
    """Return the person, with the time of this sign-in noted; None if the person is gone."""
    assert request.user_id is not None
    if request.impersonator:
        # An operator in the person's place changes nothing, and the person does not sign in.
        return await reading.find(call.db, id_=request.user_id, external_id=None)
    verified = request.facts.email_proved
    return await users.signed_in(call, request.user_id, verified=verified)


async def _organization(db: engine.Session, request: AuthRequest) -> Organization | None:
    """Return the organization, with the user's place in it held; None for a sign-in without one."""
    assert request.user_id is not None
    if not request.organization_id:
        return None
    found = await memberships.hold_place(db, request.organization_id, request.user_id)
    if found is None:
        raise _Refused(_GONE)
    return found


def _bounds(dependencies: SignInDependencies, organization: Organization | None) -> Bounds:
    """Return the limits of the session."""
    if organization is None:
        return policies.bounds_of_deployment(dependencies.settings)
    return policies.bounds_of(dependencies.settings, organization)


async def _joined(db: engine.Session, before: Sequence[str], amr: Sequence[str]) -> Sequence[str]:
    """Return the connections that a session rests on, once its person has signed in anew.

    The earlier ones stay where one of both is a provider's, for that is good for one organization
    alone: so going back and forth takes one proof for each.
    """
    fixed = {one.id for one in (await connections.of_environment(db)).values()}
    if fixed.issuperset(before) and fixed.issuperset(amr):
        return amr
    return tuple(dict.fromkeys((*before, *amr)))


def new_code(request: AuthRequest, session: Session) -> tuple[str, dict[str, Any]]:
    """Return a code for this request, and its parameters; see `codes.new`."""
    params = request.params
    return codes.new(
        session=session,
        client_id=request.client_id,
        redirect_uri=params.redirect_uri,
        scope=" ".join(request.scopes),
        nonce=params.nonce,
        code_challenge=params.code_challenge,
        resource_id=params.resource_id,
    )


async def session_claims(
    dependencies: SignInDependencies, call: Call, request: AuthRequest, user: User
) -> Mapping[str, Any]:
    """Ask the interceptors; return the claims that they add.

    Raises:
        errors.Intercepted: one forbids it.

    """
    if not await dependencies.interceptors.runs(PRE_SESSION_CREATION):
        return {}
    context = context_of(call, request, await connection_details(call.db, request.facts.proofs))
    verdict = await dependencies.interceptors.run(
        call, PRE_SESSION_CREATION, context=context, data={"user": person(user)}
    )
    return verdict.claims


class _Refused(Exception):
    """A sign-in that all proofs were given for ends by this error nevertheless."""

    def __init__(self, description: str, error: str = "access_denied") -> None:
        super().__init__(description)
        self.description = description
        self.error = error


def is_within(session: Session, bounds: Bounds, *, anew: bool) -> bool:
    """Whether a session is not too old for an organization, nor, unless ``anew``, idle too long."""
    at = now()
    if session.create_time + bounds.absolute * MINUTE <= at:
        return False
    return anew or bounds.idle is None or session.last_active_time + bounds.idle * MINUTE > at


def login(call: Call, user: User, session: Session, context: dict[str, str]) -> Event:
    """Return the event of a sign-in of a user, with a context to find it by."""
    event = call.event(
        "user.login",
        organization_id=session.organization_id or None,
        after={"user": user.to_event(), "user_session": session.to_event()},
    )
    return replace(event, context=context)


def context_of_login(request: AuthRequest) -> dict[str, str]:
    """Return the context that the event of a sign-in can be found by."""
    context = {"auth_request_id": request.id}
    if request.connection_id is not None:
        context["connection_id"] = request.connection_id
    return context
