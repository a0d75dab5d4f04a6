"""No request keeps the others waiting, with anything in it: of all known shapes, on every wire.

The measure is the processor time that the loop's thread spends on a request, for the clock on
the wall tells of the machine's other work as well.
"""

from __future__ import annotations

import asyncio
import gc
import gzip
import time
from contextlib import AsyncExitStack
from dataclasses import replace

import costly_shapes as shapes
import pytest
from in_process import AsgiClient
from wires import over_https

from tenantry import app, settings
from tenantry.net.http import MAX_ANONYMOUS, MAX_BODY

# The work that costs is the process's own: one database is enough.
SECONDS = 0.5  # ten times what a request may hold the loop
ANYBODY, MANAGEMENT = MAX_ANONYMOUS - 100, MAX_BODY - 100
DISCOVERY = "/scalekit.v1.auth.AuthService/DiscoveryAuthMethod"
CREATE_USER = "/scalekit.v1.users.UserService/CreateUserAndMembership"
GRPC = {"content_type": "application/grpc"}
WEB = {"content_type": "application/grpc-web+proto"}


@pytest.fixture(scope="session")
async def asgi_clients(server, database, token):
    """The application in this process: as nobody, and as the management client."""
    environment = {k: v for k, v in server.environment.items() if k.startswith("TENANTRY_")}
    known = replace(settings.load(environment), public_url=server.url)
    async with AsyncExitStack() as closing:
        entry = app.wire(known, database, closing)
        yield AsgiClient(entry), AsgiClient(entry, authorization=f"Bearer {token}")


@pytest.fixture
def anybody(asgi_clients):
    return asgi_clients[0]


@pytest.fixture
def client(asgi_clients):
    return asgi_clients[1]


async def ask(asgi_client, verb, target, body=None, **headers: str):
    """Ask, with a balancer beside that asks whether the process is well; return the answer."""
    costs = []
    for _ in range(3):
        began = time.thread_time()
        answer, beside = await asyncio.gather(
            asgi_client(verb, target, body, **headers), asgi_client("GET", "/livez")
        )
        costs.append(time.thread_time() - began)
        assert beside.status == 200
        assert answer.status not in {0, 500}, (verb, target[:80], headers, answer)
        assert answer.trailers.get("grpc-status") != "13", answer
        if costs[-1] < SECONDS:
            return answer
        gc.collect()  # garbage of others does not count for this request
    raise AssertionError(f"{min(costs):.3f} s for {verb} {target[:80]}")


def framed(content: bytes) -> bytes:
    return b"\0" + len(content).to_bytes(4, "big") + content


JSON_BODIES = {
    "any": shapes.json_bodies,
    "email": lambda size: shapes.fields(size, "email"),
    "user": lambda size: shapes.fields(size, "user"),
    "user.email": lambda size: shapes.fields(size, "user", "email"),
    "metadata": lambda size: shapes.fields(size, "user", "metadata"),
    "groups": lambda size: shapes.fields(size, "user", "user_profile", "groups"),
    "roles": lambda size: shapes.fields(size, "user", "membership", "roles"),
}


@pytest.mark.parametrize("kind", JSON_BODIES)
async def test_a_body_in_json(anybody, client, kind):
    for _name, body in JSON_BODIES[kind](ANYBODY):
        said = {"content_type": "application/json"}
        await ask(anybody, "POST", "/api/v1/auth:discovery", body, **said)
        await ask(anybody, "POST", DISCOVERY, b'{"discovery_request":' + body + b"}", **said)
    for _name, body in JSON_BODIES[kind](MANAGEMENT):
        said = {"content_type": "application/json"}
        await ask(client, "POST", CREATE_USER, body, **said)
        inner = body.removeprefix(b'{"user":')
        await ask(client, "POST", "/api/v1/organizations/org_1/users", inner, **said)
        await ask(client, "PATCH", "/api/v1/organizations/org_1", inner, **said)
        packed = gzip.compress(body, 1)
        await ask(client, "POST", CREATE_USER, packed, content_encoding="gzip", **said)


