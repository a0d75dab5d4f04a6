"""Home realms: the provider that a sign-in is to go by, and what a session is good for.

A domain that an organization has proved to own, and has a connection for, decides for the people
of it. A provider vouches for its own organization alone: a session that it began opens no other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.identity.connections import environment, reading
from tenantry.identity.connections.model import FEDERATED
from tenantry.identity.sign_in.auth_requests import requests, states
from tenantry.net import email_addresses
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.users import reading as users

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.identity.connections.model import Connection
    from tenantry.identity.sign_in.model import AuthRequest, Facts, Params


class NoConnection(Exception):
    """The application asks for a connection that cannot be used; ``error`` is of the contract."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error, self.description = error, description


@dataclass(frozen=True, slots=True)
class ReauthenticationRequirement:
    """Between a session and an organization: its own provider, or None for any proof anew."""

    connection: Connection | None


def address(connection: Connection) -> str:
    """Return what names a connection in the addresses that browsers are sent to."""
    return f"{connection.type.lower()}/{connection.id}"


def path(request: AuthRequest) -> str:
    """Return the path that a browser is sent to, to go on: a provider's start, or our own page."""
    if request.state == states.SSO_PENDING:
        return start_path(request)
    return f"/login/{request.id}"


def start_path(request: AuthRequest, connection: Connection | None = None) -> str:
    """Return the path at which the way to a provider begins: this one, or that of the request."""
    named = request.facts.sso if connection is None else address(connection)
    return f"/sso/v1/{named}/start?login={request.id}"


async def named(db: Session, provider: str | None, connection_id: str | None) -> Connection | None:
    """Return the connection that an application names; None for one that is no provider's.

    ``provider`` is one of the social ones, by the word of the contract in lower case.

    Raises:
        NoConnection: there is none such, or it does not serve.

    """
    if provider is not None:
        for one in await reading.social(db):
            if provider.lower() in {one.provider.lower(), one.provider_key.lower()}:
                return one
        raise NoConnection(
            "no_active_connections", f"no connection with provider {provider} is active"
        )
    if connection_id is None:
        return None
    found = await reading.find(db, connection_id)
    if found is None:
        raise NoConnection("invalid_connection_id", f"connection {connection_id} not found")
    if found.type not in FEDERATED:
        return None
    if not found.serves:
        raise NoConnection("connection_not_active", f"connection {connection_id} is not active")
    return found


async def chosen(db: Session, params: Params) -> Connection | None:
    """Return the connection that a request leads to; None for a choice of the person.

    By what it names, in this order: the connection, the organization, the domain, the domain of
    the address that it hints at.
    """
    if params.connection_id is not None:
        found = await reading.find(db, params.connection_id)
        return found if found is not None and found.type in FEDERATED else None
    if params.organization_id is not None:
        serving = await reading.of_organization(db, params.organization_id)
        hinted = await _of_address(db, params.login_hint)
        if hinted is not None and hinted.organization_id == params.organization_id:
            return hinted
        return serving[0] if serving else None
    if params.domain_hint is not None:
        found = await reading.serving_domain(db, params.domain_hint.strip().lower())
        if found is not None:
            return found
    return await _of_address(db, params.login_hint)


async def selected(call: Call, params: Params) -> Connection:
    """Return the connection that a request names in modular mode, by one of its selectors.

    An ID token that it hints by is one, for its `sub` begins with the connection.

    Raises:
        NoConnection: there is none, or no selector.

    """
    found = await chosen(call.db, params)
    if found is not None:
        return found
    if params.connection_id is not None:
        raise NoConnection(
            "invalid_connection_id",
            f"connection {params.connection_id} is not a federated connection",
        )
    if params.organization_id is not None:
        raise await _without_connection(call, params.organization_id)
    if params.domain_hint is not None or "@" in (params.login_hint or ""):
        raise NoConnection("domain_not_found", "no connection serves this domain")
    if params.id_token_user is not None:
        found = await reading.find(call.db, params.id_token_user.partition(";")[0])
        if found is not None and found.serves:
            return found
    raise NoConnection(
        "invalid_connection_selector",
        "send organization_id, connection_id, domain, login_hint or provider",
    )


