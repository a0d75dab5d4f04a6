"""Operators by passkey: made after a link, signed in by, and what of it attackers may try."""

from __future__ import annotations

import json

import httpx
import pytest
from operators_with_passkeys import OURS, problem_of
from software_authenticator import Authenticator

pytestmark = pytest.mark.process

COOKIE = "__Host-tenantry_console"


def test_an_operator_makes_a_passkey_and_signs_in_by_it(operator_of):
    ada = operator_of()
    by_link = ada.secret
    added = ada.make_passkey()
    assert added.headers["location"] == "/console/me?done=passkey_added"
    # The session of the link is over; a new one goes on.
    assert ada.secret != by_link
    assert ada.is_in
    assert ada.get("/console", headers={"cookie": f"{COOKIE}={by_link}"}).status_code in {200, 401}
    old = httpx.get(
        f"{ada.server.url}/console",
        headers={"cookie": f"{COOKIE}={by_link}"},
        verify=ada.server.trust,
    )
    assert old.status_code == 401
    assert ada.post("/console/sign-out").headers["location"] == "/console/sign-in"
    assert not ada.is_in
    entered = ada.sign_in(goal="/console/organizations?page_token=x")
    assert entered.headers["location"] == "/console/organizations?page_token=x"
    cookie = entered.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "Secure", "SameSite=Strict", "Path=/"))
    assert ada.is_in


@pytest.mark.parametrize(
    "goal",
    [
        "https://evil.example/",
        "//evil.example",
        "/console//evil.example\\",
        "/console@evil.example",
        "/login",
        "/console\r\nset-cookie: a=b",
    ],
)
def test_a_sign_in_leads_nowhere_but_into_the_console(operator_of, goal):
    ada = operator_of()
    ada.make_passkey()
    assert ada.sign_in(goal=goal).headers["location"] == "/console"


@pytest.mark.parametrize(
    "bent",
    [
        {"origin": "https://evil.example"},
        {"rp_id": "evil.example"},
        {"verified": False},
        {"present": 0},
        {"challenge": "AAAA"},
        {"kind": "webauthn.create"},
        {"cross_origin": True},
        {"user_handle": b"opr_1"},
        {"count": 0},
    ],
    ids=str,
)
def test_a_bent_answer_signs_nobody_in(operator_of, bent):
    ada = operator_of()
    ada.make_passkey()
    ada.post("/console/sign-out")
    answer = ada.sign_in(**bent)
    assert "set-cookie" not in answer.headers
    assert "not recognized" in problem_of(ada, answer)
    assert not ada.is_in


@pytest.mark.parametrize(
    "bent",
    [{"origin": "https://evil.example"}, {"verified": False}, {"challenge": "AAAA"}],
    ids=str,
)
def test_a_bent_passkey_is_not_kept(operator_of, bent):
    ada = operator_of()
    assert "not accepted" in problem_of(ada, ada.make_passkey(**bent))
    ada.post("/console/sign-out")
    assert "set-cookie" not in ada.sign_in().headers


def test_a_challenge_is_good_once_and_for_nobody_else(operator_of, stranger):
    ada = operator_of()
    ada.make_passkey()
    asked = ada.asked()
    given = ada.device.get(asked["options"])
    form = {"challenge_id": asked["challenge_id"], "credential": json.dumps(given), "next": ""}
    assert "set-cookie" in ada.post("/console/sign-in", **form).headers
    assert "set-cookie" not in stranger.post("/console/sign-in", **form).headers
    # A challenge of another operator is no good here.
    grace = operator_of(name="Grace")
    options = grace.post("/console/me/passkeys/options").json()["options"]
    made = Authenticator(ada.server.url).create(options)
    assert "not accepted" in problem_of(
        ada, ada.post("/console/me/passkeys", credential=json.dumps(made))
    )


def test_a_passkey_of_a_user_or_a_forgotten_one_opens_no_console(operator_of):
    ada = operator_of()
    ada.make_passkey()
    page = ada.get("/console/me").text
    id_ = page.split("/console/me/passkeys/")[1].split("/")[0]
    if id_ == "options":
        id_ = page.split("/console/me/passkeys/")[2].split("/")[0]
    grace = operator_of(name="Grace")
    assert grace.post(f"/console/me/passkeys/{id_}/remove").status_code == 404
    assert grace.post(f"/console/me/passkeys/{id_}/rename", name="Mine").status_code == 404
    assert ada.post(f"/console/me/passkeys/{id_}/rename", name="Desk <b>").status_code == 303
    assert "Desk &lt;b&gt;" in ada.get("/console/me").text
    assert ada.post(f"/console/me/passkeys/{id_}/remove").status_code == 303
    assert "set-cookie" not in ada.sign_in().headers


@pytest.mark.parametrize("credential", ["", "{", "[]", '{"rawId": 1}', "null", "{}", "x" * 60000])
def test_what_is_no_credential_is_refused(operator_of, stranger, credential):
    asked = stranger.asked()
    answer = stranger.post(
        "/console/sign-in", challenge_id=asked["challenge_id"], credential=credential
    )
    assert answer.status_code == 303
    assert "set-cookie" not in answer.headers
    ada = operator_of()
    assert ada.post("/console/me/passkeys", credential=credential).status_code == 303


@pytest.mark.parametrize(
    "path", ["/console/sign-in", "/console/sign-in/options", "/console/sign-out"]
)
def test_a_form_of_another_site_is_refused(operator_of, path):
    ada = operator_of()
    for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}):
        assert ada.http.post(path, data={"a": "b"}, headers=headers).status_code == 403
    assert ada.is_in


def test_sessions_are_listed_and_ended_by_their_operator_alone(operator_of):
    ada = operator_of()
    ada.make_passkey()
    first = ada.secret
    ada.http.cookies.clear()
    ada.sign_in()
    page = ada.get("/console/me").text
    other = page.split("/console/me/sessions/")[1].split("/")[0]
    grace = operator_of(name="Grace")
    assert grace.post(f"/console/me/sessions/{other}/end").status_code == 404
    assert ada.post(f"/console/me/sessions/{other}/end").status_code == 303
    ended = httpx.get(
        f"{ada.server.url}/console",
        headers={"cookie": f"{COOKIE}={first}"},
        verify=ada.server.trust,
    )
    assert ended.status_code == 401
    assert ada.is_in


def test_a_session_is_never_that_of_a_cookie_somebody_set(operator_of, stranger):
    ada = operator_of()
    ada.make_passkey()
    ada.http.cookies.set(COOKIE, "a" * 43, domain="localhost.local")
    answer = ada.sign_in()
    assert f"{COOKIE}={'a' * 43}" not in answer.headers["set-cookie"]
    stranger.http.cookies.set(COOKIE, "a" * 43)
    assert not stranger.is_in


def test_a_link_from_elsewhere_comes_through_with_the_strict_cookie(operator_of, server):
    ada = operator_of()
    far = {"sec-fetch-site": "cross-site"}
    with httpx.Client(base_url=server.url, verify=server.trust) as without:
        page = without.get("/console/organizations?page_token=", headers=far)
        assert page.status_code == 200
        assert 'http-equiv="refresh"' in page.text
        again = without.get("/console/organizations", headers=OURS)
        assert again.status_code == 401
        assert 'name="next" value="/console/organizations"' in again.text
    assert ada.get("/console/organizations", headers=far).status_code == 200
