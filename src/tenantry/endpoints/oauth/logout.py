"""The end session endpoint (OpenID Connect RP-Initiated Logout 1.0).

It ends the session of the browser's cookie, with all applications that are in it. The ID token of
just that session says that the application knows whose it is; any other page that sends a browser
here may be a link in anybody's page, so the person is asked first. Nobody is sent to an address
that is not registered (section 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.access.clients.uris import return_targets
from tenantry.call import Call
from tenantry.core import errors, ids
from tenantry.core.caller import ANONYMOUS
from tenantry.endpoints.oauth.authorization import parameters
from tenantry.endpoints.oauth.authorization.parameters import Parameters
from tenantry.identity.sessions import applications
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import LOGOUT
from tenantry.identity.sign_in import answers
from tenantry.identity.sign_in.model import AuthorizationResponse
from tenantry.net.http import Response
from tenantry.web import answers as answer_pages
from tenantry.web import words
from tenantry.web.rendering import Pages

if TYPE_CHECKING:
    from tenantry.access.clients.uris.return_targets import ReturnTarget
    from tenantry.db.engine import Database
    from tenantry.endpoints.oauth.authorization.id_token_hints import Hint, IdTokenHints
    from tenantry.endpoints.oauth.authorization.registered_uris import RegisteredUris
    from tenantry.identity.federation.model import FrontChannelMessage
    from tenantry.identity.federation.provider_logout import ProviderLogout
    from tenantry.identity.sessions.cookies import SessionCookie
    from tenantry.identity.sessions.model import Session
    from tenantry.net.http import Request
    from tenantry.settings import Settings
    from tenantry.web.themes import Themes

PATH = "/oidc/logout"
STATE_MAX = 2000
_CONFIRM = "confirm"
_KEPT = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales")


class _Wrong(Exception):
    """The request cannot be done; the text is for the application's developer."""


@dataclass(frozen=True, slots=True)
class _ValidatedRequest:
    """A request that holds: whose logout is meant, and where the browser goes then."""

    hint: Hint | None
    location: str | None


