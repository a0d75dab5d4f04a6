"""The authorization code flow, for all providers of it: there with a request, back with a code."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from tenantry.core import errors, urlencoded
from tenantry.endpoints.sso import connection_tests
from tenantry.identity.connections import diagnostics
from tenantry.identity.connections.federated_identities import FederationError
from tenantry.identity.connections.oidc import faults
from tenantry.identity.connections.oidc.callback import CallbackResponse
from tenantry.identity.connections.oidc.faults import OIDCError
from tenantry.identity.federation import own_sign_ins, requests
from tenantry.identity.federation.evidence import fault_of
from tenantry.identity.federation.openid import AuthenticationOptions
from tenantry.net.http import Request, Response, Route

if TYPE_CHECKING:
    from tenantry.endpoints.sso.site import SSOSite
    from tenantry.identity.connections.federated_identities import FederatedIdentity
    from tenantry.identity.connections.model import Connection
    from tenantry.identity.federation.model import FederationRequest
    from tenantry.identity.sign_in.model import AuthRequest

_MOST_MEMBERS = 50
# That tokens, keys and userinfo may take together, while somebody looks at an empty page.
ANSWER_SECONDS = 12


class Start(Protocol):
    """How a way to a provider begins; see `openid.RelyingParty.start`."""

    async def __call__(
        self,
        connection: Connection,
        asked: AuthenticationOptions,
        *,
        auth_request_id: str | None = None,
        test_id: str | None = None,
    ) -> tuple[str, dict[str, str]]: ...


class Receive(Protocol):
    """How an answer becomes an identity; see `openid.RelyingParty.receive`."""

    async def __call__(
        self, connection: Connection, answer: CallbackResponse, request: FederationRequest, /
    ) -> FederatedIdentity: ...


class CodeFlow:
    """The handlers of one type of connections."""

    def __init__(self, site: SSOSite, type_: str, start: Start, receive: Receive) -> None:
        self._site = site
        self._type = type_
        self._start = start
        self._receive = receive

    def routes(self) -> list[Route]:
        """Return their routes; an answer comes in the query, or as a form of the provider's."""
        site, path = self._site, f"/sso/v1/{self._type.lower()}/{{connection}}"
        return [
            Route("GET", f"{path}/start", site.start(self._type, self.start)),
            connection_tests.route(site, self._type, self.test),
            Route("GET", f"{path}/callback", site.page(self.callback)),
            Route("POST", f"{path}/callback", site.page(self.callback)),
        ]

    async def start(
        self, request: Request, connection: Connection, waiting: AuthRequest
    ) -> Response:
        """Send the browser of a sign-in to the provider."""
        if own_sign_ins.login_uri(connection):
            sent = await own_sign_ins.start(self._site.db, connection, waiting.id)
            return self._site.send(request, *sent)
        params = waiting.params
        asked = AuthenticationOptions(
            login_hint=waiting.email or params.login_hint,
            prompt=params.prompt,
            max_age=params.max_age,
        )
        sent = await self._start(connection, asked, auth_request_id=waiting.id)
        return self._site.send(request, *sent)

    async def test(self, request: Request, connection: Connection, *, test_id: str) -> Response:
        """Send the browser of a test to the provider."""
        if own_sign_ins.login_uri(connection):
            raise FederationError(
                "invalid_request",
                "Users of this connection sign in at an application, which a test cannot do.",
                hint="Start a sign-in from your application.",
            )
        try:
            sent = await self._start(connection, AuthenticationOptions(), test_id=test_id)
        except FederationError as fault:
            path = await diagnostics.fail(self._site.db, test_id, fault)
            return self._site.redirect(path)
        return self._site.send(request, *sent)

    async def callback(self, request: Request) -> Response:
        """Take an answer (RFC 6749 section 4.1.2): lead the browser back to its sign-in."""
        answer = answer_of(request)
        way = await requests.take(self._site.db, answer.state)
        connection_id = request.params["connection"]
        if way is None or way.connection_id != connection_id or not _is_ours(way):
            raise FederationError(
                "invalid_request",
                "No sign-in is waiting for this response. It has ended or was already answered.",
                hint="Sign in again at the application, in one window.",
            )
        try:
            connection = await self._site.answered(way, self._type)
            async with asyncio.timeout(ANSWER_SECONDS):
                identity = await self._receive(connection, answer, way)
        except FederationError as fault:
            return await self._site.refused(request, way, fault)
        except TimeoutError:
            slow = fault_of(OIDCError(faults.SLOW, limit=ANSWER_SECONDS))
            return await self._site.refused(request, way, slow)
        return await self._site.arrived(way, identity)


def _is_ours(way: FederationRequest) -> bool:
    """Whether a way is that of a sign-in or of a test, by a code, and none of a logout.

    A connection may have been one of SAML when it began.
    """
    is_open = way.auth_request_id is not None or way.test_id is not None
    return is_open and "code_verifier" in way.facts


def answer_of(request: Request) -> CallbackResponse:
    """Return the answer that a browser brings, in the query or as a form.

    Raises:
        FederationError: a parameter comes twice (RFC 6749 section 3.1), or it cannot be read.

    """
    try:
        if request.verb == "POST":
            return CallbackResponse(request.form())
        pairs = urlencoded.members(request.query, most=_MOST_MEMBERS)
    except (ValueError, errors.InvalidArgument, errors.UnsupportedMediaType):
        raise _unreadable() from None
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _unreadable()
    return CallbackResponse(members)


def _unreadable() -> FederationError:
    return FederationError(
        "invalid_request",
        "The identity provider's response is not valid UTF-8 form data or repeats a parameter.",
        hint="Sign in again at the application, in one window.",
    )
