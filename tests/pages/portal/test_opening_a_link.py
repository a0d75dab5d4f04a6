"""Opening a link: once, within its minute, into a session of one organization."""

from __future__ import annotations

import asyncio
import re

import pytest
from portals import expire_link, expire_session
from sqlalchemy import select
from wires import over_https

from tenantry.crypto.vault import digest
from tenantry.db.sql.statements import Statement
from tenantry.tenants.portal_links.model import portal_sessions

_SESSIONS = Statement(select(portal_sessions))


async def sessions(database, organization_id):
    rows = await database.fetch_all(_SESSIONS)
    return [row for row in rows if row["organization_id"] == organization_id]


async def test_it_leads_to_the_first_tab_of_its_organization(http, make):
    made = await make.organization("Acme Corp")
    link = await make.portal_link(made["id"])
    opened = await http.get(link["location"])
    assert opened.status_code == 303
    assert opened.headers["location"] == "/portal"
    assert opened.content == b""
    cookie = opened.headers["set-cookie"].partition(";")[0]
    first = await http.get("/portal", headers={"cookie": cookie})
    assert (first.status_code, first.headers["location"]) == (303, "/portal/sso")
    page = await http.get("/portal/sso", headers={"cookie": cookie})
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Single sign-on" in page.text
    assert "SCIM" not in page.text


async def test_the_session_is_a_cookie_that_scripts_and_other_sites_do_not_get(http, make):
    link = await make.portal_link((await make.organization())["id"])
    issued = (await http.get(link["location"])).headers["set-cookie"]
    pair, *attributes = issued.split("; ")
    assert re.fullmatch(r"__Host-tenantry_portal=[\w-]{43}", pair)
    # In a frame of another site, and for that site alone.
    expected = ["HttpOnly", "Max-Age=21600", "Partitioned", "Path=/", "SameSite=None", "Secure"]
    assert sorted(attributes) == expected


async def test_it_opens_once(http, make):
    link = await make.portal_link((await make.organization())["id"])
    assert (await http.get(link["location"])).status_code == 303
    again = await http.get(link["location"])
    assert again.status_code == 410
    assert "set-cookie" not in again.headers
    assert "This link is not valid" in again.text


async def test_of_20_at_once_one_opens_it(http, make, database):
    made = await make.organization()
    link = await make.portal_link(made["id"])
    answers = await asyncio.gather(*(http.get(link["location"]) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [303] + [410] * 19
    assert len([answer for answer in answers if "set-cookie" in answer.headers]) == 1
    assert len(await sessions(database, made["id"])) == 1


async def test_a_preview_does_not_use_it_up(http, make):
    link = await make.portal_link((await make.organization())["id"])
    for _ in range(3):
        preview = await http.head(link["location"])
        assert preview.status_code == 200
        assert "set-cookie" not in preview.headers
    assert (await http.options(link["location"])).status_code == 204
    assert (await http.post(link["location"])).status_code == 403
    assert (await http.get(link["location"])).status_code == 303


async def test_after_its_minute_it_does_not_open(http, make, database):
    link = await make.portal_link((await make.organization())["id"])
    await expire_link(database, link["id"])
    assert (await http.get(link["location"])).status_code == 410


async def test_a_link_that_we_did_not_make_does_not_open(http, make, server):
    link = await make.portal_link((await make.organization())["id"])
    other = await make.portal_link((await make.organization())["id"])
    token = link["location"].rpartition("/")[2]
    link_id, _, proof = token.partition(".")
    changed = ("A" if proof[0] != "A" else "B") + proof[1:]
    for forged in (
        link_id,
        f"{link_id}.",
        f"{link_id}.{changed}",
        f"{other['id']}.{proof}",
        token[:-1],
        token + "A",
        f"{token}.x",
        "%C3%A9",
        "x" * 5000,
        f"{link_id}%00.{proof}",
        "..%2f..%2fetc",
    ):
        answer = await http.get(f"{server.url}/magicLink/{forged}")
        assert answer.status_code in {400, 410}, forged
        assert "set-cookie" not in answer.headers
    assert (await http.get(link["location"])).status_code == 303


async def test_nothing_that_opens_a_link_or_a_session_is_stored(http, make, database):
    made = await make.organization()
    link = await make.portal_link(made["id"])
    cookie = (await http.get(link["location"])).headers["set-cookie"].partition(";")[0]
    secret = cookie.partition("=")[2]
    (session,) = await sessions(database, made["id"])
    stored = [session[name] for name in portal_sessions.columns.keys()]  # noqa: SIM118
    assert secret not in stored
    assert session["digest"] == digest(secret)


async def test_links_of_a_deleted_organization_do_not_open(http, make, rest):
    made = await make.organization()
    link = await make.portal_link(made["id"])
    await rest.organizations.delete_organization(id=made["id"])
    assert (await http.get(link["location"])).status_code == 410


async def test_the_session_ends_with_its_organization(http, make, rest, database):
    made = await make.organization()
    cookie = await make.portal_session(http, made["id"])
    await rest.organizations.delete_organization(id=made["id"])
    page = await http.get("/portal", headers={"cookie": cookie})
    assert page.status_code == 401
    assert await sessions(database, made["id"]) == []


async def test_the_session_ends_with_its_time(http, make, database):
    made = await make.organization()
    cookie = await make.portal_session(http, made["id"])
    (session,) = await sessions(database, made["id"])
    await expire_session(database, session["id"])
    assert (await http.get("/portal", headers={"cookie": cookie})).status_code == 401


async def test_without_a_session_there_is_no_page(http):
    for cookie in ("", "__Host-tenantry_portal=", "__Host-tenantry_portal=" + "A" * 43, "other=1"):
        page = await http.get("/portal", headers={"cookie": cookie} if cookie else {})
        assert page.status_code == 401, cookie


@pytest.mark.parametrize(
    "around",
    [
        *("theme=dark; {}", "{}; theme=dark", 'q="a b; c"; {}', "json={{%22a%22:1}}; {}"),
        *("a=[1]; {}", "x={{}}; {}", "a b=c; {}", "flag; {}", "{};", "é=1; {}"),
    ],
)
async def test_cookies_of_others_beside_it_do_no_harm(http, make, around):
    cookie = await make.portal_session(http, (await make.organization())["id"])
    header = around.format(cookie).encode()
    page = await http.get("/portal", headers={"cookie": header})
    assert page.status_code == 303


@pytest.mark.process
async def test_over_http_2_a_browser_sends_each_cookie_by_itself(http, make, server):
    cookie = await make.portal_session(http, (await make.organization())["id"])
    pairs = [("cookie", "theme=dark"), ("cookie", cookie), ("cookie", "flag=1")]
    async with over_https(server, http2=True) as browser:
        page = await browser.get("/portal", headers=pairs)
    assert page.http_version == "HTTP/2"
    assert page.status_code == 303
