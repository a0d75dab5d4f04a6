"""The pages of a signed-in person as people use them, in a browser with an authenticator."""

from __future__ import annotations

import base64
import os
import re
from contextlib import asynccontextmanager

import pyotp
import pytest
from apis import Api, access_token
from axe_playwright_python.async_playwright import Axe
from browsers import chromium
from factories import Make
from playwright.async_api import expect
from signed_in_people import COOKIE, Person, code_of
from wires import Rest

from tenantry import settings
from tenantry.crypto import master_key
from tenantry.db.opening import open_database
from tenantry.i18n.languages import LANGUAGES
from tenantry.identity.authenticators.passkeys import service as passkeys
from tenantry.identity.authenticators.passwordless import proofs
from tenantry.identity.authenticators.totp import service as totp
from tenantry.identity.sessions import service as sessions

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
}
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)


@pytest.fixture(scope="module")
def account_server(start_server):
    return start_server("account", app_name="Acme Projects", support_email="help@acme.example")


@pytest.fixture(scope="module")
async def account_database(account_server):
    environment = account_server.environment
    known = settings.load({k: v for k, v in environment.items() if k.startswith("TENANTRY_")})
    async with open_database(known.database, master_key.load(known), pool_size=2) as opened:
        yield opened


@pytest.fixture(scope="module")
async def browser(account_server):
    async with chromium(account_server) as launched:
        yield launched


@pytest.fixture
async def person(account_server, account_database):
    rest = Rest(account_server)
    token = await access_token(rest.http, account_server.client_id, account_server.client_secret)
    user = await Make(Api(rest, (("authorization", f"Bearer {token}"),))).user()
    await rest.aclose()
    made = Person(account_server, account_database, user)
    await made.sign_in()
    return made


@pytest.fixture
def visit(browser, person):
    """Open a page in the person's browser; what that complains of fails the test."""

    @asynccontextmanager
    async def visited(path, width=1280, **options: object):
        options = {"viewport": {"width": width, "height": 900}, "locale": "en-GB", **options}
        context = await browser.new_context(**options)
        complaints: list[str] = []
        cookie = {"name": COOKIE, "value": person.secret, "url": person.server.url}
        await context.add_cookies([{**cookie, "secure": True, "httpOnly": True}])
        page = await context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"{person.server.url}/ui/profile/{path}")
        yield page
        await context.close()
        # A refusal of the server, the browser has to say.
        assert [c for c in complaints if "Failed to load resource" not in c] == []

    return visited


async def with_authenticator(page, **options: object):
    """Give the browser of a page an authenticator; return its id and its session."""
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("WebAuthn.enable")
    answer = await devtools.send(
        "WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR | options}
    )
    return answer["authenticatorId"], devtools


async def violations(page):
    found = await Axe().run(page)
    return [(one["id"], one["nodes"][0]["html"]) for one in found.response["violations"]]


async def test_a_passkey_is_added_and_renamed_and_deleted(visit, person):
    async with visit("passkeys") as page:
        authenticator, devtools = await with_authenticator(page)
        await expect(page.get_by_text("You have no passkeys yet.")).to_be_visible()
        await page.get_by_role("button", name="Add passkey").click()
        await expect(page.get_by_role("status")).to_contain_text("Passkey added.")
        await expect(page.locator("time").first).not_to_contain_text("UTC")
        (passkey,) = await passkeys.list_of(person.database, person.id)
        assert passkey.user_verified
        assert passkey.display_name == "Passkey on Linux"

        kept = await devtools.send("WebAuthn.getCredentials", {"authenticatorId": authenticator})
        (credential,) = kept["credentials"]
        assert base64.b64decode(credential["userHandle"]).decode() == person.id
        assert credential["isResidentCredential"]

        await page.get_by_label("Rename: Passkey on Linux").click()
        await page.get_by_role("textbox", name="Name").fill("My laptop")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("status")).to_contain_text("Passkey renamed.")
        await expect(page.get_by_text("My laptop", exact=True)).to_be_visible()

        await page.locator("summary", has_text="Delete").click()
        await page.get_by_role("button", name="Delete passkey").click()
        await expect(page.get_by_role("status")).to_contain_text("Passkey deleted.")
        assert await passkeys.list_of(person.database, person.id) == []


