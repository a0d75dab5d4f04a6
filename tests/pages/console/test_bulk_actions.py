"""Actions on selected rows: the confirmation page, the call for each row, failed rows."""

from __future__ import annotations

import html
import re
from urllib.parse import urlencode

import lxml.html
import pytest
from apis import unique
from operators_at_work import OPERATOR, enter, texts
from signed_in import begun
from wires import ApiError

from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.identity.operators.model import READER
from tenantry.tenants.users import reading


@pytest.fixture
async def browser(http, database):
    return await enter(http, database, OPERATOR)


def ticked(ids):
    return {f"row-{id_}": "on" for id_ in ids}


async def chosen(browser, path, action, ids, **more: str):
    """The page that asks for confirmation."""
    query = urlencode({"action": action, **more, **ticked(ids)})
    return await browser.get(f"/console/{path}/selected?{query}")


async def applied(browser, page, **more: str):
    """The answer to the form of the page that asks for confirmation."""
    (form,) = lxml.html.fromstring(page).xpath("//main//form[@method='post']")
    members = {one.get("name"): one.get("value") for one in form.xpath(".//input[@name]")}
    return await browser.post(form.get("action"), **{**members, **more})


async def test_users_are_deleted(browser, make, rest):
    mark = unique()
    users = [await make.user(email=f"{name}-{mark}@example.com") for name in ("ada", "bob", "eve")]
    kept, *gone = (user["id"] for user in users)
    listed = await browser.get(f"/console/people?query={mark}")
    assert set(re.findall(r'name="row-(usr_\d+)"', listed)) == {kept, *gone}
    page = await chosen(browser, "people", "delete", gone, list=f"query={mark}")
    assert "Delete 2 users?" in texts(page)
    assert f"bob-{mark}@example.com" in page
    assert f"ada-{mark}@example.com" not in page
    answer = await applied(browser, page)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/console/people?query={mark}&done=deleted"
    for id_ in gone:
        with pytest.raises(ApiError, match="NOT_FOUND"):
            await rest.users.get_user(id=id_)
    assert (await rest.users.get_user(id=kept))["user"]["id"] == kept


async def test_a_row_that_fails_does_not_stop_the_others(browser, make, rest):
    mark = unique()
    first, second = [(await make.organization(f"{name} {mark}"))["id"] for name in ("Acme", "Beta")]
    page = await chosen(browser, "organizations", "delete", [first, second])
    assert f"Acme {mark}" in page
    await rest.organizations.delete_organization(id=first)
    answer = await applied(browser, page)
    assert answer.status_code == 200
    said = texts(answer.text)
    assert "1 of 2 rows failed." in said
    assert re.search(rf"{first} .*Failed .*Beta {mark} Deleted", said)
    with pytest.raises(ApiError, match="NOT_FOUND"):
        await rest.organizations.get_organization(id=second)


async def test_a_role_is_added_to_members(browser, make, rest):
    acme = await make.organization()
    users = [(await make.user(acme["id"]))["id"] for _ in range(2)]
    role = await make.role()
    path = f"organizations/{acme['id']}/members"
    page = await chosen(browser, path, "add-role", users)
    assert f'<option value="{role["name"]}"' in page
    before = await roles_of(rest, acme["id"])
    answer = await applied(browser, page, choice=role["name"])
    assert answer.headers["location"] == f"/console/{path}?done=changed"
    assert await roles_of(rest, acme["id"]) == {
        id_: held | {role["name"]} for id_, held in before.items()
    }
    failed = await applied(browser, page)
    assert "2 of 2 rows failed." in texts(failed.text)
    page = await chosen(browser, path, "remove", users)
    assert (await applied(browser, page)).status_code == 303
    assert await roles_of(rest, acme["id"]) == {}


async def roles_of(rest, organization_id):
    listed = await rest.users.list_organization_users(organization_id=organization_id)
    return {
        user["id"]: {role["name"] for role in user["memberships"][0]["roles"]}
        for user in listed.get("users", ())
    }


async def test_api_keys_are_revoked(browser, make, rest):
    acme = await make.organization()
    keys = [
        (await rest.tokens.create_token(token={"organization_id": acme["id"], "description": text}))
        for text in ("CI", "Backup")
    ]
    ids = [key["token_id"] for key in keys]
    page = await chosen(browser, "api-keys", "revoke", ids, list=f"query={acme['id']}")
    assert "Revoke 2 API keys?" in texts(page)
    assert "Backup" in page
    answer = await applied(browser, page)
    assert answer.headers["location"] == f"/console/api-keys?query={acme['id']}&done=ended"
    assert not (await rest.tokens.list_tokens(organization_id=acme["id"])).get("tokens")


