"""The token endpoint: client_credentials by form or Basic, errors as RFC 6749 has them."""

from __future__ import annotations

import base64
from urllib.parse import quote_plus

import pytest
from machines import basic, is_error, parts_of

from tenantry.core import ids


@pytest.fixture
def form(server):
    """A good request."""
    return {
        "grant_type": "client_credentials",
        "client_id": server.client_id,
        "client_secret": server.client_secret,
    }


@pytest.fixture
def ask(http):
    """Ask for a token with this form; None leaves a member out."""

    async def post(form, path="/oauth/token", **headers: str):
        members = {name: value for name, value in form.items() if value is not None}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await http.post(path, data=members, headers=named)

    return post


async def test_a_client_gets_a_token_by_form(ask, form):
    answer = await ask(form)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    body = answer.json()
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 86_399
    assert body["access_token"].count(".") == 2


async def test_a_client_gets_a_token_by_basic(ask, server):
    credentials = basic(server.client_id, server.client_secret)
    alone = {"grant_type": "client_credentials"}
    assert (await ask(alone, **credentials)).status_code == 200
    beside = alone | {"client_id": server.client_id}
    assert (await ask(beside, **credentials)).status_code == 200


async def test_a_base_url_with_a_trailing_slash_works(ask, form, server):
    assert (await ask(form, path=f"{server.url}//oauth/token")).status_code == 200


async def test_a_stale_bearer_token_beside_it_does_not_matter(ask, form):
    for authorization in ("Bearer stale", "Bearer", "Bearer a.b.c"):
        assert (await ask(form, authorization=authorization)).status_code == 200


async def test_a_management_client_has_no_scopes_to_ask_for(ask, form):
    assert (await ask(form | {"scope": ""})).json()["scope"] == ""
    for scope in ("openid", "organizations:read organizations:write", " ", "a  b", '"', "é"):
        assert is_error(await ask(form | {"scope": scope}), "invalid_scope")


async def test_what_a_token_says(ask, form, server):
    header, claims = parts_of((await ask(form)).json()["access_token"])
    assert header["alg"] == "RS256"
    assert header["typ"] == "JWT"
    assert ids.well_formed("snk_", header["kid"])
    assert claims["iss"] == server.url
    assert claims["aud"] == [server.url]
    assert claims["sub"] == claims["client_id"] == server.client_id
    assert ids.well_formed("tkn_", claims["jti"])
    assert [type(claims[name]) for name in ("iat", "nbf", "exp")] == [int, int, int]
    assert claims["exp"] - claims["iat"] == 86_400
    assert claims["scope"] == " ".join(claims["scopes"])
    assert isinstance(claims["scopes"], list)


async def test_every_token_is_another(ask, form):
    tokens = [(await ask(form)).json()["access_token"] for _ in range(5)]
    assert len({parts_of(token)[1]["jti"] for token in tokens}) == 5


@pytest.mark.parametrize("grant", [None, ""])
async def test_a_grant_type_is_needed(ask, form, grant):
    assert is_error(await ask(form | {"grant_type": grant}), "invalid_request")


@pytest.mark.parametrize(
    "grant", ["password", "authorization_code", "refresh_token", "CLIENT_CREDENTIALS", "x\x00"]
)
async def test_other_grants_are_unsupported(ask, form, grant):
    answer = await ask(form | {"grant_type": grant})
    assert answer.json()["error"] in {"unsupported_grant_type", "invalid_request"}
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_secret": "wrong"},
        {"client_secret": ""},
        {"client_secret": None},
        {"client_id": None},
        {"client_id": ""},
        {"client_id": "skc_1"},
        {"client_id": "' OR 1=1 --"},
        {"client_id": None, "client_secret": None},
        {"client_secret": "x" * 10_000},
        {"client_secret": "é"},
    ],
)
async def test_a_wrong_client_is_invalid(ask, form, wrong):
    assert is_error(await ask(form | wrong), "invalid_client", 401)


async def test_an_unknown_client_looks_like_a_wrong_secret(ask, form):
    unknown = await ask(form | {"client_id": "skc_1234567890123456789"})
    wrong = await ask(form | {"client_secret": "wrong"})
    assert unknown.json() == wrong.json()
    assert {*unknown.headers} == {*wrong.headers}


@pytest.mark.parametrize("credentials", ["wrong", "", "!!!", "é"])
async def test_wrong_basic_credentials_are_challenged(ask, server, credentials):
    encoded = base64.b64encode(f"{server.client_id}:{credentials}".encode()).decode()
    for value in (encoded, "no base64", ""):
        answer = await ask(
            {"grant_type": "client_credentials"}, authorization=f"Basic {value}".strip()
        )
        assert is_error(answer, "invalid_client", 401)
        assert answer.headers["www-authenticate"].startswith("Basic ")


async def test_credentials_come_once(ask, form, server):
    credentials = basic(server.client_id, server.client_secret)
    assert is_error(await ask(form, **credentials), "invalid_request")
    other = {"grant_type": "client_credentials", "client_id": "skc_1"}
    assert is_error(await ask(other, **credentials), "invalid_request")


async def test_a_member_comes_once(http, form):
    body = "&".join(f"{name}={quote_plus(value)}" for name, value in form.items())
    answer = await http.post(
        "/oauth/token",
        content=f"{body}&client_id=skc_1",
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert is_error(answer, "invalid_request")


async def test_only_a_form_is_read(http, form):
    assert is_error(await http.post("/oauth/token", json=form), "invalid_request")
    assert is_error(await http.post("/oauth/token"), "invalid_request")
    for body in (b"\xff=\xff", b"a" * 1000, b"&".join([b"a%d=1" % n for n in range(1000)])):
        answer = await http.post(
            "/oauth/token",
            content=body,
            headers={"content-type": "application/x-www-form-urlencoded; charset=utf-8"},
        )
        assert is_error(answer, "invalid_request")


async def test_a_secret_in_the_query_does_not_count(http, form):
    answer = await http.post("/oauth/token", params=form, data={"grant_type": "client_credentials"})
    assert is_error(answer, "invalid_client", 401)


async def test_it_is_a_post(http):
    for verb in ("GET", "PUT", "DELETE"):
        answer = await http.request(verb, "/oauth/token")
        assert answer.status_code == 405
        assert "POST" in answer.headers["allow"]


async def test_no_answer_repeats_the_secret(ask, form):
    for wrong in ({"client_id": "skc_1"}, {"grant_type": "x"}, {"grant_type": ""}):
        assert form["client_secret"] not in (await ask(form | wrong)).text
