"""Authorization requests: whom they may come from, and where they lead."""

from __future__ import annotations

import asyncio
import re

import pytest
from authorizations import (
    BROWSER_COOKIE,
    REDIRECT_URI,
    answer_of,
    form_of,
    is_refused,
    request_of,
    with_cookies,
)
from sqlalchemy import bindparam, func, select

from tenantry.db.sql.schema import from_json
from tenantry.db.sql.statements import Statement
from tenantry.identity.connections import environment as connections
from tenantry.identity.sign_in.model import auth_requests

_FIND = Statement(select(auth_requests).where(auth_requests.c.id == bindparam("id")))
_COUNT = Statement(select(func.count().label("n")).select_from(auth_requests))


async def params_of(database, response):
    row = await database.fetch_one(_FIND, id=request_of(response))
    return from_json(row["params"])


# Addresses that nothing is sent to.


@pytest.mark.parametrize(
    "members",
    [
        {"client_id": None},
        {"client_id": ""},
        {"client_id": "skc_1"},
        {"client_id": "skc_" + "1" * 5000},
        {"client_id": "é\x00"},
        {"client_id": "https://evil.example/client.json"},
        {"client_id": ["skc_1", "skc_2"]},
        {"redirect_uri": None},
        {"redirect_uri": ""},
        {"redirect_uri": "https://evil.example.com/callback"},
        {"redirect_uri": f"{REDIRECT_URI}/"},
        {"redirect_uri": f"{REDIRECT_URI}?a=b"},
        {"redirect_uri": f"{REDIRECT_URI}#"},
        {"redirect_uri": f"{REDIRECT_URI}\r\nset-cookie: a=b"},
        {"redirect_uri": REDIRECT_URI.replace("app.", "user@app.")},
        {"redirect_uri": REDIRECT_URI.replace("https", "http")},
        {"redirect_uri": REDIRECT_URI.upper()},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "//evil.example.com"},
        {"redirect_uri": "/callback"},
        {"redirect_uri": "x" * 10_000},
        {"redirect_uri": [REDIRECT_URI, REDIRECT_URI]},
        {"redirect_uri": [REDIRECT_URI, "https://evil.example.com"]},
    ],
)
async def test_nobody_is_sent_to_an_address_that_is_not_the_clients(server, application, members):
    for more in ({}, {"prompt": "none"}, {"response_mode": "form_post"}, {"scope": "none"}):
        response = await application.authorize(**members, **more)
        assert is_refused(response)
        assert response.content == b""
        assert "evil" not in response.headers["location"].partition("?")[0]


async def test_an_address_of_another_client_is_not_this_ones(server, new_application, application):
    await new_application(post_login_uris=["https://other.example.com/cb"])
    assert is_refused(await application.authorize(redirect_uri="https://other.example.com/cb"))


async def test_a_client_of_machines_has_nobody_to_sign_in(server, application, make):
    client_id, _ = await make.client()
    assert is_refused(await application.authorize(client_id=client_id))


async def test_what_cannot_be_read_is_refused(server, http, application):
    for query in (
        application.query() + "&nonce=%ff",
        application.query() + "&%ff=a",
        application.query() + "".join(f"&a{number}=b" for number in range(60)),
    ):
        assert is_refused(await http.get(f"/oauth/authorize?{query}"))
    assert is_refused(await http.get("/oauth/authorize"))


async def test_where_it_leads_does_not_hang_on_headers(server, http, application):
    headers = {
        "x-forwarded-host": "evil.example.com",
        "x-forwarded-proto": "http",
        "x-original-url": "/admin",
        "x-http-method-override": "DELETE",
        "forwarded": "host=evil.example.com",
    }
    response = await http.get(f"/oauth/authorize?{application.query()}", headers=headers)
    request_of(response)
    told = await http.get(f"/oauth/authorize?{application.query(scope='none')}", headers=headers)
    assert answer_of(told)["iss"] == server.url


async def test_it_is_at_one_path_and_by_two_verbs(server, http, application):
    query = application.query()
    # A base URL that ends in a slash.
    request_of(await http.get(f"{server.url}//oauth/authorize?{query}"))
    for path in (
        "/oauth/%61uthorize",
        "/oauth//authorize",
        "/oauth/authorize/",
        "/oauth/authorize;a=b",
        "/oauth/authorize%2f",
        "/oauth/authorize%00",
        "/OAUTH/AUTHORIZE",
    ):
        assert (await http.get(f"{path}?{query}")).status_code == 404
    for verb in ("PUT", "PATCH", "DELETE"):
        answer = await http.request(verb, f"/oauth/authorize?{query}")
        assert answer.status_code == 405
        assert "GET" in answer.headers["allow"]


async def test_the_host_that_a_request_names_is_not_believed(server, http, application):
    headers = {"host": "evil.example.com"}
    request_of(await http.get(f"/oauth/authorize?{application.query()}", headers=headers))
    told = await http.get(f"/oauth/authorize?{application.query(scope='none')}", headers=headers)
    assert answer_of(told)["iss"] == server.url


