"""Answers and logouts as a browser takes them: the policy of each page lets it do its work."""

from __future__ import annotations

import pytest
from authorizations import LOGOUT_URI, REDIRECT_URI
from axe_playwright_python.async_playwright import Axe
from browsers import chromium
from playwright.async_api import expect

from tenantry.identity.sessions import service as sessions

pytestmark = pytest.mark.process

BACK = (
    '<!doctype html><html lang="en"><title>Back</title><link rel="icon" href="data:,">'
    "<h1>Back</h1></html>"
)


@pytest.fixture(scope="module")
async def browser():
    async with chromium() as launched:
        yield launched


@pytest.fixture
async def visit(browser, server):
    """Open a page of the server; a complaint of the browser fails the test.

    The application's own pages are answered here, and requests to them are kept.
    """
    contexts, complaints = [], []

    async def visit(path, *, cookies="", **options: object):
        context = await browser.new_context(ignore_https_errors=True, **options)
        contexts.append(context)
        came = []

        async def answered(route):
            came.append((route.request.method, route.request.url, route.request.post_data))
            await route.fulfill(body=BACK, content_type="text/html")

        await context.route("https://app.example.com/**", answered)
        if cookies:
            name, _, value = cookies.partition("=")
            await context.add_cookies([{"name": name, "value": value, "url": server.url}])
        page = await context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(server.url + path)
        return page, came

    yield visit
    for context in contexts:
        await context.close()
    assert complaints == []


async def has_no_violation(page):
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    return True


async def test_a_form_posts_itself(visit, application, signed_in):
    _, cookie = await signed_in()
    query = application.query(response_mode="form_post")
    page, came = await visit(f"/oauth/authorize?{query}", cookies=cookie)
    await expect(page.get_by_role("heading", name="Back")).to_be_visible()
    ((method, url, said),) = came
    assert (method, url) == ("POST", REDIRECT_URI)
    assert said.startswith("code=")


async def test_without_javascript_there_is_a_button(visit, application):
    query = application.query(response_mode="form_post", scope="none")
    page, came = await visit(f"/oauth/authorize?{query}", java_script_enabled=False)
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_role("heading", name="Back")).to_be_visible()
    ((method, _, said),) = came
    assert method == "POST"
    assert "error=invalid_scope" in said


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_person_signs_out_and_goes_back(visit, database, application, *, signed_in, scheme):
    session, cookie = await signed_in(client_id=application.id)
    page, came = await visit(
        f"/oidc/logout?client_id={application.id}&post_logout_redirect_uri={LOGOUT_URI}&state=a",
        cookies=cookie,
        color_scheme=scheme,
        viewport={"width": 360, "height": 640},
    )
    assert await has_no_violation(page)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Sign out")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Back")).to_be_visible()
    assert came == [("GET", f"{LOGOUT_URI}?state=a", None)]
    assert await sessions.find_live(database, session.id) is None
    assert await page.context.cookies(str(application.http.base_url)) == []


async def test_the_other_pages_can_be_read_by_everybody(visit):
    page, _ = await visit("/oidc/logout")
    assert await has_no_violation(page)
    await expect(page).to_have_title(
        "You are signed out · " + page.url.split("/")[2].partition(":")[0]
    )
