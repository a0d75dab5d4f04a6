"""The authorization endpoint: checks the parameters, then hands them to `sign_in`.

RFC 6749 section 3.1, OpenID Connect Core 1.0 section 3.1.2, RFC 7636 (PKCE, S256 only), RFC 8707
(resource), RFC 9207 (iss). Before the client and its redirect_uri are known to belong together,
nothing is sent there: an error is shown on a page of ours (RFC 9700 section 4.11).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tenantry import errors, ids
from tenantry.access.clients.model import GRANT_TYPES, PUBLIC
from tenantry.call import Call
from tenantry.caller import ANONYMOUS
from tenantry.db.engine import Failure
from tenantry.doors.oauth import api_scopes, parameters
from tenantry.doors.oauth.errors import plain
from tenantry.identity.connections import service as connections
from tenantry.identity.grants import pkce
from tenantry.identity.grants.claims import SCOPES
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sign_in import answers, beginning, refusals
from tenantry.identity.sign_in.model import Answer, Params
from tenantry.identity.sign_in.refusals import Refusal
from tenantry.pages import answers as answer_pages
from tenantry.web import Response

if TYPE_CHECKING:
    from tenantry.access.clients.model import Client
    from tenantry.db.engine import Database
    from tenantry.doors.oauth.id_token_hints import IdTokenHints
    from tenantry.doors.oauth.parameters import Parameters
    from tenantry.doors.oauth.registered_uris import RegisteredUris
    from tenantry.identity.sessions.cookies import SessionCookie
    from tenantry.identity.sessions.model import Session
    from tenantry.identity.sign_in.browsers import BrowserCookies
    from tenantry.identity.sign_in.means import Means
    from tenantry.rate_limits.rates import Rates
    from tenantry.web import Request

PATH = "/oauth/authorize"
PROMPTS = ("none", "login", "create", "select_account", "consent")
DEFAULT_SCOPE = "openid profile email"  # for requests without any, as the official SDKs make them
STATE_MAX = 2000
_SHOWN_MAX = 500  # characters of a redirect_uri that is not registered

# In characters: kept values have a limit.
_LONGEST = {
    "scope": 1000,
    "nonce": 500,
    "prompt": 100,
    "max_age": 10,
    "login_hint": 320,
    "domain": 253,
    "domain_hint": 253,
    "organization_id": 32,
    "connection_id": 64,
    "provider": 64,
    "ui_locales": 500,
    "resource": 1000,
}
_LOCALES_MAX = 10
_LOCALE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8}){0,4}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")  # as `vault.new_secret` makes them
# OpenID Connect Core 1.0 sections 3.1.2.6 and 6: what we do not take.
_NOT_SUPPORTED = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}
_MANY = {"resource"}  # may be repeated, RFC 8707 section 2


class _Untrusted(Exception):
    """An error that may not be sent to the redirect_uri that came."""

    def __init__(self, refusal: Refusal, client_id: str | None = None) -> None:
        super().__init__(refusal.error)
        self.refusal = refusal
        self.client_id = client_id  # of a client that there is


class _Failed(Exception):
    """An error that the application is told, at its redirect_uri."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error, self.description = error, description


