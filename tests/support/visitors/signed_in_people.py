"""People with a live session, and the browser that has its cookie."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pyotp
from sqlalchemy import bindparam, update

from tenantry.call import Call
from tenantry.core.caller import SYSTEM, Caller, Kind, Origin
from tenantry.core.times import now
from tenantry.db.sql.statements import Statement
from tenantry.identity.authenticators.passkeys import service as passkeys
from tenantry.identity.authenticators.passkeys.relying_party import RelyingParty
from tenantry.identity.authenticators.totp import service as totp
from tenantry.identity.connections import environment as connections
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import Bounds
from tenantry.identity.sessions.model import sessions as table
from tenantry.tenants.users import reading

if TYPE_CHECKING:
    import httpx
    from servers import LiveServer

    from tenantry.db.engine import Database

COOKIE = "__Host-tenantry_session"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"
_SIGNED_IN_AT = Statement(
    update(table)
    .where(table.c.id == bindparam("p_id"))
    .values(auth_time=bindparam("p_auth_time"))
    .returning(table.c.id)
)


class Person:
    """A signed-in person at a running server."""

    def __init__(self, server: LiveServer, database: Database, user: dict[str, Any]) -> None:
        self.server = server
        self.database = database
        self.id = user["id"]
        self.email = user["email"]
        self.organization_id = user["memberships"][0]["organization_id"]
        self.session_id = ""
        self.secret = ""
        self.relying_party = RelyingParty("localhost", "localhost", (server.url,))

    async def sign_in(self, user_agent: str = FIREFOX) -> str:
        """Begin one more session, and return its id; the pages are seen in the first one."""
        method = (await connections.of_environment(self.database))["PASSWORDLESS"]
        call = Call(SYSTEM, self.database, "req_t", origin=Origin("192.0.2.7", user_agent))
        session, secret = await sessions.begin(
            call,
            user_id=self.id,
            organization_id=self.organization_id,
            client_id=None,
            amr=[method.id],
            bounds=Bounds(480, None),
            custom_claims={},
        )
        if not self.secret:
            self.session_id, self.secret = session.id, secret
        return session.id

    async def signed_in_ago(self, minutes: int) -> None:
        """Let so much time have gone by since the sign-in."""
        at = now() - minutes * 60_000_000
        assert await self.database.fetch_one(_SIGNED_IN_AT, p_id=self.session_id, p_auth_time=at)

    @property
    def call(self) -> Call:
        """A call by this person."""
        caller = Caller(Kind.USER_SESSION, self.id, self.organization_id, frozenset())
        return Call(caller, self.database, "req_t", origin=Origin("192.0.2.7", FIREFOX))

    async def add_passkey(self, authenticator: Any) -> Any:
        """Register a passkey without the pages."""
        user = await reading.find(self.database, id_=self.id, external_id=None)
        assert user is not None
        _, options = await passkeys.begin_registration(self.call, user, self.relying_party)
        credential = authenticator.create(options)
        return await passkeys.finish_registration(
            self.call, self.id, self.relying_party, credential
        )

    async def passkeys(self) -> list[Any]:
        return await passkeys.list_of(self.database, self.id)

    async def set_up_app(self) -> tuple[pyotp.TOTP, list[str]]:
        """Put a second factor into force without the pages: its app, its recovery codes."""
        registration = await totp.register(self.call, user_id=self.id)
        app = pyotp.TOTP(totp.secret(self.database, registration))
        # The code of the step before: those of this one and the next stay free.
        _, codes = await totp.enable(self.call, registration.id, code_of(app, -1))
        return app, codes


def code_of(app: pyotp.TOTP, steps: int = 0) -> str:
    return app.at(now() // 1_000_000, counter_offset=steps)


class Visitor:
    """A browser without scripts."""

    def __init__(self, http: httpx.AsyncClient, url: str, person: Person | None = None) -> None:
        self._http = http
        self._url = url
        self.headers = {"accept-language": "en"}
        if person is not None:
            self.headers["cookie"] = f"{COOKIE}={person.secret}"

    async def get(self, path: str, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self._http.get(f"/ui/profile/{path}", headers=self.headers | named)

    async def post(self, path: str, headers: dict[str, str] | None = None, **form: str):
        """Send a form of one of our own pages."""
        ours = {"origin": self._url, "sec-fetch-site": "same-origin"}
        named = self.headers | (ours if headers is None else headers)
        named["content-type"] = "application/x-www-form-urlencoded"
        return await self._http.post(f"/ui/profile/{path}", headers=named, content=urlencode(form))

    async def refused(self, path: str, *, status: int = 200, **form: str) -> httpx.Response:
        """Send a form that is not taken: return the page that says why."""
        sent = await self.post(path, **form)
        assert sent.status_code == 303, sent.text
        location = sent.headers["location"]
        assert re.fullmatch(r"/ui/profile/.+[?&]failed=[\w-]+", location), location
        page = await self.get(location.removeprefix("/ui/profile/"))
        assert page.status_code == status, page.text
        assert "<title>Error: " in page.text
        return page


def text_of(page: httpx.Response) -> str:
    """The words of a page, in one line."""
    body = re.sub(r"(?s)^.*<body[^>]*>", "", page.text)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def heading(page: httpx.Response) -> str:
    (found,) = re.findall(r"<h1[^>]*>(.*?)</h1>", page.text)
    return html.unescape(found)
