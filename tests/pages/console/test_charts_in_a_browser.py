"""Charts and the setup checklist in a real browser: axe, widths, schemes, keyboard, no script."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.async_playwright import Axe
from browsers import chromium
from operators_at_work import OPERATOR, link_of

from tenantry import settings
from tenantry.core.times import now
from tenantry.crypto import master_key
from tenantry.db.activity import counters
from tenantry.db.activity.counters import Count
from tenantry.db.activity.model import HOUR, Kind
from tenantry.db.opening import open_database

LOOKS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]
METHODS = ("password", "email", "sso", "passkey", "session")


def _counts(at):
    """Values for some hours, with a gap; some failed, and one is huge."""
    found = {}
    for hours in (0, 1, 2, 5, 23):
        start = at - hours * HOUR
        for number, method in enumerate(METHODS):
            found[Kind.SIGN_INS, method, start] = Count(10 * (number + 1), number)
        for number in range(8):
            found[Kind.EVENTS, f"type.{number}", start] = Count(3**number)
        found[Kind.ACTIVE_USERS, "all", start] = Count(hours)
        found[Kind.WEBHOOK_ATTEMPTS, "whe_1", start] = Count(10**9, 10**7)
    return found


@pytest.fixture
async def entered(sending_server):
    """A browser, the state of an operator who has signed in, and a database with counts."""
    known = settings.load(
        {k: v for k, v in sending_server.environment.items() if k.startswith("TENANTRY_")}
    )
    async with (
        open_database(known.database, master_key.load(known), pool_size=2) as database,
        chromium(sending_server) as browser,
    ):
        await counters.add(database, _counts(now()))
        context = await browser.new_context(java_script_enabled=False)
        page = await context.new_page()
        await page.goto(f"{sending_server.url}/console/enter/{await link_of(database, OPERATOR)}")
        await page.get_by_label("Your name").fill("Ada")
        await page.get_by_role("button", name="Continue").click()
        await page.wait_for_url("**/console/**")
        yield browser, await context.storage_state()


async def _opened(entered, path, **options: object):
    browser, state = entered
    context = await browser.new_context(storage_state=state, **options)
    page = await context.new_page()
    faults = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda problem: faults.append(str(problem)))
    await page.goto(path)
    return page, faults


@pytest.mark.thorough
async def test_charts_are_accessible(entered, sending_server):
    page, faults = await _opened(
        entered, f"{sending_server.url}/console/overview", reduced_motion="reduce"
    )
    for width, scheme in LOOKS:
        await page.emulate_media(color_scheme=scheme)
        await page.set_viewport_size({"width": width, "height": 900})
        axe = await Axe().run(page)
        assert axe.response["violations"] == [], (width, scheme)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        # Every bar that has a height is seen: it has a color that is not that of its card.
        colors = await page.eval_on_selector_all(
            ".plot rect.good, .plot rect.bad, .plot rect[class^=series]",
            "rects => [...new Set(rects.map(rect => getComputedStyle(rect).fill))]",
        )
        assert len(colors) >= 7
        card = await page.eval_on_selector(
            ".chart-card", "card => getComputedStyle(card).backgroundColor"
        )
        assert card not in colors
    assert faults == []  # as those of the Content-Security-Policy


async def test_a_chart_works_without_script(entered, sending_server):
    page, _ = await _opened(
        entered, f"{sending_server.url}/console/overview", java_script_enabled=False
    )
    card = page.locator(".chart-card", has=page.locator("#sign-ins-title"))
    assert await card.locator("svg .hit").count() == 24
    title = await card.locator("svg .hit title").last.text_content()
    assert "Passkey: " in title
    assert "Failed: " in title
    table = card.locator("table")
    assert not await table.is_visible()
    await card.locator("summary").focus()
    await page.keyboard.press("Enter")
    assert await table.is_visible()
    assert await table.locator("tbody tr").count() == 24
    await page.get_by_role("link", name="30 days").click()
    assert page.url.endswith("range=30d")
    assert await card.locator("svg .hit").count() == 30


@pytest.mark.thorough
async def test_the_language_of_a_snippet_is_chosen_by_keyboard(entered, sending_server):
    page, _ = await _opened(entered, f"{sending_server.url}/console/applications")
    await page.locator(".heading summary").click()
    await page.fill("#name", "Shop")
    await page.get_by_label("Type").select_option("WEB_APP")
    await page.get_by_role("button", name="Create").click()
    await page.wait_for_url("**/applications/skc_*")
    await page.goto(f"{sending_server.url}/console/overview")
    shown = page.locator(".snippet:visible code")
    id_ = re.search(r"--user '(skc_\d+):", await shown.text_content())[1]  # of the first one
    await page.locator('.snippets input[value="snippet-curl"]').focus()
    await page.keyboard.press("ArrowRight")
    assert f"new ScalekitClient('{sending_server.url}', '{id_}'" in await shown.text_content()
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.locator(".snippet:visible button").click()
    await page.locator(".snippet:visible button", has_text="Copied").wait_for()
    assert id_ in await page.evaluate("navigator.clipboard.readText()")


@pytest.mark.thorough
async def test_a_dismissed_checklist_is_gone(entered, sending_server):
    page, _ = await _opened(entered, f"{sending_server.url}/console/overview")
    await page.get_by_role("button", name="Dismiss").click()
    await page.wait_for_url("**/console/overview")
    assert await page.get_by_text("Get started").count() == 0
    assert await page.get_by_role("heading", name="Activity").count() == 1