@pytest.mark.parametrize("numbers", [(), (1,), (2,), (2, 1), (2, 3)])
async def test_a_body_in_protobuf(anybody, client, numbers):
    for asgi_client, path, size in (
        (anybody, DISCOVERY, ANYBODY),
        (client, CREATE_USER, MANAGEMENT),
    ):
        for _name, body in shapes.binary_bodies(size, *numbers):
            await ask(asgi_client, "POST", path, body, content_type="application/proto")
            await ask(asgi_client, "POST", path, framed(body), **GRPC)
            await ask(asgi_client, "POST", path, framed(body), **WEB)
            packed = b"\1" + framed(gzip.compress(body, 1))[1:]
            for said in (GRPC, WEB):
                await ask(asgi_client, "POST", path, packed, grpc_encoding="gzip", **said)


async def test_headers(anybody, client):
    for _name, headers in shapes.headers():
        said = {name.replace("-", "_"): value for name, value in headers.items()}
        for asgi_client in (anybody, client):
            await ask(asgi_client, "GET", "/api/v1/organizations", **said)
            await ask(asgi_client, "PATCH", "/api/v1/organizations/org_1", {}, **said)
            await ask(asgi_client, "POST", CREATE_USER, framed(b""), **{**GRPC, **said})
        for path in ("/oauth/authorize", "/login/none", "/account", "/docs", "/userinfo"):
            await ask(anybody, "GET", path, **said)
        await ask(anybody, "POST", "/oauth/token", b"", **said)


async def test_queries(anybody, client):
    for _name, query in shapes.queries():
        for path in ("/api/v1/organizations", "/api/v1/organizations:search", "/api/v1/events"):
            await ask(client, "GET", f"{path}?{query}")
        for path in ("/oauth/authorize", "/oidc/logout", "/magicLink/a", "/login/none"):
            await ask(anybody, "GET", f"{path}?{query}")
        await ask(client, "PATCH", f"/api/v1/organizations/org_1?update_mask={query}", {})


async def test_paths(anybody, client):
    for unit in ("/", "a/", "a", "%2F", "%41", ".", ":", "../", "a:b"):
        path = (unit * 15_000)[:30_000].rstrip("%").rstrip("%2").rstrip("%4")
        for asgi_client in (anybody, client):
            await ask(asgi_client, "GET", f"/{path}")
            await ask(asgi_client, "GET", f"/api/v1/organizations/{path}")
            await ask(asgi_client, "DELETE", f"/api/v1/organizations/{path}")


FORMS = {
    "/oauth/token": (
        {"grant_type": "client_credentials"},
        {"grant_type": "authorization_code"},
        {"grant_type": "refresh_token"},
    ),
    "/oauth/introspect": ({},),
    "/oauth/revoke": ({},),
    "/oauth/authorize": ({"response_type": "code"},),
    "/oidc/logout": ({},),
    "/userinfo": ({},),
    "/login/areq_1/email": ({},),
    "/login/areq_1/password": ({},),
    "/login/areq_1/passkey": ({},),
    "/account/passkeys": ({},),
}


@pytest.mark.parametrize("path", FORMS)
async def test_forms(anybody, path):
    for members in FORMS[path]:
        for _name, body in shapes.forms(ANYBODY, **members):
            kind = "application/x-www-form-urlencoded"
            await ask(anybody, "POST", path, body, content_type=kind)
            assert len(body) <= MAX_ANONYMOUS
    await ask(anybody, "POST", path, b"--a\r\n" * 13_000, content_type="multipart/form-data")


async def test_while_one_request_is_read_the_server_answers_another(server):
    """Through Envoy."""
    bodies = dict(shapes.json_bodies(ANYBODY))
    async with over_https(server) as http:
        for path in ("/api/v1/auth:discovery", DISCOVERY):
            headers = {"content-type": "application/json"}
            asked = [http.post(path, content=body, headers=headers) for body in bodies.values()]
            answers = asyncio.gather(*asked)
            assert (await http.get("/livez")).status_code == 200
            assert {answer.status_code for answer in await answers} <= {400, 429}
