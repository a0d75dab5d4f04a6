"""Sortable columns: oldest first through pages, whole lists by any column, `aria-sort`."""

from __future__ import annotations

import re

import lxml.html
import pytest
from apis import unique
from operators_at_work import OPERATOR, enter

from tenantry.endpoints.console.organizations import listing
from tenantry.identity.operators.model import OWNER


@pytest.fixture
async def browser(http, database):
    return await enter(http, database, OPERATOR)


def rows(page):
    """The names of the rows of a list."""
    return [
        head.xpath("string(.//a)").strip()
        for head in lxml.html.fromstring(page).xpath("//main//tbody//th")
    ]


def sort_link(page, column):
    """The link and the `aria-sort` of the head with this text."""
    (head,) = (
        one
        for one in lxml.html.fromstring(page).xpath("//main//thead//th[a]")
        if one.text_content().strip() == column
    )
    return head.xpath("string(a/@href)"), head.get("aria-sort")


def link(page, relation):
    """The link to the next or the previous page, "" for none."""
    return lxml.html.fromstring(page).xpath(f"string(//main//a[@rel='{relation}']/@href)")


@pytest.mark.parametrize("searched", [False, True])
async def test_organizations_oldest_first(browser, make, monkeypatch, searched):
    mark = unique()
    for number in range(5):
        await make.organization(f"Acme {number} {mark}")
    monkeypatch.setattr(listing, "_SHOWN", 2)
    query = f"?query={mark}" if searched else ""
    newest = await browser.get(f"/console/organizations{query}")
    href, direction = sort_link(newest, "Created")
    assert direction == "descending"
    page = await browser.get(href)
    assert sort_link(page, "Created")[1] == "ascending"
    assert not link(page, "prev")
    found, pages = rows(page), [page]
    while following := link(pages[-1], "next"):
        pages.append(await browser.get(following))
        found += rows(pages[-1])
    expected = [f"Acme {number} {mark}" for number in range(5)]
    assert found[-5:] == expected
    if searched:
        assert found == expected
        back = await browser.get(link(pages[-1], "prev"))
        assert rows(back) == expected[2:4]
        assert sort_link(back, "Created")[1] == "ascending"
    href, _ = sort_link(page, "Created")
    assert rows(await browser.get(href)) == rows(newest)


@pytest.mark.parametrize("path", ["members", "members?query=ada"])
async def test_members_oldest_first(browser, make, path):
    acme = await make.organization()
    emails = [f"ada-{number}-{unique()}@example.com" for number in range(3)]
    for email in emails:
        await make.user(acme["id"], email=email)
    page = await browser.get(f"/console/organizations/{acme['id']}/{path}")
    assert rows(page) == emails[::-1]
    oldest = await browser.get(sort_link(page, "Joined")[0])
    assert rows(oldest) == emails
    assert not link(oldest, "next")


async def test_users_api_keys_and_applications_oldest_first(browser, make, rest):
    mark = unique()
    acme = await make.organization()
    for name in ("one", "two"):
        await make.user(acme["id"], email=f"{name}-{mark}@example.com")
        token = {"organization_id": acme["id"], "description": name}
        await rest.tokens.create_token(token=token)
        await rest.clients.create_client(client={"name": name, "client_type": "SPA"})
    for path, expected in (
        (f"people?query={mark}", [f"one-{mark}@example.com", f"two-{mark}@example.com"]),
        (f"api-keys?query={acme['id']}", ["one", "two"]),
    ):
        page = await browser.get(f"/console/{path}")
        assert rows(page) == expected[::-1]
        assert rows(await browser.get(sort_link(page, "Created")[0])) == expected
    page = await browser.get("/console/applications?type=SPA&sort=created")
    assert rows(page).index("one") < rows(page).index("two")


async def test_deliveries_oldest_first(browser, rest):
    made = await rest.webhooks.create_endpoint(
        endpoint={"url": "https://example.com/hook", "event_types": ["organization.created"]}
    )
    id_ = made["endpoint"]["id"]
    for type_ in ("organization.created", "organization.deleted"):
        await rest.webhooks.send_test_event(endpoint_id=id_, event_type=type_)
    page = await browser.get(f"/console/webhooks/{id_}")
    types = ["organization.created", "organization.deleted"]
    assert rows(page) == types[::-1]
    assert rows(await browser.get(sort_link(page, "Time")[0])) == types


async def test_roles_by_name_and_base(browser, rest, make):
    mark = unique()
    for name, base in (("zeta", "member"), ("alpha", "admin"), ("beta", None)):
        role = {"name": f"{name}_{mark[-12:]}", "display_name": name}
        await rest.roles.create_role(role=role | ({"extends": base} if base else {}))
    page = await browser.get("/console/roles")
    names = rows(page)
    assert names == sorted(names)
    href, direction = sort_link(page, "Role")
    assert direction == "ascending"
    page = await browser.get(href)
    assert rows(page) == names[::-1]
    assert sort_link(page, "Role")[1] == "descending"
    href, direction = sort_link(page, "Base role")
    assert direction is None
    bases = {
        role["name"]: role.get("extends", "")
        for role in (await rest.roles.list_roles()).get("roles", [])
    }
    page = await browser.get(href)
    assert rows(page) == sorted(names, key=lambda name: (bases[name], name))
    assert sort_link(page, "Base role")[1] == "ascending"


async def test_operators_by_name(http, database):
    browser = await enter(http, database, OWNER)
    for name in ("Zoe", "adam"):
        await browser.post("/console/operators/invite", name=name, role="READER")
    names = rows(await browser.get("/console/operators?sort=name"))
    assert names.index("adam") < names.index("Zoe")
    names = rows(await browser.get("/console/operators?sort=-name"))
    assert names.index("Zoe") < names.index("adam")


async def test_an_unknown_column_is_ignored(browser, make):
    await make.organization()
    for path in ("organizations", "roles"):
        page = await browser.get(f"/console/{path}?sort=color")
        assert re.search(r'aria-sort="(ascending|descending)"', page)
