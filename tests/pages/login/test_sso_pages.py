"""The pages of single sign-on: with a provider that a browser is taken to, and comes back from."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from apis import unique
from axe_playwright_python.async_playwright import Axe
from browsers import chromium
from hosted import answered, deployment, heading, problems
from playwright.async_api import expect
from vouching import change, connect, connect_social, somebody

from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.identity.federation import requests as ways
from tenantry.tenants.organizations import service as organizations

PROVIDER = "https://provider.example"
SETTINGS = {
    "issuer": PROVIDER,
    "authorize_uri": f"{PROVIDER}/authorize",
    "token_uri": f"{PROVIDER}/token",
    "jwks_uri": f"{PROVIDER}/keys",
    "client_id": "us",
}


class Customer:
    """An organization with a domain and a connection; its provider says whatever a test wants."""

    def __init__(self, deployed) -> None:
        self.domain = f"{unique()}.example"
        self.email = f"ann@{self.domain}"
        self.db = deployed.database
        self.operator = Call(SYSTEM, deployed.database, "req_customer")

    async def open(self) -> Customer:
        self.organization = await organizations.create(
            self.operator, region_code="US", display_name="Globex"
        )
        self.connection = await connect(self, self.organization, self.domain, **SETTINGS)
        return self

    async def vouch(self, state: str, identity) -> str:
        """Answer as the provider, past its protocol: where the browser goes on."""
        way = await ways.take(self.db, state)
        assert way is not None
        secret = await ways.arrive(self.db, way, identity)
        return f"/login/{way.auth_request_id}/sso?arrival={secret}"


@pytest.fixture
async def customer(place):
    return await Customer(place).open()


async def at_provider(visitor, location: str) -> str:
    """Follow the way to the provider: the `state` that it is asked with."""
    sent = await visitor.get(location)
    assert sent.status_code in {302, 303}, sent.text
    assert sent.headers["location"].startswith(f"{PROVIDER}/authorize?"), sent.headers["location"]
    return dict(parse_qsl(urlsplit(sent.headers["location"]).query))["state"]


async def test_an_address_leads_to_the_provider_and_back(visitor, application, customer):
    await visitor.begin(application)
    sent = await visitor.step("email", email=customer.email)
    login = visitor.path.rpartition("/")[2]
    start = f"/sso/v1/oidc/{customer.connection.id}/start?login={login}"
    assert sent.headers["location"] == start
    page = await visitor.page()  # Back, or the page loaded again
    assert heading(page) == "Continue with single sign-on"
    assert customer.email in page.text
    assert start in page.text
    state = await at_provider(visitor, start)
    back = await customer.vouch(state, somebody(customer.email))
    sent = await visitor.get(back)
    answer = answered(sent)
    assert (answer["code"], answer["state"]) == (answer["code"], "a state")
    # Back once more: the sign-in is over.
    again = await visitor.get(back)
    assert again.status_code in {303, 410}


async def test_the_answer_needs_the_browser_that_began(place, visitor, application, customer):
    await visitor.begin(application)
    sent = await visitor.step("email", email=customer.email)
    state = await at_provider(visitor, sent.headers["location"])
    back = await customer.vouch(state, somebody(customer.email))
    async with place.visitor() as stranger:
        refused = await stranger.get(back)
        assert "code=" not in refused.headers.get("location", "")
        assert refused.status_code in {303, 410}
        previewed = await stranger.http.head(back)
        assert previewed.status_code == 200
    assert answered(await visitor.get(back))["code"]


@pytest.mark.parametrize(
    "query",
    ["", "?arrival=", "?arrival=x", "?arrival=" + "y" * 2000, "?arrival=%00", "?arrival=%ff"],
)
async def test_no_made_up_answer_does_anything(visitor, application, query):
    await visitor.begin(application)
    sent = await visitor.get(f"{visitor.path}/sso{query}")
    assert (sent.status_code, sent.headers["location"]) == (303, visitor.path)
    assert (await visitor.get(f"/login/areq_1/sso{query}")).status_code == 410


async def test_whoever_may_not_is_told_at_the_application(visitor, application, customer):
    await visitor.begin(application)
    sent = await visitor.step("email", email=customer.email)
    state = await at_provider(visitor, sent.headers["location"])
    back = await customer.vouch(state, somebody("eve@elsewhere.example"))
    assert answered(await visitor.get(back))["error"] == "invalid_user_domain"


async def test_another_address_is_another_way(place, visitor, application, customer):
    await visitor.begin(application)
    await visitor.step("email", email=customer.email)
    page = await visitor.page("?page=sign_in")
    assert heading(page).startswith("Sign in to")
    await visitor.step("email", email="ann@elsewhere.example")
    assert heading(await visitor.page()) == "Check your email"


async def test_a_named_connection_leaves_no_other_way(visitor, application, customer):
    sent = await visitor.get(application.path(connection_id=customer.connection.id))
    start = sent.headers["location"]
    visitor.path = "/login/" + start.rpartition("=")[2]
    page = await visitor.page("?page=sign_in")
    assert heading(page) == "Continue with single sign-on"
    assert "page=sign_in" not in page.text
    sent = await visitor.step("email", email="ann@elsewhere.example")
    assert sent.headers["location"] == visitor.path


async def test_the_inbox_is_proved_on_a_page(place, visitor, application, customer):
    email = f"{unique()}@elsewhere.example"
    await place.make.user(email=email, organization_id=customer.organization.id)
    sent = await visitor.get(application.path(organization_id=customer.organization.id))
    visitor.path = "/login/" + sent.headers["location"].rpartition("=")[2]
    state = await at_provider(visitor, sent.headers["location"])
    sent = await visitor.get(await customer.vouch(state, somebody(email)))
    assert sent.headers["location"] == visitor.path
    page = await visitor.page()
    assert heading(page) == "Verify your email address"
    assert email in page.text
    wrong = await visitor.refused("code", code="000000")
    assert problems(wrong) == [
        "This code is incorrect or has expired. Use the newest email, or have it sent again."
    ]
    code = await place.code(email)
    sent = await visitor.step("code", code=code)
    assert answered(sent)["code"]


async def test_social_providers_have_buttons(place, visitor, application, customer):
    google = await connect_social(customer, "GOOGLE")
    other = await connect_social(customer, "CUSTOM")
    await change(customer, other, ui_button_title="Weiter mit <Acme> ID", provider_key="acme")
    try:
        page = await visitor.begin(application)
        login = visitor.path.rpartition("/")[2]
        assert "Continue with <bdi>Google</bdi>" in page.text
        assert f'href="/sso/v1/oauth/{google.id}/start?login={login}"' in page.text
        assert "Weiter mit &lt;Acme&gt; ID" in page.text
    finally:
        for one in (google, other):
            await change(customer, one, enabled=False)


async def test_a_social_provider_that_is_named_has_a_page_as_well(
    place, visitor, application, customer
):
    google = await connect_social(customer, "GOOGLE")
    try:
        sent = await visitor.get(application.path(connection_id=google.id))
        start = sent.headers["location"]
        assert start.startswith(f"/sso/v1/oauth/{google.id}/start?login=")
        visitor.path = "/login/" + start.rpartition("=")[2]
        page = await visitor.page()
        assert heading(page) == "Continue with Google"
        assert start in page.text
    finally:
        await change(customer, google, enabled=False)


# In a browser.


@pytest.fixture(scope="module")
def browser_server(start_server):
    server = start_server("sso-pages", app_name="Acme Projects", sign_in_methods="email,passkey")
    yield server
    server.stop()


@pytest.mark.one_of("size0", "size1", "size2", "size3", "light", "dark", "en-US", "de-DE")
@pytest.mark.parametrize(
    ("size", "scheme", "locale"),
    [
        ((390, 800), "light", "en-US"),
        ((390, 800), "dark", "de-DE"),
        ((1280, 800), "light", "de-DE"),
        ((1280, 800), "dark", "en-US"),
    ],
)
async def test_a_person_goes_by_the_keyboard(browser_server, tmp_path, size, scheme, locale):
    async with deployment(browser_server) as deployed, chromium(browser_server) as browser:
        application = await deployed.application(f"{browser_server.url}/health")
        customer = await Customer(deployed).open()
        buttons = [await connect_social(customer, name) for name in ("GOOGLE", "GITHUB")]
        context = await browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, locale=locale
        )
        page = await context.new_page()
        name = f"{size[0]}-{scheme}-{locale}"
        email = f"{unique()}@elsewhere.example"
        await deployed.make.user(email=email, organization_id=customer.organization.id)

        stays: list[bool] = []

        async def answer(route) -> None:
            if stays:
                await route.fulfill(body="Sign in here.")
                return
            state = dict(parse_qsl(urlsplit(route.request.url).query))["state"]
            path = await customer.vouch(state, somebody(email))
            await route.fulfill(
                status=303, headers={"location": f"{browser_server.url}{path}"}, body=""
            )

        await page.route(f"{PROVIDER}/**", answer)
        await page.goto(f"{browser_server.url}{application.path()}")
        await expect(page.locator("a.button")).to_have_count(2)
        await page.screenshot(path=tmp_path / f"sign-in-{name}.png", full_page=True)
        assert await clean(page)
        await page.locator("input[name=email]").fill(customer.email)
        await page.keyboard.press("Enter")
        # The provider vouches for somebody whose inbox is to be proved.
        await page.wait_for_url(re.compile(r"/login/areq_\d+$"))
        await expect(page.locator("input[name=code]")).to_be_focused()
        await page.screenshot(path=tmp_path / f"inbox-{name}.png", full_page=True)
        assert await clean(page)
        await page.keyboard.type("000000")
        await page.keyboard.press("Enter")
        await expect(page.locator("[role=alert]").first).to_be_visible()
        await page.screenshot(path=tmp_path / f"wrong-{name}.png", full_page=True)
        await page.keyboard.type(await deployed.code(email))
        await page.keyboard.press("Enter")
        await page.wait_for_url(re.compile(r"/health\?.*code="))
        # A second sign-in, stopped half way: its page stands for the way there.
        await page.goto(f"{browser_server.url}{application.path(prompt='login')}")
        path = urlsplit(page.url).path
        stays.append(True)
        await page.locator("input[name=email]").fill(customer.email)
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Sign in here.")).to_be_visible()
        await page.goto(f"{browser_server.url}{path}")
        await page.screenshot(path=tmp_path / f"sso-{name}.png", full_page=True)
        assert await clean(page)
        await page.keyboard.press("Tab")
        await expect(page.locator("a.button")).to_be_focused()
        for one in buttons:
            await change(customer, one, enabled=False)
        await context.close()


async def clean(page) -> bool:
    """No fault that axe finds, and nothing wider than the window."""
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    return await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