@pytest.mark.thorough
async def test_a_passkey_that_is_there_already_is_not_added_twice(visit, person):
    async with visit("passkeys") as page:
        await with_authenticator(page)
        await page.get_by_role("button", name="Add passkey").click()
        await expect(page.get_by_role("status")).to_be_visible()
        await page.get_by_role("button", name="Add passkey").click()
        await expect(page.get_by_role("alert")).to_contain_text("already has a passkey")
        assert len(await passkeys.list_of(person.database, person.id)) == 1


async def test_who_does_not_confirm_adds_nothing(visit, person):
    async with visit("passkeys") as page:
        await with_authenticator(page, isUserVerified=False)
        await page.get_by_role("button", name="Add passkey").click()
        await expect(page.get_by_role("alert")).to_contain_text("Couldn't add the passkey.")
        await expect(page.get_by_role("button", name="Add passkey")).to_be_enabled()
        assert await passkeys.list_of(person.database, person.id) == []


async def test_long_after_the_sign_in_a_code_is_asked_for(visit, person):
    app, _ = await person.set_up_app()
    await person.signed_in_ago(11)
    async with visit("passkeys") as page:
        await with_authenticator(page)
        await page.get_by_label("Code from your authenticator app").fill("000")
        await page.get_by_role("button", name="Add passkey").click()
        await expect(page.get_by_role("alert")).to_contain_text("This code is incorrect")
        await page.get_by_label("Code from your authenticator app").fill(code_of(app))
        await page.get_by_role("button", name="Add passkey").click()
        await expect(page.get_by_role("status")).to_contain_text("Passkey added.")


@pytest.mark.thorough
async def test_an_app_is_set_up(visit, person):
    async with visit("security", locale="en-GB") as page:
        await page.get_by_role("button", name="Set up an authenticator app").click()
        key = (await page.locator("code.key").inner_text()).replace(" ", "")
        mark = "(element) => getComputedStyle(element, '::before').content"
        assert await page.locator("code.key").evaluate(mark) == "none"  # it is no legend
        picture = page.get_by_role("img", name="QR code of the setup key below")
        assert await picture.evaluate("img => img.complete && img.naturalWidth > 100")
        await page.get_by_label("Code").fill(code_of(pyotp.TOTP(key)))
        await expect(page.get_by_role("heading")).to_have_text("Save your recovery codes")
        codes = await page.locator(".codes code").all_inner_texts()
        assert len(codes) == 10
        await keep(page, codes, person.email)
        await page.get_by_role("link", name="I've saved these codes").click()
        await expect(page.get_by_text("Recovery codes left: 10.")).to_be_visible()

        # A new set takes the place of it, for one more code.
        await page.locator("summary", has_text="Generate new recovery codes").click()
        await page.locator("#renew-code").fill("000")
        await page.get_by_role("button", name="Generate codes").click()
        await expect(page.get_by_role("alert")).to_contain_text("This code is incorrect")
        await page.locator("#renew-code").fill(codes[1])
        await page.get_by_role("button", name="Generate codes").click()
        await expect(page.get_by_text("Your previous codes no longer work.")).to_be_visible()
        former, codes = codes, await page.locator(".codes code").all_inner_texts()
        assert not set(former) & set(codes)
        assert await violations(page) == []
        await page.reload()  # the form comes again, and its code is used up
        await expect(page.get_by_role("alert")).to_contain_text("This code is incorrect")
        assert not await totp.verify(person.call, person.id, former[2])

        await page.get_by_text("Turn off two-step verification").click()
        await page.get_by_label("Code from your authenticator app").last.fill(codes[0].lower())
        await page.get_by_role("button", name="Turn off").click()
        await expect(page.get_by_role("status")).to_contain_text("is off")
        assert not await totp.is_enabled(person.database, person.id)


