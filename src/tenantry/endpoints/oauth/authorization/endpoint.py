"""The authorization endpoint: has the parameters checked, then hands them to `sign_in`.

RFC 6749 section 3.1, OpenID Connect Core 1.0 section 3.1.2, RFC 9207 (iss). Before the client and
its redirect_uri are known to belong together, nothing is sent there: an error is shown on a
Tenantry page (RFC 9700 section 4.11).
"""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tenantry.access.client_metadata import documents
from tenantry.access.clients.model import CIMD
from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.caller import ANONYMOUS
from tenantry.db.engine import Failure
from tenantry.endpoints.oauth.authorization import parameters
from tenantry.endpoints.oauth.authorization import request as authorization_request
from tenantry.endpoints.oauth.authorization.request import Failed
from tenantry.endpoints.oauth.errors import plain
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sign_in import answers, beginning, login_requirements
from tenantry.identity.sign_in.auth_requests import refusals
from tenantry.identity.sign_in.auth_requests.refusals import Refusal
from tenantry.identity.sign_in.model import AuthorizationResponse, Params
from tenantry.net.http import Response
from tenantry.web import answers as answer_pages

if TYPE_CHECKING:
    from tenantry.access.clients.model import Client
    from tenantry.access.registrations.document_clients import DocumentClients
    from tenantry.access.resources.model import Resource
    from tenantry.access.resources.resource_cache import ResourceCache
    from tenantry.db.engine import Database
    from tenantry.endpoints.oauth.authorization.id_token_hints import IdTokenHints
    from tenantry.endpoints.oauth.authorization.parameters import Parameters
    from tenantry.endpoints.oauth.authorization.registered_uris import RegisteredUris
    from tenantry.identity.sessions.cookies import SessionCookie
    from tenantry.identity.sessions.model import Session
    from tenantry.identity.sign_in.auth_requests.browsers import BrowserCookies
    from tenantry.identity.sign_in.dependencies import SignInDependencies
    from tenantry.net.http import Request
    from tenantry.rate_limits.rates import Rates

PATH = "/oauth/authorize"
_SHOWN_MAX = 500  # characters of a redirect_uri that is not registered

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")  # as `vault.new_secret` makes them

_log = logging.getLogger(__name__)


class _Untrusted(Exception):
    """An error that may not be sent to the redirect_uri that came."""

    def __init__(self, refusal: Refusal, client_id: str | None = None) -> None:
        super().__init__(refusal.error)
        self.refusal = refusal
        self.client_id = client_id  # of a client that there is


