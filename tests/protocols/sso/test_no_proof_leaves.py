"""Proofs of a sign-in are in nothing that leaves the server, and not in its logs."""

from __future__ import annotations

import asyncio
import base64
import http.server
import json
import re
import threading
import time
from typing import Any, Self
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from apis import unique
from connections_of_tests import start
from hosted import answered, deployment, password
from oidc_sign_ins import come_back, local, oidc_connection, to_provider
from openid_providers import CLIENT_SECRET, OpenIDProvider
from saml_idps import asked, post, provider, saml_connection
from saml_provider import form as encoded
from software_authenticator import Authenticator
from sqlalchemy import text

from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.db.sql.schema import metadata
from tenantry.db.sql.statements import Statement
from tenantry.identity.authenticators.passkeys import service as passkeys
from tenantry.identity.authenticators.passkeys.relying_party import RelyingParty
from tenantry.tenants.users import reading

TRIGGERS = ("PRE_SIGNUP", "PRE_SESSION_CREATION", "PRE_USER_INVITATION", "PRE_M2M_TOKEN_CREATION")
# Mail is what carries codes and links. The rest are kept as they came on purpose, encrypted.
_ENCRYPTED_OR_MAIL = {"mail"}


class Sink:
    """Takes whatever the server sends to applications and collectors, whole."""

    def __init__(self) -> None:
        self.got: list[tuple[str, bytes]] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                head = f"{self.path}\n{self.headers}".encode()
                outer.got.append((self.path, head + body))
                answer = b'{"decision": "ALLOW"}'
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def at(self, path: str) -> bytes:
        return b"\n".join(body for where, body in self.got if where.startswith(path))


@pytest.fixture(scope="module")
def sink():
    with Sink() as opened:
        yield opened


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    return tmp_path_factory.mktemp("stream") / "events.ndjson"


@pytest.fixture(scope="module")
async def place(start_server, sink, stream):
    """A deployment that sends all that it can, to one receiver."""
    server = start_server(
        "watched",
        sign_in_methods="email,passkey,password",
        trusted_proxies="127.0.0.0/8",
        outgoing_allow="127.0.0.0/8",
        background="true",
        development="false",
        traces_endpoint=f"{sink.url}/traces",
        log_streams=f"file://{stream},otlp+{sink.url}/logs",
    )
    async with deployment(server) as opened:
        for trigger in TRIGGERS:
            made = await opened.api.interceptors.create_interceptor(
                interceptor={
                    "display_name": "Policy",
                    "trigger_point": trigger,
                    "api_url": f"{sink.url}/interceptors",
                    "timeout_ms": 5000,
                }
            )
            await opened.api.interceptors.enable_interceptor(id=made["interceptor"]["id"])
        await opened.api.webhooks.create_endpoint(endpoint={"url": f"{sink.url}/webhooks"})
        yield opened
    server.stop()


class Secrets(dict[str, str]):
    """Secrets by what they are; one that is short stands in a text that no number is alike."""

    def keep(self, kind: str, value: str) -> str:
        assert value, kind
        self[f"{kind} {len(self)}"] = value
        return value


async def mailed(look) -> str:
    """The content of a mail, once the worker of the server has made it."""
    until = time.monotonic() + 60
    while True:
        try:
            return await look()
        except AssertionError:
            assert time.monotonic() < until
            await asyncio.sleep(0.05)


async def sign_in(visitor, application, secrets: Secrets, email: str, way: str) -> Any:
    place = visitor.place
    await visitor.begin(application)
    secrets.keep("login cookie", visitor.cookies[visitor.login_cookie])
    await visitor.step("email", email=email)
    if way == "code":
        done = await visitor.step(
            "code", code=secrets.keep("code", await mailed(lambda: place.code(email)))
        )
    else:
        link = urlsplit(await mailed(lambda: place.link(email)))
        (token,) = parse_qs(link.query)["link_token"]
        page = await visitor.get(f"{link.path}?{link.query}")
        assert page.status_code == 200
        done = await visitor.post(link.path, token=secrets.keep("link", token))
    return done


