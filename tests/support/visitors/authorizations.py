"""Applications, and the requests of browsers that they send to the server."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from apis import unique

from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import Bounds
from tenantry.identity.tokens.key_ring import KeyRing

if TYPE_CHECKING:
    import httpx

REDIRECT_URI = "https://app.example.com/callback"
LOGOUT_URI = "https://app.example.com/bye"
COOKIE = "__Host-tenantry_session"
BROWSER_COOKIE = "__Host-tenantry_login_"  # and the number of the auth request
VERIFIER = "a-verifier-that-only-tests-have-43-characters"
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
)


@dataclass(frozen=True)
class Application:
    """A client, and what it asks for unless told otherwise."""

    http: httpx.AsyncClient
    id: str
    asks: dict[str, str] = field(default_factory=dict)

    def query(self, **members: Any) -> str:
        """A query; None leaves a member out, a list repeats it."""
        whole = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": REDIRECT_URI,
            "scope": "openid profile email",
            "state": "s",
            **self.asks,
            **members,
        }
        return urlencode({k: v for k, v in whole.items() if v is not None}, doseq=True)

    async def authorize(self, *, cookies: str = "", **members: Any) -> httpx.Response:
        """A browser's answer to an authorization request."""
        return await self.http.get(
            f"/oauth/authorize?{self.query(**members)}", headers=with_cookies(cookies)
        )


class Applications:
    """Makes applications."""

    def __init__(self, rest: Any, http: httpx.AsyncClient) -> None:
        self._rest = rest
        self._http = http

    async def __call__(self, client_type: str = "WEB_APP", **members: Any) -> Application:
        new = {
            "name": unique("app"),
            "client_type": client_type,
            "post_login_uris": [REDIRECT_URI],
            "post_logout_redirect_uris": [LOGOUT_URI],
            **members,
        }
        made = (await self._rest.clients.create_client(client=new))["client"]
        public = client_type != "WEB_APP"
        pkce = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"} if public else {}
        return Application(self._http, made["id"], pkce)


class SignedIn:
    """Makes signed-in people: their session, and the cookie of their browser."""

    def __init__(self, make: Any, database: Any) -> None:
        self._make = make
        self._database = database

    async def __call__(
        self,
        organization_id: str = "",
        *,
        user_id: str = "",
        client_id: str | None = None,
        **members: Any,
    ) -> tuple[sessions.Session, str]:
        organization_id = organization_id or (await self._make.organization())["id"]
        if not user_id:
            user_id = (await self._make.user(organization_id))["id"]
        session, secret = await sessions.begin(
            Call(SYSTEM, self._database, "test"),
            user_id=user_id,
            organization_id=organization_id,
            client_id=client_id,
            amr=(),
            bounds=Bounds(absolute=60, idle=None),
            custom_claims={},
            **members,
        )
        return session, f"{COOKIE}={secret}"


async def id_token(database: Any, issuer: str, session: Any, client_id: str, **claims: Any) -> str:
    """An ID token that the server could have issued, expired for long; None leaves a claim out."""
    at = int(time.time()) - 10 * 24 * 3600
    whole = {
        "iss": issuer,
        "sub": session.user_id,
        "aud": [client_id],
        "azp": client_id,
        "iat": at,
        "exp": at + 300,
        "sid": session.id,
        "oid": session.organization_id,
        **claims,
    }
    sign = await KeyRing(database).signer("RS256")
    return sign({name: value for name, value in whole.items() if value is not None})


def with_cookies(cookies: str) -> dict[str, str]:
    return {"cookie": cookies} if cookies else {}


def answer_of(response: httpx.Response, redirect_uri: str = REDIRECT_URI) -> dict[str, str]:
    """The parameters of a redirect to the application's redirect_uri."""
    assert response.status_code == 303, response.text
    location = response.headers["location"]
    assert location.startswith(f"{redirect_uri}?"), location
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "no-referrer"
    pairs = parse_qsl(location.removeprefix(f"{redirect_uri}?"), keep_blank_values=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def form_of(response: httpx.Response, redirect_uri: str = REDIRECT_URI) -> dict[str, str]:
    """The parameters of a form to the application's redirect_uri."""
    assert response.status_code == 200, response.text
    (action,) = re.findall(r'<form method="post" action="([^"]*)">', response.text)
    assert html.unescape(action) == redirect_uri
    return {
        html.unescape(name): html.unescape(value)
        for name, value in re.findall(r'name="([^"]*)" value="([^"]*)"', response.text)
    }


def is_refused(response: httpx.Response) -> bool:
    """Whether nothing went to the application: the person sees an error of ours."""
    assert response.status_code == 303, response.text
    # In development the page is told which redirect_uri came.
    path = response.headers["location"].partition("?")[0]
    assert re.fullmatch(r"/login/error/err_[A-Za-z0-9_-]+", path)
    return True


def request_of(response: httpx.Response) -> str:
    """The id of the auth request that the sign-in pages go on with."""
    assert response.status_code == 303, response.text
    found = re.fullmatch(r"/login/(areq_[0-9]+)", response.headers["location"])
    assert found, response.headers["location"]
    return found[1]