class AuthorizationEndpoint:
    """GET and POST /oauth/authorize."""

    def __init__(
        self,
        db: Database,
        registered: RegisteredUris,
        dependencies: SignInDependencies,
        hints: IdTokenHints,
        *,
        resources: ResourceCache,
        document_clients: DocumentClients,
        rates: Rates,
        session_cookie: SessionCookie,
        browser_cookies: BrowserCookies,
    ) -> None:
        self._db = db
        self._resources = resources
        self._document_clients = document_clients
        self._rates = rates
        self._registered = registered
        self._dependencies = dependencies
        self._hints = hints
        self._issuer = dependencies.settings.public_url
        self._development = dependencies.settings.development
        self._session_cookie = session_cookie
        self._browser_cookies = browser_cookies

    async def post(self, request: Request) -> Response:
        """Go on by GET, with the cookies of this browser."""
        asked = parameters.of_form(request)
        path = parameters.as_query(asked, request.path)
        return Response.redirect(path, referrer_policy="no-referrer")

    async def __call__(self, request: Request) -> Response:
        """Answer at once, or go on to the sign-in pages."""
        if request.verb == "HEAD":
            return Response()  # a preview: it begins nothing
        call = Call(ANONYMOUS, self._db, request.request_id, origin=request.origin)
        accepted = request.headers.get("accept-language", "")
        try:
            asked = parameters.of_query(request)
            client, redirect_uri = await self._trusted(request, call, asked)
        except errors.InvalidArgument:
            return self._refuse(request, _Untrusted(Refusal.UNREADABLE), "")
        except _Untrusted as problem:
            return self._refuse(request, problem, asked.get("redirect_uri") or "")
        try:
            params = await authorization_request.checked(
                client,
                redirect_uri,
                asked,
                db=self._db,
                hints=self._hints,
                resource=await self._resource(client),
                issuer=self._issuer,
            )
            return await self._begin(call, client, params, accepted)
        except Failed as problem:
            error, description = problem.error, problem.description
        except (errors.RateLimited, errors.Busy, Failure):
            error, description = "temporarily_unavailable", "try again in a moment"
        request.context.error = error
        params = authorization_request.of_error(client, redirect_uri, asked)
        answer = answers.of_error(self._dependencies, params, error, plain(description))
        return answer_pages.response(answer, accepted)

    async def _begin(self, call: Call, client: Client, params: Params, accepted: str) -> Response:
        session = await self._session(call)
        if session is None and "none" not in params.prompt:
            # Each is a row, and nobody has shown yet who they are.
            await self._rates.take_sign_in(call.origin.address)
        begun = await beginning.begin(self._dependencies, call, client, params, session=session)
        if isinstance(begun, AuthorizationResponse):
            return answer_pages.response(begun, accepted)
        response = Response.redirect(login_requirements.path(begun), referrer_policy="no-referrer")
        cookies = self._browser_cookies
        response.cookies = cookies.make_room(call.origin.cookies) + cookies.issue(begun)
        return response

    async def _resource(self, client: Client) -> Resource | None:
        """Return the resource of a client.

        Raises:
            Failed: the resource was deleted, and so was its client.

        """
        if client.resource_id is None:
            return None
        started = time.monotonic()
        found = await self._resources.find(client.resource_id)
        found = found or await self._resources.find(client.resource_id, since=started)
        if found is None:
            raise Failed("unauthorized_client", "the resource of this client was deleted")
        return found

    async def _session(self, call: Call) -> Session | None:
        secret = self._session_cookie.read(call.origin.cookies)
        return await sessions.find(self._db, secret) if _SECRET.fullmatch(secret) else None

    async def _trusted(self, request: Request, call: Call, asked: Parameters) -> tuple[Client, str]:
        """Return the client, and the redirect_uri if it is one of the client's.

        Raises:
            _Untrusted: it is not.

        """
        if "client_id" in asked.repeated:
            raise _Untrusted(Refusal.CLIENT_ID_REPEATED)
        if "redirect_uri" in asked.repeated:
            raise _Untrusted(Refusal.REDIRECT_URI_REPEATED)
        client_id, uri = asked.get("client_id"), asked.get("redirect_uri")
        if client_id is None:
            raise _Untrusted(Refusal.CLIENT_ID_MISSING)
        has_document = documents.is_url(client_id)
        if has_document:
            client_id = await self._document_client_id(request, call, client_id)
        client = await self._registered.client(
            call,
            client_id,
            uri or "",
            of=lambda client: client.post_login_uris,
            organization_id=(
                None if "organization_id" in asked.repeated else asked.get("organization_id")
            ),
        )
        if client is not None and client.registration == CIMD and not has_document:
            # Its internal ID: the document and the allowlist of the resource were not checked.
            raise _Untrusted(Refusal.CLIENT_UNKNOWN)
        at = request.params.get("resource_id")
        if client is not None and at not in {None, client.resource_id}:
            raise _Untrusted(Refusal.CLIENT_UNKNOWN)  # at this issuer
        if client is not None and uri is not None:
            return client, uri
        if not await self._registered.is_client(client_id):
            raise _Untrusted(Refusal.CLIENT_UNKNOWN)
        if uri is None:
            raise _Untrusted(Refusal.REDIRECT_URI_MISSING, client_id)
        raise _Untrusted(Refusal.REDIRECT_URI_UNKNOWN, client_id)

    async def _document_client_id(self, request: Request, call: Call, url: str) -> str:
        """Return the ID of a client that is known by its metadata document, at its issuer.

        Raises:
            _Untrusted: the resource does not accept it, or there is no valid document.

        """
        resource = await self._resources.find(request.params.get("resource_id", ""))
        if resource is None:
            raise _Untrusted(Refusal.CLIENT_UNKNOWN)
        try:
            return (await self._document_clients.resolve(call, resource, url)).id
        except documents.DocumentError as problem:
            fields = {"client_id": url[: documents.MAX_URL], "problem": str(problem)}
            _log.info("client metadata document refused", extra={"fields": fields})
            if isinstance(problem, documents.NotAccepted):
                raise _Untrusted(Refusal.CLIENT_NOT_ACCEPTED) from None
            if isinstance(problem, documents.Unavailable):
                raise _Untrusted(Refusal.DOCUMENT_UNAVAILABLE) from None
            raise _Untrusted(Refusal.DOCUMENT_INVALID) from None
        except (errors.RateLimited, errors.Busy):
            raise _Untrusted(Refusal.DOCUMENT_UNAVAILABLE) from None

    def _refuse(self, request: Request, problem: _Untrusted, redirect_uri: str) -> Response:
        error_id = refusals.issue(self._db, problem.refusal, problem.client_id)
        request.context.error, request.context.error_id = problem.refusal.error, error_id
        location = f"/login/error/{error_id}"
        if self._development and problem.refusal is Refusal.REDIRECT_URI_UNKNOWN:
            # For the page to show beside the registered ones.
            location += "?" + urlencode({"redirect_uri": redirect_uri[:_SHOWN_MAX]})
        return Response.redirect(location, referrer_policy="no-referrer")
