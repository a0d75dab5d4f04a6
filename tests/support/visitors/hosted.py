"""A deployment with sign-in pages, its applications, and the browsers of people who visit it."""

from __future__ import annotations

import base64
import hashlib
import html
import itertools
import re
import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pyotp
from apis import Api, Service, access_token, on_each_database, unique
from factories import Make
from selection import DATABASES
from sqlalchemy import bindparam, update
from valid_events import assert_all_valid_of
from wires import Rest, over_https

from tenantry import settings, worker
from tenantry.core.times import now
from tenantry.crypto import master_key
from tenantry.db.opening import open_database
from tenantry.db.sql.statements import Statement
from tenantry.events.email import service as email_service
from tenantry.gen.scalekit.v1.auth import totp_pb
from tenantry.identity.sign_in.model import auth_requests

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx
    import pytest
    from app_servers import AppServer
    from servers import LiveServer

REDIRECT_URI = "https://app.example.com/callback"
VERIFIER = secrets.token_urlsafe(32)
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
)
_CODE = re.compile(r"^\d{6}$", re.MULTILINE)
_URL = re.compile(r"^https://\S+$", re.MULTILINE)
_ADDRESSES = (f"198.18.{n // 250}.{n % 250 + 1}" for n in itertools.count())
_EXPIRE = Statement(
    update(auth_requests)
    .where(auth_requests.c.id == bindparam("p_id"))
    .values(expire_time=bindparam("p_at"))
    .returning(auth_requests.c.id)
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests with `hosted_server` on each database, or on those that their file names."""
    databases = getattr(metafunc.module, "DATABASES", DATABASES)
    on_each_database(metafunc, "hosted_server", databases)


@asynccontextmanager
async def hosted(
    request: pytest.FixtureRequest, start_app: Any, start_server: Any, **given: str
) -> AsyncIterator[LiveServer | AppServer]:
    """The application in this process, or a server process, on the database of a parameter."""
    database, _, kind = request.param.partition("_")
    if database == "postgresql":
        given["database_url"] = request.getfixturevalue("postgresql").fresh()
    if kind == "app":
        server = await start_app("hosted", **given)
    else:
        server = start_server("hosted", **given)
    yield server
    if kind == "server":
        server.stop()
    await assert_all_valid_of(server)


def password() -> str:
    """A password that nobody has thought of."""
    return f"correct-{secrets.token_hex(6)}-horse"


class Deployment:
    """A running server, its database beside it, and what its operator does."""

    def __init__(self, server: LiveServer | AppServer, database: Any, api: Api) -> None:
        self.server = server
        self.database = database
        self.api = api
        self.make = Make(api)
        self.apps: dict[str, pyotp.OTP] = {}  # of authenticators, by user
        environment = {k: v for k, v in server.environment.items() if k.startswith("TENANTRY_")}
        self.settings = settings.load(environment)

    async def application(self, *redirect_uris: str, **members: Any) -> Application:
        """A new application, that knows its secret."""
        answer = await self.api.clients.create_client(
            client={
                "name": unique("app"),
                "client_type": "WEB_APP",
                "post_login_uris": list(redirect_uris or (REDIRECT_URI,)),
                **members,
            }
        )
        client_id = answer["client"]["id"]
        made = await self.api.clients.create_client_secret(client_id=client_id)
        return Application(client_id, made["plain_secret"], (redirect_uris or (REDIRECT_URI,))[0])

    async def second_factor(self, user_id: str) -> list[str]:
        """Give somebody an authenticator app; return their recovery codes."""
        totp = Service(self.api, totp_pb.desc().services[0])
        made = await totp.register_totp(totp_registration={"user_id": user_id})
        app = pyotp.parse_uri(made["totp_registration"]["qr_code_uri"])
        self.apps[user_id] = app
        enabled = await totp.enable_totp(
            registration_id=made["totp_registration"]["id"], code=app.now()
        )
        codes: list[str] = enabled["backup_codes"]
        return codes

    async def deliver(self) -> None:
        """Have the worker deliver the mail that is due: without a mail server, it keeps it."""
        job = next(job for job in worker.jobs(self.settings) if job.name == "mail")
        while (seconds := await email_service.seconds_until_due(self.database)) is not None:
            if seconds > 0:
                break
            await job.run(self.database)
        await job.close()

    async def mail(self, email: str) -> str:
        """The text of the newest mail to an address."""
        await self.deliver()
        for one in await email_service.newest(self.database, limit=200):
            if one.recipient == email:
                found = await email_service.find(self.database, one.id)
                assert found is not None
                assert found[1] is not None
                return found[1].text
        raise AssertionError(f"no mail to {email}")

    async def code(self, email: str) -> str:
        return _CODE.findall(await self.mail(email))[0]

    async def link(self, email: str) -> str:
        return _URL.findall(await self.mail(email))[0]

    async def expire(self, request_id: str) -> None:
        """Let the time of an auth request be over."""
        assert await self.database.fetch_one(_EXPIRE, p_id=request_id, p_at=now() - 1)

    @asynccontextmanager
    async def visitor(self, **headers: str):
        """A browser that has never been here."""
        async with over_https(self.server) as http:
            yield Visitor(self, http, headers)


class Application:
    """An OAuth client, as an application is one."""

    def __init__(self, client_id: str, secret: str, redirect_uri: str) -> None:
        self.id = client_id
        self.secret = secret
        self.redirect_uri = redirect_uri

    def path(self, **members: Any) -> str:
        """Where it sends people to sign in."""
        whole = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": self.redirect_uri,
            "scope": "openid profile email offline_access",
            "state": "a state",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **members,
        }
        return "/oauth/authorize?" + urlencode({k: v for k, v in whole.items() if v is not None})

    async def tokens(self, http: httpx.AsyncClient, code: str) -> dict[str, Any]:
        """Its tokens for a code."""
        answer = await http.post(
            "/oauth/token",
            data={
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self.redirect_uri,
                "code_verifier": VERIFIER,
                "client_id": self.id,
                "client_secret": self.secret,
            },
        )
        assert answer.status_code == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens

    async def refresh(self, http: httpx.AsyncClient, token: str, **headers: str) -> httpx.Response:
        """The answer of the token endpoint to a refresh token."""
        return await http.post(
            "/oauth/token",
            data={
                "grant_type": "refresh_token",
                "refresh_token": token,
                "client_id": self.id,
                "client_secret": self.secret,
            },
            headers=headers,
        )


class Visitor:
    """A browser without scripts: it keeps cookies, and says where its forms come from."""

    def __init__(self, place: Deployment, http: httpx.AsyncClient, headers: dict[str, str]) -> None:
        self.place = place
        self.http = http
        self.cookies: dict[str, str] = {}
        self.headers = {"x-forwarded-for": next(_ADDRESSES), "accept-language": "en", **headers}
        self.path = ""  # of the auth request

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self._send("GET", path, headers)

    async def post(self, path: str, headers: dict[str, str] | None = None, **form: str):
        """Send a form of our own pages."""
        ours = {"origin": self.place.server.url, "sec-fetch-site": "same-origin"}
        return await self._send("POST", path, ours if headers is None else headers, data=form)

    async def step(self, name: str, **form: str) -> httpx.Response:
        """Send the form of a step."""
        return await self.post(f"{self.path}/{name}", **form)

    async def refused(self, name: str, *, status: int = 200, **form: str) -> httpx.Response:
        """Send the form of a step, which is not taken: return the page that says why."""
        return await self.told(await self.step(name, **form), status)

    async def told(self, sent: httpx.Response, status: int = 200) -> httpx.Response:
        """The page that a browser is sent to from a form that was not taken."""
        assert sent.status_code == 303, sent.text
        location = sent.headers["location"]
        assert re.fullmatch(r"/(login|invitations)/.+[?&]failed=[\w-]+", location), location
        page = await self.get(location)
        assert page.status_code == status, page.text
        assert "<title>Error: " in page.text
        return page

    async def page(self, query: str = "") -> httpx.Response:
        """The step that the sign-in waits for."""
        return await self.get(self.path + query)

    async def begin(self, application: Application, **members: Any) -> httpx.Response:
        """Come from an application; return the page."""
        sent = await self.get(application.path(**members))
        assert sent.status_code == 303, sent.text
        self.path = sent.headers["location"]
        assert re.fullmatch(r"/login/areq_[0-9]+", self.path), self.path
        return await self.page()

    @property
    def login_cookie(self) -> str:
        """The name of the cookie that binds the auth request to this browser."""
        return f"__Host-tenantry_login_{self.path.removeprefix('/login/areq_')}"

    async def prove(self, email: str, **form: str) -> httpx.Response:
        """Prove an inbox by the code of its mail."""
        sent = await self.step("email", email=email, **form)
        assert sent.status_code == 303, sent.text
        return await self.step("code", code=await self.place.code(email))

    async def _send(self, verb: str, path: str, headers: dict[str, str], **more: Any):
        named = {**self.headers, **headers}
        if self.cookies:
            named["cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        answer = await self.http.request(verb, path, headers=named, **more)
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
            if not value:
                del self.cookies[name]
        return answer


@asynccontextmanager
async def deployment(server: LiveServer):
    """Open what a test needs of a running server."""
    environment = {k: v for k, v in server.environment.items() if k.startswith("TENANTRY_")}
    known = settings.load(environment)
    rest = Rest(server)
    token = await access_token(rest.http, server.client_id, server.client_secret)
    api = Api(rest, (("authorization", f"Bearer {token}"),))
    async with open_database(known.database, master_key.load(known), pool_size=2) as database:
        yield Deployment(server, database, api)
    await rest.aclose()


def answered(response: httpx.Response, redirect_uri: str = REDIRECT_URI) -> dict[str, str]:
    """The parameters that the application gets at its redirect_uri."""
    assert response.status_code == 303, response.text
    location = urlsplit(response.headers["location"])
    assert location._replace(query="").geturl() == redirect_uri, response.headers["location"]
    return dict(parse_qsl(location.query))


def heading(response: httpx.Response) -> str:
    """The text of the one first heading of a page."""
    (found,) = re.findall(r"<h1[^>]*>(.*?)</h1>", response.text, re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", "", found))


def problems(response: httpx.Response) -> list[str]:
    """The error that the page shows."""
    return [
        html.unescape(re.sub(r"<[^>]+>", "", found))
        for found in re.findall(r'role="alert"[^>]*>(.*?)</p>', response.text, re.DOTALL)
        if found
    ]
