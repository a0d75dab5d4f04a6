"""A sign-in that a session proves ends with it, and changes nothing in an operator's hands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from unittest.mock import MagicMock
from urllib.parse import urlencode

import pytest
from apis import unique
from signins import CHALLENGE, REDIRECT_URI, SignIns
from sqlalchemy import text

from tenantry.api import methods
from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.db.sql.schema import metadata
from tenantry.db.sql.statements import Statement
from tenantry.endpoints.login import web as login
from tenantry.endpoints.sso import web as sso
from tenantry.gen.scalekit.v1.auth import auth_pb
from tenantry.identity.operators import impersonation, service
from tenantry.identity.sessions import service as sessions

if TYPE_CHECKING:
    import httpx

COOKIE = "__Host-tenantry_session"
# Rows that a sign-in of an operator may leave: the request, its session and grants, counts of
# attempts, and the log itself.
ITS_OWN = {
    *("auth_requests", "sessions", "session_clients", "session_organizations"),
    *("authorization_codes", "attempts", "federation_requests", "logout_notices"),
    *("mail", "kept_replies"),
    # The application's own: the last use of its secret, and assertions that it spent.
    *("client_secrets", "spent_assertions"),
    # The server's, of requests before: they are written seconds later.
    *("activity_counts", "activity_marks"),
}
_LOG = re.compile("event|log_|delivery|deliveries|webhook|search|job|step|server|due|tall")


class Anything:
    """It has a method of any name."""

    def __getattr__(self, name: str) -> object:
        return self


def routes() -> list[tuple[str, str]]:
    """Every verb and path by which a sign-in goes on: pages, single sign-on, and the API."""
    pages = [*login.routes(MagicMock()), *sso.routes(MagicMock())]
    found = [(route.verb, route.template) for route in pages]
    (auth,) = auth_pb.desc().services
    for method in methods.of_service(auth, Anything()):
        found += [(route.verb, route.template) for route in method.routes]
    return sorted(set(found))


class Browser:
    """The cookies of a browser with a session."""

    def __init__(self, http: httpx.AsyncClient, secret: str) -> None:
        self.http = http
        self.cookies = {COOKIE: secret}

    async def send(self, verb: str, path: str, form: dict[str, str] | None = None):
        headers = {
            "cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "sec-fetch-site": "same-origin",
        }
        body = {}
        if verb not in {"GET", "HEAD"} and path.startswith("/api/"):
            body = {"json": form or {}}
        elif verb not in {"GET", "HEAD"}:
            body = {"data": form or {}}
        answer = await self.http.request(verb, path, headers=headers, **body)
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    async def begin(self, app, **more: str):
        """Come from an application."""
        asked = {
            "client_id": app.id,
            "redirect_uri": REDIRECT_URI,
            "response_type": "code",
            "scope": "openid email offline_access",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            "state": "s",
            **more,
        }
        answer = await self.send("GET", f"/oauth/authorize?{urlencode(asked)}")
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]


@pytest.fixture
def signins(database, http, rest, make):
    return SignIns(database, http, rest, make)


@pytest.fixture
async def person(make, rest):
    """Somebody in two organizations, whom a third has invited."""
    user = await make.user()
    other, inviting = await make.organization("Other Ltd"), await make.organization("Inviting Ltd")
    for organization, invites in ((other, False), (inviting, True)):
        await rest.users.create_membership(
            organization_id=organization["id"],
            id=user["id"],
            membership={},
            send_invitation_email=invites,
        )
    return user, user["memberships"][0]["organization_id"], other["id"], inviting["id"]


@pytest.fixture
def in_place(database, http, person):
    """Begin a session of an operator in the person's place."""

    async def begin() -> tuple[Browser, str]:
        user, organization_id, *_ = person
        operator, _ = await service.invite(
            Call(SYSTEM, database, "req_test"), email="", name="Ada", role="OPERATOR"
        )
        secret = await impersonation.begin(
            Call(service.caller(operator), database, "req_test"),
            user_id=user["id"],
            organization_id=organization_id,
            reason="Ticket 4711",
            minutes=30,
        )
        return Browser(http, secret), operator.id

    begin.person = person
    return begin


async def contents(database) -> dict[str, list[str]]:
    """The rows of every table that an operator's sign-in has no business with."""
    found = {}
    for table in metadata.sorted_tables:
        if table.name in ITS_OWN or _LOG.search(table.name):
            continue
        rows = await database.fetch_all(Statement(text(f"SELECT * FROM {table.name}")))
        found[table.name] = sorted(repr(tuple(row)) for row in rows)
    return found


def form_of(person, request_id: str) -> dict[str, str]:
    """Members of every form of a sign-in."""
    user, _, _, inviting = person
    return {
        "organization_id": inviting,
        "organization_name": "Mine",
        "display_name": "Mine",
        "email": user["email"],
        "password": "correct-horse-battery-9",
        "code": "123456",
        "intent": "sign_up",
        "token": "x" * 43,
        "challenge_id": "x",
        "credential": "{}",
        "login": request_id,
    }


