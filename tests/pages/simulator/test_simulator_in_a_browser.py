"""The simulator's pages in a browser: by the keyboard, narrow and wide, light and dark."""

from __future__ import annotations

import pytest
from axe_playwright_python.async_playwright import Axe
from browsers import chromium
from playwright.async_api import expect

pytestmark = pytest.mark.process

DATABASES = ("sqlite",)


@pytest.fixture(scope="module")
async def browser(place):
    async with chromium(place.server) as launched:
        yield launched


async def look(page):
    found = await Axe().run(page)
    assert found.response["violations"] == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.one_of("390", "1280", "light", "dark")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
async def test_somebody_tries_a_connection_by_the_keyboard(
    place, browser, connections, width, scheme
):
    context = await browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, locale="en-US"
    )
    page = await context.new_page()
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    await page.goto(f"{place.server.url}/simulator")
    await look(page)
    await page.goto(f"{place.server.url}/sso/v1/saml/{connections['SAML']['id']}/test")
    await expect(page.get_by_role("heading", name="Sign in as any user")).to_be_visible()
    await look(page)
    await expect(page.get_by_label("Email address")).to_be_focused()
    for text in ("ann", "example.org", "Ann", "Lee", "department", "Sales"):
        await page.keyboard.type(text)
        await page.keyboard.press("Tab")
    await page.get_by_role("button", name="Sign in").press("Enter")
    await expect(page.get_by_role("heading", name="Test succeeded")).to_be_visible()
    await expect(page.get_by_role("cell", name="ann@example.org").first).to_be_visible()
    await look(page)
    assert complaints == []
    await context.close()
