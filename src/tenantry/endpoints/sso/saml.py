"""SAML: our metadata, to the identity provider with a request, and back with a response.

The assertion consumer is posted to by a page of the identity provider, so without our cookies. It
serves any host that leads here, as that of another vendor does whose place we took: it reads no
cookie, and sends the browser on to our own host.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.crypto import vault
from tenantry.endpoints.sso import connection_tests
from tenantry.identity.connections.changes.metadata_refresh import OnDemandRefresh
from tenantry.identity.connections.federated_identities import FederationError
from tenantry.identity.connections.model import SAML
from tenantry.identity.connections.saml import bindings, faults
from tenantry.identity.connections.saml.bindings import REQUEST, RESPONSE
from tenantry.identity.connections.saml.faults import SAMLError
from tenantry.identity.federation import idp_initiated, requests
from tenantry.identity.federation.evidence import fault_of
from tenantry.identity.federation.saml import logging_out, service_provider, signing_in
from tenantry.identity.federation.saml.service_provider import ServiceProvider
from tenantry.net.http import Response, Route
from tenantry.telemetry.log import warn_rate_limited

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.endpoints.sso.site import SSOSite
    from tenantry.identity.connections.model import Connection
    from tenantry.identity.connections.saml.bindings import Query
    from tenantry.identity.federation.model import FederationRequest, FrontChannelMessage
    from tenantry.identity.sign_in.model import AuthRequest
    from tenantry.net.http import Request

PATH = "/sso/v1/saml/{connection}"
# A form with a response of 256 KB: as base64, and some of that percent-encoded.
MAX_FORM = 512 * 1024
_LARGE = 16 * 1024  # bytes of a form that a thread reads

_log = logging.getLogger(__name__)


def routes(site: SSOSite) -> list[Route]:
    """Return the routes of SAML."""
    saml = Saml(site)
    return [
        Route("GET", PATH, saml.metadata),
        Route("GET", f"{PATH}/metadata", saml.metadata),
        Route("GET", f"{PATH}/start", site.start(SAML, saml.start)),
        connection_tests.route(site, SAML, saml.test),
        *(
            Route(verb, f"{PATH}/{path}", site.page(saml.slo))
            for verb in ("GET", "POST")
            for path in ("slo", "slo/callback")
        ),
        Route("POST", f"{PATH}/callback", site.page(saml.callback), body_limit=MAX_FORM),
    ]


class Saml:
    """Handlers of the paths below `/sso/v1/saml`."""

    def __init__(self, site: SSOSite) -> None:
        self._site = site
        settings = site.context.settings
        refresh = OnDemandRefresh(site.db, site.context.outgoing, development=settings.development)
        self._provider = ServiceProvider(site.db, settings, refresh)

    async def metadata(self, request: Request) -> Response:
        """Answer with our metadata for a connection, finished or not; `download` names a file."""
        found = await self._site.find(request.params["connection"])
        if found is None or found.type != SAML:
            raise errors.NotFound("connection")
        document = service_provider.metadata(await self._provider.side(found))
        headers = {
            "content-type": "application/samlmetadata+xml; charset=utf-8",
            "cache-control": "public, max-age=300",
        }
        if request.query.partition("=")[0] == "download":
            headers["content-disposition"] = f'attachment; filename="{found.id}.xml"'
        return Response(200, document, headers)

    async def start(
        self, request: Request, connection: Connection, waiting: AuthRequest
    ) -> Response:
        """Send the browser of a sign-in to the identity provider."""
        params = waiting.params
        sent = await signing_in.start(
            self._site.db,
            await self._provider.side(connection),
            auth_request_id=waiting.id,
            force_authn="login" in params.prompt or params.max_age == 0,
            login_hint=waiting.email or params.login_hint,
        )
        return self._send(request, sent)

    async def test(self, request: Request, connection: Connection, *, test_id: str) -> Response:
        """Send the browser of a test to the identity provider."""
        side = await self._provider.side(connection)
        return self._send(request, await signing_in.start(self._site.db, side, test_id=test_id))

    async def callback(self, request: Request) -> Response:
        """Take a response (Bindings 3.5.5): lead the browser back to the sign-in that asked."""
        form = await _form(request)
        way = await requests.take(self._site.db, form.get("RelayState", ""))
        if way is None:
            return await self._initiated(request, form)
        if not (_is_open(way) and await self._is_address(request, way)):
            raise fault_of(SAMLError(faults.NOT_WAITING))
        try:
            connection = await self._site.answered(way, SAML)
            side = await self._provider.side(connection)
            identity = await signing_in.receive(self._provider, side, form, way)
        except FederationError as fault:
            return await self._site.refused(request, way, fault)
        return await self._site.arrived(way, identity)

    async def slo(self, request: Request) -> Response:
        """Take a message of single logout (Bindings 3.4, 3.5), a request or an answer."""
        await self._count(request)
        received, name, relay_state = await _logout_message(request)
        connection = await self._site.known(request, SAML)
        side = await self._provider.side(connection)
        if name == REQUEST:
            call = self._site.call(request)
            sent = await logging_out.take_request(call, self._provider, side, received, relay_state)
            if sent is None:
                return self._site.pages.message("signed_out", self._site.words(request))
            return self._send(request, sent)
        way = await requests.take(self._site.db, relay_state or "")
        if way is None or way.connection_id != connection.id or not logging_out.is_logout(way):
            raise fault_of(SAMLError(faults.NOT_WAITING))
        if not await logging_out.take_response(self._provider, side, received, way):
            fields = {"connection_id": connection.id}
            warn_rate_limited(_log, "skipped sign-out at the identity provider", "saml", fields)
        return self._site.on(way.facts[logging_out.BACK])

    async def _initiated(self, request: Request, form: Mapping[str, str]) -> Response:
        """Take an IdP-initiated response: hand the person to the application.

        Nothing of it is parsed where the connection does not allow this.
        """
        connection = await self._site.connection(request, SAML)
        side = await self._provider.side(connection)
        relay_state = form.get("RelayState", "")
        if not side.settings.allow_idp_initiated_login:
            ours = vault.is_secret(relay_state)
            raise fault_of(SAMLError(faults.NOT_WAITING if ours else faults.UNASKED))
        await self._count(request)
        default = side.settings.default_redirect_uri
        target = await idp_initiated.target(self._site.db, connection, default)
        try:
            if len(relay_state) > idp_initiated.RELAY_STATE_MAX:
                fault = SAMLError(faults.RELAY_STATE, limit=idp_initiated.RELAY_STATE_MAX)
                raise fault_of(fault)
            identity = await signing_in.receive(self._provider, side, form, None)
        except FederationError as fault:
            members = {"error": fault.error, "error_description": fault.description}
        else:
            signer = await self._site.context.ring.signer("RS256")
            claims = idp_initiated.claims(
                connection, identity, issuer=self._site.public_url, relay_state=relay_state
            )
            members = {idp_initiated.PARAMETER: signer(claims)}
        return self._site.send(request, target, members)

    async def _count(self, request: Request) -> None:
        """Count what anybody may send that is verified before it is known to be of a browser."""
        request.tell(await self._site.context.rates.take_sign_in(request.address))

    async def _is_address(self, request: Request, way: FederationRequest) -> bool:
        """Whether a path is that of the connection of a way.

        It is so too at the address that the connection keeps from another vendor: a host that an
        operator takes along, and serves from here, gets responses for earlier connections.
        """
        if way.connection_id == request.params["connection"]:
            return True
        found = await self._site.find(way.connection_id)
        return found is not None and service_provider.keeps(found, request.path)

    def _send(self, request: Request, sent: FrontChannelMessage) -> Response:
        return self._site.send(
            request, sent.url, sent.fields or {}, by_post=sent.fields is not None
        )


def _is_open(way: FederationRequest) -> bool:
    """Whether a way is that of a sign-in or of a test, and none of a logout."""
    return way.auth_request_id is not None or way.test_id is not None


async def _logout_message(request: Request) -> tuple[str | Query, str, str | None]:
    """Return the message of a form or of a query, its parameter, and the RelayState."""
    if request.verb == "POST":
        form = await _form(request)
        name = REQUEST if REQUEST in form else RESPONSE
        return form.get(name, ""), name, form.get("RelayState")
    names = {part.partition("=")[0] for part in request.query.split("&")}
    name = REQUEST if REQUEST in names else RESPONSE
    try:
        query = bindings.read_query(request.query, name)
    except SAMLError as error:
        raise fault_of(error) from None
    return query, name, query.relay_state


async def _form(request: Request) -> dict[str, str]:
    """Return the members of a form; a large one takes a while to read, in a thread."""
    if len(request.body) > _LARGE:
        return await asyncio.to_thread(request.form)
    return request.form()
