"""The page of a test's result, in a browser: by the keyboard, narrow and wide, light and dark."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.async_playwright import Axe
from browsers import chromium
from connections_of_tests import connection, path
from playwright.async_api import expect

from tenantry.identity.connections import diagnostics, model
from tenantry.identity.connections.federated_identities import FederatedIdentity, FederationError
from tenantry.identity.federation import requests

pytestmark = pytest.mark.process

DATABASES = ("sqlite",)
CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
ANN = FederatedIdentity(
    subject="00u1d4x7ab9",
    email="ann.lee@example.com",
    profile={"given_name": "Ann", "family_name": "Lee"},
    received={
        f"{CLAIMS}emailaddress": ["ann.lee@example.com"],
        f"{CLAIMS}givenname": ["Ann"],
        f"{CLAIMS}surname": ["Lee"],
        "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups": [
            "5e8f0c6a-6f0b-4a53-9f8e-1f2f5a3f2f10",
            "0b7d4a1c-91a2-4f0c-8f57-2f4f4f1f8e22",
        ],
        "department": ["Sales"],
    },
)
FAULT = FederationError(
    "invalid_saml_response",
    "The assertion's audience is urn:acme:projects:production, but the SP entity ID is "
    "https://auth.acme.example/sso/v1/saml/conn_1.",
    hint="Set the audience (SP entity ID, Identifier) at the identity provider to the SP "
    "entity ID.",
)
ENDS = {
    "worked": (ANN, "Test succeeded"),
    "failed": (FAULT, "Test failed"),
    "waits": (None, "Test in progress"),
}


@pytest.fixture(scope="module")
async def browser(place):
    async with chromium(place.server) as launched:
        yield launched


@pytest.mark.thorough
@pytest.mark.one_of("390", "1280", "light", "dark")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("end", ENDS)
async def test_a_result_can_be_read_by_everybody(place, browser, end, width, scheme):
    settings = {"authorize_uri": f"{place.server.url}/favicon.svg", "client_id": "x"}
    conn = await connection(place, model.OIDC, settings=settings)
    context = await browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, locale="en-US"
    )
    page = await context.new_page()
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    await page.goto(place.server.url + path(conn, "test"))
    (state,) = parse_qs(urlsplit(page.url).query)["state"]
    test_id = (await requests.take(place.database, state)).test_id
    what, title = ENDS[end]
    if isinstance(what, FederatedIdentity):
        await diagnostics.succeed(place.database, test_id, what)
    elif what is not None:
        await diagnostics.fail(place.database, test_id, what)
    await page.goto(f"{place.server.url}{diagnostics.PATH}{test_id}")
    await expect(page.get_by_role("heading", name=title)).to_be_visible()
    found = await Axe().run(page)
    assert found.response["violations"] == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Test again")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/favicon.svg?*state=*")
    assert complaints == []
    await context.close()
