"""The way to an OpenID Provider: whose sign-in goes there, and with which request."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from connections_of_tests import connection, path, start, switch
from hosted import heading

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
        assert heading(page) == "This sign-in is over"


@pytest.mark.parametrize("fault", ["disabled", "draft", "other type", "unknown", "no id"])
async def test_a_connection_that_does_not_serve_takes_nobody(place, application, visitor, fault):
    status = model.DRAFT if fault == "draft" else model.COMPLETED
    type_ = model.SAML if fault == "other type" else model.OIDC
    conn = await connection(place, type_, settings=MANUAL, status=status)
    await switch(place, conn, enabled=fault != "disabled")
    await visitor.begin(application)
    login = visitor.path.removeprefix("/login/")
    id_ = {"unknown": "conn_1", "no id": "conn_%F0%9F%98%80"}.get(fault, conn.id)
    page = await visitor.get(f"/sso/v1/oidc/{id_}/start?login={login}")
    assert page.status_code == 400
    assert heading(page) == "The sign-in did not work"
    error = "connection_not_active" if fault in {"disabled", "draft"} else "invalid_connection_id"
    assert error in page.text


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
