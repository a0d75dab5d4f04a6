"""Connections, and providers that vouch for people by them, without a protocol between."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, update

from tenantry.core import ids
from tenantry.core.times import now
from tenantry.db.sql.schema import to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound, prefixed
from tenantry.identity.connections.federated_identities import FederatedIdentity
from tenantry.identity.connections.model import (
    COMPLETED,
    MANUAL,
    OAUTH,
    OIDC,
    Connection,
    connections,
)
from tenantry.identity.federation import requests as ways
from tenantry.identity.sign_in import login_requirements
from tenantry.identity.sign_in.auth_requests import states
from tenantry.tenants.domains import service as domains
from tenantry.tenants.domains.model import domains as domains_table
from tenantry.tenants.organizations.service import OrganizationIdentifier
from tenantry.tenants.user_attributes.model import CUSTOM, SSO, UserAttribute, user_attributes

if TYPE_CHECKING:
    from visitors import Browser, Place

    from tenantry.identity.sign_in.model import AuthRequest
    from tenantry.tenants.domains.model import Domain
    from tenantry.tenants.organizations.model import Organization

_c = connections.c
_INSERT = Statement(insert(connections).values(bound(connections)).returning(_c.id))
_REGISTER = Statement(insert(user_attributes).values(bound(user_attributes)))
_NUMBERS = itertools.count(1)


async def connect(
    place: Place,
    organization: Organization | None,
    *owned: str,
    type_: str = OIDC,
    provider: str = "OKTA",
    enabled: bool = True,
    **settings: Any,
) -> Connection:
    """A connection that serves, of an organization that owns these domains."""
    made = Connection(
        id=place.db.new_id(ids.CONNECTION),
        organization_id=None if organization is None else organization.id,
        type=type_,
        provider=provider,
        status=COMPLETED,
        enabled=enabled,
        configuration_type=MANUAL,
        settings=settings,
        create_time=now(),
        update_time=now(),
    )
    await place.db.fetch_all(_INSERT, **prefixed(made.to_row()))
    for domain in owned:
        assert organization is not None
        await own(place, organization, domain)
    return made


async def connect_social(place: Place, provider: str = "GOOGLE", **settings: Any) -> Connection:
    """A social connection of the environment."""
    return await connect(place, None, type_=OAUTH, provider=provider, **settings)


async def own(place: Place, organization: Organization, domain: str):
    """Have an organization own a domain."""
    return await domains.create(
        place.operator,
        OrganizationIdentifier(organization.id),
        domain=domain,
        domain_type="ORGANIZATION_DOMAIN",
        txt_label="",
    )


async def change(place: Place, connection: Connection, **columns: Any) -> None:
    """Change a connection's row."""
    columns = {
        name: to_json(value) if isinstance(value, dict) else value
        for name, value in columns.items()
    }
    statement = Statement(
        update(connections).where(_c.id == connection.id).values(columns).returning(_c.id)
    )
    assert await place.db.fetch_all(statement)


async def register(place: Place, key: str, *, enabled: bool = True) -> None:
    """Register a custom attribute of people."""
    made = UserAttribute(
        kind=SSO,
        key=key,
        label=key,
        datatype="STRING",
        category=CUSTOM,
        enabled=enabled,
        required=False,
        default_saml_mapping="",
        default_oidc_mapping="",
        create_time=now(),
        update_time=now(),
    )
    await place.db.fetch_all(_REGISTER, **prefixed(made.to_row()))


def somebody(email: str, **members: Any) -> FederatedIdentity:
    """An identity as a provider gives it."""
    return FederatedIdentity(**{"subject": f"sub-{next(_NUMBERS)}", "email": email, **members})


async def answer(
    browser: Browser, request: AuthRequest, connection: Connection, identity: FederatedIdentity
) -> str:
    """Go to a provider and back: the secret that the browser then comes with."""
    assert request.state in states.UNPROVED, request
    assert login_requirements.start_path(request, connection).endswith(f"/start?login={request.id}")
    db = browser.place.db
    secret = await ways.begin(db, connection.id, auth_request_id=request.id, facts={})
    way = await ways.take(db, secret)
    assert way is not None
    return await ways.arrive(db, way, identity)


async def arrive(
    browser: Browser, request: AuthRequest, connection: Connection, identity: FederatedIdentity
) -> AuthRequest:
    """Go to a provider and back, to the sign-in."""
    secret = await answer(browser, request, connection, identity)
    return browser.take(await browser.sign_in.arrive(browser.call, request, secret))


async def sign_in_by(
    browser: Browser, connection: Connection, identity: FederatedIdentity, **params: Any
):
    """Sign in by a provider, from an application to a code."""
    request = await browser.begin(**params)
    return await browser.complete(await arrive(browser, request, connection, identity))


async def assign(place: Place, domain: Domain, connection: Connection) -> None:
    """Have the people of a domain go by one connection."""
    statement = Statement(
        update(domains_table)
        .where(domains_table.c.id == domain.id)
        .values(connection_id=connection.id)
        .returning(domains_table.c.id)
    )
    assert await place.db.fetch_all(statement)