async def keep(page, codes, email):
    """Copy the codes, have them as a file, and print them."""
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.get_by_role("button", name="Copy").click()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert (await page.evaluate("navigator.clipboard.readText()")).split() == codes
    async with page.expect_download() as downloading:
        await page.get_by_role("button", name="Download").click()
    download = await downloading.value
    assert download.suggested_filename == "recovery-codes.txt"
    text = (await download.path()).read_text(encoding="utf-8")
    assert text.splitlines() == [f"Recovery codes for {email} at Acme Projects", "", *codes]
    await page.evaluate("window.print = () => { document.title = 'printed'; }")
    await page.get_by_role("button", name="Print").click()
    assert await page.title() == "printed"
    await page.emulate_media(media="print")
    await expect(page.get_by_role("button", name="Print")).to_be_hidden()
    await expect(page.locator(".codes")).to_be_visible()
    await page.emulate_media(media="screen")


@pytest.mark.thorough
async def test_a_page_leads_back_to_the_application(visit, person, account_server):
    rest = Rest(account_server)
    token = await access_token(rest.http, account_server.client_id, account_server.client_secret)
    api = Api(rest, (("authorization", f"Bearer {token}"),))
    client = {"name": "Acme Board", "client_type": "WEB_APP"}
    uris = {"post_login_uris": ["https://board.example/callback"]}
    made = await api.clients.create_client(client={**client, **uris})
    for width in (1280, 390):
        async with visit("account", width=width) as page:
            back = page.get_by_role("banner").get_by_role("link", name="Back to Acme Board")
            await expect(back).to_have_attribute("href", "https://board.example/")
            await page.get_by_label("First name").fill("Ada")
            await page.get_by_label("Last name").fill("Lindqvist")
            await page.get_by_role("button", name="Save").click()
            await expect(page.get_by_role("status")).to_contain_text("Name saved")
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            assert await violations(page) == []
            await page.goto(page.url.partition("/ui/")[0] + "/ui/organization")
            await expect(page.get_by_role("link", name="Back to Acme Board")).to_be_visible()
    await api.clients.delete_client(client_id=made["client"]["id"])
    await rest.aclose()


@pytest.mark.thorough
@pytest.mark.parametrize("language", LANGUAGES)
async def test_in_no_language_a_page_is_wider_than_a_phone(visit, language):
    async with visit("account", width=390, locale=language) as page:
        for path in ("account", "organizations", "passkeys", "security"):
            await page.goto(f"{page.url.rpartition('/')[0]}/{path}")
            assert await page.locator("html").get_attribute("lang") == language
            assert await page.evaluate("document.documentElement.scrollWidth") <= 390, path


@pytest.mark.one_of("True", "False")
@pytest.mark.parametrize("javascript", [True, False])
async def test_who_signed_in_long_ago_shows_who_they_are_and_comes_back(visit, person, javascript):
    await person.signed_in_ago(11)
    async with visit("security", java_script_enabled=javascript, width=390) as page:
        await page.get_by_role("link", name="Confirm it's you").click()
        await expect(page.get_by_role("heading")).to_have_text("Confirm it's you")
        if javascript:
            assert await violations(page) == []
        await page.get_by_role("button", name="Send code").click()
        await page.get_by_label("Code from the email").fill("000000")
        if not javascript:  # else it goes by itself
            await page.get_by_role("button", name="Continue").click()
        await expect(page.get_by_role("alert")).to_contain_text("This code is incorrect")
        request_id = await page.locator("input[name=request]").get_attribute("value")
        await page.get_by_label("Code from the email").fill(
            proofs.code(person.database, request_id, 1)
        )
        if not javascript:  # else it goes by itself
            await page.get_by_role("button", name="Continue").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Security")
        await expect(page.get_by_role("button", name="Set up an authenticator app")).to_be_visible()


