"""An OpenID Provider on this machine: it follows the specifications, or a test's script.

It notes each request. ``answers`` has the answer of a path in the place of its own: a status, a
dict or list (JSON), bytes, or a function of the request.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

from aiohttp import web
from jwts_of_providers import base64url, half_hash, jwk, key_of, signed

if TYPE_CHECKING:
    from collections.abc import Callable

CLIENT_ID, CLIENT_SECRET = "tenantry: our client", "s+c/r:t %é"
ANN = {
    "sub": "248289761001",
    "email": "ann@example.com",
    "email_verified": True,
    "given_name": "Ann",
    "family_name": "Smith",
}


@dataclass
class Got:
    """A request that came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    form: dict[str, str]


@dataclass
class Grant:
    """The authorization that a code or an access token is of."""

    query: dict[str, str]
    person: dict[str, Any]
    access_token: str = field(default_factory=lambda: secrets.token_urlsafe(20))


class OpenIDProvider:
    """One provider, with one client; ``person`` is signed in there."""

    def __init__(self, **metadata: Any) -> None:
        self.person: dict[str, Any] = dict(ANN)
        self.metadata = metadata
        self.answers: dict[str, Any] = {}
        self.got: list[Got] = []
        self.grants: dict[str, Grant] = {}
        self.claims: dict[str, Any] = {}  # that ID tokens have beside, or instead of, their own
        self.in_id_token = True  # the person's claims
        self.algorithm, self.kid, self.key = "RS256", "k1", key_of("RS256")
        self.keys: list[dict[str, Any]] = [jwk(key_of("RS256"), kid="k1", use="sig", alg="RS256")]
        self.header: dict[str, Any] = {}
        self.accepts: Callable[[Got], Any] | None = None  # clients, another way
        self.port = 0
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=0, handler_cancellation=True
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a connection to it."""
        return {"issuer": self.issuer, "client_id": CLIENT_ID}

    def at(self, path: str) -> list[Got]:
        """The requests to a path."""
        return [one for one in self.got if one.path == path]

    def answer_to(self, location: str) -> str:
        """Authorize, as a browser that comes to this address; where it is sent then."""
        url = urlsplit(location)
        assert url._replace(query="").geturl() == f"{self.issuer}/authorize", location
        query = dict(parse_qsl(url.query))
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT_ID
        code = secrets.token_urlsafe(16)
        self.grants[code] = Grant(query, dict(self.person))
        members = {"code": code, "state": query["state"]}
        if self.metadata.get("authorization_response_iss_parameter_supported"):
            members["iss"] = self.issuer
        return f"{query['redirect_uri']}?{urlencode(members)}"

    def id_token(self, grant: Grant) -> str:
        at = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": grant.person["sub"],
            "aud": CLIENT_ID,
            "exp": at + 300,
            "iat": at,
            "auth_time": at,
            "nonce": grant.query.get("nonce"),
            "at_hash": half_hash(grant.access_token),
            "sid": "a session there",
            **(grant.person if self.in_id_token else {}),
            **self.claims,
        }
        return self.signed({n: v for n, v in claims.items() if v is not None})

    def signed(self, claims: dict[str, Any], **header: Any) -> str:
        return signed(
            claims,
            algorithm=self.algorithm,
            key=self.key,
            kid=self.kid,
            **(self.header | header),
        )

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = (await request.read()).decode()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.got.append(
            Got(
                request.method,
                request.path,
                dict(parse_qsl(request.query_string)),
                headers,
                dict(parse_qsl(body)),
            )
        )
        scripted = self.answers.get(request.path)
        if callable(scripted):
            return await scripted(request)
        if scripted is not None:
            return _response(scripted)
        own: Callable[[Got], Any] | None = {
            "/.well-known/openid-configuration": self._discovery,
            "/keys": lambda _: {"keys": self.keys},
            "/token": self._token,
            "/userinfo": self._userinfo,
        }.get(request.path)
        return web.Response(status=404) if own is None else _response(own(self.got[-1]))

    def _discovery(self, _got: Got) -> dict[str, Any]:
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/keys",
            "end_session_endpoint": f"{self.issuer}/end",
            **self.metadata,
        }
        return {name: value for name, value in document.items() if value is not None}

    def _token(self, got: Got) -> Any:
        if not self._authenticated(got):
            return web.json_response({"error": "invalid_client"}, status=401)
        grant = self.grants.pop(got.form.get("code", ""), None)
        if grant is None or got.form.get("redirect_uri") != grant.query["redirect_uri"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        challenge = grant.query.get("code_challenge")
        if challenge is not None:
            digest = hashlib.sha256(got.form["code_verifier"].encode()).digest()
            assert base64url(digest) == challenge
        self.grants[grant.access_token] = grant
        return {
            "access_token": grant.access_token,
            "token_type": "Bearer",
            "id_token": self.id_token(grant),
        }

    def _authenticated(self, got: Got) -> bool:
        """Whether the client has shown itself, by RFC 6749 section 2.3.1."""
        if self.accepts is not None:
            return bool(self.accepts(got))
        kind, _, pair = got.headers.get("authorization", "").partition(" ")
        if kind == "Basic":
            given = base64.b64decode(pair).decode().partition(":")[::2]
            return tuple(map(unquote_plus, given)) == (CLIENT_ID, CLIENT_SECRET)
        return (got.form.get("client_id"), got.form.get("client_secret")) == (
            CLIENT_ID,
            CLIENT_SECRET,
        )

    def _userinfo(self, got: Got) -> Any:
        grant = self.grants.get(got.headers.get("authorization", "").removeprefix("Bearer "))
        return 401 if grant is None else grant.person


def _response(content: Any) -> web.StreamResponse:
    if isinstance(content, web.StreamResponse):
        return content
    if isinstance(content, int):
        return web.Response(status=content)
    if isinstance(content, bytes):
        return web.Response(body=content, content_type="application/json")
    return web.Response(text=json.dumps(content), content_type="application/json")
