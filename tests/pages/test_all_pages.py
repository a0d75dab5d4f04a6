"""All pages, from the sites' own lists: axe finds nothing, and nothing is wider than a phone."""

from __future__ import annotations

import re
import zlib

import page_servers
import pytest
from axe_playwright_python.async_playwright import Axe
from browsers import chromium
from playwright.async_api import expect
from repository import ROOT

LOOKS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]
DOCS = ROOT / "docs"
_SAMPLE = 12  # one of so many pages is looked at by `make test`


@pytest.fixture(scope="module")
async def page_server(start_server):
    async with page_servers.furnished(
        start_server("page_server", **page_servers.SETTINGS)
    ) as furnished:
        yield furnished


async def faults(page_server, listed_pages):
    """The faults that axe finds on pages, and how much wider than their windows they are."""
    found = []
    async with chromium(page_server.place.server) as browser:
        for listed_page in listed_pages:
            async with page_server.opened(browser, listed_page) as page:
                for width, scheme in LOOKS:
                    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                    await page.set_viewport_size({"width": width, "height": 800})
                    axe = await Axe().run(page)
                    found += [
                        (listed_page.name, width, scheme, one["id"], one["nodes"][0]["html"])
                        for one in axe.response["violations"]
                    ]
                    over = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
                    if over > 0:
                        found.append((listed_page.name, width, scheme, "is wider", over))
    return found


async def test_some_pages_can_be_read_by_everybody(page_server):
    listed_pages = [
        listed_page
        for listed_page in page_server.listed_pages
        if zlib.crc32(listed_page.name.encode()) % _SAMPLE == 0
    ]
    assert len(listed_pages) > 5
    assert await faults(page_server, listed_pages) == []


@pytest.mark.thorough
@pytest.mark.timeout(1800)
async def test_all_pages_can_be_read_by_everybody(page_server):
    assert await faults(page_server, page_server.listed_pages) == []


async def test_rows_of_tabs_show_the_page_that_is_open_on_a_phone(page_server):
    phone = {"width": 390, "height": 800}
    async with chromium(page_server.place.server) as browser:
        for listed_page in page_server.of("portal-domains", "portal-sso-id-settings"):
            async with page_server.opened(browser, listed_page, viewport=phone) as page:
                for current in await page.locator(".tabs [aria-current]").all():
                    await expect(current).to_be_in_viewport(ratio=0.9)


async def test_every_page_of_the_doors_is_furnished(page_server):
    """Furnishing fails on an address with a variable that nothing fills."""
    listed = [template for _, template in page_servers.templates()]
    listed_pages = [listed_page.name for listed_page in page_server.listed_pages]
    assert set(listed) >= page_servers.NO_PAGES
    assert (
        len(set(listed_pages)) == len(listed_pages) > len(listed) - 2 * len(page_servers.NO_PAGES)
    )
    assert not [
        listed_page.path for listed_page in page_server.listed_pages if "{" in listed_page.path
    ]


async def test_pictures_in_docs_are_of_pages_that_there_are(page_server):
    names = {listed_page.name for listed_page in page_server.listed_pages}
    pictures = list((DOCS / "pictures" / "pages").glob("*.webp"))
    text = (DOCS / "pages.md").read_text()
    shown = set(re.findall(r"pictures/pages/([\w.-]+\.webp)", text))
    assert {picture.name for picture in pictures} == shown
    assert {re.sub(r"-\d+-\w+\.webp$", "", name) for name in shown} <= names
    assert max(picture.stat().st_size for picture in pictures) <= 50_000