# Where a good one leads.


async def test_it_leads_to_the_sign_in_pages_of_this_browser(database, application):
    response = await application.authorize()
    request_of(response)
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cache-control"] == "no-store"
    pair, *attributes = response.headers["set-cookie"].split("; ")
    number = request_of(response).removeprefix("areq_")
    assert re.fullmatch(rf"{BROWSER_COOKIE}{number}=[\w-]{{43}}", pair)
    assert set(attributes) == {"Path=/", "HttpOnly", "SameSite=Lax", "Secure", "Max-Age=3600"}


@pytest.mark.parametrize("secret", ["", "short", "a" * 43, "a" * 42 + "+", "x" * 4000, "é" * 43])
async def test_a_planted_cookie_has_no_part_in_a_new_request(database, application, secret):
    """Session fixation."""
    planted = f"{BROWSER_COOKIE[:-1]}={secret}; {BROWSER_COOKIE}1={secret}".encode()
    response = await application.http.get(
        f"/oauth/authorize?{application.query()}", headers={"cookie": planted}
    )
    request_id = request_of(response)
    (cookie,) = response.headers.get_list("set-cookie")
    assert cookie.startswith(f"{BROWSER_COOKIE}{request_id.removeprefix('areq_')}=")
    assert f"={secret};" not in cookie
    for given in (planted, f"{BROWSER_COOKIE}{request_id[5:]}={secret}".encode()):
        page = await application.http.get(f"/login/{request_id}", headers={"cookie": given})
        assert page.status_code == 410


async def test_a_browser_keeps_the_cookies_of_its_newest_requests(database, application):
    kept: dict[str, str] = {}
    for _ in range(11):
        cookies = "; ".join(f"{name}={value}" for name, value in kept.items())
        response = await application.authorize(cookies=cookies)
        for line in response.headers.get_list("set-cookie"):
            pair, *attributes = line.split("; ")
            name, _, value = pair.partition("=")
            if "Max-Age=0" in attributes:
                assert value == ""
                del kept[name]
            else:
                kept[name] = value
    assert len(kept) == 8
    assert max(kept) == f"{BROWSER_COOKIE}{request_of(response).removeprefix('areq_')}"


async def test_all_that_is_asked_for_is_kept(database, application, make):
    organization_id = (await make.organization())["id"]
    kept = await params_of(
        database,
        await application.authorize(
            state="a b",
            nonce="n-0S6_WzA2Mj",
            scope="offline_access  openid other openid",
            prompt="login  select_account",
            max_age="3600",
            login_hint="Ada@Example.com",
            domain="example.com",
            domain_hint="example.com",
            organization_id=organization_id,
            ui_locales="de-CH x-!! fr fr",
            code_challenge="E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            code_challenge_method="S256",
            resource=application.http.base_url,
            display="popup",
            acr_values="1",
            claims="{}",
            unknown=["a", "b"],
        ),
    )
    assert kept["redirect_uri"] == REDIRECT_URI
    assert kept["state"] == "a b"
    assert kept["nonce"] == "n-0S6_WzA2Mj"
    assert kept["scope"] == "openid offline_access"
    assert kept["prompt"] == ["login", "select_account"]
    assert kept["max_age"] == 3600
    assert kept["login_hint"] == "Ada@Example.com"
    assert kept["domain_hint"] == "example.com"
    assert kept["organization_id"] == organization_id
    assert kept["ui_locales"] == ["de-CH", "fr"]
    assert kept["code_challenge"] == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert kept.get("response_mode", "query") == "query"


async def test_what_is_empty_is_left_out(database, application):
    empty = dict.fromkeys(
        [
            *("nonce", "prompt", "max_age", "login_hint", "domain", "domain_hint"),
            *("organization_id", "connection_id", "provider", "ui_locales", "code_challenge"),
            *("code_challenge_method", "resource", "id_token_hint", "request", "request_uri"),
            *("registration", "response_mode"),
        ],
        "",
    )
    kept = await params_of(database, await application.authorize(**empty, state=""))
    assert kept["redirect_uri"] == REDIRECT_URI
    assert not kept.get("state")


async def test_who_asks_for_no_scope_gets_that_of_the_sdks(database, application):
    kept = await params_of(database, await application.authorize(scope=None))
    assert kept["scope"] == "openid profile email"
    kept = await params_of(database, await application.authorize(scope="email"))
    assert kept["scope"] == "email"  # OAuth without OpenID Connect


async def test_consent_to_an_application_of_ones_own_is_not_asked_for(database, application):
    kept = await params_of(database, await application.authorize(prompt="consent login"))
    assert kept["prompt"] == ["login"]


# Addresses that leave something open.


