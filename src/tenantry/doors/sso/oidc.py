"""OpenID Connect: to the provider with an authorization request, and back with a code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry import vault
from tenantry.identity.connections.model import OIDC
from tenantry.identity.connections.oidc import authorization
from tenantry.identity.connections.settings import OIDCSettings
from tenantry.identity.federation import requests
from tenantry.web import Request, Response, Route

if TYPE_CHECKING:
    from tenantry.doors.sso.door import Door

PATH = "/sso/v1/oidc/{connection}"


def routes(door: Door) -> list[Route]:
    """Return the routes of OpenID Connect."""
    oidc = Oidc(door)
    return [Route("GET", f"{PATH}/start", door.page(oidc.start))]


class Oidc:
    """Handlers of the paths below `/sso/v1/oidc`."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def start(self, request: Request) -> Response:
        """Send the browser of a sign-in to the provider."""
        waiting = await self._door.auth_request(request)
        connection = await self._door.connection(request, OIDC)
        settings = OIDCSettings.stored(connection.settings)
        nonce, code_verifier = vault.new_secret(), vault.new_secret()
        facts = {"nonce": nonce, "code_verifier": code_verifier}
        state = await requests.begin(
            self._door.db, connection.id, auth_request_id=waiting.id, facts=facts
        )
        members = authorization.members(
            settings,
            redirect_uri=f"{self._door.public_url}/sso/v1/oidc/{connection.id}/callback",
            state=state,
            nonce=nonce,
            code_verifier=code_verifier,
            login_hint=waiting.email or waiting.params.login_hint,
            prompt=waiting.params.prompt,
            max_age=waiting.params.max_age,
        )
        return self._door.send(request, settings.authorize_uri, members)
