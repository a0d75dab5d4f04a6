"""The console in a browser: an operator sets a customer up, by hand and by the keyboard."""

from __future__ import annotations

import pytest
from apis import unique
from axe_playwright_python.async_playwright import Axe
from browsers import chromium
from operators_at_work import OPERATOR, enter
from playwright.async_api import expect

pytestmark = pytest.mark.process


async def opened(browser, server, operator):
    """A page of a browser that has the operator's session."""
    context = await browser.new_context(
        base_url=server.url, viewport={"width": 1280, "height": 900}
    )
    name, _, value = operator.cookie.partition("=")
    await context.add_cookies(
        [{"name": name, "value": value, "url": server.url, "secure": True, "sameSite": "Strict"}]
    )
    page = await context.new_page()
    problems: list[str] = []
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda problem: problems.append(str(problem)))
    return page, problems


async def test_a_customer_is_set_up_and_found_again(server, http, database):
    operator = await enter(http, database, OPERATOR)
    name = f"Acme {unique()}"
    email = f"{unique()}@example.com"
    async with chromium(server) as browser:
        page, problems = await opened(browser, server, operator)
        await page.goto("/console/organizations")
        await page.locator("summary", has_text="New organization").click()
        await page.get_by_label("Name", exact=True).fill(name)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/console/organizations/org_*")
        await expect(page.get_by_role("status")).to_have_text(f"{name} created")
        organization_id = page.url.partition("?")[0].rpartition("/")[2]

        await page.get_by_label("Key 1", exact=True).fill("plan")
        await page.get_by_label("Value 1", exact=True).fill("enterprise")
        section = page.locator("section", has=page.get_by_role("heading", name="Metadata"))
        await section.get_by_role("button", name="Save").click()
        await page.wait_for_load_state()
        assert await page.get_by_label("Value 1", exact=True).input_value() == "enterprise"

        await page.get_by_role("link", name="Members").click()
        await page.locator("summary", has_text="Invite user").click()
        await page.get_by_label("Email address", exact=True).fill(email)
        await page.get_by_role("button", name="Invite user").click()
        await page.get_by_role("link", name=email, exact=True).click()
        await page.wait_for_url("**/console/people/usr_*")

        await page.keyboard.press("Control+k")
        await page.get_by_role("combobox", name="Search").fill(organization_id)
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"**/console/organizations/{organization_id}")
        await page.get_by_role("link", name="Portal links").click()
        await page.get_by_role("button", name="Create shareable link").click()
        link = await page.locator("#portal-link").inner_text()
        assert link.startswith(f"{server.url}/magicLink/")

        await page.get_by_role("link", name="General").click()
        await page.locator("summary", has_text="Delete organization").click()
        await page.get_by_label("Type").fill("something else")
        await page.get_by_role("button", name="Delete organization").click()
        await page.wait_for_load_state()
        assert await page.locator("#delete-name-problem").count() == 1
        await page.go_back()
        assert name in await page.locator("h1").inner_text()
        assert problems == []


@pytest.mark.thorough
async def test_pages_are_accessible_and_fit_a_phone(server, http, database, make, rest):
    from test_tenants_bounds import addresses

    operator = await enter(http, database, OPERATOR)
    paths = await addresses(make, rest)
    async with chromium(server) as browser:
        page, problems = await opened(browser, server, operator)
        for path in paths:
            await page.goto(path)
            found = await Axe().run(page)
            assert found.violations_count == 0, (path, found.generate_report())
        await page.set_viewport_size({"width": 390, "height": 844})
        for path in paths:
            await page.goto(path)
            over = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert over <= 0, path
        assert problems == []


@pytest.mark.thorough
async def test_forms_work_without_javascript(server, http, database):
    operator = await enter(http, database, OPERATOR)
    name, _, value = operator.cookie.partition("=")
    async with chromium(server) as browser:
        context = await browser.new_context(base_url=server.url, java_script_enabled=False)
        await context.add_cookies(
            [
                {
                    "name": name,
                    "value": value,
                    "url": server.url,
                    "secure": True,
                    "sameSite": "Strict",
                }
            ]
        )
        page = await context.new_page()
        await page.goto("/console/organizations/new")
        await page.get_by_label("Name", exact=True).fill("Without a script")
        await page.get_by_role("button", name="Create", exact=True).click()
        await page.wait_for_url("**/console/organizations/org_*")
        assert "Without a script" in await page.locator("h1").inner_text()