@pytest.mark.thorough
@pytest.mark.one_of("True", "False")
@pytest.mark.parametrize("javascript", [True, False])
async def test_other_browsers_are_signed_out(visit, person, javascript):
    phone = await person.sign_in(PHONE)
    await person.sign_in()
    await person.sign_in()
    async with visit("security", java_script_enabled=javascript) as page:
        await page.get_by_role("button", name=re.compile("Sign out: Mobile Safari")).click()
        await expect(page.get_by_role("status")).to_contain_text("Session ended.")
        assert await sessions.find_live(person.database, phone) is None
        await page.get_by_role("button", name="Sign out everywhere else").click()
        await expect(page.get_by_role("status")).to_contain_text("All other sessions ended.")
        await expect(page.locator("main .rows").get_by_role("listitem")).to_have_count(1)


async def test_without_script_all_but_adding_works(visit, person, account_server):
    await person.add_passkey(software(account_server))
    async with visit("passkeys", java_script_enabled=False) as page:
        await expect(page.get_by_text("Adding a passkey requires JavaScript")).to_be_visible()
        await expect(page.get_by_role("button", name="Add passkey")).to_be_hidden()
        await expect(page.locator("time").first).to_contain_text("UTC")
        await page.locator("summary", has_text="Delete").click()
        await page.get_by_role("button", name="Delete passkey").click()
        await expect(page.get_by_role("status")).to_contain_text("Passkey deleted.")


@pytest.mark.thorough
async def test_by_keyboard_alone(visit, person, account_server):
    await person.add_passkey(software(account_server))
    async with visit("passkeys") as page:
        seen = []
        for _ in range(20):
            await page.keyboard.press("Tab")
            seen.append(await page.evaluate("document.activeElement.innerText"))
        told = [one for one in seen if one]
        assert told[:4] == ["Skip to content", "Sign out", "General", "Users"]
        assert told[told.index("Passkeys") :][:5] == [
            *("Passkeys", "Two-step verification and sessions"),
            *("Rename", "Delete", "Add passkey"),
        ]
        await page.locator("summary").first.focus()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await page.keyboard.type("By hand")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("By hand", exact=True)).to_be_visible()


def software(server):
    from software_authenticator import Authenticator

    return Authenticator(server.url)


@pytest.mark.parametrize(
    ("width", "color_scheme"),
    [
        (320, "light"),
        pytest.param(1280, "dark", marks=pytest.mark.thorough),
        pytest.param(320, "dark", marks=pytest.mark.thorough),
        pytest.param(1280, "light", marks=pytest.mark.thorough),
    ],
)
async def test_pages_can_be_read_by_everybody(visit, person, color_scheme, width):
    """Axe finds nothing, and nothing scrolls sideways."""
    await person.add_passkey(software(person.server))
    await person.sign_in(PHONE)

    async def look(page, name):
        assert await violations(page) == [], name
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, name
        if "SCREENSHOTS" in os.environ:
            path = f"{os.environ['SCREENSHOTS']}/{name}-{color_scheme}-{width}.png"
            await page.screenshot(path=path, full_page=True)

    async with visit("passkeys", width, color_scheme=color_scheme) as page:
        for each in await page.locator("summary").all():
            await each.click()
        await look(page, "passkeys")
        await page.goto(page.url.replace("passkeys", "security"))
        await look(page, "security-off")
        await page.get_by_role("button", name="Set up an authenticator app").click()
        await page.get_by_label("Code").fill("123456")
        await expect(page.get_by_role("alert")).to_be_visible()
        await look(page, "setup")
        key = (await page.locator("code.key").inner_text()).replace(" ", "")
        await page.get_by_label("Code").fill(code_of(pyotp.TOTP(key)))
        await expect(page.locator(".codes")).to_be_visible()
        await look(page, "codes")
        await person.signed_in_ago(11)
        await page.get_by_role("link", name="I've saved these codes").click()
        for each in await page.locator("summary").all():
            await each.click()
        await look(page, "security-on")
        await page.goto(page.url.replace("security", "passkeys"))
        for each in await page.locator("summary").all():
            await each.click()
        await look(page, "passkeys-code")
        await page.context.clear_cookies()
        await page.reload()
        await look(page, "closed")
