"""An operator as a person: with a reason, for a while, seen in tokens and by the person."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest
from operators_with_passkeys import OURS, Operator, problem_of
from signins import CHALLENGE, REDIRECT_URI, SignIns, claims_of

from tenantry.events.email import service as email_service
from tenantry.identity.sessions import listing
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import Bounds, Impersonation

pytestmark = pytest.mark.process

SESSION = "__Host-tenantry_session"
REASON = "Ticket 4711: no invoices"
VALIDATES = """
import os, sys
from scalekit import ScalekitClient
names = ("ENVIRONMENT_URL", "CLIENT_ID", "CLIENT_SECRET")
client = ScalekitClient(*(os.environ[f"SCALEKIT_{name}"] for name in names))
claims = client.validate_access_token_and_get_claims(sys.argv[1])
print(claims["sub"], claims["act"]["sub"])
"""


@pytest.fixture
def signins(database, http, rest, make):
    return SignIns(database, http, rest, make)


@pytest.fixture
async def user(make):
    return await make.user()


def place_of(user):
    return user["memberships"][0]["organization_id"]


def become(operator, user, **given: str):
    fields = {"organization": place_of(user), "reason": REASON, "minutes": "30"} | given
    return operator.post(f"/console/people/{user['id']}/impersonate", **fields)


async def session_of(operator, database):
    return await sessions.find(database, operator.http.cookies[SESSION])


async def test_it_takes_a_reason_an_end_and_a_membership(operator_of, user, make):
    ada = operator_of("OPERATOR")
    page = ada.get(f"/console/people/{user['id']}/impersonate")
    assert user["email"] in page.text
    other = (await make.user())["memberships"][0]["organization_id"]
    for wrong in (
        {"reason": " a  b "},
        {"minutes": "61"},
        {"minutes": "x"},
        {"organization": other},
    ):
        assert "must be" in problem_of(ada, become(ada, user, **wrong))
        assert SESSION not in ada.http.cookies
    assert ada.get("/console/people/usr_1/impersonate").status_code == 404


async def test_a_reader_may_not(operator_of, user):
    reader = operator_of("READER")
    assert reader.get(f"/console/people/{user['id']}/impersonate").status_code == 403
    assert become(reader, user).status_code == 403
    assert SESSION not in reader.http.cookies


async def test_the_log_the_tokens_and_the_person_tell_of_it(
    operator_of, user, signins, events, database
):
    ada = operator_of("OPERATOR")
    await events.new()
    assert become(ada, user).headers["location"] == "/ui/profile/security"
    (told,) = [one for one in await events.new() if one["type"] == "user.impersonated"]
    assert told["actor"]["type"] == "operator"
    operator_id = told["actor"]["id"]
    session = await session_of(ada, database)
    assert isinstance(session.impersonation, Impersonation)
    app = await signins.application(post_login_uris=[REDIRECT_URI])
    asked = {
        "client_id": app.id,
        "redirect_uri": REDIRECT_URI,
        "response_type": "code",
        "scope": "openid email offline_access",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "state": "s",
    }
    answer = ada.get("/oauth/authorize", params=asked)
    code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
    tokens = (await signins.redeem(app, code)).json()
    for name in ("access_token", "id_token"):
        claims = claims_of(tokens[name])
        assert claims["act"] == {"sub": operator_id}
        assert claims["sub"] == user["id"]
    assert claims_of(tokens["access_token"])["exp"] <= session.impersonation.until // 1_000_000
    shown = (await signins.userinfo(tokens["access_token"])).json()
    assert shown["act"] == {"sub": operator_id}
    known = await signins.introspect(app, tokens["access_token"])
    assert known["act"] == {"sub": operator_id}
    refreshed = (await signins.refresh(app, tokens["refresh_token"])).json()
    assert claims_of(refreshed["access_token"])["act"] == {"sub": operator_id}
    # The person sees who, why and until when.
    own, secret = await signins.session(user)
    page = await signins.http.get("/ui/profile/security", headers={"cookie": f"{SESSION}={secret}"})
    assert "is signed in as you." in page.text
    assert REASON in page.text
    assert own.impersonation is None
    # Its end takes the refresh token with it.
    assert 'action="/ui/impersonation/stop"' in ada.get("/ui/profile/security").text
    stopped = ada.post("/ui/impersonation/stop")
    assert stopped.headers["location"] == f"/console/people/{user['id']}"
    assert (await signins.refresh(app, refreshed["refresh_token"])).status_code == 400
    assert ada.get("/ui/profile/security").status_code == 401
    left = await listing.of_user(
        signins.call, user["id"], listing.Filter(("active",)), page_size=10, page_token=""
    )
    assert [one.id for one in left.items] == [own.id]


async def test_the_official_python_sdk_takes_such_a_token(operator_of, user, signins, database):
    ada = operator_of()
    become(ada, user)
    tokens = await signins.tokens(session=await session_of(ada, database))
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-P", "-c", VALIDATES, tokens["access_token"]],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **ada.server.env},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == user["id"]
    assert done.stdout.split()[1].startswith("opr_")


async def test_what_only_the_person_may_do_is_refused(operator_of, user, signins, rest):
    ada = operator_of()
    become(ada, user)
    own, _ = await signins.session(user)
    for path in (
        "/ui/profile/passkeys/options",
        "/ui/profile/passkeys",
        "/ui/profile/security/totp",
        "/ui/profile/security/confirm",
        f"/ui/profile/security/sessions/{own.id}/revoke",
        "/ui/profile/security/sessions/revoke-others",
    ):
        assert ada.post(path).status_code in {403, 404}, path
    for verb, path in (
        ("POST", "/api/v1/webauthn/registration:begin"),
        ("POST", f"/api/v1/sessions/{own.id}/revoke"),
    ):
        answer = ada.http.request(verb, path, json={})
        assert answer.status_code == 403, answer.text
        assert "IMPERSONATED" in json.dumps(answer.json())
    assert (await rest.sessions.get_session(session_id=own.id))["status"] == "active"


async def test_it_is_of_one_organization_and_ends_where_the_person_signs_in(
    operator_of, user, signins, make, database
):
    ada = operator_of()
    become(ada, user)
    session = await session_of(ada, database)
    with pytest.raises(sessions.SessionOver):
        await sessions.enter(
            signins.call,
            session,
            organization_id=place_of(await make.user()),
            client_id=None,
            bounds=Bounds(60, None),
            custom_claims=None,
        )
    with pytest.raises(sessions.SessionOver):
        await sessions.enter(
            signins.call,
            session,
            organization_id=session.organization_id,
            client_id=None,
            bounds=Bounds(60, None),
            custom_claims=None,
            amr=["conn_1"],
        )


@pytest.mark.parametrize("how", ["save", "remove", "sign-out"])
async def test_it_ends_with_what_the_operator_may(operator_of, user, signins, database, how):
    owner, ada = operator_of(name="Grace"), operator_of("OPERATOR")
    become(ada, user)
    session = await session_of(ada, database)
    own, _ = await signins.session(user)
    bob = operator_of("OPERATOR", "Bob")
    become(bob, user)
    tokens = await signins.tokens(session=session)
    assert ada.get("/ui/profile/security").status_code == 200
    fields = {"name": "Ada", "email": "", "role": "READER"} if how == "save" else {}
    done = owner.post(f"/console/operators/{session.impersonation.operator_id}/{how}", **fields)
    assert "done=" in done.headers["location"]
    assert ada.get("/ui/profile/security").status_code == 401
    assert (await signins.userinfo(tokens["access_token"])).status_code == 401
    # Nobody else's.
    assert bob.get("/ui/profile/security").status_code == 200
    assert (await sessions.find_live(database, own.id)) is not None


async def test_an_operator_who_signs_out_elsewhere_is_in_nobodys_place(operator_of, user):
    ada = operator_of("OPERATOR")
    become(ada, user)
    assert "done=" in ada.post("/console/me/sessions/end").headers["location"]
    assert ada.get("/ui/profile/security").status_code == 401
    assert ada.is_in


@pytest.mark.parametrize("end", ["removed", "lowered", "revoked", "signed out"])
async def test_it_ends_with_the_rights_of_its_operator(operator_of, user, rest, signins, end):
    server = operator_of("OWNER").server
    made = await rest.operators.invite_operator(operator={"name": "Eve", "role": "OPERATOR"})
    eve, id_ = Operator(server, made["link"]), made["operator"]["id"]
    other = operator_of("OPERATOR")
    own, _ = await signins.session(user)
    for one in (eve, other):
        become(one, user)
        assert one.get("/ui/profile/security").status_code == 200
    if end == "removed":
        await rest.operators.delete_operator(operator_id=id_)
    elif end == "lowered":
        await rest.operators.update_operator(operator_id=id_, operator={"role": "READER"})
    elif end == "revoked":
        await rest.operators.revoke_operator_sessions(operator_id=id_)
    else:
        assert eve.post("/console/sign-out").status_code == 303
    assert eve.get("/ui/profile/security").status_code == 401
    assert other.get("/ui/profile/security").status_code == 200
    assert await sessions.find_live(signins.database, own.id) is not None
    eve.http.close()


async def test_it_ends_where_its_operator_becomes_somebody_else(
    operator_of, user, make, signins, database
):
    ada, bob = operator_of("OPERATOR"), operator_of("OPERATOR", "Bob")
    become(ada, user)
    become(bob, user)
    tokens = await signins.tokens(session=await session_of(ada, database))
    other = await make.user()
    assert become(ada, other).headers["location"] == "/ui/profile/security"
    assert (await session_of(ada, database)).user_id == other["id"]
    assert (await signins.userinfo(tokens["access_token"])).status_code == 401
    assert bob.get("/ui/profile/security").status_code == 200


async def test_another_name_of_its_operator_ends_nothing(user, server, rest):
    made = await rest.operators.invite_operator(operator={"name": "Eve", "role": "OWNER"})
    eve, id_ = Operator(server, made["link"]), made["operator"]["id"]
    become(eve, user)
    operator = {"name": "Eve M.", "role": "OPERATOR"}
    await rest.operators.update_operator(operator_id=id_, operator=operator)
    assert eve.get("/ui/profile/security").status_code == 200
    eve.http.close()


async def test_events_of_it_are_the_persons_and_name_the_operator(
    operator_of, user, events, rest, signins
):
    ada = operator_of("OPERATOR")
    await events.new()
    become(ada, user)
    ada.post("/ui/impersonation/stop")
    began, ended = [
        one for one in await events.new() if one["type"] in {"user.impersonated", "user.logout"}
    ]
    operator_id = began["actor"]["id"]
    assert ended["actor"] == {
        "type": "user_session",
        "id": user["id"],
        "impersonator": operator_id,
    }
    record = (await rest.event_records.get_event_record(event_id=ended["id"]))["event"]
    assert (record["actor_id"], record["impersonator_id"]) == (user["id"], operator_id)
    found = (await rest.event_records.search_events(actor_id=operator_id))["events"]
    assert {began["id"], ended["id"]} <= {one["id"] for one in found}
    page = ada.get(f"/console/events/{ended['id']}").text
    assert "Impersonator" in page
    assert operator_id in page


async def test_the_person_is_told_by_mail(operator_of, user, database):
    ada = operator_of("OPERATOR")
    become(ada, user)
    newest = await email_service.newest(database, limit=200)
    (mail,) = [one for one in newest if one.recipient == user["email"]]
    assert mail.template == "impersonated"
    assert mail.variables["name"] == "Ada"
    assert not {"address", "user_agent", "reason"} & set(mail.variables)


async def test_a_form_of_another_site_begins_and_stops_nothing(operator_of, user):
    ada = operator_of()
    far = {"sec-fetch-site": "cross-site"}
    fields = {"organization": place_of(user), "reason": REASON, "minutes": "30"}
    path = f"/console/people/{user['id']}/impersonate"
    assert ada.http.post(path, data=fields, headers=far).status_code == 403
    become(ada, user)
    assert ada.http.post("/ui/impersonation/stop", data={"a": ""}, headers=far).status_code == 403
    assert ada.get("/ui/profile/security", headers=OURS).status_code == 200


async def test_the_button_to_stop_ends_no_session_of_a_person(user, signins):
    own, secret = await signins.session(user)
    answer = await signins.http.post(
        "/ui/impersonation/stop",
        data={"a": ""},
        headers={**OURS, "cookie": f"{SESSION}={secret}"},
    )
    assert answer.status_code == 303
    assert await sessions.find_live(signins.database, own.id) is not None
