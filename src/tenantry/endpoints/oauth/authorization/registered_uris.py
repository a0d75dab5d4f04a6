"""Which client a URI belongs to: what clients have registered, fresh enough to refuse somebody."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tenantry.access.client_metadata import redirect_uris as client_uris
from tenantry.access.clients.model import NTV, RESOURCE_CLIENT, STATIC
from tenantry.core import errors, ids
from tenantry.endpoints.oauth.authorization import redirects
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations.service import OrganizationIdentifier

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenantry.access.clients.client_cache import ClientCache
    from tenantry.access.clients.model import Client
    from tenantry.call import Call
    from tenantry.tenants.organizations.model import Organization


class RegisteredUris:
    """Finds clients by their id and one of their URIs."""

    def __init__(self, clients: ClientCache, *, production: bool) -> None:
        self._clients = clients
        self._production = production

    async def client(
        self,
        call: Call,
        client_id: str,
        uri: str,
        *,
        of: Callable[[Client], tuple[str, ...]],
        organization_id: str | None,
    ) -> Client | None:
        """Return the client if the URI is one of those that ``of`` names, else None.

        Templates stand for values of the organization, and for nothing where it is not known.
        """
        asked = time.monotonic()
        client = await self._clients.find(client_id)
        if client is None or not await self._has(call, client, uri, of(client), organization_id):
            # Registered just now, maybe: nobody is refused by memory.
            client = await self._clients.find(client_id, since=asked)
            if client is None or not await self._has(
                call, client, uri, of(client), organization_id
            ):
                return None
        return client

    async def is_client(self, client_id: str) -> bool:
        """Whether there is such a client, after `client` did not find it to have a URI."""
        return await self._clients.find(client_id) is not None

    async def _has(
        self,
        call: Call,
        client: Client,
        uri: str,
        registered: tuple[str, ...],
        organization_id: str | None,
    ) -> bool:
        if client.resource_id is not None and client_uris.is_registered(
            uri, registered, native=True
        ):
            return True
        if client.registration != STATIC:
            return False
        organization = None
        if organization_id is not None and redirects.has_template(registered):
            organization = await _organization(call, organization_id)
        return redirects.is_registered(
            uri,
            registered,
            production=self._production,
            native=client.client_type in {NTV, RESOURCE_CLIENT},
            organization=organization,
        )


async def _organization(call: Call, organization_id: str) -> Organization | None:
    if not ids.well_formed(ids.ORGANIZATION, organization_id):
        return None
    try:
        return await organizations.get(call, OrganizationIdentifier(organization_id))
    except errors.NotFound:
        return None
