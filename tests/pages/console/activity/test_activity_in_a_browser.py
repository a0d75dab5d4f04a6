"""The live view of events in a real browser: rows appear, as text."""

from __future__ import annotations

import pytest
from browsers import chromium
from operators_at_work import OPERATOR, enter
from wires import over_https

from tenantry import settings
from tenantry.crypto import master_key
from tenantry.db.opening import open_database

HOSTILE = "<img src=x onerror=document.title='taken'>"


@pytest.fixture
async def page(sending_server):
    """A page of a browser in which an operator has signed in; the server does the worker's jobs."""
    known = settings.load(
        {k: v for k, v in sending_server.environment.items() if k.startswith("TENANTRY_")}
    )
    async with (
        open_database(known.database, master_key.load(known), pool_size=2) as database,
        over_https(sending_server) as http,
        chromium(sending_server) as browser,
    ):
        operator = await enter(http, database, OPERATOR)
        name, _, value = operator.cookie.partition("=")
        context = await browser.new_context()
        cookie = {"name": name, "value": value, "url": sending_server.url, "sameSite": "Strict"}
        await context.add_cookies([{**cookie, "secure": True, "httpOnly": True}])
        yield await context.new_page()


@pytest.mark.thorough
async def test_events_appear_as_they_happen(page, sending_server):
    await page.goto(f"{sending_server.url}/console/events/live")
    await page.wait_for_selector("#live-state.good")
    assert await page.get_by_text("No events yet").is_visible()
    other = await page.context.new_page()
    await other.goto(f"{sending_server.url}/console/applications")
    await other.locator("summary", has_text="New application").click()
    await other.fill("#name", HOSTILE)
    await other.get_by_role("button", name="Create").click()
    await other.wait_for_url("**/applications/skc_*")
    row = page.locator("#live tr", has_text="client.created")
    await row.first.wait_for()
    assert not await page.get_by_text("No events yet").is_visible()
    await row.first.locator("a").click()
    await page.wait_for_url("**/console/events/evt_*")
    assert await page.title() != "taken"
    assert HOSTILE in await page.inner_text("main")
