"""The pages of members as people use them, in a browser: by mouse, by keyboard, on a phone."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager

import pytest
from apis import Api, access_token, unique
from axe_playwright_python.async_playwright import Axe
from browsers import chromium
from factories import Make
from playwright.async_api import expect
from signed_in_people import COOKIE
from widget_people import HOSTILE, ORGANIZATION, PROFILE, People
from wires import Rest, over_https

from tenantry import settings
from tenantry.crypto import master_key
from tenantry.db.opening import open_database

PAGES = (
    *(f"{ORGANIZATION}/{name}" for name in ("general", "users", "users/invite")),
    *(f"{ORGANIZATION}/{name}" for name in ("session-policy", "programs", "programs/clients")),
    f"{ORGANIZATION}/audit",
    *(f"{PROFILE}/{name}" for name in ("account", "organizations", "security", "passkeys")),
)


@pytest.fixture(scope="module")
def widget_server(start_server):
    return start_server("widgets", app_name="Acme Projects")


@pytest.fixture(scope="module")
async def people(widget_server):
    environment = widget_server.environment
    known = settings.load({k: v for k, v in environment.items() if k.startswith("TENANTRY_")})
    rest = Rest(widget_server)
    token = await access_token(rest.http, widget_server.client_id, widget_server.client_secret)
    api = Api(rest, (("authorization", f"Bearer {token}"),))
    async with (
        open_database(known.database, master_key.load(known), pool_size=2) as database,
        over_https(widget_server) as http,
    ):
        yield People(widget_server, database, http, api, Make(api))
    await rest.aclose()


@pytest.fixture(scope="module")
async def browser(widget_server):
    async with chromium(widget_server) as launched:
        yield launched


@pytest.fixture
async def admin(people):
    return await people.member(await people.organization(), "admin")


@pytest.fixture
def visit(browser, admin):
    """Open a page in the admin's browser; what that complains of fails the test."""

    @asynccontextmanager
    async def visited(path, width=1280, **options: object):
        options = {"viewport": {"width": width, "height": 900}, "locale": "en-GB", **options}
        context = await browser.new_context(**options)
        complaints: list[str] = []
        cookie = {"name": COOKIE, "value": admin.person.secret, "url": admin.person.server.url}
        await context.add_cookies([{**cookie, "secure": True, "httpOnly": True}])
        page = await context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"{admin.person.server.url}{path}")
        yield page
        await context.close()
        assert complaints == []

    return visited


async def violations(page):
    found = await Axe().run(page)
    return [(one["id"], one["nodes"][0]["html"]) for one in found.response["violations"]]


async def test_somebody_is_invited_gets_another_role_and_is_removed(visit, people, admin):
    email = f"{unique()}@new.example"
    async with visit(f"{ORGANIZATION}/users") as page:
        await page.get_by_role("link", name="Invite user").click()
        await page.get_by_label("Email address").fill("nobody@localhost..")
        await page.get_by_role("radio", name="Admin").check()
        # All that is typed stays where the server refuses it.
        await page.locator("main form").evaluate("form => { form.noValidate = true }")
        await page.get_by_role("button", name="Send invitation").click()
        await expect(page.get_by_text("This email address can't be invited.")).to_be_visible()
        await expect(page.get_by_role("radio", name="Admin")).to_be_checked()
        await page.get_by_label("Email address").fill(email)
        await page.get_by_role("radio", name="Member").check()
        await page.get_by_role("button", name="Send invitation").click()
        await expect(page.get_by_text("Invitation sent.")).to_be_visible()
        await page.get_by_role("link", name=email).click()
        user_id = page.url.rpartition("/")[2]
        await people.accept(admin.person.organization_id, user_id)
        await page.reload()
        await expect(page.get_by_text("Active", exact=True)).to_be_visible()
        await page.get_by_role("checkbox", name="Admin").check()
        await page.get_by_role("button", name="Save roles").click()
        await expect(page.get_by_text("Roles saved.")).to_be_visible()
        await page.locator("summary", has_text="Remove this user").click()
        await page.get_by_role("button", name="Remove user").click()
        await expect(page.get_by_text("User removed.")).to_be_visible()
        await expect(page.get_by_role("link", name=email)).to_have_count(0)


@pytest.mark.thorough
async def test_a_key_is_copied_and_back_does_not_show_it_again(visit):
    async with visit(f"{ORGANIZATION}/programs") as page:
        await page.get_by_label("Description").fill("Nightly import")
        await page.get_by_role("button", name="Create API key").click()
        key = await page.locator("#key").inner_text()
        assert len(key) > 20
        await expect(page.get_by_role("button", name="Copy: API key")).to_be_visible()
        await page.get_by_role("link", name="I've saved it").click()
        await expect(page.get_by_text(key)).to_have_count(0)
        await expect(page.get_by_role("rowheader", name="Nightly import")).to_be_visible()
        await page.locator("summary", has_text="Revoke").click()
        await page.get_by_role("button", name="Revoke API key").click()
        await expect(page.get_by_text("API key revoked.")).to_be_visible()


