"""A run of one test module: a client, a person with a browser, and the steps that most share."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from apis import Api, access_token, unique
from factories import Make
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from profiles import DYNAMIC, FORM_POST
from relying_parties import KEY, Client, Expected
from signins import claims_of, header_of
from sqlalchemy import text
from user_agent import Callback, Page, UserAgent
from wires import Rest

from tenantry import settings, worker
from tenantry.crypto import master_key
from tenantry.db.opening import open_database
from tenantry.db.sql.statements import Statement
from tenantry.events.email import service as email_service

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from relying_parties import Party
    from servers import LiveServer

_CODE = re.compile(r"^\d{6}$", re.MULTILINE)
# The characters of a token by RFC 6749 appendix A.12 and A.17.
_TOKEN = re.compile(r"[\x20-\x7e]+")
# OpenID Connect Core section 5.1: what each of the standard claims is.
_TEXTS = (
    *("sub", "name", "given_name", "family_name", "middle_name", "nickname"),
    *("preferred_username", "profile", "picture", "website", "email", "gender"),
    *("birthdate", "zoneinfo", "locale", "phone_number"),
)
_STANDARD: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(_TEXTS, str),
    **dict.fromkeys(("email_verified", "phone_number_verified"), bool),
    "address": dict,
    "updated_at": (int, float),
}
# Claims of the ID token that are another type than that, for clients that know no other.
DIFFERENT = {"updated_at": str}


class Place:
    """A running server, its database beside it, and what its operator does."""

    def __init__(self, server: LiveServer) -> None:
        self.server = server
        environment = {k: v for k, v in server.environment.items() if k.startswith("TENANTRY_")}
        self._settings = settings.load(environment)

    async def __aenter__(self) -> Self:
        self._opened = AsyncExitStack()
        known = self._settings
        self.database = await self._opened.enter_async_context(
            open_database(known.database, master_key.load(known), pool_size=2)
        )
        rest = Rest(self.server)
        self._opened.push_async_callback(rest.aclose)
        token = await access_token(rest.http, self.server.client_id, self.server.client_secret)
        self.api = Api(rest, (("authorization", f"Bearer {token}"),))
        self.make = Make(self.api)
        self._jobs = worker.jobs(known)
        for job in self._jobs:
            self._opened.push_async_callback(job.close)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._opened.aclose()

    async def client(self, **members: Any) -> Client:
        """A new web application that knows its secret, by `client_secret_basic`."""
        host = f"{unique('app')}.example.com"
        new = {
            "name": "Conformance",
            "client_type": "WEB_APP",
            "post_login_uris": [f"https://{host}/callback"],
            "post_logout_redirect_uris": [f"https://{host}/post_logout_redirect"],
            **members,
        }
        made = (await self.api.clients.create_client(client=new))["client"]
        secret = await self.api.clients.create_client_secret(client_id=made["id"])
        return Client(
            made["id"],
            secret["plain_secret"],
            new["post_login_uris"][0],
            new["post_logout_redirect_uris"][0],
        )

    async def set_keys(self, client: Client, *keys: RSAKey) -> None:
        """Register these public keys of a client, in place of those before."""
        shown = [
            {**key.as_dict(private=False), "kid": key.kid, "use": "sig", "alg": "RS256"}
            for key in keys
        ]
        await self.api.client_settings.update_client_settings(
            client_id=client.id, settings={"jwks": {"keys": shown}}
        )

    async def mailed_code(self, email: str) -> str:
        """The code of the newest mail to an address; due mail is delivered first."""
        job = self._job("mail")
        while (seconds := await email_service.seconds_until_due(self.database)) is not None:
            if seconds > 0:
                break
            await job.run(self.database)
        for one in await email_service.newest(self.database, limit=50):
            if one.recipient == email:
                found = await email_service.find(self.database, one.id)
                assert found is not None
                assert found[1] is not None
                return _CODE.findall(found[1].text)[0]
        raise AssertionError(f"no mail to {email}")

    async def run_job(self, name: str, *, until: Callable[[], Any]) -> None:
        """Do what a worker does until this holds, for 10 seconds at most."""
        end = time.monotonic() + 60
        while not until():
            assert time.monotonic() < end, f"{name}: nothing came"
            await self._job(name).run(self.database)

    def _job(self, name: str) -> worker.Job:
        return next(job for job in self._jobs if job.name == name)

    async def run(self, sql: str, **params: Any) -> None:
        """Change the database by hand."""
        await self.database.fetch_all(Statement(text(sql)), **params)

    async def age(self, session_id: str, *, seconds: int) -> None:
        """Let somebody have signed in so much earlier."""
        await self.run(
            "UPDATE sessions SET auth_time = auth_time - :by WHERE id = :id RETURNING id",
            id=session_id,
            by=seconds * 1_000_000,
        )

    async def age_codes(self, client: Client, *, seconds: int) -> None:
        """Let all that happened to the codes of a client be so much longer ago."""
        await self.run(
            "UPDATE authorization_codes SET create_time = create_time - :by,"
            " expire_time = expire_time - :by, use_time = use_time - :by"
            " WHERE client_id = :id RETURNING client_id",
            id=client.id,
            by=seconds * 1_000_000,
        )


@dataclass(frozen=True)
class Asked:
    """An authorization request that is under way."""

    client: Client
    url: str
    expected: Expected

    def with_parameters(self, **members: str | None) -> Asked:
        """The same, with these parameters changed behind the library's back; None drops one."""
        there = urlsplit(self.url)
        whole = {**dict(parse_qsl(there.query)), **members}
        query = urlencode({name: value for name, value in whole.items() if value is not None})
        return Asked(self.client, there._replace(query=query).geturl(), self.expected)