class AuthorizationEndpoint:
    """GET and POST /oauth/authorize."""

    def __init__(
        self,
        db: Database,
        registered: RegisteredUris,
        means: Means,
        hints: IdTokenHints,
        *,
        issuer: str,
        development: bool,
        rates: Rates,
        session_cookie: SessionCookie,
        browser_cookies: BrowserCookies,
    ) -> None:
        self._db = db
        self._rates = rates
        self._registered = registered
        self._means = means
        self._hints = hints
        self._issuer = issuer
        self._development = development
        self._session_cookie = session_cookie
        self._browser_cookies = browser_cookies

    async def post(self, request: Request) -> Response:
        """Go on by GET, with the cookies of this browser."""
        asked = parameters.of_form(request)
        return Response.redirect(parameters.as_query(asked, PATH), referrer_policy="no-referrer")

    async def __call__(self, request: Request) -> Response:
        """Answer at once, or go on to the sign-in pages."""
        if request.verb == "HEAD":
            return Response()  # a preview: it begins nothing
        call = Call(ANONYMOUS, self._db, request.request_id, origin=request.origin)
        accepted = request.headers.get("accept-language", "")
        try:
            asked = parameters.of_query(request)
            client, redirect_uri = await self._trusted(call, asked)
        except errors.InvalidArgument:
            return self._refuse(_Untrusted(Refusal.UNREADABLE), "")
        except _Untrusted as problem:
            return self._refuse(problem, asked.get("redirect_uri") or "")
        try:
            params = await self._params(client, redirect_uri, asked)
            return await self._begin(call, client, params, accepted)
        except _Failed as problem:
            error, description = problem.error, problem.description
        except (errors.RateLimited, errors.Busy, Failure):
            error, description = "temporarily_unavailable", "try again in a moment"
        answer = self._error(redirect_uri, asked, error, description)
        return answer_pages.response(answer, accepted)

    async def _begin(self, call: Call, client: Client, params: Params, accepted: str) -> Response:
        session = await self._session(call)
        if session is None and "none" not in params.prompt:
            # Each is a row, and nobody has shown yet who they are.
            await self._rates.take_sign_in(call.origin.address)
        begun = await beginning.begin(self._means, call, client, params, session=session)
        if isinstance(begun, Answer):
            return answer_pages.response(begun, accepted)
        response = Response.redirect(f"/login/{begun.id}", referrer_policy="no-referrer")
        cookies = self._browser_cookies
        response.cookies = cookies.make_room(call.origin.cookies) + cookies.issue(begun)
        return response

    async def _session(self, call: Call) -> Session | None:
        secret = self._session_cookie.read(call.origin.cookies)
        return await sessions.find(self._db, secret) if _SECRET.fullmatch(secret) else None

    # Before the redirect_uri is trusted.

    async def _trusted(self, call: Call, asked: Parameters) -> tuple[Client, str]:
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
        client = await self._registered.client(
            call,
            client_id,
            uri or "",
            of=lambda client: client.post_login_uris,
            organization_id=(
                None if "organization_id" in asked.repeated else asked.get("organization_id")
            ),
        )
        if client is not None and uri is not None:
            return client, uri
        if not await self._registered.is_client(client_id):
            raise _Untrusted(Refusal.CLIENT_UNKNOWN)
        if uri is None:
            raise _Untrusted(Refusal.REDIRECT_URI_MISSING, client_id)
        raise _Untrusted(Refusal.REDIRECT_URI_UNKNOWN, client_id)

    def _refuse(self, problem: _Untrusted, redirect_uri: str) -> Response:
        error_id = refusals.issue(self._db, problem.refusal, problem.client_id)
        location = f"/login/error/{error_id}"
        if self._development and problem.refusal is Refusal.REDIRECT_URI_UNKNOWN:
            # For the page to show beside the registered ones.
            location += "?" + urlencode({"redirect_uri": redirect_uri[:_SHOWN_MAX]})
        return Response.redirect(location, referrer_policy="no-referrer")

    # From then on.

    def _error(self, redirect_uri: str, asked: Parameters, error: str, description: str) -> Answer:
        members = {"error": error, "error_description": plain(description)}
        state = asked.get("state")
        if state is not None and _state_problem(asked) is None:
            members["state"] = state
        mode = asked.get("response_mode")
        by_form = mode == answers.FORM_POST and _mode_problem(redirect_uri, asked) is None
        return Answer(
            redirect_uri,
            answers.FORM_POST if by_form else answers.QUERY,
            {**members, "iss": self._issuer},
        )

    async def _params(self, client: Client, redirect_uri: str, asked: Parameters) -> Params:
        """Return the parameters.

        Raises:
            _Failed: it cannot be given.

        """
        for problem in (_state_problem(asked), _mode_problem(redirect_uri, asked)):
            if problem is not None:
                raise _Failed("invalid_request", problem)
        _check_form(asked)
        _check_response_type(client, asked)
        self._check_resource(asked)
        return Params(
            redirect_uri=redirect_uri,
            response_mode=asked.get("response_mode") or answers.QUERY,
            scope=_scope(client, asked.get("scope")),
            state=asked.get("state"),
            nonce=asked.get("nonce"),
            code_challenge=_code_challenge(client, asked),
            prompt=_prompt(asked.get("prompt")),
            max_age=_max_age(asked.get("max_age")),
            login_hint=asked.get("login_hint"),
            domain_hint=_domain(asked),
            organization_id=_organization_id(asked.get("organization_id")),
            connection_id=await self._connection_id(asked),
            ui_locales=_locales(asked.get("ui_locales")),
            id_token_user=await self._id_token_user(client, asked.get("id_token_hint")),
        )

    def _check_resource(self, asked: Parameters) -> None:
        resource = asked.get("resource")
        ours = resource is None or resource.rstrip("/") == self._issuer
        if not ours or "resource" in asked.repeated:
            raise _Failed("invalid_target", "there is no such resource (RFC 8707 section 2)")

    async def _connection_id(self, asked: Parameters) -> str | None:
        provider, connection_id = asked.get("provider"), asked.get("connection_id")
        known = (await connections.of_environment(self._db)).values() if connection_id else ()
        if provider is not None:
            raise _Failed("invalid_request", f"connection of the provider {provider} not found")
        if connection_id is not None and all(one.id != connection_id for one in known):
            raise _Failed("invalid_request", f"connection {connection_id} not found")
        return connection_id

    async def _id_token_user(self, client: Client, token: str | None) -> str | None:
        if token is None:
            return None
        hint = await self._hints.verify(token)
        if hint is None or hint.client_id != client.id:
            raise _Failed("invalid_request", "id_token_hint is no ID token of this application")
        return hint.user_id


