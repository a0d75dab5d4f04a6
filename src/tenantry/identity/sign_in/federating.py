"""Completes a federated login: evaluates trust in the provider and provisions the user.

For organizations, `standing` says what their providers may say. A social provider speaks for the
addresses that it calls verified. Nobody's account goes over to a provider without a proof.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tenantry.core import errors, ids, strict_json
from tenantry.db.encrypted_columns import binding
from tenantry.db.engine import ForeignKey
from tenantry.db.schema import to_json
from tenantry.identity.connections import reading as connections
from tenantry.identity.connections.federated_identities import FederationError
from tenantry.identity.connections.settings import Settings
from tenantry.identity.federation import identities, own_sign_ins, sealing, sessions
from tenantry.identity.federation import requests as ways
from tenantry.identity.proofs.passwordless.model import NO_ACCOUNT, SIGNIN, SIGNUP
from tenantry.identity.sessions.model import NO_ORGANIZATION
from tenantry.identity.sign_in import (
    acting,
    answers,
    choosing,
    counting,
    first_factors,
    inboxes,
    realms,
    requests,
    standing,
    states,
)
from tenantry.identity.sign_in.model import RESET_PASSWORD, SIGN_IN, auth_requests
from tenantry.net import email_addresses
from tenantry.tenants.memberships import invitations, joining, seats
from tenantry.tenants.memberships import service as memberships
from tenantry.tenants.user_attributes import reading as user_attributes
from tenantry.tenants.user_attributes.model import RESERVED, SSO
from tenantry.tenants.users import reading, values
from tenantry.tenants.users import service as users
from tenantry.tenants.users.model import ACTIVE, JIT_USING_SSO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.call import Call
    from tenantry.crypto.vault import Binding
    from tenantry.db.engine import Session
    from tenantry.identity.connections.federated_identities import FederatedIdentity
    from tenantry.identity.connections.model import Connection
    from tenantry.identity.sessions.model import Session as OurSession
    from tenantry.identity.sign_in.means import Means
    from tenantry.identity.sign_in.model import Answer, AuthRequest, Facts
    from tenantry.identity.sign_in.standing import Standing
    from tenantry.tenants.users.model import User

SUBJECT_MAX = 1000  # bytes, of a key that an index holds
SUB_MAX = 256  # characters that applications have to keep of it: the limit of SAML 2.0 Core 8.3.7
CLAIMS_MAX = 8192  # characters of JSON: they are in each ID token
# Members of a profile that a provider may fill.
_PROFILE = (
    *("given_name", "family_name", "name", "picture", "locale", "phone_number", "gender"),
    "preferred_username",
)


async def arrive(means: Means, call: Call, request: AuthRequest, secret: str) -> AuthRequest:
    """Go on with the answer of a provider that the browser of a request brings.

    Raises:
        errors.RateLimited: the inbox is to be proved, and there were too many mails.
        states.OutOfStep: the answer was taken before, its time is over, or it is for another
            sign-in; or the person is known already.

    """
    states.expect(request, *states.UNPROVED)
    taken = await ways.take_arrival(call.db, secret)
    if taken is None or taken[0].auth_request_id != request.id:
        raise states.OutOfStep("this answer of the provider is over, or of another sign-in")
    way, identity = taken
    return await identified(means, call, request, way.connection_id, identity)


async def named(
    means: Means,
    call: Call,
    request_id: str,
    connection_id: str,
    identity: FederatedIdentity | None,
) -> AuthRequest:
    """Go on with the person that an application names, which has its own sign-in.

    As if the connection that the request waits for had vouched for this person; None is nobody.
    The browser finds it so when it comes back.

    Raises:
        errors.NotFound: no such request goes on, or it waits for no such connection.
        errors.InvalidArgument: somebody was named for it already.

    """
    request = await requests.find_of_any(call.db, request_id)
    connection = await connections.find(call.db, connection_id)
    if request is None or connection is None:
        raise errors.NotFound("auth request")
    if request.facts.sso != realms.address(connection):
        # Its further way is told to the connection that it waited for alone.
        if request.connection_id == connection.id:
            raise states.OutOfStep("somebody was named for this sign-in already")
        raise errors.NotFound("auth request")
    if request.state != states.SSO_PENDING or request.error is not None:
        raise states.OutOfStep("somebody was named for this sign-in already")
    if own_sign_ins.login_uri(connection):
        if not await own_sign_ins.name(call.db, connection, request.id, identity):
            raise states.OutOfStep("somebody was named already, or no browser was sent there")
        return request
    if identity is None:
        fault = FederationError("authentication_not_completed", "the person did not sign in")
        return await _end(call, request, fault, connection, None, browser=False)
    return await identified(means, call, request, connection_id, identity, browser=False)


async def identified(
    means: Means,
    call: Call,
    request: AuthRequest,
    connection_id: str,
    identity: FederatedIdentity,
    *,
    browser: bool = True,
) -> AuthRequest:
    """Go on with a person whom a connection vouches for; a request that may not go on ends.

    Without ``browser`` it is the application that calls, and the browser keeps its secret.

    Raises:
        errors.RateLimited: the inbox is to be proved, and there were too many mails.
        states.OutOfStep: another step was faster.

    """
    connection = await connections.find(call.db, connection_id)
    try:
        answer = _Answer(means, call, request, _serving(connection), identity, browser=browser)
        answer.check()
        take = _by_social if answer.connection.organization_id is None else _by_organization
        if means.settings.is_modular:
            take = _by_itself
        try:
            return await take(answer)
        except errors.Duplicate:
            # Another tab has just made the user or the member: now there is one.
            return await take(answer)
    except (FederationError, errors.InvalidArgument) as problem:
        fault = _fault(problem)
        return await _end(call, request, fault, connection, identity, browser=browser)


async def inbox_proved(means: Means, call: Call, request: AuthRequest, email: str) -> AuthRequest:
    """Go on with a person that a provider vouches for, and that has proved the inbox as well."""
    connection = await connections.find(call.db, request.connection_id or "")
    identity = _identity(call.db, request)
    try:
        answer = _Answer(means, call, request, _serving(connection), identity)
        if answer.connection.organization_id is None:
            user = await reading.find_by_email(call.db, email)
            return await _first_factor(answer, states.VERIFIED, email=email, user=user)
        found = await standing.of(call.db, answer.connection, identity)
        return await _admit(answer, states.VERIFIED, found, proved=email)
    except (FederationError, errors.InvalidArgument) as problem:
        return await _end(call, request, _fault(problem), connection, identity)


async def failed(
    means: Means, call: Call, request_id: str, fault: FederationError, *, connection_id: str
) -> Answer | None:
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
    return answers.of_failed(means, ended)


async def record(call: Call, request: AuthRequest, session: OurSession) -> bool:
    """Keep the provider's identity of somebody, and the session there; within a transaction.

    False if that cannot be any more: the connection is gone, or the identity somebody else's.
    """
    if not request.facts.identity:
        return True
    assert request.connection_id is not None
    assert request.user_id is not None
    identity = _identity(call.db, request)
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


def expire_time(db: Session, request: AuthRequest) -> int | None:
    """Return until when the provider lets a session of its person last, if it says so."""
    if not request.facts.identity:
        return None
    return _identity(db, request).session_expire_time


def _identity(db: Session, request: AuthRequest) -> FederatedIdentity:
    """Return the identity that a provider has vouched for in a sign-in.

    Raises:
        WrongKey: it is of another sign-in, or was changed.

    """
    return sealing.unseal(db, request.facts.identity, _binding(request))


def _binding(request: AuthRequest) -> Binding:
    return binding(auth_requests.c.facts, {"id": request.id})


@dataclass(frozen=True, slots=True)
class _Answer:
    """A provider's answer, and the sign-in that it is for."""

    means: Means
    call: Call
    request: AuthRequest
    connection: Connection
    identity: FederatedIdentity
    browser: bool = True  # that of the person calls, and is to have a new secret

    @property
    def settings(self) -> Settings:
        return Settings.stored(self.connection.settings)

    def check(self) -> None:
        """Refuse an answer without an address, or of another provider than is asked for.

        Raises:
            FederationError: why.

        """
        request, organization_id = self.request, self.connection.organization_id
        if organization_id is not None and request.named not in {None, organization_id}:
            raise FederationError(
                "invalid_organization_id",
                "this connection is of another organization than is asked for",
            )
        asked = request.params.connection_id
        if request.state == states.SSO_PENDING and asked not in {None, self.connection.id}:
            raise FederationError("invalid_connection_id", "another connection is asked for")
        subject, modular = self.identity.subject, self.means.settings.is_modular
        if not _is_key(subject) or (modular and len(subject) > SUB_MAX):
            raise FederationError(
                "invalid_request", "the provider's id of the person is missing or too long"
            )
        try:
            email_addresses.checked(self.identity.email)
        except errors.InvalidArgument:
            raise FederationError(
                "mandatory_attribute_missing", "the provider gives no e-mail address"
            ) from None

    def facts(self) -> Facts:
        """Return the findings of the sign-in with this answer."""
        before = self.request.facts
        return replace(
            before,
            intent=SIGN_IN if before.intent == RESET_PASSWORD else before.intent,
            proofs=(self.connection.id,),
            sso="",
            passwordless="",
            identity=sealing.seal(
                self.call.db, replace(self.identity, evidence={}), _binding(self.request)
            ),
            evidence=self.identity.evidence or before.evidence,
        )