async def _without_connection(call: Call, organization_id: str) -> NoConnection:
    """Return the reason why an organization has no connection to go by."""
    try:
        await organizations.get(call, organizations.OrganizationIdentifier(organization_id))
    except errors.NotFound:
        return NoConnection("invalid_organization_id", f"organization {organization_id} not found")
    if await reading.of_organization(call.db, organization_id, serving=False):
        return NoConnection("no_active_connections", "no connection of this organization is active")
    return NoConnection("no_configured_connections", "this organization has no connection")


async def enforced(
    db: Session, email: str, organization_id: str | None = None
) -> Connection | None:
    """Return the connection that people of an address have to go by, here or anywhere.

    Of a sign-in that is for one organization, only if it is that one's. Members with break-glass
    access are free to sign in without it.
    """
    found, policy = await reading.enforcing(db, email_addresses.domain_of(email))
    if found is None or organization_id not in {None, found.organization_id}:
        return None
    if policy is not None and policy.break_glass_user_ids:
        user = await users.find_by_email(db, email)
        if user is not None and user.id in policy.break_glass_user_ids:
            return None
    return found


async def is_guest(db: Session, email: str, organization_id: str) -> bool:
    """Whether an organization signs its people in by a provider, but not people of this address."""
    serving = await reading.of_organization(db, organization_id)
    return bool(serving) and await enforced(db, email, organization_id) is None


async def reauthentication_requirement(
    db: Session, organization_id: str, *, email: str, amr: Sequence[str] | None
) -> ReauthenticationRequirement | None:
    """Return what a session still needs to be good for an organization; None for nothing.

    ``amr`` are the ids of the connections by which its person has signed in, ``email`` is the
    person's address. None: an operator is in it, in the person's place.
    """
    own = await reading.of_organization(db, organization_id, serving=False)
    serving = {one.id: one.serves for one in own}
    return await requirement_of_connections(db, organization_id, serving, email=email, amr=amr)


async def requirement_of_connections(
    db: Session,
    organization_id: str,
    own: Mapping[str, bool],
    *,
    email: str,
    amr: Sequence[str] | None,
) -> ReauthenticationRequirement | None:
    """Return the requirement; ``own`` maps each connection to whether it can be used."""
    if amr is None:
        return None
    if not own.keys().isdisjoint(amr):
        return None
    if any(own.values()):
        demanded = await enforced(db, email, organization_id)
        if demanded is not None:
            return ReauthenticationRequirement(demanded)
    return None if await environment.any_of(db, amr) else ReauthenticationRequirement(None)


async def send(
    db: Session,
    request: AuthRequest,
    *way: str,
    home: Connection,
    email: str | None,
    is_proof: bool = False,
    organization_id: str = "",
) -> AuthRequest:
    """Send somebody to the provider of their organization, as a person that is yet to be known."""
    facts = replace(
        nobody(request.facts),
        sso=address(home),
        organization_id=organization_id or request.facts.organization_id,
    )
    return await requests.move(
        db,
        request,
        *way,
        states.SSO_PENDING,
        facts=facts,
        email=email,
        user_id=None,
        connection_id=None,
        is_proof=is_proof,
    )


def nobody(facts: Facts) -> Facts:
    """Return the findings of a sign-in without those about a person."""
    return replace(
        facts,
        proofs=(),
        email_proved=False,
        passwordless="",
        identity="",
        evidence={},
        inbox_proved=False,
        has_second_factor=False,
        setup_deferred=False,
        session_id="",
        has_consented=False,
        declined_scopes=(),
    )


async def _of_address(db: Session, text: str | None) -> Connection | None:
    if text is None or "@" not in text:
        return None
    return await enforced(db, text.strip())
