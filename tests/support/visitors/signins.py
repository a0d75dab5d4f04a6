"""Applications, signed-in people, and the codes and tokens that both get."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from apis import unique
from sqlalchemy import text

from tenantry.call import Call
from tenantry.core.caller import SYSTEM, Origin
from tenantry.db.sql.statements import Statement
from tenantry.identity.connections import environment as connections
from tenantry.identity.connections.model import PASSWORDLESS
from tenantry.identity.grants import codes
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import Bounds, Session

if TYPE_CHECKING:
    import httpx
    from apis import Api
    from factories import Make

    from tenantry.db.engine import Database

ALL = "openid profile email phone offline_access"
REDIRECT_URI = "https://app.example.com/callback"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # RFC 7636 appendix B
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def half_hash(value: str) -> str:
    """The value of at_hash and c_hash (OpenID Connect Core section 3.3.2.11)."""
    half = hashlib.sha256(value.encode()).digest()[:16]
    return base64.urlsafe_b64encode(half).rstrip(b"=").decode()


def header_of(token: str) -> dict[str, Any]:
    return _part(token, 0)


def claims_of(token: str) -> dict[str, Any]:
    return _part(token, 1)


def _part(token: str, number: int) -> dict[str, Any]:
    part: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[number] + "=="))
    return part


def is_refused(answer: httpx.Response, error: str, status: int = 400) -> bool:
    """The answer is this error, in the form of RFC 6749 section 5.2."""
    assert answer.status_code == status, answer.text
    assert answer.json()["error"] == error, answer.text
    assert answer.json()["error_description"]
    assert answer.headers["cache-control"] == "no-store"
    return True


@dataclass(frozen=True)
class App:
    """An application; without a secret, a public one."""

    id: str
    secret: str

    @property
    def form(self) -> dict[str, str]:
        return {"client_id": self.id, **({"client_secret": self.secret} if self.secret else {})}


class SignIns:
    """Makes applications and sessions, issues codes, and asks for tokens."""

    def __init__(self, database: Database, http: httpx.AsyncClient, rest: Api, make: Make) -> None:
        self.database = database
        self.http = http
        self.rest = rest
        self.make = make
        self.call = Call(SYSTEM, database, "req_test", origin=Origin("192.0.2.7", "tests"))

    async def application(self, client_type: str = "WEB_APP", **members: Any) -> App:
        """A new application."""
        new = {"name": unique("app"), "client_type": client_type, **members}
        client_id = (await self.rest.clients.create_client(client=new))["client"]["id"]
        if client_type != "WEB_APP":
            return App(client_id, "")
        secret = await self.rest.clients.create_client_secret(client_id=client_id)
        return App(client_id, secret["plain_secret"])

    async def session(
        self,
        user: dict[str, Any],
        *,
        bounds: Bounds = Bounds(480, None),  # noqa: B008 - frozen
        custom_claims: dict[str, Any] | None = None,
    ) -> tuple[Session, str]:
        """A new session of a user in the organization of the first membership, and its secret."""
        known = await connections.of_environment(self.database)
        return await sessions.begin(
            self.call,
            user_id=user["id"],
            organization_id=user["memberships"][0]["organization_id"],
            client_id=None,
            amr=[known[PASSWORDLESS].id],
            bounds=bounds,
            custom_claims=custom_claims or {},
        )

    async def code(self, app: App, session: Session, **members: Any) -> str:
        """A new code."""
        code, row = codes.new(
            **{
                "session": session,
                "client_id": app.id,
                "redirect_uri": REDIRECT_URI,
                "scope": ALL,
                "nonce": None,
                "code_challenge": CHALLENGE,
                **members,
            },
        )
        await codes.add(self.database, row)
        return code

    async def redeem(self, app: App, code: str, **form: str | None) -> httpx.Response:
        """The answer to a code; None leaves a member of the form out."""
        return await self.ask(
            app,
            grant_type="authorization_code",
            **{"code": code, "redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER, **form},
        )

    async def refresh(self, app: App, refresh_token: str, **form: str | None) -> httpx.Response:
        """The answer to a refresh token."""
        return await self.ask(
            app, grant_type="refresh_token", **{"refresh_token": refresh_token, **form}
        )

    async def ask(self, app: App, **form: str | None) -> httpx.Response:
        """The token endpoint's answer."""
        members = {**app.form, **form}
        kept = {name: value for name, value in members.items() if value is not None}
        return await self.http.post("/oauth/token", data=kept)

    async def tokens(
        self, app: App | None = None, session: Session | None = None, **members: Any
    ) -> dict[str, Any]:
        """An application's tokens in a session, both new ones if none is named."""
        app = app or await self.application()
        session = session or (await self.session(await self.make.user()))[0]
        answer = await self.redeem(app, await self.code(app, session, **members))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def refreshed(self, app: App, refresh_token: str, **form: str | None) -> dict[str, Any]:
        """An application's answer for a refresh token."""
        answer = await self.refresh(app, refresh_token, **form)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def userinfo(self, access_token: str) -> httpx.Response:
        """The answer of the UserInfo endpoint."""
        return await self.http.get("/userinfo", headers={"authorization": f"Bearer {access_token}"})

    async def introspect(self, app: App, token: str) -> dict[str, Any]:
        """The introspection endpoint's answer to an application."""
        answer = await self.http.post("/oauth/introspect", data={**app.form, "token": token})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def run(self, sql: str, **params: Any) -> Any:
        """Change the database by hand."""
        return await self.database.fetch_all(Statement(text(sql)), **params)