async def _by_organization(answer: _Answer) -> AuthRequest:
    found = await standing.of(answer.call.db, answer.connection, answer.identity)
    found.check()
    if not found.owned and not found.proved:
        return await _ask_for_proof(answer, email=found.address, template=SIGNIN)
    return await _admit(answer, states.SSO_AUTHENTICATED, found)


async def _by_itself(answer: _Answer) -> AuthRequest:
    """Sign in a person known to this connection only: the address identifies nobody."""
    db, connection, sso = answer.call.db, answer.connection, answer.request.facts.sso
    if sso != realms.address(connection):
        # The application has said whose provider is meant: another one of them may do.
        chosen = await connections.find(db, sso.rpartition("/")[2])
        organization_id = None if chosen is None else chosen.organization_id
        if organization_id is None or organization_id != connection.organization_id:
            raise FederationError("invalid_connection_id", "another connection is asked for")
    found = await standing.of_itself(db, connection, answer.identity)
    return await _admit(answer, states.SSO_AUTHENTICATED, found)


async def _by_social(answer: _Answer) -> AuthRequest:
    db, means, email = answer.call.db, answer.means, answer.identity.email
    known = await identities.find(db, answer.connection.id, answer.identity.subject)
    user = None
    if known is not None and known[1].sub is None:
        _, user = known
        email = user.email
    elif answer.identity.email_verified:
        user = await reading.find_by_email(db, email)
    else:
        home = await realms.enforced(db, email, answer.request.named)
        if home is not None:
            way = states.SSO_AUTHENTICATED
            return await realms.send(db, answer.request, way, home=home, email=email)
        there = await reading.find_by_email(db, email) is not None
        new = SIGNUP if means.settings.may_sign_up else NO_ACCOUNT
        return await _ask_for_proof(answer, email=email, template=SIGNIN if there else new)
    return await _first_factor(answer, states.SSO_AUTHENTICATED, email=email, user=user)