async def tokens_of(visitor, application, secrets: Secrets, done) -> dict[str, Any]:
    code = secrets.keep("authorization code", answered(done)["code"])
    tokens = await application.tokens(visitor.http, code)
    for name in ("access_token", "refresh_token", "id_token"):
        secrets.keep(name, tokens[name])
    answer = await visitor.http.post(
        "/oauth/token",
        data={
            "grant_type": "refresh_token",
            "refresh_token": tokens["refresh_token"],
            "client_id": application.id,
            "client_secret": application.secret,
        },
    )
    secrets.keep("refresh_token", answer.json()["refresh_token"])
    return tokens


@pytest.fixture(scope="module")
async def secrets(place) -> Secrets:
    """Sign in by each kind of proof; return all that was shown to the server or by it."""
    found = Secrets()
    application = await place.application()
    found.keep("client secret", application.secret)
    organization = await place.make.organization()
    chosen = found.keep("password", password())
    email = f"{unique('ann')}@example.com"
    user = await place.make.user(organization["id"], email=email)
    call = Call(SYSTEM, place.database, "req_test")
    for way in ("code", "link"):
        async with place.visitor() as visitor:
            done = await sign_in(visitor, application, found, email, way)
            await tokens_of(visitor, application, found, done)
            found.keep("session cookie", visitor.cookies["__Host-tenantry_session"])
    # A password that the person forgot, chosen anew and then used, wrong at first.
    async with place.visitor() as visitor:
        await visitor.begin(application)
        await visitor.step("email", email=email, intent="reset_password")
        await visitor.step("code", code=found.keep("code", await mailed(lambda: place.code(email))))
        await visitor.step("new-password", password=chosen)
    async with place.visitor() as visitor:
        await visitor.begin(application)
        wrong = found.keep("wrong password", password())
        await visitor.step("password", email=email, password=wrong)
        done = await visitor.step("password", email=email, password=chosen)
        await tokens_of(visitor, application, found, done)
    # A passkey.
    relying_party = RelyingParty.of(place.settings)
    known = await reading.find(place.database, id_=user["id"], external_id=None)
    device = Authenticator(place.server.url)
    _, options = await passkeys.begin_registration(call, known, relying_party)
    credential = device.create(options)
    found.keep("attestation", credential["response"]["attestationObject"])
    await passkeys.finish_registration(call, user["id"], relying_party, credential)
    async with place.visitor() as visitor:
        await visitor.begin(application)
        offered = (await visitor.step("passkey/options")).json()
        answer = device.get(offered["options"])
        found.keep("assertion", answer["response"]["signature"])
        done = await visitor.step(
            "passkey", challenge_id=offered["challenge_id"], credential=json.dumps(answer)
        )
        await tokens_of(visitor, application, found, done)
    # A second factor, and a code to recover without.
    recovery = await place.second_factor(user["id"])
    app = place.apps[user["id"]]
    found.keep("TOTP secret", app.secret)
    for given in (app.at(int(time.time()), counter_offset=1), recovery[0]):
        async with place.visitor() as visitor:
            await sign_in(visitor, application, found, email, "code")
            found.keep("second factor", given)
            await tokens_of(
                visitor, application, found, await visitor.step("second-factor", code=given)
            )
    for code in recovery:
        found.keep("recovery code", code)
    await by_providers(place, application, found)
    # An invitation, a machine, a portal link.
    invited = f"{unique('bob')}@example.com"
    await place.api.users.create_user_and_membership(
        organization_id=organization["id"], user={"email": invited}
    )
    link = urlsplit(await mailed(lambda: place.link(invited))).path
    found.keep("invitation", link.rpartition("/")[2])
    async with place.visitor() as visitor:
        assert (await visitor.post(link)).status_code in {200, 303}
        found.keep("session cookie", visitor.cookies["__Host-tenantry_session"])
    client_id, secret = await place.make.client(organization["id"])
    found.keep("client secret", secret)
    async with place.visitor() as visitor:
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        answer = await visitor.http.post("/oauth/token", data=form)
        found.keep("machine token", answer.json()["access_token"])
        portal = urlsplit((await place.make.portal_link(organization["id"]))["location"])
        found.keep("portal link", portal.path.rpartition("/")[2])
        await visitor.get(portal.path)
    return found


