"""Consent: a client of a resource gets a code only for scopes that its user has granted.

A sign-in for such a client stops before its end, unless a consent of the user in the organization
covers all requested scopes. The user sees the client, chooses the organization, and allows or
denies. An application of the operator needs no consent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from tenantry.access.clients import reading as clients
from tenantry.access.clients.reading import ClientIdentifier
from tenantry.access.registrations import service as registrations
from tenantry.access.resources import service as resources
from tenantry.core import errors
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.identity.consents import service as consents
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import NO_ORGANIZATION
from tenantry.identity.sign_in import choosing, login_requirements
from tenantry.identity.sign_in.auth_requests import requests, states
from tenantry.identity.sign_in.contexts import amr_of
from tenantry.identity.sign_in.model import SESSION
from tenantry.tenants.roles.model import permissions
from tenantry.tenants.users import reading
from tenantry.tenants.users.model import ACTIVE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.access.clients.model import Client
    from tenantry.access.resources.model import Resource
    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.identity.sign_in.choosing import Choice
    from tenantry.identity.sign_in.dependencies import SignInDependencies
    from tenantry.identity.sign_in.model import AuthRequest, Params
    from tenantry.tenants.users.model import User

CONSENT = "consent"  # a value of prompt
ALLOW, DENY = "allow", "deny"
DENIED = "the user denied access"

_p = permissions.c
_DESCRIPTIONS = Statement(
    select(_p.name, _p.description).where(_p.name.in_(json_values(bindparam("p_names"))))
)


@dataclass(frozen=True, slots=True)
class ConsentPrompt:
    """The question that a user is asked: whether a client may have scopes of a resource."""

    client: Client
    resource: Resource
    scopes: tuple[tuple[str, str], ...]  # names, and descriptions of permissions
    selectable: tuple[str, ...]  # scopes that the user may decline
    declined: tuple[str, ...]  # those that the user declined the last time
    choices: tuple[Choice, ...]  # the organizations to choose from


@dataclass(frozen=True, slots=True)
class Problem:
    """The error that the client gets instead of a code."""

    error: str
    description: str


_NO_ORGANIZATION = Problem("access_denied", "the user does not belong to an organization")
_IMPERSONATED = Problem("access_denied", "operators cannot grant access to a user's data")
NOT_GRANTED = Problem("consent_required", "the user has not granted the client these scopes")


async def problem(
    db: Session,
    client_id: str,
    params: Params,
    scopes: Sequence[str],
    *,
    user_id: str,
    organization_id: str,
    impersonator: str,
    has_answered: bool = False,
) -> Problem | None:
    """Return why a client of a resource gets no code; None if it gets one.

    It is `NOT_GRANTED` if the user has to be asked first. With ``has_answered``, the user was asked
    in this sign-in.
    """
    if params.resource_id is None:
        return None
    if organization_id == NO_ORGANIZATION:
        return _NO_ORGANIZATION
    if impersonator:
        return _IMPERSONATED
    if CONSENT in params.prompt and not has_answered:
        return NOT_GRANTED
    missing = await consents.missing_scopes(
        db,
        client_id,
        params.resource_id,
        user_id=user_id,
        organization_id=organization_id,
        scopes=scopes,
    )
    return None if missing is None else NOT_GRANTED


async def ask(call: Call, request: AuthRequest) -> AuthRequest | None:
    """Stop a sign-in if its user has to be asked, and return it; else return None."""
    assert request.user_id is not None
    found = await problem(
        call.db,
        request.client_id,
        request.params,
        request.scopes,
        user_id=request.user_id,
        organization_id=request.organization_id or NO_ORGANIZATION,
        impersonator=request.impersonator,
        has_answered=request.facts.has_consented,
    )
    if found is not NOT_GRANTED:
        return None
    return await requests.move(call.db, request, states.CONSENT_PENDING)


async def prompt(call: Call, request: AuthRequest) -> ConsentPrompt:
    """Return what the user of a sign-in is asked."""
    states.expect(request, states.CONSENT_PENDING)
    client = await _client(call.db, request)
    assert client.resource_id is not None
    resource = await resources.get(call.db, client.resource_id)
    names = request.params.scope.split()
    described = await descriptions(call.db, names)
    assert request.user_id is not None
    consent = await consents.find(
        call.db,
        client.id,
        user_id=request.user_id,
        organization_id=request.organization_id or NO_ORGANIZATION,
    )
    return ConsentPrompt(
        client,
        resource,
        tuple((name, described.get(name, "")) for name in names),
        selectable=_selectable(resource, names),
        declined=() if consent is None else consent.declined_scopes,
        choices=tuple(await _choices(call, request)),
    )


def _selectable(resource: Resource, scopes: Sequence[str]) -> tuple[str, ...]:
    """Return the scopes of a request that the user may decline: those of the resource.

    A single one cannot be declined: the user denies the request instead.
    """
    if not resource.scope_selection:
        return ()
    found = tuple(name for name in scopes if name in resource.scopes)
    return found if len(found) > 1 else ()


def _declined(resource: Resource, requested: Sequence[str], selected: Sequence[str]) -> list[str]:
    """Return the scopes that a user has not selected.

    Raises:
        errors.InvalidArgument: none is selected, or one that the page does not offer.

    """
    selectable = _selectable(resource, requested)
    if not set(selected) <= set(selectable):
        raise errors.InvalidArgument.field("scopes", "in", "must be scopes of the request")
    if selectable and not selected:
        raise errors.InvalidArgument.field(
            "scopes", "repeated.min_items", "must have at least one scope"
        )
    return [name for name in selectable if name not in selected]


async def descriptions(db: Session, names: Sequence[str]) -> dict[str, str]:
    """Return the descriptions of permissions, by their names."""
    if not names:
        return {}
    rows = await db.fetch_all(_DESCRIPTIONS, p_names=to_json(list(names)))
    return {row["name"]: row["description"] for row in rows}


async def decide(
    _dependencies: SignInDependencies,
    call: Call,
    request: AuthRequest,
    *,
    decision: str,
    organization_id: str,
    scopes: Sequence[str] = (),
) -> AuthRequest:
    """Take the answer of a user: store the consent for an organization, or end the sign-in.

    ``scopes`` are the selected ones, if the resource allows a selection.
    """
    states.expect(request, states.CONSENT_PENDING)
    if decision == DENY:
        return await requests.move(call.db, request, states.FAILED, error=requests.problem(DENIED))
    if decision != ALLOW:
        raise errors.InvalidArgument.field("decision", "in", f"must be {ALLOW} or {DENY}")
    assert request.user_id is not None
    organization_id = organization_id or request.organization_id or ""
    if organization_id not in {choice.id for choice in await _choices(call, request)}:
        raise errors.InvalidArgument.field(
            "organization_id", "in", "must be one of the user's organizations"
        )
    client = await _client(call.db, request)
    assert client.resource_id is not None
    resource = await resources.get(call.db, client.resource_id)
    requested = request.params.scope.split()
    declined = _declined(resource, requested, scopes)
    user = await reading.find(
        call.db, id_=request.user_id, external_id=None, organization_id=organization_id
    )
    if user is None:
        raise errors.NotFound("user")
    if organization_id != request.organization_id:
        requirement = await _requirement(call.db, request, user, organization_id)
        if requirement is not None:
            return await choosing.prove_anew(call.db, request, requirement, organization_id)
    async with call.db.transaction() as db:
        held = requests.as_person(call, db, request, user.id)
        await consents.grant(
            held,
            client,
            resource,
            user_id=user.id,
            organization_id=organization_id,
            scopes=[name for name in requested if name not in declined],
            declined=declined,
        )
        await registrations.note_use(db, client)
        return await requests.move(
            db,
            request,
            states.ORGANIZATION_SELECTED,
            organization_id=organization_id,
            facts=replace(request.facts, has_consented=True, declined_scopes=tuple(declined)),
        )


async def _choices(call: Call, request: AuthRequest) -> Sequence[Choice]:
    """Return the organizations that a user may choose: those that the user is a member of.

    If the client has named one, this is the only one.
    """
    named = request.params.organization_id
    return [
        choice
        for choice in await choosing.choices(call, request)
        if choice.membership_status == ACTIVE and named in {None, choice.id}
    ]


async def _requirement(
    db: Session, request: AuthRequest, user: User, organization_id: str
) -> login_requirements.ReauthenticationRequirement | None:
    """Return what an organization requires beyond the proofs that the user has given."""
    proofs = [proof for proof in request.facts.proofs if proof != SESSION]
    amr: Sequence[str] | None = await amr_of(db, proofs)
    if not proofs:
        session = await sessions.find_live(db, request.facts.session_id)
        amr = session.proved_by if session is not None else ()
    return await login_requirements.reauthentication_requirement(
        db, organization_id, email=user.email, amr=amr
    )


async def _client(db: Session, request: AuthRequest) -> Client:
    return await clients.get(db, ClientIdentifier(request.client_id, anywhere=True))