async def _admit(
    answer: _Answer, way: str, found: Standing, *, proved: str | None = None
) -> AuthRequest:
    """Let somebody in to the organization of a connection, as a member from now on if need be.

    ``proved`` is the address of an inbox that the person has proved just now.
    """
    found.check()
    if proved is not None and email_addresses.key(proved) != email_addresses.key(found.address):
        raise FederationError("access_denied", "the account has another e-mail address meanwhile")
    call, settings, user = answer.call, answer.settings, found.user
    organization_id = answer.connection.organization_id or NO_ORGANIZATION
    believed = found.owned or found.sub is None  # of anybody else it has been proved
    facts = replace(answer.facts(), email_proved=believed, inbox_proved=proved is not None)
    if found.is_new:
        await _ask_interceptors(answer, replace(answer.request, facts=facts), found)
    profile = _profile(answer.identity.profile)
    user_id = call.db.new_id(ids.USER) if user is None else user.id

    async def move(db: Session) -> AuthRequest:
        return await requests.move(
            db,
            answer.request,
            way,
            states.ORGANIZATION_SELECTED,
            facts=facts,
            email=found.address,
            user_id=user_id,
            organization_id=organization_id,
            connection_id=answer.connection.id,
            is_proof=answer.browser,
        )

    follows = settings.sync_user_profile_on_login and (user is None or _news(user, profile))
    moves = (
        user is not None
        and user.sub is not None
        and (user.email, user.email_verified) != (found.address, believed)
    )
    is_in = found.is_member or (found.is_alone and user is not None)
    by_groups = {} if found.is_alone else settings.group_roles or {}
    if is_in and not follows and not moves and not by_groups:
        return await move(call.db)  # nothing else changes
    async with call.db.transaction() as db:
        moved = await move(db)
        held = acting.as_person(call, db, answer.request, user_id)
        changed = user.id if user is not None and (follows or moves) else None
        await _hold(db, None if found.is_alone else organization_id, changed)
        if user is None:
            user = await users.create(
                held,
                user_id,
                email=found.address,
                profile=profile,
                sub=found.sub,
                verified=believed,
            )
        if moves:
            await users.follow_address(held, user, found.address, verified=believed)
        await _take_in(held, organization_id, user, found)
        if by_groups:
            given = {by_groups.get(group, "") for group in answer.identity.groups}
            decided = set(by_groups.values())
            await memberships.follow(held, organization_id, user_id, given=given, of=decided)
        if settings.sync_user_profile_on_login:
            await _sync(held, user, profile)
    return moved


