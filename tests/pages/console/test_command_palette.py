"""The search of the console: its page without a script, and the command palette."""

from __future__ import annotations

import pytest
from apis import unique
from axe_playwright_python.async_playwright import Axe
from browsers import chromium
from operators_at_work import OPERATOR, enter, texts
from playwright.async_api import expect
from test_navigation import PHONE, WIDE, opened

from tenantry.identity.operators.model import READER


async def found(operator, query):
    """The names and addresses of the results, by kind."""
    answer = await operator.http.get(
        "/console/search",
        params={"query": query},
        headers={"cookie": operator.cookie, "accept": "application/json"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return {
        kind["name"]: {one["name"]: one["path"] for one in kind["results"]}
        for kind in answer.json()
    }


@pytest.fixture
async def operator(http, database):
    return await enter(http, database, READER)


async def test_objects_are_found_by_name_address_and_id(operator, make, api, eventually):
    mark = unique()
    made = await make.organization(f"Acme {mark}", external_id=f"cust-{mark}")
    id_ = made["id"]
    user = await make.user(id_, email=f"ada-{mark}@example.com")
    client = await api.clients.create_client(
        client={"name": f"Portal {mark}", "client_type": "WEB_APP"}
    )
    connection = await api.connections.create_connection(
        organization_id=id_, connection={"provider": "OKTA", "type": "SAML"}
    )
    organization = {f"Acme {mark}": f"/console/organizations/{id_}"}

    async def indexed():
        return (await found(operator, mark)).get("Users")

    await eventually(indexed)
    by_mark = await found(operator, mark)
    assert by_mark["Organizations"] == organization
    assert by_mark["Users"] == {f"ada-{mark}@example.com": f"/console/people/{user['id']}"}
    client_id = client["client"]["id"]
    assert by_mark["Applications"] == {f"Portal {mark}": f"/console/applications/{client_id}"}
    connection_id = connection["connection"]["id"]
    assert by_mark["Connections"] == {f"Acme {mark}": f"/console/connections/{connection_id}"}
    assert (await found(operator, f"cust-{mark}"))["Organizations"] == organization
    by_id = await found(operator, id_)
    assert by_id["Organizations"] == organization
    assert by_id["Go to"] == {id_: f"/console/jump?id={id_}"}
    assert list((await found(operator, client_id))["Applications"].values()) == [
        f"/console/applications/{client_id}"
    ]
    assert list((await found(operator, connection_id))["Connections"].values()) == [
        f"/console/connections/{connection_id}"
    ]


async def test_each_kind_has_at_most_five_results(operator, make):
    mark = unique()
    for number in range(7):
        await make.organization(f"Acme {mark} {number}")
    assert len((await found(operator, mark))["Organizations"]) == 5


async def test_pages_are_found_by_name_and_all_are_listed_without_a_query(operator):
    assert await found(operator, "web") == {"Pages": {"Webhooks": "/console/webhooks"}}
    everything = (await found(operator, ""))["Pages"]
    assert len(everything) > 15
    assert everything["Health"] == "/console/health"
    assert await found(operator, "zz") == {}


@pytest.mark.parametrize(
    "query", ["skc_", "skc_1", "conn_1", "x" * 5000, "\x01" * 5, "%_%", "'\"<b>", "€€€", "  "]
)
async def test_any_query_is_answered(operator, query):
    assert isinstance(await found(operator, query[:2000]), dict)


async def test_the_page_shows_the_results(operator, make):
    name = f"Acme <b>{unique()}</b>"
    id_ = (await make.organization(name))["id"]
    page = await operator.get(f"/console/search?query={id_}")
    assert name in texts(page)
    assert f'href="/console/organizations/{id_}"' in page
    assert "<b>" not in page.partition("<main")[2]
    nothing = await operator.get(f"/console/search?query=nobody{unique()}")
    assert "No results" in texts(nothing)


async def test_search_requires_an_operator(http):
    headers = {"accept": "application/json"}
    answer = await http.get("/console/search?query=acme", headers=headers)
    assert answer.status_code == 401


@pytest.mark.process
@pytest.mark.one_of("wide", "phone")
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
async def test_the_palette_goes_to_a_page_by_the_keyboard(server, http, database, make, size):
    operator = await enter(http, database, OPERATOR)
    name = f"Acme {unique()}"
    id_ = (await make.organization(name))["id"]
    async with chromium(server) as browser:
        page = await opened(browser, server, operator, viewport=size, reduced_motion="reduce")
        faults: list[str] = []
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        await page.goto("/console/settings")
        await page.keyboard.press("Control+k")
        query = page.get_by_role("combobox", name="Search")
        await expect(query).to_be_focused()
        options = page.get_by_role("option")
        await expect(options.first).to_have_text("Overview")
        await expect(options.first).to_have_attribute("aria-selected", "true")
        await page.keyboard.press("ArrowDown")
        second = options.nth(1)
        await expect(second).to_have_attribute("aria-selected", "true")
        await expect(query).to_have_attribute(
            "aria-activedescendant", await second.get_attribute("id")
        )
        await page.keyboard.press("ArrowUp")
        await page.keyboard.press("ArrowUp")  # from the first to the last
        await expect(options.last).to_have_attribute("aria-selected", "true")
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            report = await Axe().run(page)
            assert report.violations_count == 0, report.generate_report()
        await page.keyboard.press("Escape")
        await expect(query).to_be_hidden()
        await page.get_by_role("link", name="Search").click()
        await query.fill(f"nobody {unique()}")
        await expect(page.locator("#palette-state")).to_have_text("No results")
        await query.fill(id_)
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"**/console/organizations/{id_}")
        assert name in await page.inner_text("h1")
        assert faults == []


@pytest.mark.thorough
@pytest.mark.process
async def test_without_a_script_the_button_leads_to_the_page(server, http, database, make):
    operator = await enter(http, database, OPERATOR)
    name = f"Acme {unique()}"
    id_ = (await make.organization(name))["id"]
    async with chromium(server) as browser:
        page = await opened(browser, server, operator, viewport=PHONE, java_script_enabled=False)
        await page.goto("/console/settings")
        await page.get_by_role("link", name="Search").click()
        await page.get_by_role("searchbox", name="Search").fill(id_)
        await page.keyboard.press("Enter")
        await page.get_by_role("link", name=name).click()
        await page.wait_for_url(f"**/console/organizations/{id_}")
