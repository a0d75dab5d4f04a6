"""From the link to a directory that brings people, in a real browser with real peers."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from apis import access_token
from axe_playwright_python.async_playwright import Axe
from browsers import chromium
from google_workspaces import GoogleWorkspace, key_file
from peers_of_admins import push
from wires import over_https

_WAIT = 60  # seconds, for a worker that looks every few


@pytest.fixture(scope="module")
async def google():
    """A customer's Google Workspace."""
    async with GoogleWorkspace() as workspace:
        ada = workspace.person("ada.lovelace")
        workspace.person("bob.ross")
        workspace.group("Staff", ada)
        workspace.group("Others")
        yield workspace


@pytest.fixture(scope="module")
def running(start_server, google):
    """A server that does what a worker does, and asks that Google."""
    server = start_server(
        "scim_pages",
        background="true",
        outgoing_allow="127.0.0.0/8",
        google_workspace_url=google.url,
        portal_roles="admin",
    )
    yield server
    server.stop()


@pytest.fixture
async def management(running):
    """A client of the API that manages all."""
    async with over_https(running) as http:
        token = await access_token(http, running.client_id, running.client_secret)
        http.headers["authorization"] = f"Bearer {token}"
        yield http


@asynccontextmanager
async def portal(server, management, *domains: str, **context: object):
    """A page of a browser that opened a link, and the base of the organization in the API."""
    answer = await management.post("/api/v1/organizations", json={"display_name": "Acme"})
    base = f"/api/v1/organizations/{answer.json()['organization']['id']}"
    features = {"features": [{"name": "dir_sync", "enabled": True}]}
    await management.patch(f"{base}/settings", json=features)
    for domain in domains:
        await management.post(f"{base}/domains", json={"domain": domain})
    link = (await management.put(f"{base}/portal_links")).json()["link"]["location"]
    async with chromium(server) as browser:
        opened = await browser.new_context(base_url=server.url, **context)
        page = await opened.new_page()
        await page.goto(link)
        await page.get_by_role("link", name="SCIM provisioning").click()
        yield page, base


async def is_accessible(page):
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


async def until_seen(page, text, path=""):
    """Load a page until it says this."""
    async with asyncio.timeout(_WAIT):
        while True:
            await page.goto(path or page.url.partition("?")[0])
            if await page.get_by_text(text).count():
                return
            await asyncio.sleep(0.2)


@pytest.mark.thorough
async def test_an_admin_sets_up_a_directory_alone(running, management):
    """Step by step, as the page says, until a person is there with a role."""
    async with portal(running, management, "acme.com") as (page, base):
        await is_accessible(page)
        await page.get_by_role("button", name="Okta").click()
        await is_accessible(page)
        here = page.url.partition("?")[0]

        # Endpoint and token
        await page.get_by_role("button", name="Create token").click()
        await page.get_by_text("Copy the token now").wait_for()
        await is_accessible(page)
        endpoint, token = await page.locator(".copyable code").all_inner_texts()
        await page.get_by_role("link", name="I've copied it").click()
        assert token not in await page.content()

        # Connected, and enabled
        await page.get_by_role("button", name="Enable directory").click()
        await page.get_by_text("Directory enabled.").wait_for()
        await asyncio.to_thread(push, running.trust, endpoint, token, "kim@acme.com")
        await page.goto(here)
        await page.get_by_text("Connected", exact=True).wait_for()
        await is_accessible(page)

        # The group gives a role
        await page.get_by_role("link", name="Assign roles").click()
        await page.get_by_role("combobox", name="Engineering").select_option(label="Admin")
        await page.get_by_role("button", name="Save roles").click()
        await page.get_by_text("Roles saved.").wait_for()
        await is_accessible(page)
        await page.get_by_role("link", name="Users", exact=True).click()
        row = page.get_by_role("row", name="Kim Lee")
        for said in ("kim@acme.com", "Active", "Engineering", "Admin"):
            assert said in await row.inner_text()
        await is_accessible(page)
        users = (await management.get(f"{base}/users")).json()["users"]
        (kim,) = (one for one in users if one["email"] == "kim@acme.com")
        assert [role["name"] for role in kim["memberships"][0]["roles"]] == ["admin"]

        # The log of requests
        await until_seen(page, "POST /Groups", f"{here}/requests")
        await is_accessible(page)
        await page.get_by_role("link", name="Details").first.click()
        await page.get_by_text("Request body").wait_for()
        await is_accessible(page)

        # Attributes
        await page.goto(f"{here}/attributes")
        await page.get_by_label("Title").fill("userType")
        await page.get_by_role("button", name="Save").click()
        await page.get_by_text("Attributes saved.").wait_for()
        await is_accessible(page)

        # The end: Back shows the steps, and deletion asks first
        await page.goto(here)
        await page.locator("summary", has_text="Delete the directory").click()
        await page.get_by_text("Users stay members").wait_for()
        await page.get_by_role("button", name="Delete directory").click()
        await page.get_by_text("Directory deleted.").wait_for()


