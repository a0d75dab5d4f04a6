"""The steps of an organization's sign-in policy, in a browser without scripts of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pyotp
import pytest
from apis import unique
from axe_playwright_python.async_playwright import Axe
from browsers import chromium
from hosted import deployment
from playwright.async_api import expect

WIDTHS = (390, 1280)
SCHEMES = ("light", "dark")


@pytest.fixture(scope="module")
async def place(start_server):
    server = start_server(
        "policies",
        app_name="Acme Projects",
        support_email="help@acme.example",
        sign_in_methods="email,passkey,password",
        trusted_proxies="127.0.0.0/8",
    )
    async with deployment(server) as opened:
        yield opened
    server.stop()


@pytest.fixture(scope="module")
async def browser(place):
    async with chromium(place.server) as launched:
        yield launched


async def look(page, name: str) -> None:
    """Check a page at each width and color scheme for accessibility and overflow."""
    for width in WIDTHS:
        for scheme in SCHEMES:
            await page.set_viewport_size({"width": width, "height": 800})
            await page.emulate_media(color_scheme=scheme)
            found = await Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            if folder := os.environ.get("PICTURES_OF_TESTS"):
                path = Path(folder) / f"{name}-{width}-{scheme}.png"
                await page.screenshot(path=path, full_page=True)


async def enter(page, code: str, button: str, *, scripts: bool) -> None:
    """Enter a code, which a script sends by itself."""
    await page.get_by_label("Code", exact=True).fill(code)
    if not scripts:
        await page.get_by_role("button", name=button).click()


async def sign_in(browser, place, application, email, *, scripts: bool = True):
    context = await browser.new_context(
        extra_http_headers={"x-forwarded-for": "198.51.100.77"},
        locale="en-US",
        java_script_enabled=scripts,
    )
    page = await context.new_page()
    await page.goto(place.server.url + application.path())
    await page.get_by_label("Email address").fill(email)
    await page.get_by_role("button", name="Send me a code").click()
    await enter(page, await place.code(email), "Continue", scripts=scripts)
    return page


@pytest.mark.process
@pytest.mark.parametrize("scripts", [False, True])
async def test_a_second_factor_is_set_up(browser, place, scripts):
    organization = await place.make.organization(display_name="Hollis Robotics")
    user = await place.make.user(organization["id"], email=f"{unique()}@example.com")
    application = await place.application("https://app.invalid/callback")
    await place.api.organization_policies.update_organization_policy(
        organization_id=organization["id"],
        policy={"second_factor_required": True, "second_factor_grace_days": 7},
    )
    page = await sign_in(browser, place, application, user["email"], scripts=scripts)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Set up two-step verification")
    if scripts:
        await look(page, "second-factor-setup")
    key = await page.locator("code.key").inner_text()
    picture = page.get_by_role("img", name="QR code of the setup key below")
    await expect(picture).to_be_visible()
    code = pyotp.TOTP(key.replace(" ", "")).now()
    await enter(page, code, "Turn on and continue", scripts=scripts)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Save your recovery codes")
    if scripts:
        await look(page, "recovery-codes")
    async with page.expect_request("https://app.invalid/callback?*") as answered:
        await page.get_by_role("link", name="I've saved these codes").click()
    assert "code=" in (await answered.value).url
    await page.context.close()


@pytest.mark.thorough
@pytest.mark.process
@pytest.mark.parametrize(
    ("policy", "title"),
    [
        ({"allowed_networks": ["203.0.113.0/24"]}, "Your network isn't allowed"),
        ({"allowed_sign_in_methods": ["PASSKEY", "SSO"]}, "This sign-in method isn't allowed"),
    ],
)
async def test_a_refusal_says_what_to_do(browser, place, policy, title):
    organization = await place.make.organization(display_name="Hollis Robotics")
    user = await place.make.user(organization["id"], email=f"{unique()}@example.com")
    application = await place.application("https://app.invalid/callback")
    await place.api.organization_policies.update_organization_policy(
        organization_id=organization["id"], policy=policy
    )
    page = await sign_in(browser, place, application, user["email"])
    await expect(page.get_by_role("heading", level=1)).to_have_text(title)
    await look(page, "refused-" + next(iter(policy)))
    async with page.expect_request("https://app.invalid/callback?*") as answered:
        await page.get_by_role("button", name="Cancel").click()
    assert "error=access_denied" in (await answered.value).url
    await page.context.close()