async def test_an_address_may_be_one_of_an_organization(database, new_application, make):
    organization = await make.organization(metadata={"sub": "acme"})
    application = await new_application(post_login_uris=["https://{{sub}}.example.com/cb"])
    uri = "https://acme.example.com/cb"
    response = await application.authorize(redirect_uri=uri, organization_id=organization["id"])
    assert (await params_of(database, response))["redirect_uri"] == uri
    other = (await make.organization(metadata={"sub": "other"}))["id"]
    for members in (
        {},
        {"organization_id": other},
        {"organization_id": "org_1"},
        {"organization_id": "acme"},
        {"organization_id": [organization["id"], other]},
    ):
        assert is_refused(await application.authorize(redirect_uri=uri, **members))
    assert is_refused(
        await application.authorize(
            redirect_uri="https://{{sub}}.example.com/cb", organization_id=organization["id"]
        )
    )


async def test_a_native_app_may_listen_at_any_port(database, new_application):
    application = await new_application("NTV", post_login_uris=["http://127.0.0.1/cb"])
    uri = "http://127.0.0.1:49152/cb"
    response = await application.authorize(redirect_uri=uri)
    assert (await params_of(database, response))["redirect_uri"] == uri
    assert is_refused(await application.authorize(redirect_uri="http://localhost:49152/cb"))
    web = await new_application(post_login_uris=["https://127.0.0.1.example.com/cb"])
    assert is_refused(await web.authorize(redirect_uri="http://127.0.0.1:49152/cb"))


async def test_an_address_is_known_as_soon_as_it_is_registered(server, rest, application):
    added = "https://app.example.com/added"
    assert is_refused(await application.authorize(redirect_uri=added))
    await rest.clients.update_client(
        client_id=application.id, client={"post_login_uris": [REDIRECT_URI, added]}
    )
    request_of(await application.authorize(redirect_uri=added))


# Ways to ask.


async def test_a_form_goes_on_by_get_with_what_it_asked(server, http, application):
    form = dict(pair.split("=") for pair in application.query(state="a b").split("&"))
    answer = await http.post(
        "/oauth/authorize",
        content=application.query(state="a b&c=d", nonce=["a", "b"]),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/oauth/authorize?")
    assert "a%20b%26c%3Dd" in answer.headers["location"]
    told = answer_of(await http.get(answer.headers["location"]))
    assert told["error"] == "invalid_request"
    assert told["state"] == "a b&c=d"
    assert form["client_id"] == application.id


async def test_a_form_is_a_form(server, http, application):
    answer = await http.post("/oauth/authorize", json={"client_id": application.id})
    assert answer.status_code == 415
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = await http.post("/oauth/authorize", content=b"a=%ff", headers=form)
    assert answer.status_code == 400
    answer = await http.post("/oauth/authorize", content=b"a=" + b"b" * 30_000, headers=form)
    assert answer.status_code == 400


async def test_a_preview_begins_nothing(server, database, http, application):
    before = (await database.fetch_one(_COUNT))["n"]
    answer = await http.head(f"/oauth/authorize?{application.query()}")
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert (await database.fetch_one(_COUNT))["n"] == before


async def test_connections_of_the_environment_can_be_chosen(database, application):
    for connection in (await connections.of_environment(database)).values():
        response = await application.authorize(connection_id=connection.id)
        assert (await params_of(database, response))["connection_id"] == connection.id


# With a live session.


async def test_a_live_session_signs_in_silently(application, signed_in):
    _, cookie = await signed_in()
    for members in ({}, {"prompt": "none"}, {"max_age": "3600"}):
        told = answer_of(await application.authorize(cookies=cookie, **members))
        assert set(told) == {"code", "state", "iss"}
    codes = [
        answer_of(response)["code"]
        for response in await asyncio.gather(
            *(application.authorize(cookies=cookie) for _ in range(5))
        )
    ]
    assert len(set(codes)) == 5


async def test_without_a_session_there_is_nothing_silent(server, application, signed_in):
    _, cookie = await signed_in()
    for cookies in ("", "__Host-tenantry_session=", cookie[:-1], cookie + "a", cookie[:-1] + "é"):
        response = await application.http.get(
            f"/oauth/authorize?{application.query(prompt='none')}",
            headers={"cookie": cookies.encode()} if cookies else {},
        )
        told = answer_of(response)
        assert told["error"] == "login_required"
        assert told["iss"] == server.url


async def test_a_form_post_answer_is_a_page(application, signed_in):
    _, cookie = await signed_in()
    response = await application.authorize(cookies=cookie, response_mode="form_post")
    assert set(form_of(response)) == {"code", "state", "iss"}


async def test_the_pair_of_the_cookie_header_is_read_alone(application, signed_in):
    _, cookie = await signed_in()
    for cookies in (f"a=b; {cookie}", f"{cookie}; a=b", f'odd="; {cookie}'):
        response = await application.http.get(
            f"/oauth/authorize?{application.query()}", headers=with_cookies(cookies)
        )
        assert "code" in answer_of(response)
