"""Measure sign-ins by a provider: from its answer, as the browser brings it, to the code.

``python bench/run.py --sso SIGN-INS`` begins so many sign-ins on a PostgreSQL of its own and has
the answers of the provider ready, so that nothing of it is measured. Half of them come back as fast
as eight browsers can, the other half at a steady rate, with calls of a management client beside
them. A protocol is a class with `name` and `prepare`: that makes a `Journey` of each sign-in.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import re
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from applications import Application
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from sqlalchemy import insert

from tenantry import settings
from tenantry.core import ids
from tenantry.core.times import DAY, MINUTE, now
from tenantry.crypto import master_key
from tenantry.db.opening import open_database
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound, prefixed
from tenantry.identity.connections import model
from tenantry.identity.connections.saml import bindings, certificates, signatures, writing
from tenantry.identity.connections.saml.parsing import inflate, parse, written

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator

    from serving import Server

    from tenantry.identity.connections.saml.certificates import SigningPair

AT_ONCE = 8  # browsers
PACE = 100  # sign-ins a second, beside the calls
CALLS_A_SECOND = 50
PEOPLE = 200
_DOMAIN = "acme.example.com"
_DEVICE = "tenantry_device"  # the cookie that a browser is known by
_APPLICATION = "https://app.example.com/callback"


@dataclass
class Journey:
    """A sign-in that has come back from its provider: the first request, and the cookies.

    Each is in a browser of its own, which knows the `person` from a sign-in before.
    """

    verb: str
    path: str
    form: str = ""
    person: str = ""
    cookies: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """Measures of one protocol: a rate a second, times in milliseconds and microseconds."""

    name: str
    sign_ins: float
    p50: float
    p99: float
    server_us: float
    database_us: float
    paced: float
    calls_p50_alone: float
    calls_p99_alone: float
    calls_p50: float
    calls_p99: float
    memory_mb: float


class Provider(Protocol):
    """A protocol's provider, whose answers are ready before anything is measured."""

    name: str

    async def open(self, bench: SingleSignOn) -> str:
        """Make its connection of the organization; return the id."""

    def answer(self, location: str, journey: Journey) -> None:
        """Set the way back of a sign-in of the journey's person, which was sent to this address."""


