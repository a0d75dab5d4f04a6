"""The simulator: a sign-in by it goes the way of any provider, and in development alone."""

from __future__ import annotations

import asyncio
import html
import json
import re
from urllib.parse import parse_qs, urlsplit

import joserfc.jws
import pytest
from hosted import answered, heading

from tenantry.identity.connections.saml.metadata import idp_metadata

TYPES = ["SAML", "OIDC"]
ANN = {"local": "ann", "domain": "example.com", "given_name": "Ann", "family_name": "Lee"}


def path_of(url):
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def hidden(page):
    return {
        name: html.unescape(value)
        for name, value in re.findall(
            r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.text
        )
    }


async def asked(visitor, sent):
    """The simulator's page, to which a browser is sent; its address and the form's members."""
    assert sent.status_code == 303, sent.text
    page = await visitor.get(path_of(sent.headers["location"]))
    assert page.status_code == 200, page.text
    (action,) = set(re.findall(r'<form method="post" action="([^"]+)">', page.text))
    return action, hidden(page)


async def brought_back(visitor, sent):
    """The answer of our callback to the simulator's answer, a redirect or a form."""
    if sent.status_code == 303:
        return await visitor.get(path_of(sent.headers["location"]))
    (action,) = re.findall(r'action="([^"]+)"', sent.text)
    headers = {"origin": "null", "sec-fetch-site": "cross-site"}
    return await visitor.post(path_of(action), headers, **hidden(sent))


async def answer(visitor, sent, **form: str):
    """Answer on the simulator's page; return what our callback says to it."""
    action, members = await asked(visitor, sent)
    return await brought_back(visitor, await visitor.post(action, **members, **form))


@pytest.mark.process
async def test_the_first_start_makes_an_organization_to_try_with(place, connections):
    assert f"Simulated IdP {place.server.url}/simulator\n" in place.server.log.read_text()
    assert list(connections) == ["OIDC", "SAML"]  # the first one leads the domains
    found = await place.api.organizations.get_organization_by_external_id(
        external_id="test-organization"
    )
    assert found["organization"]["display_name"] == "Test Organization"
    for one in connections.values():
        assert (one["provider"], one["status"], one["enabled"]) == (
            "IDP_SIMULATOR",
            "COMPLETED",
            True,
        )
        assert set(one["domains"]) == {"example.com", "example.org"}


@pytest.mark.parametrize("type_", TYPES)
async def test_the_test_of_a_connection_shows_the_person_of_the_form(visitor, connections, type_):
    path = f"/sso/v1/{type_.lower()}/{connections[type_]['id']}/test"
    rows = {"name1": "department", "value1": "Sales & more", "name2": " ", "value2": "x"}
    back = await answer(visitor, await visitor.get(path), do="sign_in", **ANN, **rows)
    assert back.status_code == 303, back.text
    page = await visitor.get(path_of(back.headers["location"]))
    assert heading(page).strip() == "Test succeeded"
    for text in ("ann@example.com", "Ann", "Lee", "department", "Sales &amp; more"):
        assert text in page.text


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        ("invalid_user_credentials", "Invalid user credentials"),
        ("user_not_found", "User not found"),
        ("server_error", "Server error"),
    ],
)
async def test_an_error_comes_back_as_the_provider_s(visitor, connections, type_, refusal, said):
    path = f"/sso/v1/{type_.lower()}/{connections[type_]['id']}/test"
    back = await answer(visitor, await visitor.get(path), do="refuse", refusal=refusal)
    page = await visitor.get(path_of(back.headers["location"]))
    assert heading(page).strip() == "Test failed"
    assert said in page.text


@pytest.mark.parametrize("type_", TYPES)
async def test_somebody_signs_in_with_an_address_of_the_organization(
    place, application, visitor, connections, type_
):
    await visitor.begin(application)
    login = visitor.path.removeprefix("/login/")
    start = f"/sso/v1/{type_.lower()}/{connections[type_]['id']}/start?login={login}"
    person = ANN | {"local": f"{type_.lower()}-ann"}
    back = await answer(visitor, await visitor.get(start), do="sign_in", **person)
    assert back.status_code == 303, back.text
    done = await visitor.get(path_of(back.headers["location"]))
    for _ in range(4):
        if not done.headers.get("location", "").startswith("/login/"):
            break
        done = await visitor.get(done.headers["location"])
    tokens = await application.tokens(visitor.http, answered(done)["code"])
    assert tokens["access_token"]
    organization_id = connections[type_]["organization_id"]
    users = await place.api.users.list_organization_users(organization_id=organization_id)
    assert f"{type_.lower()}-ann@example.com" in {one["email"] for one in users["users"]}


