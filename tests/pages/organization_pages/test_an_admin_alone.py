"""An admin, new to the portal, sets an organization up alone: in a window, and in a frame.

The test goes by `docs/guides/admin-portal.md` with the programs of others: two providers of
sign-ins, a SCIM client and a name server. At the end somebody of the customer comes in.
"""

from __future__ import annotations

import asyncio
import html
import re

import nano_idp
import oidc_provider
import pytest
from apis import unique
from browsers import chromium
from hosted import REDIRECT_URI, deployment
from organization_visitors import new_organization
from peers_of_admins import (
    at_nanoidp,
    at_oidc_provider,
    push,
    signed_in,
    without_tls,
)
from playwright.async_api import expect
from servers import free_port
from signins import claims_of
from sites_around import site_around

CLIENT = {"client_id": "tenantry", "client_secret": "a-secret-of-ours-at-the-provider"}
# As the guide has it; the messages are kept in order.
SETTINGS = """<!doctype html><title>Settings</title>
<iframe id="portal" title="Admin portal" allow="clipboard-write" width="1100" height="720"
  src="{link}"></iframe>
<script>
  window.heard = [];
  addEventListener("message", ({{data, origin, source}}) => heard.push(
    [origin, source === document.getElementById("portal").contentWindow, data]));
</script>"""


def around(query):
    """A page with the link of the query in a frame."""
    return SETTINGS.format(link=html.escape(query))


@pytest.fixture(scope="module")
async def place(start_server):
    """A deployment for development: there a provider may be asked without TLS."""
    server = start_server(
        "admin-alone", outgoing_allow="127.0.0.0/8", development="true", portal_roles="admin"
    )
    async with deployment(server) as opened:
        yield opened


@pytest.fixture(scope="module")
def site():
    """The application with a settings page, whose callback is registered."""
    with site_around(around) as url:
        yield url


@pytest.fixture(scope="module")
async def application(place, site):
    uri = f"{site}/callback"
    await place.api.clients.add_environment_redirect_uri(redirect_uri=uri)
    return await place.application(REDIRECT_URI, uri)


@pytest.fixture
async def page(place):
    async with chromium(place.server) as browser:
        yield await (await browser.new_context(locale="en-US")).new_page()


