"""Filters by organization accept an ID, an external ID or a name, and explain an empty list."""

from __future__ import annotations

import html
import re
from urllib.parse import quote

import pytest
from apis import unique
from operators_at_work import OPERATOR, enter
from operators_at_work import texts as texts_of

from tenantry.events.event_log import sequencing

# Each console list that an organization narrows, with the name of its field.
FILTERED = {
    "events": "organization_id",
    "sign-ins": "organization_id",
    "api-keys": "query",
    "connections": "query",
    "directories": "query",
    "mail/templates": "organization_id",
}
EVERY_LIST = {*FILTERED, "people", "webhooks", "interceptors", "mail", "roles", "organizations"}


def texts(page):
    """The words of a page, without the marks that isolate the input's direction."""
    return texts_of(re.sub(r"</?bdi[^>]*>", "", page))


@pytest.fixture
async def browser(http, database):
    return await enter(http, database, OPERATOR)


@pytest.fixture
async def acme(make):
    """An organization with an external ID."""
    mark = unique()
    return await make.organization(f"Acme {mark}", external_id=f"crm/{mark}")


async def asked_for(browser, path, field, text):
    return await browser.get(f"/console/{path}?{field}={quote(text)}")


async def test_these_tests_cover_every_list_with_a_filter_by_organization(browser):
    """A field of a filter that is for an organization says so in its name or its hint."""
    found = set()
    for path in EVERY_LIST:
        page = await browser.get(f"/console/{path}")
        for form in re.findall(r'<form[^>]* method="get".*?</form>', page, re.DOTALL):
            for field in re.findall(r"<input[^>]*>", form):
                if 'name="organization_id"' in field or "rganization (ID" in field:
                    found.add((path, re.search(r'name="(\w+)"', field)[1]))
    assert found == set(FILTERED.items())


@pytest.mark.parametrize("path", FILTERED)
async def test_a_list_is_narrowed_by_id_external_id_and_name(browser, acme, path):
    field = FILTERED[path]
    pages = {}
    for text in (
        acme["id"],
        acme["external_id"],
        acme["display_name"],
        acme["display_name"].upper(),
        f" {acme['id']} ",
    ):
        page = await asked_for(browser, path, field, text)
        said = texts(page)
        assert f"Organization: {acme['display_name']} {acme['id']}" in said, text
        assert f'value="{acme["id"]}"' in page, text  # of the field, for the next filter
        pages[text] = texts(page.partition("<details")[0])  # without the calls that it made
    assert len(set(pages.values())) == 1


async def test_a_name_narrows_events_to_those_of_the_organization(browser, acme, make):
    other = await make.organization("Other")
    page = await asked_for(browser, "events", "organization_id", acme["display_name"])
    assert "organization.created" in page
    assert other["id"] not in page
    export = html.unescape(re.search(r'href="([^"]*/events/export[^"]*)"', page)[1])
    assert f"organization_id={acme['id']}" in export


@pytest.mark.parametrize("path", FILTERED)
async def test_a_name_of_several_offers_a_choice(browser, make, path):
    mark = unique()
    made = [await make.organization(f"{name} {mark}") for name in ("Alpha", "Beta")]
    page = await asked_for(browser, path, FILTERED[path], mark)
    assert f"Choose an organization that matches “{mark}”" in texts(page)
    for one in made:
        (link,) = re.findall(rf'<a href="([^"]*={one["id"]}[^"]*)">{one["display_name"]}</a>', page)
        chosen = texts(await browser.get(html.unescape(link)))
        assert f"Organization: {one['display_name']} {one['id']}" in chosen
    assert "Nothing to show" not in texts(page)
    # Of two with the same name both are offered, and none is taken.
    await make.organization(f"Alpha {mark}")
    page = await asked_for(browser, path, FILTERED[path], f"alpha {mark}")
    assert len(re.findall(rf">Alpha {mark}</a>", page)) == 2


@pytest.mark.parametrize("path", FILTERED)
async def test_a_filter_that_names_no_organization_says_so(browser, path):
    for text in (f"nobody {unique()}", "xy", "ö" * 255, "org_1x", "%00", "\x01" * 5):
        page = await asked_for(browser, path, FILTERED[path], text)
        said = texts(page)
        assert "No organization matches" in said, text
        assert "its external ID, or at least three characters of its name" in said
        assert "Nothing to show" not in said
        assert "No results" not in said
    said = texts(await asked_for(browser, path, FILTERED[path], "org_1"))
    assert "No organization has the ID org_1." in said