def _state_problem(asked: Parameters) -> str | None:
    state = asked.get("state") or ""
    if "state" in asked.repeated:
        return "state is given more than once"
    if len(state) > STATE_MAX:
        return f"state may have {STATE_MAX} characters at most, got {len(state)}"
    if _CONTROL.search(state):
        return "state may hold no control characters"
    return None


def _mode_problem(redirect_uri: str, asked: Parameters) -> str | None:
    mode = asked.get("response_mode") or answers.QUERY
    if "response_mode" in asked.repeated:
        return "response_mode is given more than once"
    if mode not in answers.RESPONSE_MODES:
        return f"response_mode must be {' or '.join(answers.RESPONSE_MODES)}"
    if mode == answers.FORM_POST and not redirect_uri.lower().startswith(("https:", "http:")):
        return "response_mode form_post needs a redirect_uri of https"
    return None


def _check_form(asked: Parameters) -> None:
    """Check the rules of all parameters alike."""
    for name in sorted(asked.repeated - _MANY):
        if name in _KNOWN:
            raise _Failed("invalid_request", f"{name} is given more than once")
    for name, error in _NOT_SUPPORTED.items():
        if asked.get(name) is not None:
            raise _Failed(error, f"{name} is not supported")
    for name, most in _LONGEST.items():
        value = asked.get(name) or ""
        if len(value) > most:
            raise _Failed(
                "invalid_request", f"{name} may have {most} characters at most, got {len(value)}"
            )
        if _CONTROL.search(value):
            raise _Failed("invalid_request", f"{name} may hold no control characters")


def _check_response_type(client: Client, asked: Parameters) -> None:
    response_type = asked.get("response_type")
    if response_type is None:
        raise _Failed("invalid_request", "response_type is missing")
    if response_type != "code":
        raise _Failed("unsupported_response_type", "response_type must be code")
    if "authorization_code" not in (client.grant_types or GRANT_TYPES[client.client_type]):
        raise _Failed("unauthorized_client", "this client is not registered for authorization_code")


def _scope(client: Client, text: str | None) -> str:
    """Return the scopes that we know, in our order; a request without a known one is told so.

    Those of our own API only where the application is registered for them.
    """
    wanted = set((text or DEFAULT_SCOPE).split(" "))
    ours = [scope for scope in api_scopes.NAMES if scope in client.scopes]
    known = [scope for scope in (*SCOPES, *ours) if scope in wanted]
    if not known:
        raise _Failed("invalid_scope", f"scope must have at least one of {', '.join(SCOPES)}")
    return " ".join(known)


def _code_challenge(client: Client, asked: Parameters) -> str | None:
    challenge, method = asked.get("code_challenge"), asked.get("code_challenge_method")
    if challenge is None:
        if method is not None:
            raise _Failed("invalid_request", "code_challenge is missing")
        if client.enforce_pkce or client.client_type in PUBLIC:
            raise _Failed("invalid_request", "code_challenge is missing: PKCE is required")
        return None
    # Without a method it would be plain (RFC 7636 section 4.3), which protects nobody.
    if method != pkce.METHOD:
        raise _Failed("invalid_request", f"code_challenge_method must be {pkce.METHOD}")
    if not pkce.is_challenge(challenge):
        raise _Failed(
            "invalid_request", "code_challenge must be a SHA-256 in base64url, 43 characters"
        )
    return challenge


def _prompt(text: str | None) -> tuple[str, ...]:
    """Return what the person is to be asked; there is nothing to consent to so far."""
    values = tuple(dict.fromkeys((text or "").split()))
    for value in values:
        if value not in PROMPTS:
            raise _Failed("invalid_request", f"prompt may be of {', '.join(PROMPTS)}")
    if "none" in values and len(values) > 1:
        raise _Failed("invalid_request", "prompt: none stands alone")
    return tuple(value for value in values if value != "consent")


def _max_age(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()):
        raise _Failed("invalid_request", "max_age must be a number of seconds")
    return int(text)


def _domain(asked: Parameters) -> str | None:
    """Return the domain of either name: some SDKs send both, some one."""
    hint, domain = asked.get("domain_hint"), asked.get("domain")
    if hint is not None and domain is not None and hint != domain:
        raise _Failed("invalid_request", "domain and domain_hint differ")
    return hint or domain


def _organization_id(text: str | None) -> str | None:
    if text is not None and not ids.well_formed(ids.ORGANIZATION, text):
        raise _Failed("invalid_request", "organization_id is no id of an organization")
    return text


def _locales(text: str | None) -> tuple[str, ...]:
    """Return the languages that the person reads, the best first; other texts are left out."""
    found = [one for one in (text or "").split() if _LOCALE.fullmatch(one)]
    return tuple(dict.fromkeys(found))[:_LOCALES_MAX]


_KNOWN = {
    *_LONGEST,
    *_NOT_SUPPORTED,
    *("response_type", "response_mode", "client_id", "redirect_uri", "state"),
    *("code_challenge", "code_challenge_method", "id_token_hint"),
}
