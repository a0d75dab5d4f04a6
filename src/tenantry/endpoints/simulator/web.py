"""The HTTP routes of the simulator: a page that asks for a person, and those of the protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.caller import SYSTEM
from tenantry.identity.connections import listing, reading
from tenantry.identity.connections.faults import ProtocolError
from tenantry.identity.connections.federated_identities import FederatedIdentity
from tenantry.identity.connections.model import IDP_SIMULATOR, OIDC, SAML
from tenantry.identity.federation import idp_initiated
from tenantry.identity.sign_in.answers import FORM_POST, QUERY
from tenantry.identity.sign_in.model import AuthorizationResponse
from tenantry.identity.simulator import saml_provider, test_organization
from tenantry.identity.simulator.model import MOST_ATTRIBUTES, REFUSALS, Person
from tenantry.identity.simulator.openid_provider import OpenIDProvider
from tenantry.identity.simulator.reading import all_connections
from tenantry.net import email_addresses
from tenantry.net.http import Request, Response, Route
from tenantry.web import answers
from tenantry.web.assets import Asset
from tenantry.web.development import Gate
from tenantry.web.rendering import HEADERS, PLAIN_STYLE, page

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tenantry.app_context import AppContext
    from tenantry.identity.connections.model import Connection
    from tenantry.identity.simulator.provider import Simulator

    Handler = Callable[[Request], Awaitable[Response]]

# No form-action: browsers hold it against the redirects that follow a form as well.
_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_STYLE = Asset.of_files(
    "/simulator/simulator.css", PLAIN_STYLE, "endpoints/simulator/static/simulator.css"
)
_SHOWN_ROWS = 3
# Members of a request that the answer needs, of either protocol.
_OF_REQUEST = ("redirect_uri", "state", "nonce", "code_challenge", "in_response_to", "RelayState")
_LONGEST = 1000  # characters of each
_MOST_MEMBERS = 50


def routes(context: AppContext) -> list[Route]:
    """Return the routes of this package: nothing, unless the server is for development."""
    if context.simulator is None:
        return []
    pages = SimulatorPages(context, context.simulator)
    path = "/simulator/{connection}"
    return [
        Route("GET", _STYLE.path, pages.gated(_STYLE.answer)),
        Route("GET", "/simulator", pages.gated(pages.index)),
        Route("POST", "/simulator", pages.gated(pages.make)),
        Route("GET", path, pages.gated(pages.show)),
        Route("GET", f"{path}/authorize", pages.gated(pages.authorize)),
        Route("GET", f"{path}/sso", pages.gated(pages.sso)),
        Route("POST", f"{path}/answer", pages.gated(pages.answer)),
        Route("GET", f"{path}/metadata", pages.gated(pages.metadata)),
        Route("GET", f"{path}/.well-known/openid-configuration", pages.gated(pages.near)),
        Route("GET", f"{path}/jwks", pages.gated(pages.near)),
        Route("GET", f"{path}/userinfo", pages.gated(pages.near)),
        Route("POST", f"{path}/token", pages.gated(pages.near)),
    ]


class SimulatorPages:
    def __init__(self, context: AppContext, simulator: Simulator) -> None:
        self._context = context
        self._db = context.db
        self._simulator = simulator
        self._openid = OpenIDProvider(simulator)
        self._gate = Gate(context.settings)

    def gated(self, handler: Handler) -> Handler:
        """Return a handler of requests from this machine, and of forms of the pages of this
        server.
        """

        async def answered(request: Request) -> Response:
            self._gate.check(request)
            is_page = request.verb == "POST" and not request.path.endswith("/token")
            if is_page and not request.origin.is_of(self._simulator.public_url, no_browser=True):
                raise errors.PermissionDenied
            return await handler(request)

        return answered

    async def index(self, _request: Request) -> Response:
        """List the connections that this provider is one side of."""
        return await self._index()

    async def make(self, request: Request) -> Response:
        """Make the test organization, as far as it is missing."""
        call = Call(SYSTEM, self._db, request.request_id)
        made = await test_organization.ensure(call, region_code=self._context.settings.region)
        return await self._index(made=made)

    async def show(self, request: Request) -> Response:
        """Show the page without a request: a sign-in can begin here."""
        return await self._page(await self._connection(request), {})

    async def authorize(self, request: Request) -> Response:
        """Ask whose sign-in it is, for an authorization request (OpenID Connect Core 3.1.2)."""
        connection = await self._connection(request, OIDC)
        members = _members(request.query)
        if members.get("redirect_uri") != self._simulator.callback(connection):
            raise errors.InvalidArgument.field(
                "redirect_uri", "registered", "is not that of the connection"
            )
        if members.get("prompt") == "none":  # there are no sessions here
            return self._back(request, connection, members, {"error": "login_required"})
        return await self._page(connection, members)

    async def sso(self, request: Request) -> Response:
        """Ask whose sign-in it is, for an AuthnRequest (SAML 2.0 Bindings 3.4)."""
        connection = await self._connection(request, SAML)
        members = _members(request.query)
        try:
            members["in_response_to"] = saml_provider.request_id(request.query)
        except ProtocolError as problem:
            raise errors.InvalidArgument.field(
                "SAMLRequest", "readable", problem.description
            ) from None
        return await self._page(connection, members)

    async def answer(self, request: Request) -> Response:
        """Answer as the form says: with a person, or with an error."""
        form = request.form()
        connection = await self._connection(request)
        refusal = REFUSALS.get(form.get("refusal", ""))
        if any(not form.get(name, "").isprintable() for name in _OF_REQUEST):
            raise errors.InvalidArgument("the request in the form was not created by this server")
        if form.get("do") == "refuse" and refusal is not None:
            if connection.type == SAML:
                encrypted = self._saml(connection, refusal, form)
                return self._send(request, connection, encrypted, by_post=True)
            said = {"error": refusal.error, "error_description": refusal.said}
            return self._back(request, connection, form, said)
        try:
            person = _person(form)
        except errors.InvalidArgument as problem:
            return await self._page(connection, form, problem=problem.message)
        begins = form.get("do") == "initiate"
        if connection.type == SAML:
            asked = {} if begins else form
            encrypted = self._saml(connection, person, asked)
            return self._send(request, connection, encrypted, by_post=True)
        if begins:
            return await self._initiated(request, connection, person)
        code = self._openid.code(connection.id, form, person)
        return self._back(request, connection, form, {"code": code})

    async def metadata(self, request: Request) -> Response:
        """Answer with the metadata of SAML."""
        connection = await self._connection(request, SAML)
        document = saml_provider.metadata(self._simulator, connection.id)
        return Response(200, document, {"content-type": "application/samlmetadata+xml"})

    async def near(self, request: Request) -> Response:
        """Answer a program, as our own side is answered without a network."""
        await self._connection(request, OIDC)
        url = f"{self._simulator.public_url}{request.path}"
        found = await self._openid.answer(request.verb, url, request.headers, request.body)
        return Response(found.status, found.body, dict(found.headers))

    async def _initiated(
        self, request: Request, connection: Connection, person: Person
    ) -> Response:
        """Hand a person to the application, as a sign-in that a provider begins."""
        target = await idp_initiated.target(self._db, connection, "")
        signer = await self._context.ring.signer("RS256")
        claims = idp_initiated.claims(
            connection,
            FederatedIdentity(subject=person.subject, email=person.email),
            issuer=self._simulator.public_url,
            relay_state="",
        )
        answer = AuthorizationResponse(target, QUERY, {idp_initiated.PARAMETER: signer(claims)})
        return answers.response(answer, request.headers.get("accept-language", ""))

    def _saml(self, connection: Connection, said: Any, form: Mapping[str, str]) -> dict[str, str]:
        in_response_to = form.get("in_response_to", "")
        response = saml_provider.answer(
            self._simulator, connection, said, in_response_to=in_response_to
        )
        relay_state = form.get("RelayState", "")
        return {"SAMLResponse": response} | ({"RelayState": relay_state} if relay_state else {})

    def _back(
        self,
        request: Request,
        connection: Connection,
        asked: Mapping[str, str],
        members: dict[str, str],
    ) -> Response:
        issuer = self._simulator.issuer(connection.id)
        return self._send(
            request, connection, {**members, "state": asked.get("state", ""), "iss": issuer}
        )

    def _send(
        self,
        request: Request,
        connection: Connection,
        members: dict[str, str],
        *,
        by_post: bool = False,
    ) -> Response:
        address = self._simulator.callback(connection)
        answer = AuthorizationResponse(address, FORM_POST if by_post else QUERY, members)
        return answers.response(answer, request.headers.get("accept-language", ""))

    async def _connection(self, request: Request, *types: str) -> Connection:
        found = await reading.find(self._db, request.params["connection"])
        wanted = types or (OIDC, SAML)
        if found is None or found.provider != IDP_SIMULATOR or found.type not in wanted:
            raise errors.NotFound("connection")
        return self._simulator.filled(found)

    async def _index(self, *, made: test_organization.Made | None = None) -> Response:
        return _page(
            "index.html",
            connections=await all_connections(self._db),
            made=made,
            name=test_organization.NAME,
            domains=test_organization.DOMAINS,
        )

    async def _page(
        self, connection: Connection, given: Mapping[str, str], *, problem: str = ""
    ) -> Response:
        domains = [one.domain for one in await listing.domains_of(self._db, connection)]
        hint = given.get("login_hint", "")
        local, at, domain = hint.rpartition("@")
        return _page(
            "simulator.html",
            status=400 if problem else 200,
            connection=connection,
            action=f"/simulator/{connection.id}/answer",
            asked={name: given[name][:_LONGEST] for name in _OF_REQUEST if given.get(name)},
            is_asked=any(name in given for name in ("redirect_uri", "in_response_to")),
            initiates=connection.type == OIDC
            or bool(connection.settings.get("allow_idp_initiated_login")),
            given=given,
            local=given.get("local", local if at else ""),
            domain=given.get("domain", domain if at else ""),
            domains=domains,
            rows=[
                (number, given.get(f"name{number}", ""), given.get(f"value{number}", ""))
                for number in range(1, _SHOWN_ROWS + 1)
            ],
            refusals=REFUSALS,
            problem=problem,
        )


def _members(query: str) -> dict[str, str]:
    """Return the members of a query."""
    try:
        return dict(parse_qsl(query, max_num_fields=_MOST_MEMBERS))
    except ValueError:
        raise errors.InvalidArgument("the query has too many members") from None


def _person(form: Mapping[str, str]) -> Person:
    """Return the person of a form."""
    email = email_addresses.checked(f"{form.get('local', '').strip()}@{form.get('domain', '')}")
    rows = {
        form.get(f"name{number}", ""): form.get(f"value{number}", "")
        for number in range(1, MOST_ATTRIBUTES + 1)
    }
    return Person.of(email, form.get("given_name", ""), form.get("family_name", ""), rows)


def _page(template: str, *, status: int = 200, **values: object) -> Response:
    values["style_url"] = _STYLE.url
    headers = HEADERS | {"content-security-policy": _CSP}
    return page(f"simulator/templates/{template}", values, status=status, headers=headers)
