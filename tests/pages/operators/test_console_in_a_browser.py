"""Operators in a browser with an authenticator: from the link to a sign-in, and as a person."""

from __future__ import annotations

import os
import re
from contextlib import asynccontextmanager

import pytest
from axe_playwright_python.async_playwright import Axe
from browsers import chromium
from operators_with_passkeys import link_of
from playwright.async_api import expect

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
PICTURES = os.environ.get("OPERATORS_PICTURES")


@pytest.fixture(scope="module")
async def browser(own_server):
    async with chromium(own_server) as launched:
        yield launched


@asynccontextmanager
async def opened(browser, **options: object):
    context = await browser.new_context(locale="en-GB", **options)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    session = await context.new_cdp_session(page)
    await session.send("WebAuthn.enable")
    await session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    yield page
    await context.close()
    assert [c for c in complaints if "Failed to load resource" not in c] == []


async def looked_at(page, name):
    """Hold a page to the rules for all; with OPERATORS_PICTURES, take pictures of it."""
    results = await Axe().run(page)
    assert results.response["violations"] == [], results.generate_report()
    for width in (390, 1280):
        await page.set_viewport_size({"width": width, "height": 900})
        wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, name
        if PICTURES:
            for scheme in ("light", "dark"):
                await page.emulate_media(color_scheme=scheme)
                path = f"{PICTURES}/{name}-{width}-{scheme}.png"
                await page.screenshot(path=path, full_page=True)
            await page.emulate_media(color_scheme="light")


async def test_from_the_link_to_a_sign_in_by_passkey(browser, own_server):
    async with opened(browser) as page:
        await page.goto(link_of(own_server))
        await looked_at(page, "enter")
        await page.get_by_label("Your name").fill("Ada")
        await page.get_by_role("button", name="Continue").click()
        await expect(page.get_by_role("heading", name="Name your product")).to_be_visible()
        await looked_at(page, "product")
        await page.get_by_role("link", name="Skip", exact=True).click()
        await expect(page.get_by_role("heading", name="Get started")).to_be_visible()
        await looked_at(page, "overview-by-link")
        await page.get_by_role("link", name="Add passkey").click()
        await looked_at(page, "me-by-link")
        await page.get_by_role("button", name="Add passkey").click()
        await expect(page.get_by_role("status")).to_have_text("Passkey added.")
        await looked_at(page, "me")
        await page.get_by_text("Rename", exact=True).click()
        await page.get_by_role("textbox", name="Name").fill("Desk")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("rowheader", name="Desk")).to_be_visible()
        await page.get_by_role("button", name="Sign out").click()
        await looked_at(page, "sign-in")
        await page.goto(f"{own_server.url}/console/operators")
        await page.get_by_role("button", name="Sign in with a passkey").click()
        await page.wait_for_url("**/console/operators")
        await expect(page.get_by_role("heading", name="Operators", exact=True)).to_be_visible()
        await looked_at(page, "operators")
        await page.goto(f"{own_server.url}/console/overview")
        assert await page.get_by_role("link", name="Add passkey").count() == 0
        # The same device has a passkey already.
        await page.goto(f"{own_server.url}/console/me")
        await page.get_by_role("button", name="Add passkey").click()
        await expect(page.get_by_text("This device already has a passkey for you.")).to_be_visible()


@pytest.mark.thorough
async def test_an_owner_invites_changes_and_removes(browser, own_server):
    async with opened(browser) as page:
        await page.goto(link_of(own_server, "--name", "Grace"))
        await page.get_by_role("button", name="Continue").click()
        await page.goto(f"{own_server.url}/console/operators")
        await page.locator("summary", has_text="Invite operator").click()
        await page.get_by_label("Name").fill("Alan <b>")
        await page.get_by_label("Email").fill("alan@example.com")
        await page.get_by_role("button", name="Create link").click()
        await expect(page.get_by_text(re.compile("/console/enter/"))).to_be_visible()
        await looked_at(page, "operators-link")
        await page.get_by_role("link", name="Back to operators").click()
        await page.get_by_role("link", name="Alan <b>").click()
        await looked_at(page, "operators-one")
        await page.get_by_label("Role").select_option("OPERATOR")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("status")).to_have_text("Operator saved.")
        await page.locator("summary", has_text="Remove").click()
        await page.get_by_role("button", name="Remove operator").click()
        await expect(page.get_by_role("status")).to_have_text("Alan <b> removed")


@pytest.mark.thorough
async def test_an_operator_signs_in_as_a_person_and_stops(browser, own_server, own_make):
    user = await own_make.user()
    async with opened(browser) as page:
        await page.goto(link_of(own_server, "--name", "Grace", "--role", "OPERATOR"))
        await page.get_by_role("button", name="Continue").click()
        await page.goto(f"{own_server.url}/console/people/{user['id']}/impersonate")
        await looked_at(page, "impersonate")
        await page.get_by_label("Reason").fill("Ticket 4711")
        await page.get_by_role("button", name="Sign in as this user").click()
        await expect(page.locator(".impersonation")).to_be_visible()
        await looked_at(page, "impersonated")
        await page.get_by_role("button", name="Stop").click()
        await page.wait_for_url(f"**/console/people/{user['id']}")
        await page.goto(f"{own_server.url}/ui/profile/security")
        await expect(page.locator(".impersonation")).to_have_count(0)
