"""An admin, new to the portal, connects real providers: from the link to a sign-in."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import nano_idp
import oidc_provider
import pytest
from apis import unique
from axe_playwright_python.async_playwright import Axe
from browsers import chromium
from hosted import deployment
from peers_of_admins import at_nanoidp, at_oidc_provider, come_back, signed_in, without_tls
from playwright.async_api import expect
from servers import free_port

PAGES = ("", "/guide", "/details", "/attributes", "/test", "/settings")
SECRET = "a-secret-of-ours-at-the-provider"


@pytest.fixture(scope="module")
async def place(start_server):
    """A deployment for development: there a provider may be asked without TLS."""
    server = start_server("sso-pages", outgoing_allow="127.0.0.0/8", development="true")
    async with deployment(server) as opened:
        yield opened


@pytest.fixture(scope="module")
async def browser(place):
    async with chromium(place.server) as launched:
        yield launched


@pytest.fixture
async def organization(place):
    """One with single sign-on and a domain: its id, and an address of somebody there."""
    made = await place.make.organization("Acme")
    await place.api.organizations.update_organization_settings(
        id=made["id"], settings={"features": [{"name": "sso", "enabled": True}]}
    )
    domain = await place.make.domain(made["id"], domain_type="ORGANIZATION_DOMAIN")
    return made["id"], f"{unique('ann')}@{domain['domain']}"


async def opened(place, organization_id, context):
    """A page of the portal, by a link."""
    page = await context.new_page()
    await page.goto((await place.make.portal_link(organization_id))["location"])
    await expect(page.get_by_role("heading", name="Single sign-on")).to_be_visible()
    return page


async def readable(page):
    """Everybody can read it: no rule of axe is broken, and nothing is wider than the page."""
    found = await Axe().run(page)
    assert found.violations_count == 0, f"{page.url}\n{found.generate_report()}"
    overflows = "document.documentElement.scrollWidth > innerWidth"
    assert not await page.evaluate(overflows), page.url


@pytest.mark.thorough
async def test_saml(place, browser, organization, tmp_path):
    organization_id, email = organization
    context = await browser.new_context(locale="en-US")
    page = await opened(place, organization_id, context)
    await page.get_by_role("link", name="Add connection").click()
    await page.get_by_label("Search providers").fill("any saml")
    await expect(page.get_by_role("button", name="Okta")).to_be_hidden()
    await page.get_by_role("button", name="Any SAML 2.0 provider").press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("Connection created")
    connection_id = await without_tls(place, organization_id, page.url)

    await page.get_by_role("link", name="Open guide").click()
    acs = f"{place.server.url}/sso/v1/saml/{connection_id}/callback"
    await expect(page.get_by_text(acs, exact=True).first).to_be_visible()
    await expect(page.get_by_role("button", name="Copy: ACS URL (reply URL)")).to_be_visible()
    async with page.expect_download() as downloaded:
        await page.get_by_role("link", name="Download metadata (XML)").first.click()
    assert acs in (await (await downloaded.value).path()).read_text()
    await page.get_by_role("link", name="Enter identity provider details").click()

    with nano_idp.running(tmp_path, email) as url:
        await page.get_by_label("Metadata URL").fill(f"{url}/nothing")
        await page.get_by_role("button", name="Save details").click()
        await expect(page.get_by_role("alert")).to_contain_text("metadata is invalid")
        await expect(page.get_by_label("Metadata URL")).to_have_value(f"{url}/nothing")
        await page.get_by_label("Metadata URL").fill(f"{url}/saml/metadata")
        await page.get_by_role("button", name="Save details").click()
        await expect(page.get_by_role("status")).to_contain_text("details saved")

        await page.get_by_role("link", name="Go to test").click()
        async with page.expect_popup() as opening:
            await page.get_by_role("link", name="Test connection").click()
        popup = await opening.value
        await at_nanoidp(popup, email)
        await expect(popup.get_by_role("heading", level=1)).to_contain_text("Test succeeded")
        await popup.close()
        await page.get_by_role("link", name="Refresh results").click()
        await expect(page.get_by_role("row", name=f"Succeeded {email}")).to_be_visible()
        await page.get_by_role("button", name="Enable").click()
        await expect(page.get_by_role("status")).to_contain_text("Connection enabled")

        application = await place.application()
        visitor = await (await browser.new_context()).new_page()
        tokens = await signed_in(
            visitor, place, application, connection_id, lambda there: at_nanoidp(there, email)
        )
        assert tokens["id_token"]

        # The provider sends no such attribute: the admin reads why nobody comes in any more.
        await page.get_by_role("link", name="Attributes", exact=True).click()
        await page.get_by_label("Email address").fill("user.mail")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("status")).to_contain_text("Saved")
        other = await (await browser.new_context()).new_page()
        came = await come_back(
            other, place, application, connection_id, lambda there: at_nanoidp(there, email)
        )
        assert came["error"] == "mandatory_attribute_missing"
        for address in ("", f"/{connection_id}", f"/{connection_id}/test"):
            await page.goto(f"{place.server.url}/portal/sso{address}")
            await expect(page.get_by_text("attribute user.mail is missing").first).to_be_visible()
            await readable(page)
        await expect(
            page.get_by_text("map email to an attribute that it sends").first
        ).to_be_visible()
        for address in PAGES:
            await page.goto(f"{place.server.url}/portal/sso/{connection_id}{address}")
            await readable(page)
    await page.goto(f"{place.server.url}/portal/sso")
    await expect(page.get_by_role("row", name=re.compile("Custom SAML"))).to_contain_text("Enabled")
    await expect(page.locator("td time")).to_have_count(1)
    await context.close()


@pytest.mark.thorough
async def test_openid_connect_without_javascript(place, browser, organization, tmp_path):
    oidc_provider.install()
    organization_id, email = organization
    context = await browser.new_context(locale="en-US", java_script_enabled=False)
    page = await opened(place, organization_id, context)
    await page.get_by_role("link", name="Add connection").click()
    await page.get_by_label("Search providers").fill("openid")
    await page.get_by_role("button", name="Search").click()
    await page.get_by_role("button", name="Any OpenID Provider").click()
    connection_id = await without_tls(place, organization_id, page.url)
    await page.get_by_role("link", name="Open guide").click()
    ours = f"{place.server.url}/sso/v1/oidc/{connection_id}"
    await expect(page.get_by_text(f"{ours}/callback", exact=True).first).to_be_visible()
    client = {
        "client_id": "tenantry",
        "client_secret": SECRET,
        "redirect_uris": [f"{ours}/callback"],
    }
    person = {
        "email": email,
        "email_verified": True,
        "given_name": "Ann",
        "family_name": "Smith",
    }
    await page.get_by_role("link", name="Enter identity provider details").click()
    port = free_port()
    with oidc_provider.running(tmp_path, place.server, port, [client], {"ann": person}) as (url, _):
        await page.get_by_label("Issuer").fill(f"{url}/nothing")
        await page.get_by_label("Client ID").fill("tenantry")
        await page.get_by_label("Client secret").fill(SECRET)
        await page.get_by_role("button", name="Save details").click()
        await expect(page.get_by_role("alert")).to_contain_text("discovery document")
        await expect(page.get_by_label("Issuer")).to_have_value(f"{url}/nothing")
        await expect(page.get_by_label("Client secret")).to_have_value("")
        await page.get_by_label("Issuer").fill(url)
        await page.get_by_label("Client secret").fill(SECRET)
        await page.get_by_role("button", name="Save details").click()
        await expect(page.get_by_role("status")).to_contain_text("details saved")

        await page.get_by_role("link", name="Go to test").click()
        async with page.expect_popup() as opening:
            await page.get_by_role("link", name="Test connection").click()
        popup = await opening.value
        await at_oidc_provider(popup)
        await expect(popup.get_by_role("heading", level=1)).to_contain_text("Test succeeded")
        await page.get_by_role("link", name="Refresh results").click()
        await expect(page.get_by_role("row", name=f"Succeeded {email}")).to_be_visible()
        await page.get_by_role("button", name="Enable").click()
        await expect(page.get_by_role("status")).to_contain_text("Connection enabled")

        application = await place.application()
        visitor = await (await browser.new_context()).new_page()
        tokens = await signed_in(visitor, place, application, connection_id, at_oidc_provider)
        assert tokens["id_token"]
    await context.close()


@pytest.mark.thorough
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_everybody_can_read_every_page(place, browser, organization, width, scheme):
    context = await browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, locale="en-US"
    )
    page = await opened(place, organization[0], context)
    addresses = ["/portal/sso", "/portal/sso/new", "/portal/sso/new/okta"]
    for tile in ("Any SAML 2.0 provider", "Any OpenID Provider"):
        await page.goto(f"{place.server.url}/portal/sso/new")
        await page.get_by_role("button", name=tile).click()
        made = urlsplit(page.url).path
        addresses += [made + one for one in PAGES]
    for address in addresses:
        await page.goto(place.server.url + address)
        await readable(page)
    await context.close()
