"""The script of the console's lists: copied IDs, suggestions, and selected rows."""

from __future__ import annotations

import pytest
from apis import unique
from axe_playwright_python.async_playwright import Axe
from browsers import chromium
from operators_at_work import OPERATOR, enter
from playwright.async_api import expect

from tenantry.web.avatars import initials

pytestmark = pytest.mark.process


@pytest.mark.thorough
async def test_rows_are_selected_by_the_keyboard_and_deleted(server, http, database, make):
    operator = await enter(http, database, OPERATOR)
    mark = unique()
    made = [await make.organization(f"{name} {mark}") for name in ("Alpha", "Beta", "Gamma")]
    async with chromium(server) as browser:
        context = await browser.new_context(base_url=server.url)
        await context.grant_permissions(["clipboard-read", "clipboard-write"])
        name, _, value = operator.cookie.partition("=")
        cookie = {"name": name, "value": value, "url": server.url, "secure": True}
        await context.add_cookies([cookie | {"sameSite": "Strict"}])
        page = await context.new_page()
        problems: list[str] = []
        page.on("console", lambda said: said.type == "error" and problems.append(said.text))
        page.on("pageerror", lambda problem: problems.append(str(problem)))

        await page.goto(f"/console/organizations?query={mark}")
        delete = page.get_by_role("button", name="Delete")
        await expect(delete).to_be_disabled()
        await page.get_by_role("button", name=f"Copy ID of Alpha {mark}").click()
        assert await page.evaluate("navigator.clipboard.readText()") == made[0]["id"]
        await page.get_by_label("Select all on this page").focus()
        await page.keyboard.press("Space")
        await expect(page.get_by_text("3 selected")).to_be_visible()
        await page.get_by_label(f"Select Gamma {mark}").focus()
        await page.keyboard.press("Space")
        await expect(page.get_by_text("2 selected")).to_be_visible()
        assert not (await Axe().run(page)).response["violations"]
        await delete.click()
        await expect(page.get_by_role("heading", name="Delete 2 organizations?")).to_be_visible()
        assert not (await Axe().run(page)).response["violations"]
        await page.get_by_role("button", name="Delete").click()
        await page.wait_for_url(f"**/console/organizations?query={mark}&done=deleted*")
        await expect(page.get_by_role("link", name=f"Gamma {mark}")).to_be_visible()
        await expect(page.get_by_role("link", name=f"Alpha {mark}")).to_have_count(0)

        await page.goto("/console/events")
        field = page.get_by_label("Organization", exact=True)
        await field.press_sequentially(f"gamma {mark}"[:-1])
        option = page.locator("#organization_id + datalist option")
        await expect(option).to_have_attribute("value", f"Gamma {mark}")
        await field.fill(f"Gamma {mark}")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/console/events?*")
        await expect(page.get_by_role("link", name="organization.created")).to_have_count(1)
        assert problems == []


async def test_initials_replace_a_logo_that_cannot_be_loaded(server, http, database, make):
    operator = await enter(http, database, OPERATOR)
    mark = unique()
    await make.organization(f"Alpha {mark}", logo_url="https://logos.example/a.png")
    async with chromium(server) as browser:
        context = await browser.new_context(base_url=server.url)
        await context.route("https://logos.example/**", lambda route: route.abort())
        name, _, value = operator.cookie.partition("=")
        cookie = {"name": name, "value": value, "url": server.url, "secure": True}
        await context.add_cookies([cookie | {"sameSite": "Strict"}])
        page = await context.new_page()
        await page.goto(f"/console/organizations?query={mark}")
        avatar = page.locator(".avatar").first
        await expect(avatar.locator("img")).to_have_count(0)
        await expect(avatar).to_have_text(initials(f"Alpha {mark}"))
