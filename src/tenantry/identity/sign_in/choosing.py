"""Choosing the organization: one that somebody is in or invited to, or a new one."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, literal_column, or_, select

from tenantry.core import errors, ids
from tenantry.core.times import now
from tenantry.db.sql.statements import Statement
from tenantry.events.interceptors.model import PRE_SIGNUP
from tenantry.identity.authenticators.totp import service as totp
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sign_in import login_requirements
from tenantry.identity.sign_in.auth_requests import placement, requests, states
from tenantry.identity.sign_in.contexts import connection_details, context_of, person
from tenantry.identity.sign_in.factors import inboxes
from tenantry.identity.sign_in.factors.methods import EMAIL
from tenantry.identity.sign_in.model import AUTHENTICATE_AGAIN, RESET_PASSWORD, SESSION, SIGN_UP
from tenantry.tenants.memberships import invitations, joining
from tenantry.tenants.memberships.model import NamedRole, Rules
from tenantry.tenants.organizations import service as organizations_service
from tenantry.tenants.organizations.model import organizations
from tenantry.tenants.users import reading, values
from tenantry.tenants.users import service as users_service
from tenantry.tenants.users.model import ACTIVE, ORG_CREATOR, PENDING_INVITE, memberships

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.identity.sign_in.dependencies import SignInDependencies
    from tenantry.identity.sign_in.model import AuthRequest, Facts
    from tenantry.settings import Settings
    from tenantry.tenants.users.model import User

_MOST_LISTED = 1000
_SWITCHERS = (states.ORGANIZATION_SWITCHER, states.ORGANIZATION_SWITCHER_SIGNUP)
_SIGN_UPS = (states.ORGANIZATION_SIGNUP, states.ORGANIZATION_SWITCHER_SIGNUP)
_NAME_MAX = 200

_m, _o = memberships.c, organizations.c
_LIST = Statement(
    select(
        *(_o.id, _o.display_name, _o.logo_url, _m.status, _m.inviter_email),
        *(_m.create_time, _m.accept_time, _m.expire_time),
    )
    .join_from(memberships, organizations)
    .where(
        _m.user_id == bindparam("user_id", type_=Text),
        or_(
            _m.status == ACTIVE,
            (_m.status == PENDING_INVITE) & (_m.expire_time > bindparam("p_now")),
        ),
    )
    .order_by(_m.id)
    .limit(literal_column(str(_MOST_LISTED)))
)


@dataclass(frozen=True, slots=True)
class Choice:
    """An organization that somebody may choose; times in microseconds since 1970, UTC."""

    id: str
    name: str
    logo_url: str | None
    membership_status: str
    inviter_email: str | None
    create_time: int
    accept_time: int | None
    expire_time: int | None  # of the invitation


async def choices(call: Call, request: AuthRequest) -> list[Choice]:
    """Return the organizations to choose from, the oldest membership first.

    An operator in the person's place only has those of the session that they are in.
    """
    if request.state not in states.PROVED:
        raise states.OutOfStep("sign in first")
    if request.user_id is None:
        return []
    rows = await call.db.fetch_all(_LIST, user_id=request.user_id, p_now=now())
    if request.impersonator:
        session = await sessions.find_live(call.db, request.facts.session_id)
        entered = () if session is None else session.organizations
        rows = [row for row in rows if row["id"] in entered]
    return [
        Choice(
            row["id"],
            row["display_name"],
            row["logo_url"],
            row["status"],
            row["inviter_email"],
            row["create_time"],
            row["accept_time"],
            row["expire_time"] if row["status"] == PENDING_INVITE else None,
        )
        for row in rows
    ]


async def choose_organization(
    call: Call, request: AuthRequest, organization_id: str
) -> AuthRequest:
    """Choose an organization; one that has invited the person is joined by it."""
    states.expect(request, *_SWITCHERS)
    assert request.user_id is not None
    user = await reading.find(
        call.db, id_=request.user_id, external_id=None, organization_id=organization_id
    )
    place = user.membership_in(organization_id) if user is not None else None
    if user is None or place is None or place.status not in {ACTIVE, PENDING_INVITE}:
        raise errors.NotFound("organization")
    if SESSION in request.facts.proofs:
        session = await sessions.find_live(call.db, request.facts.session_id)
        requirement = await login_requirements.reauthentication_requirement(
            call.db, organization_id, email=user.email, amr=session.proved_by if session else ()
        )
        if requirement is not None:
            return await prove_anew(call.db, request, requirement, organization_id)
    async with call.db.transaction() as db:
        moved = await requests.move(
            db, request, states.ORGANIZATION_SELECTED, organization_id=organization_id
        )
        if place.status == PENDING_INVITE:
            await _accept(call, db, request, organization_id)
    return moved


async def prove_anew(
    db: Session,
    request: AuthRequest,
    requirement: login_requirements.ReauthenticationRequirement,
    organization_id: str,
) -> AuthRequest:
    """Have somebody sign in for an organization that the proofs at hand do not open."""
    if requirement.connection is not None:
        return await login_requirements.send(
            db,
            request,
            home=requirement.connection,
            email=request.email,
            organization_id=organization_id,
        )
    facts = replace(
        login_requirements.nobody(request.facts),
        notice=AUTHENTICATE_AGAIN,
        organization_id=organization_id,
    )
    return await requests.move(db, request, states.IN_PROGRESS, facts=facts, user_id=None)


async def sign_up(
    dependencies: SignInDependencies,
    call: Call,
    request: AuthRequest,
    *,
    organization_name: str,
    first_name: str = "",
    last_name: str = "",
    full_name: str = "",
    phone_number: str = "",
) -> AuthRequest:
    """Found an organization, unless an interceptor forbids it or knows a place in another one.

    The user is made by it where there was none.
    """
    states.expect(request, *_SIGN_UPS)
    name = name_of_organization(organization_name)
    assert request.email is not None
    user = None
    if request.user_id is not None:
        user = await reading.find(call.db, id_=request.user_id, external_id=None)
    _check_founding(dependencies.settings, user)
    profile = _profile(first_name, last_name, full_name, phone_number)
    membership = await ask_before_sign_up(dependencies, call, request, user)
    further = (
        states.PASSWORD_CHOICE
        if _needs_password(dependencies.settings, request)
        else states.ORGANIZATION_SELECTED
    )
    async with call.db.transaction() as db:
        await requests.hold(db, request)
        user_id = user.id if user is not None else db.new_id(ids.USER)
        held = requests.as_person(call, db, request, user_id)
        if user is None:
            spoken = inboxes.language(call, request)  # for mail to come
            profile |= {"locale": spoken} if spoken else {}
            user = await users_service.create(held, user_id, email=request.email, profile=profile)
        else:
            user = await users_service.change_profile(held, user, profile)
            _check_founding(dependencies.settings, user)  # as it is now, held
        if membership is None:
            organization = await joining.found(
                held, user, display_name=name, region_code=dependencies.settings.region
            )
            organization_id = organization.id
        else:
            organization_id = await _join_another(held, user, membership)
        return await requests.move(
            db,
            request,
            states.ORG_USER_CREATED,
            further,
            user_id=user.id,
            organization_id=organization_id,
        )


async def ask_before_sign_up(
    dependencies: SignInDependencies, call: Call, request: AuthRequest, user: User | None
) -> dict[str, Any] | None:
    """Ask the interceptors; return the membership that is to be made instead, if any.

    Raises:
        errors.Intercepted: one forbids it.

    """
    params = request.params
    details = await connection_details(call.db, request.facts.proofs)
    context = context_of(call, request, details) | {
        "auth_request": {
            "connection_id": params.connection_id or "",
            "organization_id": params.organization_id or "",
            "domain": params.domain_hint or "",
            "login_hint": params.login_hint or "",
            "state": params.state or "",
        }
    }
    data = {} if user is None else {"user": person(user)}
    verdict = await dependencies.interceptors.run(call, PRE_SIGNUP, context=context, data=data)
    return verdict.membership


async def after_first_factor(
    dependencies: SignInDependencies,
    call: Call,
    request: AuthRequest,
    *way: str,
    facts: Facts,
    connection_id: str,
    email: str,
    user: User | None,
    is_whole: bool = False,
    is_proof: bool = True,
) -> AuthRequest:
    """Note a first factor, and go on; one that ``is_whole`` stands for both factors.

    Somebody of an organization that signs its people in by itself goes there, and the proofs that
    were given here count for nothing.
    """
    home = await login_requirements.enforced(
        call.db, email if user is None else user.email, request.named
    )
    if home is not None:
        return await login_requirements.send(
            call.db, request, *way, home=home, email=email, is_proof=is_proof
        )
    changes: dict[str, Any] = {
        "facts": facts,
        "email": email,
        "user_id": user.id if user else None,
        "connection_id": connection_id,
        "is_proof": is_proof,
    }
    if user is None and not dependencies.settings.may_sign_up:
        return await requests.move(
            call.db,
            request,
            *way,
            states.FAILED,
            error=requests.problem("no account has this email address"),
            **changes,
        )
    if user is not None and not is_whole and await totp.is_enabled(call.db, user.id):
        return await requests.move(call.db, request, *way, states.SECOND_FACTOR_PENDING, **changes)
    return await proceed(dependencies, call, request, *way, user=user, **changes)


async def proceed(
    dependencies: SignInDependencies,
    call: Call,
    request: AuthRequest,
    *way: str,
    user: User | None,
    **changes: Any,
) -> AuthRequest:
    """Take somebody whose proofs are complete to where they belong, as far as that is clear."""
    facts: Facts = changes.get("facts", request.facts)
    if facts.intent == RESET_PASSWORD and states.PASSWORD_CHOSEN not in way:
        return await requests.move(call.db, request, *way, states.PASSWORD_CHOICE, **changes)
    found = placement.place(
        user.memberships if user else [],
        named=request.named,
        may_found=may_found(dependencies.settings, user),
        wants_to_found=facts.intent == SIGN_UP,
    )
    if found.state == states.ORGANIZATION_SIGNUP:
        found = _checked(dependencies.settings, found, changes.get("email") or request.email or "")
    if found.problem:
        return await requests.move(
            call.db, request, *way, found.state, error=requests.problem(found.problem), **changes
        )
    try:
        async with call.db.transaction() as db:
            moved = await requests.move(
                db,
                request,
                *way,
                found.state,
                organization_id=found.organization_id,
                **changes,
            )
            if found.accepts:
                assert found.organization_id is not None
                await _accept(call, db, moved, found.organization_id)
    except invitations.DomainNotAllowed as refusal:
        failed = requests.problem(refusal.message)
        return await requests.move(call.db, request, *way, states.FAILED, error=failed, **changes)
    return moved


def _checked(settings: Settings, found: placement.Placement, email: str) -> placement.Placement:
    """Let nobody sign up whose address may not join."""
    try:
        joining.check_address(Rules.of(settings), email, "email")
    except errors.InvalidArgument as refusal:
        return placement.Placement(states.FAILED, problem=refusal.message)
    return found


async def _accept(call: Call, db: Session, request: AuthRequest, organization_id: str) -> None:
    user_id = request.user_id
    assert user_id is not None
    verified = request.facts.email_proved
    held = requests.as_person(call, db, request, user_id)
    await invitations.accept(held, organization_id, user_id, verified=verified)


def name_of_organization(given: str) -> str:
    name = given.strip()
    if not 1 <= len(name) <= _NAME_MAX:
        raise errors.InvalidArgument.field(
            "organization_name", "string.len", f"must be 1 to {_NAME_MAX} characters"
        )
    return name


def may_found(settings: Settings, user: User | None) -> bool:
    if user is None or settings.organizations_per_user == 0:
        return settings.may_sign_up
    founded = sum(place.provisioning_method == ORG_CREATOR for place in user.memberships)
    return settings.may_sign_up and founded < settings.organizations_per_user


def _check_founding(settings: Settings, user: User | None) -> None:
    if not may_found(settings, user):
        raise errors.InvalidArgument("you have reached the limit for creating organizations")


def _needs_password(settings: Settings, request: AuthRequest) -> bool:
    """Whether a person that signs up has to choose a password, with no other way to sign in."""
    methods = settings.own_methods
    return EMAIL not in methods and request.facts.email_proved


async def _join_another(call: Call, user: User, membership: Mapping[str, Any]) -> str:
    """Make a user a member of the organization that an interceptor knows for it."""
    identity = organizations_service.OrganizationIdentifier(
        membership.get("organization_id"), membership.get("external_organization_id")
    )
    organization = await organizations_service.get(call, identity)
    roles = [
        NamedRole(f"roles[{number}]", "", name)
        for number, name in enumerate(membership.get("roles") or ())
    ]
    await joining.join(call, user, organization.id, roles)
    return organization.id


def _profile(first: str, last: str, full: str, phone: str) -> dict[str, Any]:
    """Return the names and number that a person gives as members of a profile; "" is not given."""
    given = {
        "first_name": ("given_name", first.strip()),
        "last_name": ("family_name", last.strip()),
        "full_name": ("name", full.strip()),
        "phone_number": ("phone_number", re.sub(r"[\s().-]", "", phone)),
    }
    profile: dict[str, Any] = {}
    for field, (name, value) in given.items():
        if name in {"given_name", "family_name"} and len(value) > _NAME_MAX:
            raise errors.InvalidArgument.field(
                field, "string.max_len", f"must be at most {_NAME_MAX} characters"
            )
        try:
            profile |= values.profile({}, {name: value}, field)
        except errors.InvalidArgument as refusal:
            # Named as it was given.
            (broken,) = refusal.violations
            raise errors.InvalidArgument.field(
                field, broken.constraint, broken.description
            ) from None
    return profile