class SingleSignOn:
    """A server with an organization that owns a domain, its people and an application."""

    def __init__(self, server: Server, people: int = PEOPLE) -> None:
        self.server = server
        self.headers = {"authorization": f"Bearer {server.token()}"}
        self.application = Application(server, "openid profile email")
        made = self.application.post("/api/v1/organizations", {"display_name": "Acme"})
        self.organization_id = made["organization"]["id"]
        base = f"/api/v1/organizations/{self.organization_id}"
        domain = {"domain": _DOMAIN, "domain_type": "ORGANIZATION_DOMAIN"}
        self.application.post(f"{base}/domains", domain)
        self._devices: dict[str, dict[str, str]] = {}
        emails = [f"user{number}@{_DOMAIN}" for number in range(people)]
        self._people = itertools.cycle(emails)
        for email in emails:
            path = f"{base}/users?send_invitation_email=false"
            self.application.post(path, {"email": email})

    async def connection(
        self, type_: str, *, debug_enabled: bool = False, **connection_settings: Any
    ) -> str:
        """Make a connection of the organization; return its id."""
        opened = {k: v for k, v in self.server.environment.items() if k.startswith("TENANTRY_")}
        known = settings.load(opened)
        async with open_database(known.database, master_key.load(known)) as db:
            made = model.Connection(
                id=db.new_id(ids.CONNECTION),
                organization_id=self.organization_id,
                type=type_,
                provider="CUSTOM",
                status=model.COMPLETED,
                enabled=True,
                debug_enabled=debug_enabled,
                configuration_type=model.MANUAL,
                settings=connection_settings,
                create_time=now(),
                update_time=now(),
            )
            insertion = insert(model.connections).values(bound(model.connections))
            statement = Statement(insertion.returning(model.connections.c.id))
            await db.fetch_all(statement, **prefixed(made.to_row()))
        return made.id

    async def begin(self, connection_id: str, count: int) -> AsyncIterator[tuple[str, Journey]]:
        """Begin sign-ins by a connection; yield the provider's address of each, and its cookies."""
        path = f"{self.application.authorize}&connection_id={connection_id}"
        async with connected(self.server.url) as http:
            for _ in range(count):
                journey = Journey("GET", path)
                location = path
                while location.startswith("/"):
                    journey.path = location
                    location = await http.step(journey)
                yield location, journey

    async def begun(
        self, provider: Provider, connection_id: str, count: int
    ) -> AsyncIterator[Journey]:
        """Begin sign-ins of one person after the other; yield the way back of each."""
        async for location, journey in self.begin(connection_id, count):
            journey.person = next(self._people)
            provider.answer(location, journey)
            yield journey

    async def measure(
        self, provider: Provider, count: int, database_cpu: Callable[[], float]
    ) -> Result:
        """Measure the ways back of so many sign-ins."""
        from serving import usage

        connection_id = await provider.open(self)
        journeys = [one async for one in self.begun(provider, connection_id, count)]
        half = len(journeys) // 2
        # From a browser that nobody knows, each would get a mail.
        await self._at_once(journeys[:PEOPLE])
        used, database = usage(self.server.pid).cpu, database_cpu()
        began = time.perf_counter()
        times = await self._at_once(journeys[PEOPLE:half])
        rate = len(times) / (time.perf_counter() - began)
        spent = usage(self.server.pid).cpu - used
        database_spent = database_cpu() - database
        rest = journeys[half:]
        seconds = len(rest) / PACE
        alone = await self._calls(seconds)
        began = time.perf_counter()
        beside, _ = await asyncio.gather(self._calls(seconds), self._paced(rest))
        return Result(
            name=provider.name,
            sign_ins=rate,
            p50=_percentile(times, 0.5),
            p99=_percentile(times, 0.99),
            server_us=spent / len(times) * 1e6,
            database_us=database_spent / len(times) * 1e6,
            paced=len(rest) / (time.perf_counter() - began),
            calls_p50_alone=_percentile(alone, 0.5),
            calls_p99_alone=_percentile(alone, 0.99),
            calls_p50=_percentile(beside, 0.5),
            calls_p99=_percentile(beside, 0.99),
            memory_mb=usage(self.server.pid).memory,
        )

    async def _at_once(self, journeys: Iterable[Journey]) -> list[float]:
        waiting, times = iter(journeys), []

        async def browser() -> None:
            async with connected(self.server.url) as http:
                for journey in waiting:
                    began = time.perf_counter()
                    await self._to_code(http, journey)
                    times.append((time.perf_counter() - began) * 1000)

        await asyncio.gather(*(browser() for _ in range(AT_ONCE)))
        return times

    async def _to_code(self, http: Http, journey: Journey) -> None:
        journey.cookies |= self._devices.get(journey.person, {})
        await http.to_code(journey)
        known = {name: value for name, value in journey.cookies.items() if _DEVICE in name}
        self._devices[journey.person] = known

    async def _paced(self, journeys: list[Journey]) -> None:
        async def one(journey: Journey, browsers: asyncio.Queue[Http]) -> None:
            http = await browsers.get()
            await self._to_code(http, journey)
            browsers.put_nowait(http)

        await self._at_pace(PACE, (one for _ in journeys), journeys)

    async def _calls(self, seconds: float) -> list[float]:
        """Make calls at a steady rate, each counted from when it was due."""
        path, times = f"/api/v1/organizations/{self.organization_id}", []

        async def call(_: int, browsers: asyncio.Queue[Http]) -> None:
            began = time.perf_counter()
            http = await browsers.get()
            await http.request("GET", path, self.headers)
            browsers.put_nowait(http)
            times.append((time.perf_counter() - began) * 1000)

        count = int(seconds * CALLS_A_SECOND)
        await self._at_pace(CALLS_A_SECOND, (call for _ in range(count)), list(range(count)))
        return times

    async def _at_pace(self, rate: int, what: Iterator[Any], over: list[Any]) -> None:
        browsers: asyncio.Queue[Http] = asyncio.Queue()
        opened = [await Http.open(self.server.url) for _ in range(AT_ONCE)]
        for http in opened:
            browsers.put_nowait(http)
        began, under_way = time.perf_counter(), []
        for number, (do, one) in enumerate(zip(what, over, strict=True)):
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            under_way.append(asyncio.create_task(do(one, browsers)))
        await asyncio.gather(*under_way)
        for http in opened:
            await http.close()