@pytest.mark.parametrize("type_", ["SAML", "OIDC"])
async def test_a_sign_in_that_begins_at_the_provider_is_handed_to_the_application(
    place, visitor, connections, type_
):
    begin = "https://app.example.com/begin"
    await place.application("https://app.example.com/callback", initiate_login_uri=begin)
    path = f"/simulator/{connections[type_]['id']}"
    page = await visitor.get(path)
    assert 'value="sign_in"' not in page.text  # nobody has asked
    sent = await visitor.post(f"{path}/answer", do="initiate", **ANN)
    handed = sent if type_ == "OIDC" else await brought_back(visitor, sent)
    assert handed.status_code == 303, handed.text
    url = urlsplit(handed.headers["location"])
    assert url._replace(query="").geturl() == begin
    claims = joserfc.jws.extract_compact(parse_qs(url.query)["idp_initiated_login"][0].encode())
    said = json.loads(claims.payload)
    assert said["login_hint"] == "ann@example.com"
    assert said["connection_id"] == connections[type_]["id"]


async def test_the_provider_has_no_sessions(visitor, connections):
    conn = connections["OIDC"]["id"]
    sent = await visitor.get(f"/sso/v1/oidc/{conn}/test")
    address = path_of(sent.headers["location"])
    silent = await visitor.get(f"{address}&prompt=none")
    assert parse_qs(urlsplit(silent.headers["location"]).query)["error"] == ["login_required"]


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("local", "ann@elsewhere"),
        ("local", ""),
        ("domain", ""),
        ("name1", "sub"),
        ("value1", "x" * 257),
        ("value1", "\x01"),
        ("given_name", "\x9b"),
    ],
)
async def test_a_form_that_cannot_be_taken_says_why(visitor, connections, member, value):
    conn = connections["OIDC"]["id"]
    sent = await visitor.get(f"/sso/v1/oidc/{conn}/test")
    action, members = await asked(visitor, sent)
    form = {"name1": "department", "do": "sign_in", **ANN, **members} | {member: value}
    page = await visitor.post(action, **form)
    assert (page.status_code, 'role="alert"' in page.text) == (400, True)
    assert hidden(page) == members  # it goes on where it was


async def test_a_request_goes_back_to_our_own_address_alone(visitor, connections):
    oidc, saml = connections["OIDC"]["id"], connections["SAML"]["id"]
    for path in (
        f"/simulator/{oidc}/authorize",
        f"/simulator/{oidc}/authorize?redirect_uri=https%3A%2F%2Felsewhere.example",
        f"/simulator/{saml}/sso",
        f"/simulator/{saml}/sso?SAMLRequest=x",
        f"/simulator/{saml}/sso?{'a=1&' * 60}",
        f"/simulator/{oidc}/authorize?{'a=1&' * 60}",
    ):
        assert (await visitor.get(path)).status_code == 400
    for path in (f"/simulator/{saml}/authorize", f"/simulator/{oidc}/sso", "/simulator/conn_1"):
        assert (await visitor.get(path)).status_code == 404
    odd = {"in_response_to": "\x01", "do": "sign_in"}
    assert (await visitor.post(f"/simulator/{saml}/answer", **odd, **ANN)).status_code == 400
    token = await visitor.http.post(f"/simulator/{oidc}/token", content=b"\xff=\xff&code=%ff")
    assert token.status_code == 401
    sent = await visitor.post(
        f"/simulator/{oidc}/answer", do="sign_in", redirect_uri="https://elsewhere.example", **ANN
    )
    assert sent.headers["location"].startswith(f"{visitor.place.server.url}/sso/v1/oidc/{oidc}/")


