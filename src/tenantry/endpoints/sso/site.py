"""Shared by all SSO protocols: the request, the redirect after it, and the error pages."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from tenantry.access.clients.uris import return_targets
from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.caller import ANONYMOUS
from tenantry.identity.connections import diagnostics, reading
from tenantry.identity.connections.federated_identities import FederationError
from tenantry.identity.connections.guides import explanations
from tenantry.identity.connections.model import DRAFT, IDP_SIMULATOR
from tenantry.identity.federation import requests
from tenantry.identity.sign_in.answers import FORM_POST, QUERY
from tenantry.identity.sign_in.auth_requests import requests as auth_requests
from tenantry.identity.sign_in.auth_requests import states
from tenantry.identity.sign_in.federated import completion
from tenantry.identity.sign_in.model import AuthorizationResponse
from tenantry.net.http import Response
from tenantry.web import answers, marks, site
from tenantry.web.rendering import Pages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.app_context import AppContext
    from tenantry.identity.connections.federated_identities import FederatedIdentity
    from tenantry.identity.connections.model import Connection
    from tenantry.identity.federation.model import FederationRequest
    from tenantry.identity.sign_in.model import AuthRequest
    from tenantry.net.http import Request
    from tenantry.web.site import Handler


class SignInNotFound(Exception):
    """There is no sign-in of this browser that could go on."""


class StartHandler(Protocol):
    """The way of a sign-in to a provider, of each protocol; it may raise `FederationError`."""

    async def __call__(
        self, request: Request, connection: Connection, waiting: AuthRequest, /
    ) -> Response: ...


class SSOSite(site.Site):
    """The base of all handlers below `/sso/v1`."""

    def __init__(self, context: AppContext) -> None:
        settings = context.settings
        super().__init__(
            Pages("sso", context.themes), context.db.vault, settings.public_url, depth=2
        )
        self.context = context
        self.db = context.db

    def page(self, handler: Handler) -> Handler:
        """Return a handler whose errors are pages; a HEAD begins nothing and ends nothing."""

        async def answered(request: Request) -> Response:
            if request.verb == "HEAD":
                return Response(200, b"")
            try:
                return await handler(request)
            except SignInNotFound:
                return await self.gone(request)
            except FederationError as fault:
                return self.said(request, fault)

        return super().page(answered)

    def start(self, type_: str, go: StartHandler) -> Handler:
        """Return the handler that sends the browser of a sign-in to a provider of this type.

        A fault is told to the application if it led the browser here. A person that came from our
        page goes back there: other ways to sign in may be left.
        """

        async def begun(request: Request) -> Response:
            waiting = await self.auth_request(request)
            try:
                await self._count(waiting)
                return await go(request, await self.connection(request, type_), waiting)
            except FederationError as fault:
                # On our page there was an address to give, or the person was known.
                if waiting.state != states.SSO_PENDING or waiting.email is not None:
                    return self.said(request, fault, f"/login/{waiting.id}")
                connection_id = request.params["connection"]
                return await self._failed(request, waiting.id, fault, connection_id)

        return self.page(begun)

    def call(self, request: Request) -> Call:
        """Return the call with which a request calls the domain packages."""
        return Call(ANONYMOUS, self.db, request.request_id, origin=request.origin)

    async def find(self, connection_id: str) -> Connection | None:
        """Return a connection, enabled or not; the simulator's with its side of the settings.

        Where no simulator is served its connections are as unfinished.
        """
        found = await reading.find(self.db, connection_id)
        if found is None or found.provider != IDP_SIMULATOR:
            return found
        simulator = self.context.simulator
        return replace(found, status=DRAFT) if simulator is None else simulator.filled(found)

    async def known(self, request: Request, type_: str) -> Connection:
        """Return the connection of the path, whether it serves or not.

        Raises:
            FederationError: no connection of this type has the ID.

        """
        found = await self.find(request.params["connection"])
        if found is None or found.type != type_:
            raise FederationError("invalid_connection_id", "Connection not found.")
        return found

    async def connection(self, request: Request, type_: str) -> Connection:
        """Return the connection of the path, which people can sign in by.

        Raises:
            FederationError: no enabled connection of this type has the ID.

        """
        found = await self.known(request, type_)
        if not found.serves:
            raise _not_active()
        return found

    async def answered(self, way: FederationRequest, type_: str | None = None) -> Connection:
        """Return the connection of a way, of any type or this, as it is now that an answer came.

        Raises:
            FederationError: it is gone, or serves no more; a test takes one that is not enabled.

        """
        found = await self.find(way.connection_id)
        if found is None or type_ not in {None, found.type}:
            raise FederationError("invalid_connection_id", "Connection not found.")
        if not found.serves and way.test_id is None:
            raise _not_active()
        return found

    async def auth_request(self, request: Request) -> AuthRequest:
        """Return the sign-in that the query names by `login`, if it is this browser's.

        Raises:
            SignInNotFound: it is not, or it is over.

        """
        request_id, cookies = site.query(request, "login"), request.headers.get("cookie", "")
        secret = self.context.browser_cookies.read(cookies, request_id)
        found = await auth_requests.find(self.db, request_id, secret)
        if found is None:
            raise SignInNotFound
        return found

    def send(
        self,
        request: Request,
        address: str,
        members: Mapping[str, str],
        *,
        by_post: bool = False,
    ) -> Response:
        """Return the response that takes the browser, with these members, to a provider.

        They go in the query, or in a form that a Tenantry script or a button sends.
        """
        answer = AuthorizationResponse(address, FORM_POST if by_post else QUERY, dict(members))
        return answers.response(answer, request.headers.get("accept-language", ""))

    async def arrived(self, way: FederationRequest, identity: FederatedIdentity) -> Response:
        """Return the redirect after a provider's answer that was verified whole.

        A sign-in goes on where the browser's cookies are; the answer may have come without them.
        """
        if way.test_id is not None:
            path = await diagnostics.succeed(self.db, way.test_id, identity)
        else:
            secret = await requests.arrive(self.db, way, identity)
            path = f"/login/{way.auth_request_id}/sso?arrival={secret}"
        return self.on(f"{self.public_url}{path}")

    async def refused(
        self, request: Request, way: FederationRequest, fault: FederationError
    ) -> Response:
        """Return the answer to a provider's answer that is no proof: the application is told."""
        if way.test_id is not None:
            path = await diagnostics.fail(self.db, way.test_id, fault)
            return self.on(f"{self.public_url}{path}")
        return await self._failed(request, way.auth_request_id or "", fault, way.connection_id)

    def on(self, location: str) -> Response:
        """Return the redirect of a browser that is done with a provider."""
        response = self.redirect(location)
        response.headers["referrer-policy"] = "no-referrer"
        return response

    async def gone(self, request: Request) -> Response:
        """Return the page of a sign-in that is over, or is not this browser's."""
        words, link = self.words(request), None
        way = await auth_requests.return_target(self.db, site.query(request, "login"))
        way = way or await return_targets.of_only_application(self.db)
        if way is not None:
            link = way.uri, words("page.continue_to", app=way.app or self.pages.theme.brand.name)
        return self.pages.message("gone", words, status=410, link=link)

    def said(self, request: Request, fault: FederationError, back: str = "") -> Response:
        """Return the page of a fault that no application is told of; ``back`` is a Tenantry
        page.
        """
        words = self.words(request)
        told = explanations.say(words.language, fault.error, fault.description)
        parts = told.parts
        if told.means and all(language != words.language for _, language in parts):
            parts = ((told.means, words.language),)  # its sentence is not there in this language
        return self.pages.message(
            "not_begun" if back else "failed",
            words,
            status=400,
            said=marks.spoken(parts, words.language),
            quoted=fault.error,
            link=(back, words("not_begun.link")) if back else None,
        )

    async def _failed(
        self, request: Request, auth_request_id: str, fault: FederationError, connection_id: str
    ) -> Response:
        """End a sign-in, and take its browser to the application with the error."""
        answer = await completion.failed(
            self.context.sign_in,
            self.call(request),
            auth_request_id,
            fault,
            connection_id=connection_id,
        )
        if answer is None:
            return await self.gone(request)
        return answers.response(answer, request.headers.get("accept-language", ""))

    async def _count(self, waiting: AuthRequest) -> None:
        """Count a way to a provider: each is remembered for a while.

        Raises:
            FederationError: the sign-in has started more logins than a person would.

        """
        try:
            await self.context.rates.take_way(waiting.id)
        except errors.RateLimited:
            raise FederationError(
                "invalid_request",
                "This sign-in was redirected to an identity provider too many times.",
                hint="Start a new sign-in at the application.",
            ) from None


def _not_active() -> FederationError:
    return FederationError(
        "connection_not_active",
        "The connection is disabled or its configuration is incomplete.",
        hint="Complete the connection's configuration and enable it.",
    )
