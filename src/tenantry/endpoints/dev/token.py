"""`POST /dev/token`: an access token for "Edit and try" in the docs of a local server.

It is a token of the first client, whose secret is in the data folder. Only pages of this server
can request it, in a browser on this machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.crypto import credentials
from tenantry.net.http import Request, Response

if TYPE_CHECKING:
    from tenantry.app_context import AppContext
    from tenantry.web.development import Gate

PATH = "/dev/token"


class Token:
    def __init__(self, context: AppContext, gate: Gate) -> None:
        self._context = context
        self._gate = gate

    async def issue(self, request: Request) -> Response:
        """Return an access token of the first client."""
        self._check(request)
        kept = credentials.read(self._context.settings.data_dir)
        client = await self._context.clients.find(kept.client_id) if kept else None
        if client is None or not client.may_call_api:
            raise errors.NotFound("client")
        tokens = self._context.tokens
        limit = client.management_scopes or ()
        issued = await tokens.issue(client, tokens.claims(client, (*client.scopes, *limit)))
        body = {
            "client_id": client.id,
            "access_token": issued.token,
            "expires_in": issued.expires_in,
        }
        return Response.json(body, cache_control="no-store")

    def _check(self, request: Request) -> None:
        """Refuse requests that no page of this server sends, and those through a proxy."""
        self._gate.check(request)
        origin = request.headers.get("origin", "")
        site = request.headers.get("sec-fetch-site", "")
        if origin != self._context.settings.public_url or site != "same-origin":
            raise errors.RouteNotFound
