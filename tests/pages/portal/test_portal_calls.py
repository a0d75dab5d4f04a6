"""The calls by which a program of the portal begins: its session, its content, what it tells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from apis import moment
from organization_visitors import as_member, new_organization

from tenantry.core import ids


@pytest.fixture
async def opened(http, make, rest):
    """An organization, and the cookie of the browser in its portal."""
    made = await new_organization(make, rest, "sso", "domain_verification")
    return made, {"cookie": await make.portal_session(http, made["id"])}


async def test_it_begins_with_its_session_its_look_and_its_organization(http, rest, opened):
    made, cookie = opened
    connection = await rest.connections.create_connection(
        organization_id=made["id"], connection={"provider": "OKTA", "type": "SAML"}
    )
    answer = await http.get("/api/v1/portal/bootstrap", headers=cookie)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["organization"]["id"] == made["id"]
    assert [one["id"] for one in found["connections"]] == [connection["connection"]["id"]]
    assert found["portal_customizations"]["settings"]["new_self_serve_sso_scim"] is True
    assert found["portal_customizations"]["organization_customizations"]["display_name"] == "Acme"
    session = found["session"]
    assert ids.well_formed(ids.PORTAL_SESSION, session["subject"])
    left = moment(session["session_expiry"]) - datetime.now(UTC)
    assert timedelta(hours=5, minutes=58) < left <= timedelta(hours=6)
    for path in ("/api/v1/sessions:me", "/api/v1/environments/-/sessions:me"):
        assert (await http.get(path, headers=cookie)).json() == session


async def test_connections_are_for_those_who_set_single_sign_on_up(http, make, rest):
    made = await new_organization(make, rest)
    link = await make.portal_link(made["id"], features=["dir_sync"])
    cookie = (await http.get(link["location"])).headers["set-cookie"].partition(";")[0]
    await rest.connections.create_connection(
        organization_id=made["id"], connection={"provider": "OKTA", "type": "SAML"}
    )
    found = (await http.get("/api/v1/portal/bootstrap", headers={"cookie": cookie})).json()
    assert not found.get("connections")


async def test_a_member_has_a_session_and_no_portal(http, make, rest, database):
    made = await new_organization(make, rest)
    member = await as_member(http, make, rest, database, made["id"], "sk_org_sso_read")
    headers = {"cookie": member.cookie}
    session = (await http.get("/api/v1/sessions:me", headers=headers)).json()
    assert session["organization_id"] == made["id"]
    assert session["subject"].startswith("usr_")
    assert "@" in session["email"]
    assert (await http.get("/api/v1/portal/bootstrap", headers=headers)).status_code == 403


async def test_without_a_session_there_is_nothing(http, token, opened):
    for path in ("/api/v1/portal/bootstrap", "/api/v1/sessions:me"):
        assert (await http.get(path)).status_code == 401
        answer = await http.get(path, headers={"cookie": "__Host-tenantry_portal=x"})
        assert answer.status_code == 401
    management = {"authorization": f"Bearer {token}"}
    assert (await http.get("/api/v1/portal/bootstrap", headers=management)).status_code == 404
    _, cookie = opened
    other = await http.get("/api/v1/environments/env_1/sessions:me", headers=cookie)
    assert other.status_code == 404
    foreign = cookie | {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    assert (await http.get("/api/v1/portal/bootstrap", headers=foreign)).status_code == 401


async def test_a_page_tells_what_happened(http, opened, events):
    made, cookie = opened
    path = "/api/v1/events/frontend_events/PORTAL_LOAD_SUCCESS"
    answer = await http.post(path, json={"expiry": "soon"}, headers=cookie)
    assert answer.status_code == 200, answer.text
    (told,) = [e for e in await events.new() if e["type"] == "portal_session.event_sent"]
    assert answer.json() == {"event_id": told["id"]}
    assert told["organization_id"] == made["id"]
    assert told["after"]["event_type"] == "PORTAL_LOAD_SUCCESS"
    assert told["after"]["event"] == {"expiry": "soon"}
    assert told["actor"]["type"] == "portal_session"


@pytest.mark.parametrize(
    ("event_type", "event"),
    [("user.login", {}), ("PORTAL_X", {}), ("%00", {}), ("PORTAL_LOAD_FAILURE", {"x": "a" * 5000})],
)
async def test_it_tells_nothing_else(http, opened, events, event_type, event):
    _, cookie = opened
    path = f"/api/v1/events/frontend_events/{event_type}"
    answer = await http.post(path, json=event, headers=cookie)
    assert answer.status_code == 400, answer.text
    assert not [e for e in await events.new() if e["type"] == "portal_session.event_sent"]


async def test_nobody_else_tells_it(http, make, rest, database):
    made = await new_organization(make, rest)
    member = await as_member(http, make, rest, database, made["id"], "sk_org_settings_manage")
    path = "/api/v1/events/frontend_events/PORTAL_LOAD_SUCCESS"
    assert (await http.post(path, json={})).status_code == 401
    own = {"cookie": member.cookie, "sec-fetch-site": "same-origin"}
    assert (await http.post(path, json={}, headers=own)).status_code == 403


async def test_the_origins_for_a_frame_are_told_to_anybody(http):
    answer = await http.get("/api/v1/domains/https%3A%2F%2Fapp.example.com?link_id=lnk_1")
    assert answer.status_code == 200, answer.text
    assert isinstance(answer.json()["domains"], list)
    assert (await http.get(f"/api/v1/domains/{'x' * 300}")).status_code == 400