class Admin:
    """Somebody at the portal, which is the page itself or a frame of it."""

    def __init__(self, place, organization_id, page, portal) -> None:
        self.place = place
        self.organization_id = organization_id
        self.page = page
        self.portal = portal
        self.domain = f"{unique()}.com"
        self.email = f"ann@{self.domain}"

    async def goes_to(self, *links: str):
        for link in links:
            await self.portal.get_by_role("link", name=link, exact=True).first.click()

    async def clicks(self, button):
        await self.portal.get_by_role("button", name=button).first.click()

    async def is_told(self, text):
        await expect(self.portal.get_by_role("status").first).to_contain_text(text)

    async def connects_saml(self, url):
        """From the tile to a provider whose metadata is read; its id."""
        await self.goes_to("Single sign-on", "Add connection")
        await self.clicks("Any SAML 2.0 provider")
        await self.is_told("Connection created")
        connection_id = await without_tls(self.place, self.organization_id, self.portal.url)
        await self.goes_to("Open guide")
        acs = f"{self.place.server.url}/sso/v1/saml/{connection_id}/callback"
        await expect(self.portal.get_by_text(acs, exact=True).first).to_be_visible()
        async with self.page.expect_download() as downloaded:
            await self.goes_to("Download metadata (XML)")
        assert acs in (await (await downloaded.value).path()).read_text()
        await self.goes_to("Enter identity provider details")
        await self.portal.get_by_label("Metadata URL").fill(f"{url}/saml/metadata")
        await self.clicks("Save details")
        await self.is_told("details saved")
        return connection_id

    async def begins_openid_connect(self):
        """From the tile to the values that the provider is told; the connection's id."""
        await self.goes_to("Single sign-on", "Add connection")
        await self.clicks("Any OpenID Provider")
        await self.is_told("Connection created")
        connection_id = await without_tls(self.place, self.organization_id, self.portal.url)
        await self.goes_to("Open guide")
        ours = f"{self.place.server.url}/sso/v1/oidc/{connection_id}/callback"
        await expect(self.portal.get_by_text(ours, exact=True).first).to_be_visible()
        await self.goes_to("Enter identity provider details")
        return connection_id, ours

    async def connects_openid_connect(self, url):
        await self.portal.get_by_label("Issuer").fill(url)
        await self.portal.get_by_label("Client ID").fill(CLIENT["client_id"])
        await self.portal.get_by_label("Client secret").fill(CLIENT["client_secret"])
        await self.clicks("Save details")
        await self.is_told("details saved")

    async def tests_and_enables(self, fill_in):
        """Sign in at the provider in a new window, see that it worked, and enable it."""
        await self.goes_to("Go to test")
        # Without an opener it is not always a popup of this page, but always one of the browser.
        async with self.page.context.expect_page() as opening:
            await self.portal.get_by_role("link", name="Test connection").click()
        popup = await opening.value
        await fill_in(popup)
        await expect(popup.get_by_role("heading", level=1)).to_contain_text("Test succeeded")
        await popup.close()
        await self.portal.get_by_role("link", name="Refresh results").click()
        await expect(self.portal.get_by_role("row", name=f"Succeeded {self.email}")).to_be_visible()
        await self.clicks("Enable")
        await self.is_told("Connection enabled")

    async def makes_a_directory(self):
        """Choose the provider and make a token, which is shown once; the endpoint and the token."""
        await self.goes_to("SCIM provisioning")
        await self.clicks("Any SCIM 2.0 provider")
        await self.is_told("Directory created.")
        await self.clicks("Create token")
        await expect(self.portal.get_by_text("Copy the token now")).to_be_visible()
        endpoint, token = await self.portal.locator(".copyable code").all_inner_texts()
        await self.portal.get_by_role("link", name="I've copied it").click()
        await expect(self.portal.get_by_text(f"…{token[-4:]}")).to_be_visible()
        assert token not in await self.portal.content()
        return endpoint, token

    async def verifies_the_domain(self, name_server):
        """As the page of the directory tells them to, for nobody comes in before."""
        await expect(self.portal.get_by_text("has no verified domain")).to_be_visible()
        await self.goes_to("Verify a domain")
        await self.portal.get_by_label("Domain", exact=True).fill(self.domain)
        await self.clicks("Add domain")
        await self.is_told("Domain added")
        name, value = await self.portal.locator(".copyable code").all_inner_texts()
        await self.clicks("Verify now")
        await expect(self.portal.get_by_text("Record not found yet")).to_be_visible()
        name_server.publish(name, value)
        await self.clicks("Verify now")
        await self.is_told("Domain verified")

    async def gives_a_role_to_a_group(self, endpoint, token):
        """Enable the directory, have the provider push, see the person, and map the group."""
        await self.goes_to("SCIM provisioning")
        await self.clicks("Enable directory")
        await self.is_told("Directory enabled.")
        await asyncio.to_thread(push, self.place.server.trust, endpoint, token, self.email)
        await self.goes_to("SCIM provisioning")
        await expect(self.portal.get_by_text("Connected", exact=True)).to_be_visible()
        await self.goes_to("Assign roles")
        group = self.portal.get_by_role("combobox", name="Engineering")
        await group.select_option(label="Admin")
        await self.clicks("Save roles")
        await self.is_told("Roles saved.")
        await self.goes_to("Users")
        row = self.portal.get_by_role("row", name="Kim Lee")
        for said in (self.email, "Active", "Engineering", "Admin"):
            await expect(row).to_contain_text(said)


@pytest.fixture
def comes_in(place, application):
    """Let a person sign in at the application, in a browser of their own; its tokens."""

    async def comes_in(connection_id, fill_in):
        async with chromium(place.server) as browser:
            page = await browser.new_page()
            return await signed_in(page, place, application, connection_id, fill_in)

    return comes_in


