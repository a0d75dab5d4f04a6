"""The way to an OpenID Provider: whose sign-in goes there, and with which request."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from connections_of_tests import connection, go, path, start, switch
from hosted import answered, heading

from tenantry.identity.connections import model

MANUAL = {
    "issuer": "https://idp.example.com",
    "authorize_uri": "https://idp.example.com/authorize?tenant=7",
    "client_id": "tenantry",
}


async def test_a_sign_in_goes_to_the_provider_with_a_request_of_its_own(
    place, application, visitor
):
    conn = await connection(place, settings=MANUAL)
    seen = []
    for _ in range(2):
        sent = await start(visitor, application, conn, login_hint="ann@example.com", max_age=60)
        assert sent.status_code == 303
        assert sent.headers["cache-control"] == "no-store"
        assert sent.headers["referrer-policy"] == "no-referrer"
        url = urlsplit(sent.headers["location"])
        assert url._replace(query="").geturl() == "https://idp.example.com/authorize"
        query = parse_qs(url.query, strict_parsing=True)
        secrets = {name: query.pop(name) for name in ("state", "nonce", "code_challenge")}
        assert query == {
            "tenant": ["7"],
            "response_type": ["code"],
            "client_id": ["tenantry"],
            "redirect_uri": [f"{place.server.url}/sso/v1/oidc/{conn.id}/callback"],
            "scope": ["openid profile email"],
            "code_challenge_method": ["S256"],
            "login_hint": ["ann@example.com"],
            "max_age": ["60"],
        }
        seen += [value for (value,) in secrets.values()]
    assert len(set(seen)) == 6
    assert min(map(len, seen)) == 43


async def test_nobody_takes_the_sign_in_of_another_browser(
    place, application, visitor, other_visitor
):
    conn = await connection(place, settings=MANUAL)
    await visitor.begin(application)
    login = visitor.path.removeprefix("/login/")
    for query in (f"?login={login}", "", "?login=", "?login=areq_1", "?login=%00", "?login=%ff"):
        page = await other_visitor.get(path(conn, f"start{query}"))
        assert page.status_code == 410
        assert heading(page) == "This sign-in has ended"


FAULTS = ["disabled", "draft", "other type", "unknown", "no id"]


async def out_of_order(place, fault: str):
    """A connection with a fault, the id that a browser is sent to, and the error to expect."""
    status = model.DRAFT if fault == "draft" else model.COMPLETED
    type_ = model.SAML if fault == "other type" else model.OIDC
    conn = await connection(place, type_, settings=MANUAL, status=status)
    id_ = {"unknown": "conn_1", "no id": "conn_%F0%9F%98%80"}.get(fault, conn.id)
    error = "connection_not_active" if fault in {"disabled", "draft"} else "invalid_connection_id"
    return conn, id_, error


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_connection_that_does_not_serve_leads_back_to_our_page(
    place, application, visitor, fault
):
    conn, id_, error = await out_of_order(place, fault)
    await switch(place, conn, enabled=fault != "disabled")
    await visitor.begin(application)
    login = visitor.path.removeprefix("/login/")
    page = await visitor.get(f"/sso/v1/oidc/{id_}/start?login={login}")
    assert page.status_code == 400
    assert heading(page) == "Single sign-on is unavailable"
    assert error in page.text
    assert f'href="/login/{login}"' in page.text
    assert heading(await visitor.page()).startswith("Sign in")


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_application_that_led_there_is_told_what_is_wrong(
    place, application, visitor, fault
):
    conn, id_, error = await out_of_order(place, fault)
    good = await connection(place, settings=MANUAL)
    sent = await visitor.get(application.path(connection_id=good.id, state="a state"))
    to = sent.headers["location"]
    await switch(place, conn, enabled=fault != "disabled")
    told = await visitor.get(to.replace(f"/{good.id}/", f"/{id_}/"))
    assert told.status_code == 303
    where, _, query = told.headers["location"].partition("?")
    answer = parse_qs(query)
    assert where == application.redirect_uri
    assert (answer["error"], answer["state"]) == ([error], ["a state"])
    assert answer["error_description"]
    assert answer["iss"] == [place.server.url]
    # The sign-in has ended by that.
    assert (await visitor.get(to)).status_code == 410


@pytest.mark.parametrize("protocol", ["oidc", "oauth", "saml"])
async def test_it_is_told_so_by_each_protocol(place, application, visitor, protocol):
    good = await connection(place, settings=MANUAL)
    sent = await visitor.get(application.path(connection_id=good.id))
    to = sent.headers["location"].replace(f"/oidc/{good.id}/", f"/{protocol}/conn_1/")
    assert answered(await visitor.get(to))["error"] == "invalid_connection_id"


async def test_a_sign_in_goes_to_providers_so_often_and_no_more(place, application, visitor):
    conn = await connection(place, settings=MANUAL)
    login = (await go(visitor, application, connection_id=conn.id)).request.url.query
    to = path(conn, f"start?{login.decode()}")
    for _ in range(19):
        assert (await visitor.get(to)).headers["location"].startswith("https://idp.example.com/")
    told = await visitor.get(to)
    assert told.headers["location"].startswith(f"{application.redirect_uri}?error=invalid_request")
    # Another sign-in of the same browser is counted by itself.
    assert (await go(visitor, application, connection_id=conn.id)).status_code == 303


async def test_a_look_without_a_body_begins_nothing(place, application, visitor):
    conn = await connection(place, settings=MANUAL)
    await visitor.begin(application)
    login = visitor.path.removeprefix("/login/")
    answer = await visitor.http.head(
        path(conn, f"start?login={login}"),
        headers={"cookie": "; ".join(f"{k}={v}" for k, v in visitor.cookies.items())},
    )
    assert answer.status_code == 200
    assert "location" not in answer.headers