async def test_an_empty_list_mentions_its_filters(browser, acme):
    page = await browser.get(
        f"/console/events?organization_id={acme['id']}&type=organization.deleted"
    )
    assert "No entries match these filters." in texts(page)
    page = await asked_for(browser, "api-keys", "query", acme["display_name"])
    assert f"{acme['display_name']} has no active API keys." in texts(page)


async def test_an_export_requires_a_known_organization(browser, http, acme, database):
    path = "/console/events/export?organization_id="
    headers = {"cookie": browser.cookie}
    answer = await http.get(path + quote(f"nobody {unique()}"), headers=headers)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/console/events?organization_id=nobody")
    while await sequencing.sequence(database) == 0:
        pass
    answer = await http.get(path + quote(acme["display_name"]), headers=headers)
    assert answer.status_code == 200
    assert acme["id"] in answer.text


async def suggested(browser, kind, text):
    answer = await browser.http.get(
        f"/console/suggestions/{kind}?query={quote(text)}", headers={"cookie": browser.cookie}
    )
    assert answer.status_code == 200
    return answer.json()


async def test_suggestions_fill_the_field_with_a_name_that_identifies_it(browser, make):
    mark = unique()
    made = [await make.organization(f"{name} {mark}") for name in ("Alpha", "Beta", "Beta")]
    found = await suggested(browser, "organizations", mark)
    assert {"value": f"Alpha {mark}", "label": made[0]["id"]} in found
    for one in made[1:]:
        assert {"value": one["id"], "label": f"Beta {mark}"} in found
    assert len(found) == 3
    for text in ("", "xy", "ö" * 255, "\x01" * 5, f"nobody {unique()}"):
        assert await suggested(browser, "organizations", text) == []


async def test_suggestions_are_bounded_and_for_operators(browser, http, make):
    mark = unique()
    for number in range(12):
        await make.organization(f"{mark} {number}")
    assert len(await suggested(browser, "organizations", mark)) == 10
    for kind in ("organizations", "users"):
        answer = await http.get(f"/console/suggestions/{kind}?query={mark}")
        assert answer.status_code == 401


@pytest.mark.parametrize("field", ["actor_id", "object_id"])
async def test_events_are_narrowed_by_the_email_address_of_a_user(browser, make, field):
    mark = unique()
    user = await make.user(email=f"ada-{mark}@example.com")
    other = await make.user(email=f"bob-{mark}@example.com")
    assert len(await suggested(browser, "users", mark)) == 2
    page = await asked_for(browser, "events", field, f"ADA-{mark}@example.com")
    assert f'value="{user["id"]}"' in page
    assert other["id"] not in page
    assert ("user.created" in texts(page.partition("<tbody")[2])) == (field == "object_id")
    page = await asked_for(browser, "events", field, mark)
    assert f"Choose a user that matches “{mark}”" in texts(page)
    for text in (f"nobody-{mark}@example.com", "xy"):
        said = texts(await asked_for(browser, "events", field, text))
        assert f"No user matches “{text}”" in said
        assert "Nothing to show" not in said


async def test_an_api_key_is_created_for_an_organization_and_a_user_by_name(browser, make, rest):
    mark = unique()
    acme = await make.organization(f"Acme {mark}")
    user = await make.user(acme["id"], email=f"ada-{mark}@example.com")
    given = {"user_id": user["email"], "description": "CI", "days": ""}
    answer = await browser.post(
        "/console/api-keys/create", organization_id=acme["display_name"], **given
    )
    assert f"/console/api-keys?query={acme['id']}" in answer.text
    (made,) = (await rest.tokens.list_tokens(organization_id=acme["id"]))["tokens"]
    assert made["user_id"] == user["id"]
    await make.organization(f"Beta {mark}")
    for text, said in ((mark, "matches several objects: "), ("nobody", "matches nothing: ")):
        page = await browser.send("/console/api-keys/create", organization_id=text, **given)
        assert said in texts(page)
        assert 'aria-invalid="true"' in re.search(r'<input id="organization_id"[^>]*>', page)[0]
    path = f"/console/organizations/{acme['id']}/programs/keys/create"
    await browser.post(path, user_id=user["email"], description="By member", days="")
    page = await browser.send(path, user_id=f"nobody-{mark}@example.com", description="", days="")
    assert "matches nothing" in texts(page)
    assert len((await rest.tokens.list_tokens(organization_id=acme["id"]))["tokens"]) == 2
