"""RP-initiated logout: the session that ends, the question, and where the browser goes."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from authorizations import COOKIE, LOGOUT_URI, id_token, with_cookies

from tenantry.identity.sessions import service as sessions

ORIGIN = {"sec-fetch-site": "same-origin"}


@pytest.fixture
async def logout(http):
    """Asks for a logout, as a browser with these cookies does."""

    async def ask(cookies: str = "", **members: Any):
        return await http.get(
            f"/oidc/logout?{urlencode(members, doseq=True)}", headers=with_cookies(cookies)
        )

    return ask


@pytest.fixture
async def person(database, server, signed_in, application):
    """A person that has signed in to the application: session, cookie, and ID token."""
    session, cookie = await signed_in(client_id=application.id)
    return session, cookie, await id_token(database, server.url, session, application.id)


async def is_live(database, session):
    return await sessions.find_live(database, session.id) is not None


def is_page(answer, says, *, status=200, asks=False):
    assert answer.status_code == status, answer.text
    assert says in answer.text
    assert ("<form" in answer.text) == asks
    assert "location" not in answer.headers
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"
    return True


def clears(answer):
    (issued,) = answer.headers.get_list("set-cookie")
    return issued.startswith(f"{COOKIE}=;") and "Max-Age=0" in issued


def fields(page):
    return {
        name: html.unescape(value)
        for name, value in re.findall(r'name="([^"]*)" value="([^"]*)"', page.text)
    }


async def test_the_id_token_of_the_session_ends_it_at_once(database, logout, person, events):
    session, cookie, token = person
    answer = await logout(
        cookie, id_token_hint=token, post_logout_redirect_uri=LOGOUT_URI, state="a b&c"
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{LOGOUT_URI}?state=a%20b%26c"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert clears(answer)
    assert not await is_live(database, session)
    (event,) = [one for one in await events.new() if one["type"] == "user.logout"]
    assert event["actor"]["id"] == session.user_id
    again = await logout(cookie, id_token_hint=token, post_logout_redirect_uri=LOGOUT_URI)
    assert again.headers["location"] == LOGOUT_URI


async def test_without_an_address_the_person_sees_that_it_is_done(database, logout, person):
    session, cookie, token = person
    answer = await logout(cookie, id_token_hint=token)
    assert is_page(answer, "You are signed out")
    assert clears(answer)
    assert not await is_live(database, session)
    assert is_page(await logout(), "You are signed out")


# Redirects to places that are not registered.


async def test_a_link_ends_nothing_before_the_person_says_so(database, http, logout, person):
    session, cookie, _ = person
    for members in (
        {},
        {"state": "x"},
        {"logout_hint": session.id},
        {"confirm": "yes"},
    ):
        assert is_page(await logout(cookie, **members), "Sign out?", asks=True)
        assert await is_live(database, session)
    page = await logout(cookie)
    answer = await http.post(
        "/oidc/logout", data=fields(page), headers={"cookie": cookie, **ORIGIN}
    )
    assert is_page(answer, "You are signed out")
    assert clears(answer)
    assert not await is_live(database, session)


async def test_the_token_of_another_ends_nobodys_session(
    database, server, http, *, logout, person, signed_in, application
):
    session, cookie, _ = person
    other, _ = await signed_in(client_id=application.id)
    older, _ = await signed_in(session.organization_id, user_id=session.user_id)
    for whose in (other, older):
        token = await id_token(database, server.url, whose, application.id)
        page = await logout(cookie, id_token_hint=token, post_logout_redirect_uri=LOGOUT_URI)
        assert is_page(page, "different account", asks=True)
        for one in (session, other, older):
            assert await is_live(database, one)
    kept = fields(page)
    assert kept["post_logout_redirect_uri"] == LOGOUT_URI
    answer = await http.post("/oidc/logout", data=kept, headers={"cookie": cookie, **ORIGIN})
    assert answer.headers["location"] == LOGOUT_URI
    assert not await is_live(database, session)
    assert await is_live(database, older)
    assert await is_live(database, other)


async def test_a_token_without_a_session_ends_nothing(database, server, logout, person):
    session, cookie, token = person
    for bad in (
        await id_token(database, server.url, session, "skc_1", sid=None),
        await id_token(database, server.url, session, "skc_1", sid="ses_1"),
    ):
        assert is_page(await logout(cookie, id_token_hint=bad), "Sign out?", asks=True)
    assert (await logout(id_token_hint=token)).status_code == 200  # no cookie
    assert await is_live(database, session)


async def test_a_token_that_is_none_of_ours_is_no_hint(database, server, logout, person):
    session, cookie, token = person
    head, said, signature = token.split(".")
    for bad in (
        "x",
        "a.b.c",
        f"{head}.{said}.",
        f"{head}.{said[:-4]}AAAA.{signature}",
        f"eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{said}.",
        await id_token(database, "https://evil.example.com", session, session.clients[0][0]),
        await id_token(database, server.url, session, session.clients[0][0], jti="tkn_1"),
    ):
        page = await logout(cookie, id_token_hint=bad, post_logout_redirect_uri=LOGOUT_URI)
        assert is_page(page, "no ID token of this server", status=400, asks=True)
        assert set(fields(page)) == {"confirm"}
        assert await is_live(database, session)


@pytest.mark.parametrize(
    "uri",
    [
        *("https://evil.example.com/", f"{LOGOUT_URI}/", f"{LOGOUT_URI}?a=b", f"{LOGOUT_URI}#a"),
        *(LOGOUT_URI.upper(), LOGOUT_URI.replace("app.", "a@app."), "//evil.example.com"),
        *("javascript:alert(1)", "https://app.example.com/callback", "x" * 5000, f"{LOGOUT_URI}\n"),
    ],
)
async def test_nobody_is_sent_to_an_address_that_is_not_registered(
    database, logout, person, application, uri
):
    session, cookie, token = person
    for members in (
        {"id_token_hint": token},
        {"client_id": application.id},
        {"id_token_hint": token, "client_id": application.id},
    ):
        for cookies in (cookie, ""):
            page = await logout(cookies, post_logout_redirect_uri=uri, **members)
            assert is_page(page, "is not registered", status=400, asks=bool(cookies))
            assert "evil" not in page.text
    assert await is_live(database, session)


async def test_an_address_needs_an_application_that_has_it(
    database, logout, person, application, new_application
):
    session, cookie, token = person
    other = await new_application(post_logout_redirect_uris=["https://other.example.com/"])
    for members, says in (
        ({}, "needs an id_token_hint or a client_id"),
        ({"client_id": other.id}, "is not registered"),
        ({"client_id": "skc_1"}, "is not registered"),
        ({"client_id": "x" * 3000}, "is not registered"),
        ({"client_id": other.id, "id_token_hint": token}, "client_id is not the one"),
    ):
        page = await logout(cookie, post_logout_redirect_uri=LOGOUT_URI, **members)
        assert is_page(page, says, status=400, asks=True)
    page = await logout(cookie, client_id=application.id, post_logout_redirect_uri=LOGOUT_URI)
    assert is_page(page, "Sign out?", asks=True)
    assert await is_live(database, session)
    answer = await logout(client_id=application.id, post_logout_redirect_uri=LOGOUT_URI)
    assert answer.headers["location"] == LOGOUT_URI  # nobody is signed in


async def test_a_page_of_another_site_cannot_say_yes(database, http, person, application):
    session, cookie, _ = person
    members = {"confirm": "yes", "state": "a"}
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "cross-site", "origin": str(http.base_url).rstrip("/")},
        {"origin": "https://evil.example.com"},
        {"origin": "null"},
        {},
    ):
        answer = await http.post(
            "/oidc/logout", data=members, headers={"cookie": cookie, **headers}
        )
        assert answer.status_code == 303
        assert answer.headers["location"] == "/oidc/logout?state=a"
        assert await is_live(database, session)


async def test_a_form_that_asks_for_what_cannot_be_is_answered_on_a_page(
    server, database, http, person
):
    session, cookie, _ = person
    ours = {"cookie": cookie, "sec-fetch-site": "same-origin"}
    answer = await http.post(
        "/oidc/logout", data={"confirm": "yes", "state": "x" * 2001}, headers=ours
    )
    assert answer.status_code == 303
    page = await http.get(answer.headers["location"], headers={"cookie": cookie})
    assert is_page(page, "state must have at most 2000 characters", status=400, asks=True)
    assert await is_live(database, session)


@pytest.mark.parametrize("twice", ["confirm=yes&confirm=yes", "unknown=1&unknown=2"])
@pytest.mark.parametrize("site", ["same-origin", "cross-site"])
async def test_a_wrong_form_that_says_things_twice_is_answered_on_a_page(
    database, http, person, twice, site
):
    session, cookie, _ = person
    answer = await http.post(
        "/oidc/logout",
        content=f"confirm=yes&id_token_hint=x&{twice}",
        headers={
            "cookie": cookie,
            "sec-fetch-site": site,
            "content-type": "application/x-www-form-urlencoded",
        },
    )
    assert answer.status_code == 303
    assert "confirm" not in answer.headers["location"]
    page = await http.get(answer.headers["location"], headers={"cookie": cookie})
    assert is_page(page, "id_token_hint is no ID token", status=400, asks=True)
    assert await is_live(database, session)


async def test_an_old_browser_says_where_its_form_is_from(server, database, http, person):
    session, cookie, _ = person
    answer = await http.post(
        "/oidc/logout", data={"confirm": "yes"}, headers={"cookie": cookie, "origin": server.url}
    )
    assert is_page(answer, "You are signed out")
    assert not await is_live(database, session)


async def test_a_form_of_an_application_goes_on_by_get(database, http, logout, person):
    session, cookie, token = person
    answer = await http.post(
        "/oidc/logout",
        data={"id_token_hint": token, "post_logout_redirect_uri": LOGOUT_URI},
        headers={"sec-fetch-site": "cross-site"},
    )
    assert answer.status_code == 303
    followed = await http.get(answer.headers["location"], headers={"cookie": cookie})
    assert followed.headers["location"] == LOGOUT_URI
    assert not await is_live(database, session)


# Addresses of an organization, and words.


async def test_an_address_may_be_one_of_the_sessions_organization(
    database, server, logout, *, signed_in, make, new_application
):
    organization_id = (await make.organization(metadata={"sub": "acme"}))["id"]
    application = await new_application(
        post_logout_redirect_uris=["https://{{sub}}.example.com/bye"]
    )
    session, cookie = await signed_in(organization_id)
    uri = "https://acme.example.com/bye"
    token = await id_token(database, server.url, session, application.id)
    wrong = await logout(
        cookie, id_token_hint=token, post_logout_redirect_uri=uri.replace("acme", "evil")
    )
    assert is_page(wrong, "is not registered", status=400, asks=True)
    answer = await logout(cookie, id_token_hint=token, post_logout_redirect_uri=uri)
    assert answer.headers["location"] == uri
    # The session is over, and with it what the template stood for.
    again = await logout(cookie, id_token_hint=token, post_logout_redirect_uri=uri)
    assert is_page(again, "is not registered", status=400)


async def test_it_speaks_the_language_of_the_person(http, logout, person):
    _, cookie, _ = person
    page = await logout(cookie, ui_locales="sv de-CH en")
    assert '<html lang="de">' in page.text
    assert "Abmelden?" in page.text
    assert fields(page)["ui_locales"] == "sv de-CH en"
    for header, says in (
        ("de-AT,en;q=0.5", "Sie sind abgemeldet"),
        ("sv,*;q=0.1", "You are signed out"),
        ("x" * 5000, "You are signed out"),
    ):
        page = await http.get("/oidc/logout", headers={"accept-language": header})
        assert says in page.text


async def test_what_is_asked_for_cannot_become_markup(logout, person):
    _, cookie, _ = person
    page = await logout(cookie, state='"><script>alert(1)</script>', ui_locales="<b>")
    assert "<script" not in page.text
    assert "<b>" not in page.text
    assert fields(page)["state"] == '"><script>alert(1)</script>'


async def test_what_cannot_be_read_is_said(server, http, logout, person):
    _, cookie, token = person
    for query, says in (
        ("state=%ff", "not UTF-8"),
        ("&".join(f"a{number}=b" for number in range(60)), "more than 50"),
        ("state=a&state=b", "state is given more than once"),
        (f"id_token_hint={token}&id_token_hint={token}", "id_token_hint is given more"),
        (f"state={'x' * 2001}", "state must have at most 2000"),
    ):
        page = await http.get(f"/oidc/logout?{query}", headers={"cookie": cookie})
        assert page.status_code == 400
        assert says in page.text
    assert (await http.post("/oidc/logout", json={})).status_code == 415


async def test_a_preview_ends_nothing(database, http, person):
    session, cookie, token = person
    answer = await http.head(f"/oidc/logout?id_token_hint={token}", headers={"cookie": cookie})
    assert answer.status_code == 200
    assert await is_live(database, session)