async def _hold(db: Session, organization_id: str | None, user_id: str | None) -> None:
    """Lock an organization for a change of its members, then a user that is to be changed."""
    if organization_id is not None:
        await seats.hold(db, organization_id)
    if user_id is not None:
        await users.hold(db, user_id)


async def _take_in(call: Call, organization_id: str, user: User, found: Standing) -> None:
    """Make a person a member that is not one yet; within a transaction."""
    if found.is_alone:
        return
    if found.place is None:
        await joining.join(call, user, organization_id, (), provisioning_method=JIT_USING_SSO)
    elif found.place.status != ACTIVE:
        await invitations.accept(call, organization_id, user.id, verified=True, late=found.is_late)


async def _first_factor(answer: _Answer, way: str, *, email: str, user: User | None) -> AuthRequest:
    """Take a social provider's word for a first factor, as any other one of the environment."""
    call = answer.call
    if user is not None and answer.settings.sync_user_profile_on_login:
        async with call.db.transaction() as db:
            held = acting.as_person(call, db, answer.request, user.id)
            await _sync(held, user, _profile(answer.identity.profile))
    return await first_factors.given(
        answer.means,
        call,
        answer.request,
        way,
        facts=replace(answer.facts(), email_proved=True, inbox_proved=True),
        connection_id=answer.connection.id,
        email=email,
        user=user,
        is_proof=answer.browser,
    )


async def _ask_for_proof(answer: _Answer, *, email: str, template: str) -> AuthRequest:
    """Have somebody prove the inbox before the provider's word is taken."""
    call, request = answer.call, answer.request
    if answer.browser:
        await inboxes.take(call, email)
    sent = await inboxes.ask(answer.means, call, request, email=email, template=template)
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


async def _ask_interceptors(answer: _Answer, request: AuthRequest, found: Standing) -> None:
    asked = replace(request, email=found.address)
    try:
        await choosing.ask_before_sign_up(answer.means, answer.call, asked, found.user)
    except errors.Intercepted as refusal:
        raise FederationError("access_denied", refusal.message) from None


async def _sync(call: Call, user: User, profile: Mapping[str, Any]) -> None:
    """Have the profile of a user follow that of the provider; within a transaction."""
    news = _news(user, profile)
    if news:
        await users.change_profile(call, user, news)


def _news(user: User, profile: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in profile.items() if user.profile.get(name) != value}


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


def _is_key(subject: str) -> bool:
    """Whether a subject can be stored as a key."""
    return 0 < len(subject.encode(errors="replace")) <= SUBJECT_MAX and "\0" not in subject


def _serving(connection: Connection | None) -> Connection:
    if connection is None or not connection.serves:
        raise FederationError("connection_not_active", "this connection does not serve any more")
    return connection


def _fault(problem: FederationError | errors.InvalidArgument) -> FederationError:
    if isinstance(problem, FederationError):
        return problem
    # Such as an organization without a free seat.
    return FederationError("access_denied", problem.message)


def _profile(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a profile that can be taken; a provider's others are left out."""
    profile: dict[str, Any] = {}
    for name in _PROFILE:
        value = given.get(name)
        if not isinstance(value, str):
            continue
        try:
            profile |= values.profile({}, {name: value.strip()}, "user_profile")
        except errors.InvalidArgument:
            continue
    return profile
