"""The frame of the console: its navigation, icons and breadcrumbs."""

from __future__ import annotations

import re
from typing import Any

import pytest
from apis import unique
from browsers import chromium
from operators_at_work import OPERATOR, enter, texts

from tenantry.endpoints.console.visit import NAVIGATION
from tenantry.web.icons import icon

WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 800}


async def opened(browser, server, operator, **options: Any):
    context = await browser.new_context(base_url=server.url, **options)
    name, _, value = operator.cookie.partition("=")
    await context.add_cookies(
        [{"name": name, "value": value, "url": server.url, "secure": True, "sameSite": "Strict"}]
    )
    return await context.new_page()


def trail(page):
    (found,) = re.findall(r'(?s)<nav class="trail".*?</nav>', page)
    return re.findall(r">([^<>\n]+)<", found)


async def test_each_subject_has_its_icon_and_one_is_current(http, database):
    operator = await enter(http, database, OPERATOR)
    page = await operator.get("/console/events")
    (navigation,) = re.findall(r'(?s)<nav class="subjects".*?</nav>', page)
    entries = re.findall(r"<li><a ([^>]*)>(<svg.*?</svg>)([^<]+)</a>", navigation)
    subjects = {key: name for _, group in NAVIGATION for key, name in group.items()}
    assert [shown for _, shown, _ in entries] == [icon(name) for name in subjects.values()]
    assert len({shown for _, shown, _ in entries}) == len(entries)
    current = [label for link, _, label in entries if 'aria-current="page"' in link]
    assert current == ["Events"]


def test_an_icon_is_skipped_by_screen_readers_and_has_no_style():
    drawn = icon("users")
    assert drawn.startswith('<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path')
    assert drawn.endswith("</svg>")
    assert "style" not in drawn
    with pytest.raises(KeyError):
        icon("no-such-icon")


async def test_breadcrumbs_lead_to_the_object_of_a_tab(http, database, make):
    operator = await enter(http, database, OPERATOR)
    name = f"Acme {unique()}"
    id_ = (await make.organization(name))["id"]
    general = await operator.get(f"/console/organizations/{id_}")
    assert trail(general) == ["Organizations", name]
    members = await operator.get(f"/console/organizations/{id_}/members")
    assert trail(members) == ["Organizations", name, "Members"]
    assert f'<a href="/console/organizations/{id_}">{name}</a>' in members
    assert '<span aria-current="page">Members</span>' in members


@pytest.mark.thorough
@pytest.mark.process
async def test_the_sidebar_fits_the_window_and_stays_in_it(server, http, database):
    operator = await enter(http, database, OPERATOR)
    async with chromium(server) as browser:
        page = await opened(browser, server, operator, viewport=WIDE)
        await page.goto("/console/settings")
        last = page.get_by_role("link", name="Operators", exact=True)
        box = await last.bounding_box()
        assert box["y"] + box["height"] <= WIDE["height"]
        await page.mouse.wheel(0, 3000)
        await page.wait_for_function("scrollY > 100")
        box = await last.bounding_box()
        assert 0 < box["y"] < WIDE["height"]
        # Nothing cuts the focus ring: it is drawn within the link.
        await last.focus()
        assert await last.evaluate("one => parseFloat(getComputedStyle(one).outlineOffset)") < 0


@pytest.mark.thorough
@pytest.mark.process
@pytest.mark.parametrize("script", [True, False])
async def test_a_phone_has_a_menu_with_and_without_script(server, http, database, script):
    operator = await enter(http, database, OPERATOR)
    async with chromium(server) as browser:
        page = await opened(browser, server, operator, viewport=PHONE, java_script_enabled=script)
        await page.goto("/console/organizations")
        menu = page.get_by_role("button", name="Open menu")
        link = page.get_by_role("link", name="Webhooks", exact=True)
        assert not await link.is_visible()
        await menu.focus()
        await page.keyboard.press("Enter")
        assert await link.is_visible()
        await page.keyboard.press("Escape")
        assert not await link.is_visible()
        await menu.click()
        await page.get_by_role("button", name="Close menu").click()
        assert not await link.is_visible()
        await menu.click()
        await link.click()
        await page.wait_for_url("**/console/webhooks")
        assert "Webhooks" in texts(await page.content())
