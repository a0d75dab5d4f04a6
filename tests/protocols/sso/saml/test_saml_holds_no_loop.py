"""Nothing of SAML keeps other requests waiting: the processor time of the loop's own thread."""

from __future__ import annotations

import asyncio
import base64
import gc
import time
import zlib
from contextlib import AsyncExitStack
from types import SimpleNamespace
from urllib.parse import quote, urlencode

import pytest
from in_process import AsgiClient
from saml_idps import provider, saml_connection
from saml_provider import ATTRIBUTES, attribute, form

from tenantry import app
from tenantry.identity.connections import diagnostics
from tenantry.identity.federation import requests

DATABASES = ("sqlite",)
SECONDS = 0.5  # ten times what a request may hold the loop
FORM = {"content_type": "application/x-www-form-urlencoded"}
NAMESPACES_25 = " ".join(f'xmlns:n{n}="u:{n}"' for n in range(25))
LARGE = {
    "1,900 groups": attribute("groups", *(f"group-{n:05d}" for n in range(1900))),
    "240 KB of text": attribute("text", "x" * 240_000),
    "750 namespaces": "".join(
        f'<saml:Attribute Name="{n}" {NAMESPACES_25}>'
        + "".join(f"<n{inner}:x/>" for inner in range(25))
        + "</saml:Attribute>"
        for n in range(30)
    ),
}


@pytest.fixture(scope="session")
async def asgi_client(place):
    """The application in this process."""
    async with AsyncExitStack() as closing:
        yield AsgiClient(app.wire(place.settings, place.database, closing))


async def took(asgi_client, verb, target, bodies=(None,), **headers: str):
    """Send each body once; return the answer of one that holds the loop for a moment only."""
    costs = []
    for body in bodies:
        gc.collect()
        began = time.thread_time()
        answer, beside = await asyncio.gather(
            asgi_client(verb, target, body, **headers), asgi_client("GET", "/livez")
        )
        costs.append(time.thread_time() - began)
        assert beside.status == 200
        assert answer.status not in {0, 500}
        if costs[-1] < SECONDS:
            return answer
    raise AssertionError(f"{min(costs):.3f} s for {verb} {target[:80]}")


@pytest.mark.parametrize("name", LARGE)
async def test_a_large_response_that_is_taken(place, asgi_client, name):
    conn = await saml_connection(place)
    bodies = []
    for _ in range(3):
        test_id = await diagnostics.begin(place.database, conn.id)
        relay_state = await requests.begin(
            place.database,
            conn.id,
            test_id=test_id,
            facts={"id": "_asked", "force_authn": False},
        )
        response = provider(place, conn, SimpleNamespace(id="_asked"), "both signed")
        xml = response.but(attributes=ATTRIBUTES + LARGE[name]).xml()
        fields = {"SAMLResponse": form(xml), "RelayState": relay_state}
        bodies.append(urlencode(fields).encode())
    answer = await took(asgi_client, "POST", f"/sso/v1/saml/{conn.id}/callback", bodies, **FORM)
    assert answer.status == 303
    found = await diagnostics.find(place.database, answer.headers["location"][-24:])
    assert found is not None
    assert found.status == "SUCCESS"


@pytest.mark.parametrize(
    "body",
    [
        b"SAMLResponse=" + b"%41" * 170_000,
        b"SAMLResponse=" + b"A" * 520_000,
        b"&".join(b"a%d=" % n for n in range(60_000)),
        b"%C3%A4=" * 60_000,
    ],
    ids=["escaped", "plain", "many fields", "one odd name"],
)
async def test_a_large_form(place, asgi_client, body):
    conn = await saml_connection(place, allow_idp_initiated_login=True)
    path = f"/sso/v1/saml/{conn.id}/callback"
    answer = await took(asgi_client, "POST", path, [body] * 3, **FORM)
    assert answer.status in {303, 400}


@pytest.mark.parametrize("name", ["SAMLRequest", "SAMLResponse"])
async def test_a_redirect_that_unpacks_to_much(place, asgi_client, name):
    conn = await saml_connection(place)
    many = b"<a>" + b"<b c='d'/>" * 2000 + b"x" * 200_000 + b"</a>"
    for message in (many, b"<a>" + b" " * 20_000_000, b"<a " * 80_000):
        value = quote(base64.b64encode(zlib.compress(message, wbits=-15)).decode(), safe="")
        path = f"/sso/v1/saml/{conn.id}/slo?{name}={value}"
        assert (await took(asgi_client, "GET", path, [None] * 3)).status == 400