@pytest.mark.thorough
async def test_it_works_by_keyboard_and_without_javascript(running, management):
    async with portal(running, management, java_script_enabled=False) as (page, _):
        await page.get_by_role("button", name="Any SCIM 2.0 provider").focus()
        await page.keyboard.press("Enter")
        await page.get_by_text("Directory created.").wait_for()
        await page.get_by_role("button", name="Create token").press("Enter")
        await page.get_by_text("Copy the token now").wait_for()
        await page.get_by_role("link", name="I've copied it").press("Enter")
        summary = page.get_by_text("Create a new token")
        await summary.press("Enter")
        await page.get_by_role("button", name="Create token").press("Enter")
        await page.get_by_text("Copy the token now").wait_for()
        await page.get_by_role("link", name="I've copied it").click()
        await page.get_by_label("Name").fill("")
        await page.get_by_label("Name").fill("x" * 256)
        await page.get_by_role("button", name="Save").press("Enter")
        await page.get_by_text("Name saved.").wait_for()


@pytest.mark.thorough
async def test_google_workspace_is_read_and_synced_by_hand(running, management, google):
    width = 390
    viewport = {"width": width, "height": 900}
    async with portal(running, management, "example.com", viewport=viewport) as (page, _):
        await page.get_by_role("button", name="Google Workspace").click()
        here = page.url.partition("?")[0]
        file = {"name": "key.json", "mimeType": "application/json"}
        await page.get_by_label("Key file").set_input_files({**file, "buffer": b"{}"})
        await page.get_by_label("Administrator email address").fill("admin@example.com")
        await page.get_by_role("button", name="Save and test").click()
        await page.get_by_text("must have a type").wait_for()
        await is_accessible(page)
        assert await page.get_by_label("Administrator email address").input_value() == (
            "admin@example.com"
        )
        key = {**file, "buffer": key_file().encode()}
        await page.get_by_label("Key file").set_input_files(key)
        await page.get_by_role("button", name="Save and test").click()
        await page.get_by_text("Service account saved.").wait_for()
        await is_accessible(page)

        await page.get_by_role("link", name="Choose groups").click()
        await page.get_by_label("Staff").check()
        await page.get_by_role("button", name="Save groups").click()
        await page.get_by_text("One group and its members sync").wait_for()
        assert await page.get_by_label("Staff").is_checked()
        assert not await page.get_by_label("Others").is_checked()
        await is_accessible(page)

        await page.goto(here)
        await page.get_by_role("button", name="Enable directory").click()
        await until_seen(page, "Connected", here)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await page.goto(f"{here}/users")
        assert await page.get_by_role("row", name="Ada Doe").count() == 1
        assert await page.get_by_role("row", name="Bob Doe").count() == 0

        await page.goto(f"{here}/followed")
        await page.get_by_role("button", name="Sync all groups").click()
        await page.get_by_text("All groups sync.").wait_for()
        await page.goto(here)
        asked = len(google.asked("/users"))
        await page.get_by_role("button", name="Sync now").click()
        await page.get_by_text("Sync started.").wait_for()
        await until_seen(page, "Bob Doe", f"{here}/users")
        assert len(google.asked("/users")) > asked

        # Google refuses: the last error is on top.
        google.grants = False
        google.end_tokens()
        try:
            await page.goto(here)
            await page.get_by_role("button", name="Sync now").click()
            await until_seen(page, "The last sync failed", here)
            assert "unauthorized_client" in await page.content()
            await is_accessible(page)
        finally:
            google.grants = True
        await page.locator("summary", has_text="Remove the service account").click()
        await page.get_by_role("button", name="Remove service account").click()
        await page.get_by_text("Service account removed.").wait_for()