@dataclass
class SignedIn:
    """A client's tokens after somebody signed in."""

    client: Client
    answer: dict[str, Any]
    claims: dict[str, Any]
    callback: Callback
    pages: list[Page] = field(default_factory=list)  # that the person saw on the way

    @property
    def access_token(self) -> str:
        return str(self.answer["access_token"])

    @property
    def id_token(self) -> str:
        return str(self.answer["id_token"])


class Trial:
    """A module, driven by one library in one profile."""

    def __init__(self, place: Place, party: Party, http: httpx.AsyncClient, profile: str) -> None:
        self.place = place
        self.party = party
        self.http = http
        self.is_form_post = profile == FORM_POST
        self.by_key = profile == DYNAMIC
        self.agent = self.new_agent()
        self._client: Client | None = None
        self._person: dict[str, Any] | None = None

    def new_agent(self) -> UserAgent:
        """A browser that has never been here."""
        return UserAgent(self.http, self.place.server.url)

    @property
    def url(self) -> str:
        return self.place.server.url

    async def client(self) -> Client:
        """The client of this run."""
        if self._client is None:
            self._client = await self.new_client()
        return self._client

    async def new_client(self, **members: Any) -> Client:
        """A new client, which authenticates as the profile wants it."""
        made = await self.place.client(**members)
        return await self.with_key(made) if self.by_key else made

    async def with_key(self, client: Client) -> Client:
        """The client with a new key, by `private_key_jwt`."""
        key = RSAKey.generate_key(2048, {"kid": unique("key")})
        await self.place.set_keys(client, key)
        return replace(client, method=KEY, key=key)

    async def person(self, **members: Any) -> dict[str, Any]:
        """The person of this run, a member of one organization."""
        if self._person is None:
            self._person = await self.place.make.user(**members)
        return self._person

    async def ask(
        self,
        client: Client | None = None,
        *,
        state: str = "",
        nonce: bool = True,
        pkce: bool = False,
        **parameters: str,
    ) -> Asked:
        """Have the library build an authorization request."""
        client = client or await self.client()
        sent = {
            "redirect_uri": client.redirect_uri,
            "scope": "openid",
            "state": state or secrets.token_urlsafe(16),
            **parameters,
        }
        verifier = None
        if nonce:
            sent["nonce"] = secrets.token_urlsafe(16)
        if pkce:
            verifier = secrets.token_urlsafe(48)
            digest = hashlib.sha256(verifier.encode()).digest()
            sent["code_challenge"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            sent["code_challenge_method"] = "S256"
        if self.is_form_post:
            sent["response_mode"] = "form_post"
        max_age = int(sent["max_age"]) if "max_age" in sent else None
        expected = Expected(sent["state"], sent.get("nonce"), verifier, max_age)
        return Asked(client, await self.party.authorization_url(client, sent), expected)

    async def go(self, asked: Asked) -> Callback | Page:
        """Send the browser there."""
        return await self.agent.open(asked.url)

    async def log_in(self, found: Page | Callback, email: str = "") -> Callback:
        """Fill in what the pages ask for until the browser is sent back."""
        email = email or (await self.person())["email"]
        for _ in range(5):
            if isinstance(found, Callback):
                return found
            assert found.status == 200, found.text
            if (form := found.form("code")) is not None:
                code = await self.place.mailed_code(email)
                found = await self.agent.submit(found, form, code=code)
            else:
                form = found.form("email")
                assert form is not None, found.text
                found = await self.agent.submit(found, form, email=email)
        raise AssertionError("the pages never end")

    async def answered(self, asked: Asked) -> Callback:
        """Follow a request until the application is answered, and nobody has to do anything."""
        found = await self.go(asked)
        assert isinstance(found, Callback), found.text
        return found

    async def finish(self, asked: Asked, callback: Callback) -> SignedIn:
        """Have the library redeem the code, and check all that must hold for every ID token."""
        self.check_way(asked, callback)
        assert set(callback.members) == {"code", "state", "iss"}
        assert callback.members["state"] == asked.expected.state
        assert callback.members["iss"] == self.url  # RFC 9207 section 2
        answer, claims = await self.party.tokens(asked.client, callback, asked.expected)
        assert str(answer["token_type"]).lower() == "bearer"
        assert _TOKEN.fullmatch(answer["access_token"])
        assert int(answer["expires_in"]) > 0
        found = SignedIn(asked.client, answer, claims, callback, list(self.agent.pages))
        await self.check_id_token(found, nonce=asked.expected.nonce)
        return found

    def check_way(self, asked: Asked, callback: Callback) -> None:
        """The answer came as the response mode says, to the redirect_uri."""
        assert (callback.body is not None) == self.is_form_post
        assert callback.redirect_uri == asked.client.redirect_uri
        if self.is_form_post:
            assert not urlsplit(callback.url).query
        assert not urlsplit(callback.url).fragment

    async def signed_in(self, asked: Asked | None = None) -> SignedIn:
        """Sign in by the pages, to the tokens; then UserInfo answers."""
        asked = asked or await self.ask()
        self.agent.pages.clear()
        found = await self.go(asked)
        done = await self.finish(asked, await self.log_in(found))
        await self.party.userinfo(done.client, done.access_token, done.claims["sub"])
        return done

    async def silently(self, asked: Asked) -> SignedIn:
        """Sign in by the session that there is: no page is shown."""
        self.agent.pages.clear()
        done = await self.finish(asked, await self.answered(asked))
        assert done.pages == []
        return done

    async def published(self) -> list[dict[str, Any]]:
        """The keys of the server."""
        found: list[dict[str, Any]] = (await self.http.get("/keys")).json()["keys"]
        return found

    async def check_id_token(self, done: SignedIn, *, nonce: str | None) -> None:
        """The suite's checks of every ID token (OpenID Connect Core 2, 3.1.3.7 and 5.1)."""
        header, claims = header_of(done.id_token), claims_of(done.id_token)
        assert {**done.claims} == claims
        assert header["alg"] == "RS256"
        keys = [key for key in await self.published() if key["kid"] == header["kid"]]
        assert len(keys) == 1
        jwt.decode(done.id_token, KeySet.import_key_set({"keys": keys}), algorithms=["RS256"])
        assert claims["iss"] == self.url
        assert claims["aud"] == [done.client.id]
        at = time.time()
        assert claims["iat"] - 5 <= at < claims["exp"]
        assert claims["sub"].isascii()
        assert 0 < len(claims["sub"]) <= 255
        assert claims.get("nonce") == nonce
        assert_standard(claims, **DIFFERENT)


def assert_standard(claims: dict[str, Any], **different: type) -> None:
    """The standard claims have their types (OpenID Connect Core section 5.1), none is empty."""
    types = {**_STANDARD, **different}
    for name, value in claims.items():
        if name in types:
            assert isinstance(value, types[name]), (name, value)
            assert value != "", name


def changed(token: str, *, header: dict[str, Any]) -> str:
    """A token that says the same under another header, unsigned."""
    said = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return f"{said}.{token.split('.')[1]}."


def error_of(callback: Callback, asked: Asked, issuer: str) -> str:
    """The error of an answer, which says nothing else (OpenID Connect Core section 3.1.2.6)."""
    told = callback.members
    assert set(told) == {"error", "error_description", "state", "iss"}, told
    assert told["state"] == asked.expected.state
    assert told["iss"] == issuer
    # RFC 6749 section 4.1.2.1.
    assert re.fullmatch(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+", told["error_description"])
    return told["error"]
