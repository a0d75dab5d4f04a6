"""Dialogs of the console that create and confirm, and the messages that follow."""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from apis import unique
from axe_playwright_python.async_playwright import Axe
from browsers import chromium
from operators_at_work import OPERATOR, OWNER, enter
from playwright.async_api import expect
from test_navigation import PHONE, WIDE, opened

from tenantry.web.forms import done, query_values

LISTS = (
    *("organizations", "webhooks", "roles", "roles/permissions", "applications"),
    *("applications/scopes", "interceptors", "operators", "api-keys"),
)


def message(page):
    """The message of a page."""
    (found,) = re.findall(r'<div class="note done" role="status">.*?<span>(.*?)</span>', page)
    return html.unescape(re.sub(r"<[^>]+>", "", found))


@pytest.fixture
async def operator(http, database):
    return await enter(http, database, OWNER)


async def test_a_message_names_the_object(operator):
    name = f"Acme <b>{unique()}</b>"
    page = await operator.send("/console/organizations/new/create", display_name=name)
    assert message(page) == f"{name} created"
    assert f"<title>{html.escape(name)} created · " in page
    (id_,) = set(re.findall(r"/console/organizations/(org_\d+)/members", page))
    email = f"{unique()}@example.com"
    invite = f"/console/organizations/{id_}/members/invite"
    assert message(await operator.send(invite, email=email, role="", invited="true")) == (
        f"Invitation to {email} sent"
    )
    other = f"{unique()}@example.com"
    page = await operator.send(invite, email=other, role="")
    assert message(page) == f"{other} added"
    page = await operator.send(f"/console/organizations/{id_}/delete", name=name, of=name)
    assert message(page) == f"{name} deleted"


async def test_a_forged_or_expired_name_is_not_shown(operator, database, clock):
    answer = await operator.post("/console/organizations/new/create", display_name="Acme")
    location = urlsplit(answer.headers["location"])
    sent = parse_qs(location.query)["done_to"][0]
    there = location.path
    assert message(await operator.get(f"{there}?done=created&done_to={sent}")) == "Acme created"
    # Of another change, forged, too long, of another key.
    for strange in (
        f"deleted&done_to={sent}",
        "created&done_to=Acme",
        f"created&done_to={'x' * 9999}",
    ):
        shown = message(await operator.get(f"{there}?done={strange}"))
        assert shown in {"Deleted.", "Created."}
    vault = database.vault
    assert done.decrypt(done.encrypt("x" * 300, vault, "created"), vault, "created") == (
        "x" * 99 + "…"
    )
    kept = done.encrypt("Acme", vault, "created")
    clock.of(query_values).forward(11 * 60)
    assert done.decrypt(kept, vault, "created") == ""


async def test_lists_create_in_a_dialog(operator):
    """Each list has one form that creates, within a dialog, and no other filled button."""
    for path in LISTS:
        page = await operator.get(f"/console/{path}")
        (dialog,) = re.findall(
            r"(?s)<details class=\"dialog\">\s*<summary class=\"button\">.*?</details>", page
        )
        assert '<form method="post"' in dialog, path


def filled(page):
    """The buttons of a page for its primary action, but for those in dialogs."""
    main = re.sub(r"(?s)<dialog.*?</dialog>", "", page.partition("<main")[2])
    return re.findall(
        r'<(?:button|summary class="button"|a class="button")(?: form="[^"]*")?>', main
    )


async def test_a_page_has_one_primary_button_and_red_buttons_only_to_destroy(operator, make):
    id_ = (await make.organization())["id"]
    user = await make.user(id_, email=f"{unique()}@example.com")
    for path in (
        *(f"organizations/{id_}", f"organizations/{id_}/members", f"people/{user['id']}"),
        *(f"organizations/{id_}/programs", "keys", *LISTS),
    ):
        page = await operator.get(f"/console/{path}")
        assert len(filled(page)) <= 1, path
    assert "danger" not in await operator.get("/console/keys")
    assert len(filled(await operator.get(f"/console/organizations/{id_}"))) == 1


@pytest.mark.process
@pytest.mark.parametrize("script", [True, False])
async def test_an_organization_is_created_and_deleted(server, http, database, script):
    operator = await enter(http, database, OPERATOR)
    name = f"Acme {unique()}"
    async with chromium(server) as browser:
        page = await opened(browser, server, operator, viewport=PHONE, java_script_enabled=script)
        await page.goto("/console/organizations")
        button = page.locator("summary", has_text="New organization")
        await button.focus()
        await page.keyboard.press("Enter")
        field = page.get_by_label("Name", exact=True)
        if script:
            await expect(field).to_be_focused()
            await page.keyboard.press("Escape")
            await expect(field).to_be_hidden()
            await page.keyboard.press("Enter")  # the button has the focus again
            await expect(page.get_by_role("dialog", name="New organization")).to_be_visible()
        await field.fill(name)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/console/organizations/org_*")
        await expect(page.get_by_role("status")).to_have_text(f"{name} created")
        if script:  # a reload does not say it again
            assert "done" not in page.url
        await page.get_by_role("link", name="Dismiss").click()
        await expect(page.get_by_role("status")).to_have_count(0)

        await page.locator("summary", has_text="Delete organization").click()
        await page.get_by_label(f"Type {name} to confirm").fill("something else")
        await page.get_by_role("button", name="Delete organization").click()
        # The dialog is open again and says what is wrong.
        problem = page.locator("#delete-name-problem")
        await expect(problem).to_be_visible()
        await page.get_by_label(f"Type {name} to confirm").fill(name)
        await page.get_by_role("button", name="Delete organization").click()
        await page.wait_for_url("**/console/organizations?*" if not script else "**/organizations*")
        await expect(page.get_by_role("status")).to_have_text(f"{name} deleted")


@pytest.mark.thorough
@pytest.mark.process
async def test_open_dialogs_are_accessible(server, http, database):
    operator = await enter(http, database, OWNER)
    async with chromium(server) as browser:
        page = await opened(browser, server, operator, viewport=WIDE, reduced_motion="reduce")
        for path in LISTS:
            await page.goto(f"/console/{path}")
            await page.locator("details.dialog > summary").first.click()
            dialog = page.locator("dialog[open]")
            await expect(dialog).to_be_visible()
            # All dialogs have the same colors.
            for scheme in ("light", "dark") if path == LISTS[0] else ("light",):
                await page.emulate_media(color_scheme=scheme)
                found = await Axe().run(page)
                assert found.violations_count == 0, (path, found.generate_report())
            await dialog.get_by_role("button", name="Close").click()
            await expect(dialog).to_be_hidden()
