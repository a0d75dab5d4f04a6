"""The custom elements in a page of another origin, in a browser."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest
from apis import unique
from browsers import chromium
from hosted import deployment
from playwright.async_api import expect
from signins import ALL, SignIns
from sites_around import site_around
from wires import over_https

AROUND = """<!doctype html><title>Around</title>
<script src="{server}/ui/widgets.js"></script>
<tenantry-organization-users id="widget"></tenantry-organization-users>
<script>
  window.heard = [];
  const widget = document.getElementById("widget");
  for (const name of ["load", "error", "session-expiring"]) {{
    widget.addEventListener(`tenantry-${{name}}`, (event) => heard.push([name, event.detail]));
  }}
  widget.accessToken = {token};
</script>"""


@pytest.fixture(scope="module")
async def place(live_server):
    async with deployment(live_server) as opened:
        yield opened


@pytest.fixture(scope="module")
def around(place):
    def page(query):
        token = parse_qs(query).get("token", [""])[0]
        return AROUND.format(server=place.server.url, token=json.dumps(token))

    return page


@pytest.fixture
async def http(place):
    async with over_https(place.server) as opened:
        yield opened


async def test_a_widget_shows_users_grows_and_survives_a_renewal(place, around, http):
    signins = SignIns(place.database, http, place.api, place.make)
    user = await place.make.user(membership={"roles": [{"name": "admin"}]})
    session, _ = await signins.session(user)
    # The role Member may be assigned by these scopes: it views settings and users.
    scopes = ["organizations_read", "organizations_users_read", "organizations_users_invite"]
    app = await signins.application(scopes=scopes)

    async def token():
        answer = await signins.tokens(app, session=session, scope=" ".join((ALL, *scopes)))
        return answer["access_token"]

    with site_around(around) as site:
        await place.api.clients.add_environment_redirect_uri(redirect_uri=f"{site}/callback")
        async with chromium(place.server) as browser:
            page = await browser.new_page()
            await page.goto(f"{site}/?token={await token()}")
            widget = page.frame_locator("#widget iframe")
            await expect(widget.get_by_role("heading", name="Users")).to_be_visible()
            await expect(widget.get_by_text(user["email"]).first).to_be_visible()
            await page.wait_for_function("heard.some(([name]) => name === 'load')")
            await page.wait_for_function(
                "document.querySelector('#widget iframe').clientHeight > 320"
            )
            await widget.get_by_role("link", name="Invite user").click()
            email = f"{unique()}@new.example"
            await widget.get_by_label("Email address").fill(email)
            # Another token leaves the page and what was typed.
            newer = await token()
            async with page.expect_response(lambda answer: answer.status == 204):
                await page.evaluate("token => { widget.accessToken = token }", newer)
            await expect(widget.get_by_label("Email address")).to_have_value(email)
            await widget.get_by_role("button", name="Send invitation").click()
            await expect(widget.get_by_text("Invitation sent.")).to_be_visible()
            assert [name for name, _ in await page.evaluate("heard") if name == "error"] == []


@pytest.mark.thorough
async def test_a_site_that_is_not_registered_shows_no_widget(place, around):
    with site_around(around) as site:
        async with chromium(place.server) as browser:
            page = await browser.new_page()
            refused = []
            page.on("console", lambda message: refused.append(message.text))
            await page.goto(f"{site}/?token=nonsense")
            while not any("frame-ancestors" in one for one in refused):
                await page.evaluate("new Promise(requestAnimationFrame)")
            assert await page.evaluate("heard") == []