async def sessions_of(rest, user_id):
    found = await rest.sessions.get_user_sessions(user_id=user_id, filter={"status": ["active"]})
    return {session["session_id"] for session in found.get("sessions", ())}


async def test_sessions_are_revoked_for_users_and_one_by_one(browser, make, rest, database):
    ada, bob, eve = [(await make.user())["id"] for _ in range(3)]
    begin = {}
    for id_ in (ada, bob, eve, eve):
        user = await reading.find(database, id_=id_, external_id=None)
        session, _ = await begun(Call(SYSTEM, database, "req_test"), user)
        begin.setdefault(id_, []).append(session.id)
    page = await chosen(browser, "people", "sign-out", [ada, bob])
    assert "Revoke all sessions of 2 users?" in texts(page)
    answer = await applied(browser, page)
    assert answer.headers["location"] == "/console/people?done=revoked"
    kept, revoked = begin[eve]
    assert [await sessions_of(rest, id_) for id_ in (ada, bob, eve)] == [
        set(),
        set(),
        {kept, revoked},
    ]
    page = await chosen(browser, f"people/{eve}/security", "revoke", [revoked])
    answer = await applied(browser, page)
    assert answer.headers["location"] == f"/console/people/{eve}/security?done=revoked"
    assert await sessions_of(rest, eve) == {kept}


async def test_invitations_are_sent_again(browser, make, rest):
    acme = await make.organization()
    pending = await rest.users.create_user_and_membership(
        organization_id=acme["id"],
        send_invitation_email=True,
        user={"email": f"{unique()}@example.com"},
    )
    member = await make.user(acme["id"])
    path = f"organizations/{acme['id']}/members"
    page = await chosen(browser, path, "resend", [pending["user"]["id"]])
    answer = await applied(browser, page)
    assert answer.headers["location"] == f"/console/{path}?done=invited"
    page = await chosen(browser, path, "resend", [pending["user"]["id"], member["id"]])
    assert "1 of 2 rows failed." in texts((await applied(browser, page)).text)


async def test_deliveries_are_sent_again(browser, rest):
    made = await rest.webhooks.create_endpoint(endpoint={"url": "https://example.com/again"})
    id_ = made["endpoint"]["id"]
    await rest.webhooks.send_test_event(endpoint_id=id_)
    before = (await rest.webhooks.list_deliveries(endpoint_id=id_))["deliveries"]
    path = f"webhooks/{id_}/deliveries"
    page = await chosen(browser, path, "retry", [one["id"] for one in before])
    answer = await applied(browser, page)
    assert answer.headers["location"] == f"/console/webhooks/{id_}?done=queued"
    after = (await rest.webhooks.list_deliveries(endpoint_id=id_))["deliveries"]
    assert len(after) == len(before) + 1
    assert {one["event_id"] for one in after} == {one["event_id"] for one in before}


async def test_a_selection_is_bounded_and_checked(browser, http, database, make):
    user = (await make.user())["id"]
    ids = [f"usr_{number}" for number in range(101)]
    for path, status in (
        (f"/console/people/selected?{urlencode({'action': 'delete', **ticked(ids)})}", 400),
        (f"/console/people/selected?{urlencode({'action': 'no', **ticked([user])})}", 400),
        ("/console/people/selected?action=delete", 200),
        ("/console/people/selected", 200),
    ):
        page = await browser.get(path, status)
        assert ("No rows selected" in texts(page)) == (status == 200)
    for members in ({"action": "delete", **ticked(ids)}, {"action": "no", **ticked([user])}):
        answer = await browser.post("/console/people/selected/apply", **members)
        assert answer.status_code == 400
    page = await chosen(browser, "people", "delete", ["usr_\x00", "usr_é", "usr_", "x" * 300])
    assert "Delete 4 users?" in texts(page)
    assert "4 of 4 rows failed." in texts((await applied(browser, page)).text)
    many = urlencode([(f"member_{number}", "1") for number in range(60)])
    assert "Select all on this page" in await browser.get(f"/console/people?{many}")
    # A list's query cannot lead elsewhere or break out of the header.
    page = await chosen(browser, "people", "delete", [user], list="x\r\nset-cookie: a=b&//evil")
    (back,) = re.findall(r'class="button second" href="([^"]*)"', page)
    assert html.unescape(back).startswith("/console/people?x%0D%0Aset-cookie")


async def test_readers_cannot_select_rows(http, database, make):
    user = (await make.user())["id"]
    reader = await enter(http, database, READER)
    assert "row-usr_" not in await reader.get("/console/people")
    path = f"/console/people/selected?{urlencode({'action': 'delete', **ticked([user])})}"
    await reader.get(path, 403)
    answer = await reader.post(
        "/console/people/selected/apply", **{"action": "delete", **ticked([user])}
    )
    assert answer.status_code == 403
