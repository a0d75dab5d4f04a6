"""A link to share: it opens for a week, by a button, until it is revoked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from apis import moment, refused
from portals import expire_link

OWN = {"sec-fetch-site": "same-origin"}


async def shared(api, organization):
    answer = await api.organizations.generate_portal_link(id=organization["id"], shareable="true")
    return answer["link"]


async def enter(http, link) -> str:
    """Push the button; return the Cookie header of the session."""
    answer = await http.post(link["location"], headers=OWN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/portal"), answer.text
    return answer.headers["set-cookie"].partition(";")[0]


async def sees(http, cookie) -> int:
    return (await http.get("/portal/sso", headers={"cookie": cookie})).status_code


async def test_it_lives_a_week_and_says_what_it_is(http, rest, make):
    made = await make.organization()
    link = await shared(rest, made)
    assert link["location"].endswith("_p")
    left = moment(link["expire_time"]) - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)
    # The list shows it after it was opened, too.
    await enter(http, link)
    listed = await rest.organizations.get_portal_links(id=made["id"])
    assert listed["links"] == [link]


async def test_looking_at_it_opens_nothing_and_its_button_does_each_time(http, rest, make, events):
    link = await shared(rest, await make.organization())
    for _ in range(3):
        page = await http.get(link["location"])
        assert (page.status_code, '<form method="post">' in page.text) == (200, True)
        assert "set-cookie" not in page.headers
    first, second = await enter(http, link), await enter(http, link)
    assert first != second
    assert [await sees(http, cookie) for cookie in (first, second)] == [200, 200]
    opened = [one for one in await events.new() if one["type"] == "portal_link.opened"]
    assert len({one["actor"]["id"] for one in opened}) == 2


async def test_no_other_page_pushes_its_button(http, rest, make):
    link = await shared(rest, await make.organization())
    for headers in ({}, {"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
        answer = await http.post(link["location"], headers=headers)
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


async def test_its_sessions_end_when_it_is_revoked(http, rest, make, events):
    made = await make.organization()
    link, other = await shared(rest, made), await shared(rest, made)
    ended, kept = await enter(http, link), await enter(http, other)
    await rest.organizations.delete_portal_link_by_id(id=made["id"], link_id=link["id"])
    assert [await sees(http, cookie) for cookie in (ended, kept)] == [401, 200]
    assert (await http.post(link["location"], headers=OWN)).status_code == 410
    deleted = [one for one in await events.new() if one["type"] == "portal_link.deleted"]
    assert [one["before"]["shareable"] for one in deleted] == [True]
    await rest.organizations.delete_portal_link(id=made["id"])
    assert await sees(http, kept) == 401


async def test_the_session_of_a_link_that_opened_once_ends_with_it_too(http, rest, make):
    made = await make.organization()
    link = await make.portal_link(made["id"])
    cookie = (await http.get(link["location"])).headers["set-cookie"].partition(";")[0]
    assert (
        await http.get(f"/api/v1/organizations/{made['id']}", headers={"cookie": cookie})
    ).is_success
    await make.portal_link(made["id"])  # which forgets links of long ago
    await rest.organizations.delete_portal_link_by_id(id=made["id"], link_id=link["id"])
    assert await sees(http, cookie) == 401
    answer = await http.get(f"/api/v1/organizations/{made['id']}", headers={"cookie": cookie})
    assert answer.status_code == 401


async def test_after_its_week_it_does_not_open(http, rest, make, database):
    link = await shared(rest, await make.organization())
    await expire_link(database, link["id"])
    assert (await http.get(link["location"])).status_code == 410
    assert (await http.post(link["location"], headers=OWN)).status_code == 410


async def test_one_kind_is_not_made_of_the_other(http, rest, make, server):
    made = await make.organization()
    once, often = await make.portal_link(made["id"]), await shared(rest, made)
    for location in (f"{once['location']}_p", often["location"].removesuffix("_p")):
        for answer in (await http.get(location), await http.post(location, headers=OWN)):
            assert (answer.status_code, "set-cookie" in answer.headers) == (410, False)
    assert (await http.get(once["location"])).status_code == 303


@pytest.mark.parametrize("given", ["yes", "1", "", "TRUE"])
async def test_it_is_asked_for_by_true(rest, make, given):
    made = await make.organization()
    with refused("INVALID_ARGUMENT", "shareable"):
        await rest.organizations.generate_portal_link(id=made["id"], shareable=given)


async def test_a_browser_that_fetches_ahead_does_not_use_a_link_up(http, make):
    link = await make.portal_link((await make.organization())["id"])
    for purpose in ("prefetch", "prefetch;prerender", "prefetch;anonymous-client-ip"):
        answer = await http.get(link["location"], headers={"sec-purpose": purpose})
        assert (answer.status_code, answer.content) == (200, b"")
    assert (await http.get(link["location"])).status_code == 303