class LogoutEndpoint:
    """GET and POST /oidc/logout."""

    def __init__(
        self,
        db: Database,
        registered: RegisteredUris,
        hints: IdTokenHints,
        settings: Settings,
        leaving: ProviderLogout,
        *,
        themes: Themes,
        session_cookie: SessionCookie,
    ) -> None:
        self._db = db
        self._leaving = leaving
        self._registered = registered
        self._hints = hints
        self._public_url = settings.public_url
        self._pages = Pages("oauth", themes)
        self._cookie = session_cookie

    async def __call__(self, request: Request) -> Response:
        """End the session, or ask whether to."""
        if request.verb == "HEAD":
            return Response()  # a preview: it ends nothing
        try:
            asked = parameters.of_query(request)
        except errors.InvalidArgument as problem:
            way = await return_targets.of_only_application(self._db)
            nothing = Parameters({}, frozenset())
            return self._page(request, nothing, "wrong", said=problem.message, way=way)
        return await self._answer(request, asked, confirmed=False)

    async def post(self, request: Request) -> Response:
        """End the session that the person has said is to end, on our page; else go on by GET."""
        given = parameters.of_form(request)
        asked = given.without(_CONFIRM)
        if given.get(_CONFIRM) and request.origin.is_of(self._public_url):
            return await self._answer(request, asked, confirmed=True)
        return self._by_get(asked)

    def _by_get(self, asked: Parameters) -> Response:
        return Response.redirect(parameters.as_query(asked, PATH), referrer_policy="no-referrer")

    async def _answer(self, request: Request, asked: Parameters, *, confirmed: bool) -> Response:
        call = Call(ANONYMOUS, self._db, request.request_id, origin=request.origin)
        secret = self._cookie.read(request.origin.cookies)
        session = await sessions.find(self._db, secret)
        try:
            found = await self._check(call, asked, session)
        except _Wrong as problem:
            if confirmed:  # it is said on a page that can be loaded again
                return self._by_get(asked)
            asks, way = session is not None, await self._way_on(asked.get("client_id"), session)
            return self._page(request, asked, "wrong", said=str(problem), asks=asks, way=way)
        away = None
        if session is not None:
            if not (confirmed or _is_of(found.hint, session)):
                kind = "ask" if found.hint is None else "other"
                return self._page(request, asked, kind, asks=True)
            person = call.as_user(
                self._db,
                session.user_id,
                session.organization_id,
                session.id,
                impersonator=session.impersonator,
            )
            await sessions.end(person, session.id, status=LOGOUT)
            back = found.location or f"{self._public_url}{PATH}"
            away = await self._leaving.before(session.id, back)
        if away is not None:
            response = self._away(request, away)
        elif found.location is None:
            client_id = asked.get("client_id") if found.hint is None else found.hint.client_id
            response = self._page(
                request, asked, "done", way=await self._way_on(client_id, session)
            )
        else:
            response = Response.redirect(found.location, referrer_policy="no-referrer")
        if secret:
            response.cookies.append(self._cookie.clear())
        return response

    def _away(self, request: Request, sent: FrontChannelMessage) -> Response:
        """Return the response that takes the browser to its provider, to sign out there."""
        mode = answers.QUERY if sent.fields is None else answers.FORM_POST
        answer = AuthorizationResponse(sent.url, mode, dict(sent.fields or {}))
        return answer_pages.response(answer, request.headers.get("accept-language", ""))

    async def _check(
        self, call: Call, asked: Parameters, session: Session | None
    ) -> _ValidatedRequest:
        """Return the parameters.

        Raises:
            _Wrong: it does not hold.

        """
        for name in _KEPT:
            if name in asked.repeated:
                raise _Wrong(f"{name} is given more than once")
        state = asked.get("state")
        if len(state or "") > STATE_MAX:
            raise _Wrong(f"state must have at most {STATE_MAX} characters")
        token, hint = asked.get("id_token_hint"), None
        if token is not None:
            hint = await self._hints.verify(token)
            if hint is None:
                raise _Wrong("id_token_hint is no ID token of this server")
        client_id = asked.get("client_id")
        if hint is not None and client_id not in {None, hint.client_id}:
            raise _Wrong("client_id is not the one that the id_token_hint is for")
        uri = asked.get("post_logout_redirect_uri")
        if uri is None:
            return _ValidatedRequest(hint, None)
        client_id = hint.client_id if hint is not None else client_id
        if client_id is None:
            raise _Wrong("post_logout_redirect_uri needs an id_token_hint or a client_id")
        client = await self._registered.client(
            call,
            client_id,
            uri,
            of=lambda client: client.post_logout_redirect_uris,
            organization_id=None if session is None else session.organization_id,
        )
        if client is None:
            raise _Wrong("this post_logout_redirect_uri is not registered for the application")
        answer = AuthorizationResponse(
            uri, answers.QUERY, {} if state is None else {"state": state}
        )
        return _ValidatedRequest(hint, answers.location(answer))

    async def _way_on(self, client_id: str | None, session: Session | None) -> ReturnTarget | None:
        """Return the way to the application that is named, else to that of the session.

        Without a session it is the only application.
        """
        if client_id is not None and ids.well_formed(ids.ENVIRONMENT_CLIENT, client_id):
            way = await return_targets.of_client(self._db, client_id)
            if way is not None:
                return way
        if session is not None:
            return await applications.of_session(self._db, session.id, session.organization_id)
        return await return_targets.of_only_application(self._db)

    def _page(
        self,
        request: Request,
        asked: Parameters,
        kind: str,
        *,
        said: str = "",
        asks: bool = False,
        way: ReturnTarget | None = None,
    ) -> Response:
        # A faulty request is not asked again.
        kept = {} if kind == "wrong" else {n: v for n, v in asked.first.items() if n in _KEPT}
        return self._pages.render(
            "logout.html",
            words.choose(
                "oauth",
                request.headers.get("accept-language", ""),
                (asked.get("ui_locales") or "").split(),
            ),
            status=400 if kind == "wrong" else 200,
            kind=kind,
            path=PATH,
            said=said,
            asks=asks,
            kept=kept,
            way=way,
        )


def _is_of(hint: Hint | None, session: Session) -> bool:
    """Whether an ID token is of just this session."""
    found = hint and (hint.sub, hint.session_id)
    return found == (session.subject, session.id)
