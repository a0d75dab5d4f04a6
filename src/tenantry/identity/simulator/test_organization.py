"""The organization that one can try single sign-on with: its people sign in by the simulator."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.identity.connections import reading, service
from tenantry.identity.connections.model import IDP_SIMULATOR, OIDC, SAML
from tenantry.tenants.domains import service as domains
from tenantry.tenants.domains.model import ORGANIZATION_DOMAIN
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations.service import OrganizationIdentifier

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.tenants.organizations.model import Organization

NAME, EXTERNAL_ID = "Test Organization", "test-organization"
DOMAINS = ("example.com", "example.org")  # of nobody (RFC 2606)


@dataclass(frozen=True, slots=True)
class Made:
    """The organization as it is now; ``taken`` are domains that another organization has."""

    organization: Organization
    taken: tuple[str, ...]


async def ensure(call: Call, *, region_code: str) -> Made:
    """Make the organization, its domains and a connection to the simulator, as far as missing."""
    try:
        made = await organizations.get(call, OrganizationIdentifier(external_id=EXTERNAL_ID))
    except errors.NotFound:
        made = await organizations.create(
            call, region_code=region_code, display_name=NAME, external_id=EXTERNAL_ID
        )
    identity = OrganizationIdentifier(made.id)
    taken = []
    for domain in DOMAINS:
        if await domains.owns(call.db, made.id, domain):
            continue
        try:
            await domains.create(
                call, identity, domain=domain, domain_type=ORGANIZATION_DOMAIN, txt_label=""
            )
        except errors.Duplicate:
            taken.append(domain)
    await _connect(call, made)
    return Made(made, tuple(taken))


async def _connect(call: Call, organization: Organization) -> None:
    """Make a connection by each protocol, that of OpenID Connect first: it leads the domains."""
    there = await reading.of_organization(call.db, organization.id, serving=False)
    known = {one.type for one in there if one.provider == IDP_SIMULATOR}
    for type_, settings in ((OIDC, {}), (SAML, {"allow_idp_initiated_login": True})):
        if type_ in known:
            continue
        made = await service.create(
            call, organization.id, type_=type_, provider=IDP_SIMULATOR, provider_key=""
        )
        async with call.db.transaction() as db:
            before = await service.hold(call, db, organization.id, made.id)
            after = replace(before, settings={**before.settings, **settings}, enabled=True)
            await service.save(call, db, before, after, "enabled")