async def by_providers(place, application, found: Secrets) -> None:
    conn = await saml_connection(place)
    await place.make.domain(conn.organization_id, domain=f"{unique('d')}.example.com")
    async with place.visitor() as visitor:
        request = asked(await start(visitor, application, conn))
        found.keep("RelayState", request.relay_state)
        xml = provider(place, conn, request).xml()
        found.keep("SAML response", encoded(xml))
        found.keep("signature", base64_signature(xml))
        came = await post(visitor, conn, xml, request.relay_state)
        found.keep("arrival", parse_qs(urlsplit(came.headers["location"]).query)["arrival"][0])
        await visitor.get(local(visitor, came.headers["location"]))
    async with OpenIDProvider() as idp, place.visitor() as visitor:
        conn = await oidc_connection(place, idp)
        found.keep("provider's client secret", CLIENT_SECRET)
        there = await to_provider(visitor, application, conn)
        back = idp.answer_to(there)
        members = parse_qs(urlsplit(back).query)
        found.keep("provider's code", members["code"][0])
        found.keep("state", members["state"][0])
        came = await come_back(visitor, back)
        done = await visitor.get(local(visitor, came.headers["location"]))
        await tokens_of(visitor, application, found, done)
        # One that fails, too: its error is told and kept.
        async with place.visitor() as stranger:
            there = await to_provider(stranger, application, conn)
            refused = idp.answer_to(there).replace("code=", "code=x")
            found.keep("provider's code", parse_qs(urlsplit(refused).query)["code"][0])
            await come_back(stranger, refused)


def base64_signature(xml: bytes) -> str:
    start_, end = xml.index(b"SignatureValue>") + 15, xml.index(b"</ds:SignatureValue")
    return xml[start_:end].decode().strip()


def spellings(value: str) -> set[bytes]:
    """A value as it may stand in a log or a payload."""
    return {
        value.encode(),
        quote(value, safe="").encode(),
        json.dumps(value)[1:-1].encode(),
        base64.b64encode(value.encode()).rstrip(b"="),
    }


def held(sent: bytes, secrets: Secrets) -> list[str]:
    """Names of the secrets that stand in a text; a code of few digits only as a word of its own."""
    return [
        name
        for name, value in secrets.items()
        for spelled in spellings(value)
        if (
            re.search(rb"(?<![\w.])" + re.escape(spelled) + rb"(?!\w)", sent)
            if len(value) <= 8
            else spelled in sent
        )
    ]


async def settled(place, sink: Sink, stream) -> None:
    """Wait until the last event has left."""
    made = await place.make.organization(unique("the last"))
    until = time.monotonic() + 120
    wanted = made["id"].encode()
    while not (
        wanted in sink.at("/webhooks")
        and wanted in sink.at("/logs")
        and wanted in stream.read_bytes()
    ):
        assert time.monotonic() < until
        await asyncio.sleep(0.2)


async def test_no_proof_is_in_anything_that_leaves(place, secrets, sink, stream):
    await settled(place, sink, stream)
    kinds = {name.rpartition(" ")[0] for name in secrets}
    assert len(kinds) > 20, kinds
    sent = {
        "webhooks": sink.at("/webhooks"),
        "interceptors": sink.at("/interceptors"),
        "log stream by OTLP": sink.at("/logs"),
        "log stream in a file": stream.read_bytes(),
        "traces": sink.at("/traces"),
        "the server's log": place.server.log.read_bytes(),
    }
    for name, whole in sent.items():
        assert len(whole) > 1000, name
        # An interceptor is asked with its own key, which no sign-in has.
        assert held(whole, secrets) == [], name


async def test_no_proof_is_kept_as_it_is(place, secrets):
    """Nor is it in the database, where only mail that waits for its reader has codes and links."""
    for table in metadata.sorted_tables:
        if table.name in _ENCRYPTED_OR_MAIL:
            continue
        rows = await place.database.fetch_all(Statement(text(f"SELECT * FROM {table.name}")))
        whole = "\n".join(repr(tuple(row)) for row in rows).encode()
        assert held(whole, secrets) == [], table.name
