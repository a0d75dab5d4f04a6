"""The portal as its reader sees it: on a phone and a screen, light and dark, by keyboard."""

from __future__ import annotations

import pytest
from apis import unique
from axe_playwright_python.async_playwright import Axe
from browsers import chromium
from organization_visitors import new_organization
from playwright.async_api import expect

pytestmark = pytest.mark.process

WIDTHS = (390, 1280)


@pytest.fixture(params=["light", pytest.param("dark", marks=pytest.mark.thorough)])
async def page(request, server):
    async with chromium(server) as browser:
        context = await browser.new_context(color_scheme=request.param, locale="en-US")
        yield await context.new_page()


async def is_sound(page):
    """No fault that axe finds, and nothing wider than the window."""
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 800})
        found = await Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        wide = await page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not wide, width


async def test_from_a_shared_link_to_a_domain(page, server, make, rest):
    made = await new_organization(make, rest)
    path = {"id": made["id"], "shareable": "true"}
    link = (await rest.organizations.generate_portal_link(**path))["link"]
    await page.goto(link["location"])
    await is_sound(page)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{server.url}/portal")
    await page.get_by_role("link", name="Domain verification").click()
    await is_sound(page)
    await page.get_by_label("Domain", exact=True).fill("acme")
    await page.keyboard.press("Enter")
    field = page.get_by_label("Domain", exact=True)
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(field).to_be_focused()
    await is_sound(page)
    domain = f"{unique()}.com"
    await field.fill(domain)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name=domain)).to_be_visible()
    await page.get_by_role("button", name=f"Verify now: {domain}").click()
    await expect(page.get_by_text("Record not found yet")).to_be_visible()
    await page.locator("summary", has_text=f"Delete {domain}").click()
    await is_sound(page)
    await page.context.clear_cookies()
    await page.reload()
    await expect(page.get_by_role("heading", name="Session expired")).to_be_visible()
    await is_sound(page)