class Http:
    """A keep-alive connection over HTTP/1.1: no more than this needs, for the cores are shared."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str
    ) -> None:
        self._reader, self._writer, self._host = reader, writer, host

    @classmethod
    async def open(cls, url: str) -> Http:
        """Connect to a server at a cleartext address."""
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection("127.0.0.1", parts.port)
        return cls(reader, writer, parts.netloc)

    async def close(self) -> None:
        """Close it."""
        self._writer.close()
        await self._writer.wait_closed()

    async def to_code(self, journey: Journey) -> None:
        """Walk a sign-in to its code."""
        location = await self.step(journey)
        while location.startswith("/"):
            journey.verb, journey.path, journey.form = "GET", location, ""
            location = await self.step(journey)
        if not location.startswith(_APPLICATION) or "code=" not in location:
            raise SystemExit(f"bench: {journey.path} led to {location}")

    async def step(self, journey: Journey) -> str:
        """Send one request of a browser; return where it is sent to, on our host as a path."""
        headers = {"accept": "text/html", "sec-fetch-mode": "navigate"}
        if journey.cookies:
            headers["cookie"] = "; ".join(f"{k}={v}" for k, v in journey.cookies.items())
        lines, body = await self.request(journey.verb, journey.path, headers, journey.form)
        location = ""
        for name, value in lines:
            if name == "location":
                location = value
            elif name == "set-cookie":
                key, _, kept = value.partition(";")[0].partition("=")
                journey.cookies[key] = kept
        if not location:
            raise SystemExit(f"bench: no way on from {journey.path}: {body[:500]!r}")
        parts = urlsplit(location)
        if parts.hostname == "localhost":
            return f"{parts.path}?{parts.query}" if parts.query else parts.path
        return location

    async def request(
        self, verb: str, path: str, headers: dict[str, str], form: str = ""
    ) -> tuple[list[tuple[str, str]], bytes]:
        """Send one request; return the headers and the body of its answer."""
        given = {"host": self._host, **headers}
        if verb == "POST":
            given["content-type"] = "application/x-www-form-urlencoded"
            given["content-length"] = str(len(form))
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        self._writer.write(f"{verb} {path} HTTP/1.1\r\n{head}\r\n{form}".encode())
        raw = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        if raw[0].split(" ")[1][0] not in "23":
            raise SystemExit(f"bench: {path} answered {raw[0]}")
        lines = []
        for line in raw[1:-2]:
            name, _, value = line.partition(":")
            lines.append((name.lower(), value.strip()))
        length = dict(lines).get("content-length")
        if length is not None:
            return lines, await self._reader.readexactly(int(length))
        body = b""
        while size := int(await self._reader.readline(), 16):
            body += await self._reader.readexactly(size)
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return lines, body


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Http]:
    """Yield a connection."""
    http = await Http.open(url)
    try:
        yield http
    finally:
        await http.close()


class SAML:
    """An identity provider that signs assertions by RSA and SHA-256, some 4 KB as a form."""

    name = "SAML response to a code"
    _entity_id = "https://idp.example.com/metadata"

    async def open(self, bench: SingleSignOn) -> str:
        """See `Provider.open`."""
        at = now()
        pair = certificates.make_signing_pair("idp", not_before=at - DAY, not_after=at + 365 * DAY)
        self._pair = pair
        connection_id = await bench.connection(
            model.SAML,
            idp_entity_id=self._entity_id,
            idp_sso_url="https://idp.example.com/sso",
            idp_certificates=[{"id": "1", "certificate": certificates.base64_of(pair.certificate)}],
        )
        self._base = (
            f"{bench.server.environment['TENANTRY_PUBLIC_URL']}/sso/v1/saml/{connection_id}"
        )
        return connection_id

    def answer(self, location: str, journey: Journey) -> None:
        """See `Provider.answer`."""
        query = {k: v[0] for k, v in parse_qs(urlsplit(location).query).items()}
        asked = inflate("", base64.b64decode(query[bindings.REQUEST]))
        signed = self._response(self._base, parse(asked).get("ID"), journey.person, self._pair)
        fields = {"SAMLResponse": signed, "RelayState": query["RelayState"]}
        journey.verb, journey.path = "POST", urlsplit(f"{self._base}/callback").path
        journey.form = urlencode(fields)

    def _response(self, base: str, asked: str | None, email: str, pair: SigningPair) -> str:
        at = now()
        times = f'NotOnOrAfter="{written(at + 60 * MINUTE)}"'
        attributes = "".join(
            f'<saml:Attribute Name="{name}"><saml:AttributeValue>{value}</saml:AttributeValue>'
            "</saml:Attribute>"
            for name, value in (("email", email), ("firstName", "Ann"), ("lastName", "Lee"))
        )
        issuer = f"<saml:Issuer>{self._entity_id}</saml:Issuer>"
        root = parse(
            (
                '<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" '
                'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" Version="2.0" '
                f'ID="{writing.new_id()}" InResponseTo="{asked}" IssueInstant="{written(at)}" '
                f'Destination="{base}/callback">{issuer}<samlp:Status><samlp:StatusCode '
                'Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>'
                f'<saml:Assertion Version="2.0" ID="{writing.new_id()}" '
                f'IssueInstant="{written(at)}">{issuer}<saml:Subject>'
                f"<saml:NameID>{email}</saml:NameID><saml:SubjectConfirmation "
                'Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData '
                f'Recipient="{base}/callback" InResponseTo="{asked}" {times}/>'
                f"</saml:SubjectConfirmation></saml:Subject><saml:Conditions {times}>"
                f"<saml:AudienceRestriction><saml:Audience>{base}</saml:Audience>"
                "</saml:AudienceRestriction></saml:Conditions>"
                f'<saml:AuthnStatement AuthnInstant="{written(at)}" SessionIndex="_1">'
                "<saml:AuthnContext><saml:AuthnContextClassRef>"
                "urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef>"
                "</saml:AuthnContext></saml:AuthnStatement>"
                f"<saml:AttributeStatement>{attributes}</saml:AttributeStatement>"
                "</saml:Assertion></samlp:Response>"
            ).encode()
        )
        assertion = root[-1]
        root.replace(assertion, signatures.sign(assertion, pair))
        return bindings.form_value(root, pair=None)


class OpenID:
    """An OpenID Provider on loopback, whose ID tokens by RS256 are ready, a code each."""

    name = "OIDC callback to a code"

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(65537, 2048)
        self._tokens: dict[str, str] = {}  # by code, the ID token
        self._numbers = itertools.count()

    async def open(self, bench: SingleSignOn) -> str:
        """See `Provider.open`."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._issuer = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._connection_id = await bench.connection(
            model.OIDC,
            debug_enabled=True,
            issuer=self._issuer,
            authorize_uri="https://idp.example.com/authorize",
            token_uri=f"{self._issuer}/token",
            jwks_uri=f"{self._issuer}/keys",
            client_id="tenantry",
        )
        return self._connection_id

    def answer(self, location: str, journey: Journey) -> None:
        """See `Provider.answer`."""
        query = {k: v[0] for k, v in parse_qs(urlsplit(location).query).items()}
        code = f"code-{next(self._numbers)}"
        self._tokens[code] = self._id_token(self._issuer, query["nonce"], journey.person)
        back = urlencode({"code": code, "state": query["state"]})
        journey.path = f"/sso/v1/oidc/{self._connection_id}/callback?{back}"

    def _id_token(self, issuer: str, nonce: str, email: str) -> str:
        at = int(time.time())
        claims = {
            "iss": issuer,
            "sub": email,
            "aud": "tenantry",
            "exp": at + 3600,
            "iat": at,
            "nonce": nonce,
            "email": email,
            "given_name": "Ann",
            "family_name": "Lee",
        }
        header = {"alg": "RS256", "kid": "k1", "typ": "JWT"}
        said = b".".join(_base64url(json.dumps(one).encode()) for one in (header, claims))
        signature = self._key.sign(said, padding.PKCS1v15(), hashes.SHA256())
        return (said + b"." + _base64url(signature)).decode()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection: the keys, or the tokens for a code."""
        gone = (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError)
        with contextlib.suppress(*gone):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                length = re.search(r"content-length: (\d+)", head)
                form = (await reader.readexactly(int(length[1]) if length else 0)).decode()
                body = json.dumps(self._answer(dict(parse_qsl(form)))).encode()
                status = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                writer.write(f"{status}content-length: {len(body)}\r\n\r\n".encode() + body)
        writer.close()

    def _answer(self, form: dict[str, str]) -> dict[str, Any]:
        if "code" in form:
            return {
                "access_token": "an access token",
                "token_type": "Bearer",
                "id_token": self._tokens.pop(form["code"]),
            }
        numbers = self._key.public_key().public_numbers()
        modulus = _base64url(numbers.n.to_bytes(256)).decode()
        return {"keys": [{"kty": "RSA", "kid": "k1", "use": "sig", "n": modulus, "e": "AQAB"}]}


PROVIDERS: tuple[type[Provider], ...] = (SAML, OpenID)


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _percentile(times: list[float], share: float) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
