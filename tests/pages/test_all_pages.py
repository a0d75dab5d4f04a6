"""All pages, from the doors' own lists: axe finds nothing, and nothing is wider than a phone."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import pytest
import showrooms
from axe_playwright_python.async_playwright import Axe
from browsers import chromium
from playwright.async_api import expect

LOOKS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]
DOCS = Path(__file__).parents[2] / "docs"
_SAMPLE = 12  # one of so many pages is looked at by `make test`


@pytest.fixture(scope="module")
async def showroom(start_server):
    async with showrooms.furnished(start_server("showroom", **showrooms.SETTINGS)) as furnished:
        yield furnished


async def faults(showroom, rooms):
    """The faults that axe finds on pages, and how much wider than their windows they are."""
    found = []
    async with chromium(showroom.place.server) as browser:
        for room in rooms:
            async with showroom.opened(browser, room) as page:
                for width, scheme in LOOKS:
                    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                    await page.set_viewport_size({"width": width, "height": 800})
                    axe = await Axe().run(page)
                    found += [
                        (room.name, width, scheme, one["id"], one["nodes"][0]["html"])
                        for one in axe.response["violations"]
                    ]
                    over = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
                    if over > 0:
                        found.append((room.name, width, scheme, "is wider", over))
    return found


async def test_some_pages_can_be_read_by_everybody(showroom):
    rooms = [room for room in showroom.rooms if zlib.crc32(room.name.encode()) % _SAMPLE == 0]
    assert len(rooms) > 5
    assert await faults(showroom, rooms) == []


@pytest.mark.thorough
@pytest.mark.timeout(1800)
async def test_all_pages_can_be_read_by_everybody(showroom):
    assert await faults(showroom, showroom.rooms) == []


async def test_rows_of_tabs_show_the_page_that_is_open_on_a_phone(showroom):
    phone = {"width": 390, "height": 800}
    async with chromium(showroom.place.server) as browser:
        for room in showroom.of("portal-domains", "portal-sso-id-settings"):
            async with showroom.opened(browser, room, viewport=phone) as page:
                for current in await page.locator(".tabs [aria-current]").all():
                    await expect(current).to_be_in_viewport(ratio=0.9)


async def test_every_page_of_the_doors_is_furnished(showroom):
    """Furnishing fails on an address with a variable that nothing fills."""
    listed = [template for _, template in showrooms.templates()]
    rooms = [room.name for room in showroom.rooms]
    assert set(listed) >= showrooms.NO_PAGES
    assert len(set(rooms)) == len(rooms) > len(listed) - 2 * len(showrooms.NO_PAGES)
    assert not [room.path for room in showroom.rooms if "{" in room.path]


async def test_pictures_in_docs_are_of_pages_that_there_are(showroom):
    names = {room.name for room in showroom.rooms}
    pictures = list((DOCS / "pictures" / "pages").glob("*.webp"))
    text = (DOCS / "pages.md").read_text()
    shown = set(re.findall(r"pictures/pages/([\w.-]+\.webp)", text))
    assert {picture.name for picture in pictures} == shown
    assert {re.sub(r"-\d+-\w+\.webp$", "", name) for name in shown} <= names
    assert max(picture.stat().st_size for picture in pictures) <= 50_000
