"""The way back from an application at whose own page people sign in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.endpoints.sso.code_flow import answer_of
from tenantry.identity.connections.federated_identities import FederationError
from tenantry.identity.federation import own_sign_ins, requests
from tenantry.net.http import Request, Response, Route

if TYPE_CHECKING:
    from tenantry.endpoints.sso.site import SSOSite

PATH = "/sso/v1/connections/{connection}/partner:callback"


def routes(site: SSOSite) -> list[Route]:
    """Return the route by which browsers come back."""

    async def back(request: Request) -> Response:
        way = await requests.take(site.db, answer_of(request).state)
        connection_id = request.params["connection"]
        if way is None or way.connection_id != connection_id or not own_sign_ins.is_one(way):
            raise FederationError(
                "invalid_state",
                "No sign-in is waiting for this response. It has ended or was already answered.",
                hint="Sign in again at the application, in one window.",
            )
        try:
            await site.answered(way)
            identity = own_sign_ins.identity(site.db, way)
        except FederationError as fault:
            return await site.refused(request, way, fault)
        return await site.arrived(way, identity)

    return [Route("GET", PATH, site.page(back))]
