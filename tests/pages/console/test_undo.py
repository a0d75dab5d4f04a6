"""Undo in the messages of the console: it restores the former state, and nobody else can use it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import lxml.html
import pytest
from apis import unique
from operators_at_work import OPERATOR, enter, texts

from tenantry.web.forms import query_values


@pytest.fixture
async def browser(http, database):
    return await enter(http, database, OPERATOR)


def undo_form(page):
    """The path and the fields of the undo of a page, None if it has none."""
    forms = lxml.html.fromstring(page).xpath("//*[contains(@class, 'done')]//form")
    if not forms:
        return None
    (form,) = forms
    return form.get("action"), {one.get("name"): one.get("value") for one in form.xpath(".//input")}


async def undone(browser, page):
    """The page after its undo."""
    path, fields = undo_form(page)
    page = await browser.send(path, **fields)
    assert "Change undone." in texts(page)
    assert undo_form(page) is None
    return page


async def _webhook(rest, _make):
    url = "https://example.com/hook"
    made = await rest.webhooks.create_endpoint(
        endpoint={"url": url, "event_types": ["user.created"]}
    )
    id_ = made["endpoint"]["id"]

    async def is_enabled():
        return (await rest.webhooks.get_endpoint(endpoint_id=id_))["endpoint"]["enabled"]

    return f"webhooks/{id_}/disable", {}, is_enabled


async def _interceptor(rest, _make):
    made = await rest.interceptors.create_interceptor(
        interceptor={
            "display_name": "Countries",
            "trigger_point": "PRE_SIGNUP",
            "api_url": "https://example.com/rules",
        }
    )
    id_ = made["interceptor"]["id"]

    async def is_enabled():
        found = await rest.interceptors.get_interceptor(id=id_)
        return found["interceptor"].get("enabled", False)

    return f"interceptors/{id_}/{'disable' if await is_enabled() else 'enable'}", {}, is_enabled


async def _scope(rest, _make):
    name = unique("scope").replace("-", ":")
    made = await rest.clients.create_scope(scope={"name": name, "description": name})

    async def is_enabled():
        listed = await rest.clients.list_scopes()
        return any(one["name"] == name and one.get("enabled") for one in listed["scopes"])

    return f"applications/scopes/{made['scope']['id']}/switch", {"enabled": "false"}, is_enabled


async def _directory(rest, make):
    acme = await make.organization()
    of = {"organization_id": acme["id"]}
    made = await rest.directories.create_directory(
        **of, directory={"directory_type": "SCIM", "directory_provider": "OKTA"}
    )
    id_ = made["directory"]["id"]

    async def is_enabled():
        found = await rest.directories.get_directory(**of, id=id_)
        return found["directory"].get("enabled", False)

    return f"directories/{id_}/{'disable' if await is_enabled() else 'enable'}", {}, is_enabled


async def _default_roles(rest, make):
    role = await make.role()

    async def names():
        listed = await rest.roles.list_roles()
        return {one["name"] for one in listed["roles"] if one.get("default_member")}

    return (
        "roles/defaults",
        {"default_creator_role": "admin", "default_member_role": role["name"]},
        names,
    )


@pytest.mark.parametrize("prepare", [_webhook, _interceptor, _scope, _directory, _default_roles])
async def test_a_switch_is_undone(browser, make, rest, prepare):
    path, fields, state = await prepare(rest, make)
    before = await state()
    page = await browser.send(f"/console/{path}", **fields)
    assert await state() != before, texts(page)
    await undone(browser, page)
    assert await state() == before


async def test_former_roles_of_a_member(browser, make, rest):
    acme = await make.organization()
    user = await make.user(acme["id"])
    role = await make.role()

    async def roles():
        listed = await rest.users.list_organization_users(organization_id=acme["id"])
        (member,) = listed["users"]
        return {one["name"] for one in member["memberships"][0]["roles"]}

    before = await roles()
    path = f"/console/organizations/{acme['id']}/members/{user['id']}/roles"
    page = await browser.send(path, **{f"roles-{role['name']}": "on"})
    assert await roles() == {role["name"]}
    await undone(browser, page)
    assert await roles() == before != {role["name"]}


async def test_former_texts_features_and_branding_of_an_organization(browser, make, rest):
    acme = await make.organization(f"Acme {unique()}", external_id=unique())
    path = f"/console/organizations/{acme['id']}"

    async def found():
        organization = (await rest.organizations.get_organization(id=acme["id"]))["organization"]
        del organization["update_time"]
        return organization

    before = await found()
    for form, fields in (
        ("update", {"display_name": "Beta", "external_id": "", "slug": "", "logo_url": ""}),
        ("features", {"features": "sso dir_sync", "feature-dir_sync": "true"}),
    ):
        page = await browser.send(f"{path}/{form}", **fields)
        assert await found() != before
        await undone(browser, page)
        assert await found() == before
    page = await browser.send(f"{path}/branding", custom="true")
    assert undo_form(page)[1] == {"undone": "true"}
    # The second time changes nothing, and its undo must not either.
    again = await browser.send(f"{path}/branding", custom="true")
    assert undo_form(again)[1] == {"custom": "true", "undone": "true"}
    await undone(browser, page)
    branding = await rest.organizations.get_organization_branding(organization_id=acme["id"])
    assert branding["branding"]["source"] == "BRANDING_SOURCE_ENVIRONMENT"


async def test_the_former_profile_of_a_user(browser, make, rest):
    acme = await make.organization()
    user = await make.user(acme["id"], user_profile={"given_name": "Ada", "family_name": "Lee"})
    page = await browser.send(f"/console/people/{user['id']}/update", given_name="Eve")
    changed = (await rest.users.get_user(id=user["id"]))["user"]["user_profile"]
    assert changed["given_name"] == "Eve"
    await undone(browser, page)
    profile = (await rest.users.get_user(id=user["id"]))["user"]["user_profile"]
    assert (profile["given_name"], profile["family_name"]) == ("Ada", "Lee")


async def test_a_removed_member_has_no_undo(browser, make):
    acme = await make.organization()
    user = await make.user(acme["id"])
    path = f"/console/organizations/{acme['id']}/members/{user['id']}/remove"
    assert undo_form(await browser.send(path)) is None


async def test_an_undo_is_of_one_operator_and_expires(http, browser, rest, database, clock):
    made = await rest.webhooks.create_endpoint(
        endpoint={"url": "https://example.com/hook", "event_types": ["user.created"]}
    )
    answer = await browser.post(f"/console/webhooks/{made['endpoint']['id']}/disable")
    location = answer.headers["location"]
    assert undo_form(await browser.get(location))
    (token,) = parse_qs(urlsplit(location).query)["undo"]
    path = urlsplit(location).path
    for forged in ("x", "x" * 5000, token[:-2]):
        assert undo_form(await browser.get(f"{path}?done=disabled&undo={forged}")) is None
    other = await enter(http, database, OPERATOR)
    assert undo_form(await other.get(location)) is None
    clock.of(query_values).forward(11 * 60)
    assert undo_form(await browser.get(location)) is None
