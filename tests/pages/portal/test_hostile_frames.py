"""Pages around the portal that mean ill: they hold no frame, learn nothing, and break nothing."""

from __future__ import annotations

import asyncio
import html
from urllib.parse import parse_qs, urlencode

import pytest
from apis import unique
from browsers import chromium
from hosted import deployment
from organization_visitors import new_organization
from playwright.async_api import expect
from sites_around import site_around

# It posts messages at the frame, of the kind that the portal itself posts and of others.
AROUND = """<!doctype html><title>Around</title>
<iframe id="portal" name="{name}" src="{src}" width="1100" height="700"></iframe>
<script>
  window.heard = [];
  addEventListener("message", ({{data, origin}}) => heard.push([origin, data.event_type]));
  const ill = [null, 7, "x", "<img src=x onerror=alert(1)>", new ArrayBuffer(9),
    {{event_type: "PORTAL_SESSION_EXPIRY"}}, {{tenantry: {{around: "https://evil.example"}}}}];
  setInterval(() => ill.forEach((one) => frames[0].postMessage(one, "*")), 20);
</script>"""
NAMES = (
    *('{"tenantry":', '{"tenantry":null}', '{"tenantry":5}', "a name"),
    '{"tenantry":{"around":"https://evil.example","toString":1,"__proto__":{"a":1}}}',
)


def around(query):
    """A page with a frame of the name and address that the query says."""
    asked = parse_qs(query)
    return AROUND.format(
        **{name: html.escape(asked.get(name, [""])[0]) for name in ("name", "src")}
    )


@pytest.fixture(scope="module")
async def place(live_server):
    async with deployment(live_server) as opened:
        yield opened


@pytest.fixture(scope="module")
async def sites(place):
    """One that may embed the portal, and one that signs users in and may not."""
    with site_around(around) as ours, site_around(around) as theirs:
        await place.api.clients.add_environment_redirect_uri(redirect_uri=f"{ours}/callback")
        await place.application(f"{theirs}/callback")
        yield ours, theirs


@pytest.fixture
async def page(place):
    async with chromium(place.server) as browser:
        yield await browser.new_page()


async def link(place):
    made = await new_organization(place.make, place.api)
    return (await place.make.portal_link(made["id"]))["location"]


def of_frame(page, address):
    """Where a frame of the page with this address in it is, "" for none that loaded."""
    return next((frame.url for frame in page.frames if address in frame.url), "")


async def test_no_frame_of_another_site_nor_one_within_it(page, place, sites):
    ours, theirs = sites
    address = await link(place)
    refused = []
    page.on("console", lambda message: refused.append(message.text))
    for around in (
        page_of(theirs, address),
        page_of(theirs, page_of(ours, address)),
        page_of(ours, page_of(theirs, address)),
    ):
        refused.clear()
        await page.goto(around)
        async with asyncio.timeout(60):
            while not any("frame-ancestors" in one for one in refused):
                await page.evaluate("new Promise(requestAnimationFrame)")
        assert not of_frame(page, "/portal")
        assert await page.evaluate("heard") == []


@pytest.mark.thorough
async def test_neither_names_nor_messages_of_the_page_around_change_anything(page, place, sites):
    ours, _ = sites
    broken = []
    page.on("pageerror", lambda problem: broken.append(str(problem)))
    for name in NAMES:
        await page.goto(page_of(ours, await link(place), name))
        portal = page.frame_locator("#portal")
        await expect(portal.get_by_role("link", name="Single sign-on").first).to_be_visible()
        heard = await page.wait_for_function("heard.length && heard")
        assert await heard.json_value() == [[place.server.url, "PORTAL_LOAD_SUCCESS"]], name
        await portal.get_by_role("link", name="Domain verification").click()
        await expect(portal.get_by_label("Domain", exact=True)).to_be_visible()
        await expect(portal.get_by_role("heading", name="Session expired")).to_be_hidden()
    assert broken == []


@pytest.mark.thorough
async def test_where_the_page_around_allows_no_copying_the_value_is_marked(page, place, sites):
    broken = []
    page.on("pageerror", lambda problem: broken.append(str(problem)))
    await page.goto(page_of(sites[0], await link(place)))
    portal = page.frame_locator("#portal")
    await portal.get_by_role("link", name="Domain verification").click()
    await portal.get_by_label("Domain", exact=True).fill(f"{unique()}.com")
    await page.keyboard.press("Enter")
    await portal.get_by_role("button", name="Copy").first.click()
    value = await portal.locator(".copyable code").first.inner_text()
    (frame,) = page.frames[1:]
    await frame.wait_for_function("text => getSelection().toString() === text", arg=value)
    assert broken == []


def page_of(site, src, name=""):
    return f"{site}/?{urlencode({'src': src, 'name': name})}"
