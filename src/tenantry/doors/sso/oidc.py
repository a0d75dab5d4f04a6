"""OpenID Connect: to the provider with an authorization request, and back with a code."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from tenantry import errors
from tenantry.doors.sso import tests
from tenantry.identity.connections import tests as connection_tests
from tenantry.identity.connections.model import OIDC
from tenantry.identity.connections.oidc.callback import Answer
from tenantry.identity.federation import requests
from tenantry.identity.federation.model import Fault
from tenantry.identity.federation.openid import BACK, Asked
from tenantry.web import Request, Response, Route

if TYPE_CHECKING:
    from tenantry.doors.sso.door import Door
    from tenantry.identity.connections.model import Connection
    from tenantry.identity.federation.model import Request as Way

PATH = "/sso/v1/oidc/{connection}"
_MOST_MEMBERS = 50
_NO_STORE = {"cache-control": "no-store"}


def routes(door: Door) -> list[Route]:
    """Return the routes of OpenID Connect."""
    oidc = Oidc(door)
    return [
        Route("GET", f"{PATH}/start", door.page(oidc.start)),
        tests.route(door, OIDC, oidc.test),
        Route("GET", f"{PATH}/callback", door.page(oidc.callback)),
        Route("POST", f"{PATH}/callback", door.page(oidc.callback)),
        Route("GET", f"{PATH}/logout/callback", door.page(oidc.left)),
        Route("POST", f"{PATH}/backchannel-logout", oidc.backchannel_logout),
    ]


class Oidc:
    """Handlers of the paths below `/sso/v1/oidc`."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._party = door.parts.openid

    async def start(self, request: Request) -> Response:
        """Send the browser of a sign-in to the provider."""
        waiting = await self._door.auth_request(request)
        connection = await self._door.connection(request, OIDC)
        params = waiting.params
        asked = Asked(
            login_hint=waiting.email or params.login_hint,
            prompt=params.prompt,
            max_age=params.max_age,
        )
        sent = await self._party.start(connection, asked, auth_request_id=waiting.id)
        return self._door.send(request, *sent)

    async def test(self, request: Request, connection: Connection, *, test_id: str) -> Response:
        """Send the browser of a test to the provider."""
        try:
            sent = await self._party.start(connection, Asked(), test_id=test_id)
        except Fault as fault:
            path = await connection_tests.fail(self._door.db, test_id, fault)
            return self._door.redirect(path)
        return self._door.send(request, *sent)

    async def callback(self, request: Request) -> Response:
        """Take an answer (section 3.1.2.5): lead the browser back to the sign-in that asked."""
        answer = answer_of(request)
        way = await requests.take(self._door.db, answer.state)
        connection_id = request.params["connection"]
        if way is None or way.connection_id != connection_id or not is_open(way):
            raise not_waiting()
        try:
            connection = await self._door.answered(way, OIDC)
            identity = await self._party.receive(connection, answer, way)
        except Fault as fault:
            return await self._door.refused(request, way, fault)
        return await self._door.arrived(way, identity)

    async def left(self, request: Request) -> Response:
        """Send a browser that has signed out at the provider on to where it was to go."""
        way = await requests.take(self._door.db, answer_of(request).state)
        if way is None or way.connection_id != request.params["connection"] or is_open(way):
            return self._door.pages.message("signed_out", self._door.words(request))
        return self._door.on(way.facts[BACK])

    async def backchannel_logout(self, request: Request) -> Response:
        """End sessions that a provider says have ended (Back-Channel Logout 1.0 section 2.5)."""
        try:
            token = request.form().get("logout_token", "")
            connection = await self._door.known(request, OIDC)
            await self._party.end_sessions(self._door.call(request), connection, token)
        except (Fault, errors.InvalidArgument, errors.UnsupportedMediaType) as problem:
            said = problem.description if isinstance(problem, Fault) else problem.message
            # Section 2.8 has this one error.
            refused = {"error": "invalid_request", "error_description": said}
            return Response.json(refused, 400, cache_control="no-store")
        return Response(200, b"", dict(_NO_STORE))


def not_waiting() -> Fault:
    """Return the fault of an answer that nobody waits for."""
    return Fault(
        "invalid_request",
        "No sign-in waits for this answer: it is over, or was answered already.",
        hint="Sign in again at the application, in one window.",
    )


def is_open(way: Way) -> bool:
    """Whether a way is that of a sign-in or of a test, and none of a logout."""
    return way.auth_request_id is not None or way.test_id is not None


def answer_of(request: Request) -> Answer:
    """Return the answer that a browser brings, in the query or as a form.

    Raises:
        Fault: a parameter comes twice (RFC 6749 section 3.1), or it cannot be read.

    """
    try:
        if request.verb == "POST":
            return Answer(request.form())
        pairs = parse_qsl(
            request.query, keep_blank_values=True, errors="strict", max_num_fields=_MOST_MEMBERS
        )
    except (ValueError, errors.InvalidArgument, errors.UnsupportedMediaType):
        raise _unreadable() from None
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _unreadable()
    return Answer(members)


def _unreadable() -> Fault:
    return Fault(
        "invalid_request",
        "The answer of the identity provider is no form in UTF-8, or says something twice.",
        hint="Sign in again at the application, in one window.",
    )