async def test_no_page_of_somebody_else_uses_it(place, visitor, connections):
    path = f"/simulator/{connections['OIDC']['id']}"
    for headers in ({"host": "attacker.example"}, {"x-forwarded-for": "192.0.2.1"}):
        assert (await visitor.get(path, **headers)).status_code == 404
    foreign = {"origin": "https://attacker.example", "sec-fetch-site": "cross-site"}
    assert (await visitor.post(f"{path}/answer", foreign, **ANN)).status_code == 403
    assert (await visitor.post("/simulator", foreign)).status_code == 403


async def test_the_organization_is_made_again_where_it_is_gone(place, visitor, connections):
    before = connections["SAML"]["id"]
    organization_id = connections["SAML"]["organization_id"]
    again = await visitor.post("/simulator")
    assert (again.status_code, "Test Organization is ready" in again.text) == (200, True)
    listed = await place.api.connections.list_connections(organization_id=organization_id)
    assert {one["id"] for one in listed["connections"]} == {
        one["id"] for one in connections.values()
    }
    assert before in again.text


async def test_metadata_of_both_protocols_is_there(visitor, connections):
    saml, oidc = connections["SAML"]["id"], connections["OIDC"]["id"]
    provider = idp_metadata.read((await visitor.get(f"/simulator/{saml}/metadata")).content)
    assert provider.entity_id == f"{visitor.place.server.url}/simulator/{saml}"
    found = await visitor.get(f"/simulator/{oidc}/.well-known/openid-configuration")
    keys = await visitor.get(path_of(found.json()["jwks_uri"]))
    (key,) = keys.json()["keys"]
    assert (key["kty"], key["crv"], "d" in key) == ("EC", "P-256", False)


@pytest.mark.parametrize("type_", TYPES)
async def test_the_log_of_sign_ins_says_by_which_connection_it_was(
    place, application, visitor, connections, type_
):
    conn = connections[type_]
    person = ANN | {"local": f"logged-{type_.lower()}"}
    for form in ({"do": "refuse", "refusal": "user_not_found"}, person | {"do": "sign_in"}):
        await visitor.begin(application)
        login = visitor.path.removeprefix("/login/")
        start = await visitor.get(f"/sso/v1/{type_.lower()}/{conn['id']}/start?login={login}")
        back = await answer(visitor, start, **form)
        while back.headers.get("location", "").startswith((place.server.url, "/login/")):
            back = await visitor.get(path_of(back.headers["location"]))
        assert back.status_code == 303, back.text
    listed = await place.api.audit_logs.list_auth_requests(client_id=application.id)
    details = {
        "connection_id": conn["id"],
        "organization_id": conn["organization_id"],
        "connection_type": type_,
        "connection_provider": "IDP_SIMULATOR",
    }
    worked, failed = listed["authRequests"]
    assert (failed["status"], worked["status"]) == ("FAILED", "SUCCESS")
    for one in (failed, worked):
        assert {name: one[name] for name in details} == details
    assert worked["connection_details"] == [details]
    assert worked["email"] == f"{person['local']}@example.com"


async def test_the_command_lists_failures_with_their_remedies(
    place, application, visitor, connections
):
    conn = connections["SAML"]
    await visitor.begin(application)
    login = visitor.path.removeprefix("/login/")
    start = await visitor.get(f"/sso/v1/saml/{conn['id']}/start?login={login}")
    await answer(visitor, start, do="refuse", refusal="user_not_found")
    given = ("sso", "failures", "--connection", conn["id"], "--limit", "1")
    done = await asyncio.to_thread(place.server.run, *given, "--json")
    assert done.returncode == 0, done.stderr
    (newest,) = json.loads(done.stdout)
    assert newest["auth_request_id"] == login
    assert (newest["error"], newest["connection_type"]) == ("invalid_status", "SAML")
    assert "User not found" in newest["error_description"]
    said = (await asyncio.to_thread(place.server.run, *given)).stdout
    assert "Often the user is not assigned" in said
    nobody = ("sso", "failures", "--email", "nobody@globex.example")
    none = await asyncio.to_thread(place.server.run, *nobody)
    assert none.stdout == "no failed sign-ins through a connection\n"