@pytest.fixture
def sets_all_up(comes_in, name_server, tmp_path):
    """All steps of the guide, until a person of the domain is in by both providers."""
    oidc_provider.install()

    async def by_saml(admin):
        with nano_idp.running(tmp_path, admin.email) as url:
            await admin.connects_saml(url)
            endpoint, token = await admin.makes_a_directory()
            await admin.verifies_the_domain(name_server)
            await admin.gives_a_role_to_a_group(endpoint, token)
            await admin.goes_to("Single sign-on")
            await admin.portal.get_by_role("link", name=re.compile("SAML")).first.click()
            await admin.tests_and_enables(lambda page: at_nanoidp(page, admin.email))

            async def by_their_address(page):
                await page.get_by_label("Email address").fill(admin.email)
                await page.get_by_role("button", name="Continue", exact=True).click()
                await page.wait_for_url(f"{url}/**")
                await at_nanoidp(page, admin.email)

            tokens = await comes_in(None, by_their_address)
        claims = claims_of(tokens["id_token"])
        assert claims["email"] == admin.email
        assert claims_of(tokens["access_token"])["roles"] == ["admin"]
        return claims["sub"]

    async def by_openid_connect(admin):
        connection_id, callback = await admin.begins_openid_connect()
        client, port = {**CLIENT, "redirect_uris": [callback]}, free_port()
        people = {"ann": {"email": admin.email, "email_verified": True, "given_name": "Kim"}}
        running = oidc_provider.running(tmp_path, admin.place.server, port, [client], people)
        with running as (url, _):
            await admin.connects_openid_connect(url)
            await admin.tests_and_enables(at_oidc_provider)
            tokens = await comes_in(connection_id, at_oidc_provider)
        return claims_of(tokens["id_token"])["sub"]

    async def sets_all_up(admin):
        assert await by_saml(admin) == await by_openid_connect(admin)

    return sets_all_up


@pytest.mark.thorough
@pytest.mark.timeout(180)
async def test_in_a_window_of_its_own(place, page, sets_all_up):
    made = await new_organization(place.make, place.api)
    link = await place.make.portal_link(made["id"], shareable="true")
    await page.goto(link["location"])
    await page.get_by_role("button").click()
    await expect(page.get_by_role("navigation")).to_be_visible()
    await sets_all_up(Admin(place, made["id"], page, page.main_frame))


@pytest.mark.thorough
@pytest.mark.timeout(180)
async def test_in_a_frame_of_another_site(place, page, site, sets_all_up):
    made = await new_organization(place.make, place.api)
    link = await place.make.portal_link(made["id"])
    await page.goto(f"{site}/?{link['location']}")
    await expect(page.frame_locator("#portal").get_by_role("navigation")).to_be_visible()
    await sets_all_up(Admin(place, made["id"], page, page.frames[1]))
    heard = await page.evaluate("heard")
    assert {(origin, ours) for origin, ours, _ in heard} == {(place.server.url, True)}
    events = [data for _, _, data in heard]
    assert {event["organization_id"] for event in events} == {made["id"]}
    assert [event["event_type"] for event in events] == [
        "PORTAL_LOAD_SUCCESS",
        "ORGANIZATION_DIRECTORY_ENABLED",
        "ORGANIZATION_SSO_ENABLED",
        "ORGANIZATION_SSO_ENABLED",
    ]
    assert [event["data"].get("type") for event in events[2:]] == ["SAML", "OIDC"]


async def test_a_page_that_is_not_registered_sees_nothing(place, page):
    made = await new_organization(place.make, place.api)
    link = await place.make.portal_link(made["id"])
    refused = []
    page.on("console", lambda message: refused.append(message.text))
    with site_around(around) as elsewhere:
        await page.goto(f"{elsewhere}/?{link['location']}")
        await page.wait_for_function("document.querySelector('iframe').contentDocument === null")
        assert await page.frame_locator("#portal").get_by_role("navigation").count() == 0
        assert any("frame-ancestors" in said for said in refused), refused
        assert await page.evaluate("heard") == []
