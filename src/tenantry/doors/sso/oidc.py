"""OpenID Connect: to the provider with an authorization request, and back with a code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry import vault
from tenantry.doors.sso import tests
from tenantry.identity.connections.model import OIDC
from tenantry.identity.connections.oidc import authorization
from tenantry.identity.connections.settings import OIDCSettings
from tenantry.identity.federation import requests
from tenantry.web import Request, Response, Route

if TYPE_CHECKING:
    from tenantry.doors.sso.door import Door
    from tenantry.identity.connections.model import Connection
    from tenantry.identity.sign_in.model import AuthRequest

PATH = "/sso/v1/oidc/{connection}"


def routes(door: Door) -> list[Route]:
    """Return the routes of OpenID Connect."""
    oidc = Oidc(door)
    return [
        Route("GET", f"{PATH}/start", door.page(oidc.start)),
        tests.route(door, OIDC, oidc.send),
    ]


class Oidc:
    """Handlers of the paths below `/sso/v1/oidc`."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def start(self, request: Request) -> Response:
        """Send the browser of a sign-in to the provider."""
        waiting = await self._door.auth_request(request)
        connection = await self._door.connection(request, OIDC)
        return await self.send(request, connection, waiting=waiting)

    async def send(
        self,
        request: Request,
        connection: Connection,
        *,
        waiting: AuthRequest | None = None,
        test_id: str | None = None,
    ) -> Response:
        """Send the browser to the provider, for the sign-in that waits or for a test."""
        settings = OIDCSettings.stored(connection.settings)
        nonce, code_verifier = vault.new_secret(), vault.new_secret()
        state = await requests.begin(
            self._door.db,
            connection.id,
            auth_request_id=waiting.id if waiting else None,
            test_id=test_id,
            facts={"nonce": nonce, "code_verifier": code_verifier},
        )
        members = authorization.members(
            settings,
            redirect_uri=f"{self._door.public_url}/sso/v1/oidc/{connection.id}/callback",
            state=state,
            nonce=nonce,
            code_verifier=code_verifier,
            login_hint=(waiting.email or waiting.params.login_hint) if waiting else None,
            prompt=waiting.params.prompt if waiting else (),
            max_age=waiting.params.max_age if waiting else None,
        )
        return self._door.send(request, settings.authorize_uri, members)
