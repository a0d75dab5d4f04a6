"""OpenID Connect: sign-ins by a code, and logouts of both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.endpoints.sso.code_flow import CodeFlow, answer_of
from tenantry.identity.connections.federated_identities import FederationError
from tenantry.identity.connections.model import OIDC
from tenantry.identity.federation import requests
from tenantry.identity.federation.openid import BACK
from tenantry.net.http import Request, Response, Route

if TYPE_CHECKING:
    from tenantry.endpoints.sso.site import SSOSite

PATH = "/sso/v1/oidc/{connection}"
_NO_STORE = {"cache-control": "no-store"}


def routes(site: SSOSite) -> list[Route]:
    """Return the routes of OpenID Connect."""
    party, logouts = site.context.openid, Logouts(site)
    return [
        *CodeFlow(site, OIDC, party.start, party.receive).routes(),
        Route("GET", f"{PATH}/logout/callback", site.page(logouts.left)),
        Route("POST", f"{PATH}/backchannel-logout", logouts.ended),
    ]


class Logouts:
    """Handlers of logouts that began here, and of those that began at the provider."""

    def __init__(self, site: SSOSite) -> None:
        self._site = site
        self._party = site.context.openid

    async def left(self, request: Request) -> Response:
        """Send a browser that has signed out at the provider on to where it was to go."""
        way = await requests.take(self._site.db, answer_of(request).state)
        connection_id = request.params["connection"]
        if way is None or way.connection_id != connection_id or BACK not in way.facts:
            return self._site.pages.message("signed_out", self._site.words(request))
        return self._site.on(way.facts[BACK])

    async def ended(self, request: Request) -> Response:
        """End sessions that a provider says have ended (Back-Channel Logout 1.0 section 2.5)."""
        try:
            token = request.form().get("logout_token", "")
            connection = await self._site.known(request, OIDC)
            await self._party.end_sessions(self._site.call(request), connection, token)
        except (FederationError, errors.InvalidArgument, errors.UnsupportedMediaType) as problem:
            said = problem.description if isinstance(problem, FederationError) else problem.message
            # Section 2.8 has this one error.
            refused = {"error": "invalid_request", "error_description": said}
            return Response.json(refused, 400, cache_control="no-store")
        return Response(200, b"", dict(_NO_STORE))