@pytest.fixture(params=[False, True], ids=["live", "revoked"])
def ended(request):
    """Whether the session ends before the step."""
    return request.param


@pytest.fixture
async def app(signins):
    return await signins.application(post_login_uris=[REDIRECT_URI])


async def test_no_route_of_a_sign_in_changes_anything_in_a_persons_place(
    ended, database, app, events, in_place
):
    found = routes()
    assert len(found) > 60
    names = ("Inviting Ltd", "Other Ltd")
    for verb, template in found:
        browser, operator_id = await in_place()
        location = await browser.begin(app, prompt="select_account")
        assert re.fullmatch(r"/login/areq_[0-9]+", location), location
        request_id = location.rpartition("/")[2]
        if ended:
            session = await sessions.find(database, browser.cookies[COOKIE])
            await sessions.revoke(Call(SYSTEM, database, "req_test"), session.id)
        path = template.replace("{id}", request_id)
        path = re.sub(r"\{[^}]*\}", "x_1", path)
        before = await contents(database)
        await events.new()
        answer = await browser.send(
            verb,
            f"{path}?login={request_id}" if verb == "GET" else path,
            form_of(in_place.person, request_id),
        )
        assert answer.status_code < 500 or answer.status_code == 501, (verb, path, answer.text)
        assert await contents(database) == before, (verb, template)
        for event in await events.new():
            assert event["actor"].get("impersonator") == operator_id, (verb, template, event)
        assert not any(name in answer.text for name in names), (verb, template)
        assert in_place.person[3] not in answer.text, (verb, template)


async def test_an_operator_in_a_persons_place_accepts_no_invitation(
    database, app, rest, person, in_place
):
    user, organization_id, other, inviting = person
    browser, _ = await in_place()
    for wanted in (inviting, other):
        # As for a non-member: nobody is asked whether to join.
        location = await browser.begin(app, organization_id=wanted)
        page = await browser.send("GET", location)
        assert "Sign in" in page.text
        answer = await browser.send("POST", f"{location}/organization", {"organization_id": wanted})
        assert answer.headers["location"] == location
    location = await browser.begin(app, prompt="select_account")
    for wanted in (inviting, other):
        await browser.send("POST", f"{location}/organization", {"organization_id": wanted})
    statuses = {
        place["organization_id"]: place["membership_status"]
        for place in (await rest.users.get_user(id=user["id"]))["user"]["memberships"]
    }
    assert statuses[inviting] == "PENDING_INVITE"
    session = await sessions.find(database, browser.cookies[COOKIE])
    assert session is None or session.organizations == (organization_id,)


async def test_a_chosen_organization_completes_in_the_operators_name_alone(
    database, app, person, in_place
):
    _, organization_id, *_ = person
    browser, operator_id = await in_place()
    before = await contents(database)
    location = await browser.begin(app, prompt="select_account")
    answer = await browser.send(
        "POST", f"{location}/organization", {"organization_id": organization_id}
    )
    assert answer.headers["location"].startswith(f"{REDIRECT_URI}?code="), answer.headers
    assert await contents(database) == before
    session = await sessions.find(database, browser.cookies[COOKIE])
    assert session.impersonator == operator_id


async def test_a_sign_in_ends_with_the_session_that_proves_it(app, signins, rest, http, person):
    user, organization_id, other, inviting = person
    for wanted in (inviting, None):
        session, secret = await signins.session(user)
        browser = Browser(http, secret)
        asked = {"organization_id": wanted} if wanted else {"prompt": "select_account"}
        location = await browser.begin(app, **asked)
        assert "Inviting Ltd" in (await browser.send("GET", location)).text
        await rest.sessions.revoke_session(session_id=session.id)
        for verb, path, form in (
            ("GET", location, None),
            ("POST", f"{location}/organization", {"organization_id": inviting}),
            ("POST", f"{location}/sign-up", {"organization_name": "Mine"}),
        ):
            answer = await browser.send(verb, path, form)
            assert (answer.status_code, "Ltd" in answer.text) == (410, False), (path, answer.text)
        answer = await browser.send("GET", "/api/v1/auth:organizations")
        assert answer.status_code == 404, answer.text
    statuses = {
        place["organization_id"]: place["membership_status"]
        for place in (await rest.users.get_user(id=user["id"]))["user"]["memberships"]
    }
    assert statuses == {
        organization_id: "ACTIVE",
        other: "ACTIVE",
        inviting: "PENDING_INVITE",
    }


async def test_an_operator_in_a_persons_place_opens_no_invitation_of_that_browser(in_place):
    browser, _ = await in_place()
    answer = await browser.send("POST", f"/invitations/{unique()}")
    assert answer.status_code == 403
    assert (await browser.send("GET", f"/invitations/{unique()}")).status_code == 410