@pytest.mark.thorough
async def test_the_audit_log_opens_its_details_and_is_downloaded(visit, admin):
    await admin.done(f"{ORGANIZATION}/general/save", display_name="Renamed", logo_url="")
    async with visit(f"{ORGANIZATION}/audit") as page:
        await page.get_by_label("Details: Organization updated").first.click()
        await expect(page.locator("ins", has_text="Renamed")).to_be_visible()
        async with page.expect_download() as downloading:
            await page.get_by_role("link", name="CSV").click()
        assert (await downloading.value).suggested_filename == "audit-log.csv"


async def test_on_a_phone_each_cell_has_the_head_of_its_column(visit):
    async with visit(f"{ORGANIZATION}/users", width=390) as page:
        state = page.get_by_role("cell", name="Active")
        head = "cell => getComputedStyle(cell, '::before').content"
        assert await state.evaluate(head) == '"Status" / ""'
        await expect(state.locator(".pill").first).to_be_in_viewport(ratio=1)
        fits = "table => table.scrollWidth <= table.parentElement.clientWidth"
        assert await page.get_by_role("table").evaluate(fits)
        await page.set_viewport_size({"width": 1280, "height": 900})
        assert await state.evaluate(head) == "none"


async def test_by_keyboard_alone(visit):
    async with visit(f"{ORGANIZATION}/general") as page:
        await page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to content")
        await expect(skip).to_be_focused()
        await expect(skip).to_be_in_viewport(ratio=1)
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.closest('main') !== null")
        for _ in range(60):
            if await page.evaluate("document.activeElement.id") == "display_name":
                break
            await page.keyboard.press("Tab")
        await page.keyboard.press("Control+A")
        await page.keyboard.type("Typed by hand")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Changes saved.")).to_be_visible()
        await expect(page.locator(".visitor .of")).to_have_text("Typed by hand")


@pytest.mark.thorough
async def test_somebody_switches_and_signs_out(visit, people, admin):
    other = await people.organization(display_name="Elsewhere")
    await people.rest.users.create_membership(
        organization_id=other,
        id=admin.person.id,
        send_invitation_email=False,
        membership={"roles": [{"name": "member"}]},
    )
    async with visit(f"{PROFILE}/organizations") as page:
        await page.get_by_role("button", name="Switch: Elsewhere").click()
        await expect(page.locator(".visitor .of")).to_have_text("Elsewhere")
        await expect(page.get_by_role("link", name="Audit log")).to_have_count(0)
        await page.get_by_role("link", name="Sign out").click()
        button = page.get_by_role("button", name=re.compile("sign out", re.IGNORECASE))
        if await button.count():
            await button.click()
    # The session is over, and not only this browser's cookie.
    assert (await admin.get(f"{PROFILE}/account")).status_code == 401


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("width", "options"),
    [
        (320, {"color_scheme": "light"}),
        (1280, {"color_scheme": "dark", "locale": "de-DE"}),
        pytest.param(390, {"color_scheme": "dark"}, marks=pytest.mark.thorough),
        pytest.param(1600, {"locale": "de-DE"}, marks=pytest.mark.thorough),
    ],
)
async def test_pages_can_be_read_by_everybody(visit, people, admin, width, options):
    """Axe finds nothing, and nothing scrolls sideways: with long and hostile names, too."""
    organization = admin.person.organization_id
    await people.make.user(organization, user_profile={"given_name": HOSTILE})
    await admin.done(f"{ORGANIZATION}/general/save", display_name="W" * 200, logo_url="")
    await admin.done(f"{ORGANIZATION}/general/domains", domain=f"{unique()}.example")
    await admin.post(f"{ORGANIZATION}/programs/keys", description="x" * 255)
    made = await admin.post(f"{ORGANIZATION}/programs/clients", name=HOSTILE[:128])
    (client_id,) = re.findall(r'<code id="client_id"[^>]*>([^<]+)<', made.text)
    more = (
        f"{ORGANIZATION}/programs/clients/{client_id}",
        f"{ORGANIZATION}/users/{admin.person.id}",
    )
    async with visit(f"{ORGANIZATION}/general", width, **options) as page:
        for path in (*PAGES, *more):
            await page.goto(f"{admin.person.server.url}{path}")
            for summary in await page.locator("summary").all():
                await summary.click()
            assert await violations(page) == [], path
            wide = await page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, (path, wide)
