"""Claims of the template in tokens: current at each issue, never in the place of our own."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING

import orjson
import pytest
from apis import unique
from scalekit.middleware import session_crypto
from scalekit.middleware.session_manager import SessionRefreshManager
from signins import claims_of
from vouching import connect, connect_social, somebody

from tenantry.identity.federation import sessions as federated_sessions
from tenantry.identity.grants import claims as grants
from tenantry.identity.grants import subjects
from tenantry.identity.token_templates import issuing
from tenantry.identity.token_templates.issuing import TokenTemplates

if TYPE_CHECKING:
    from tenantry.db.engine import Database, Row
    from tenantry.db.sql.statements import Statement

PLAN = {"plan": "organization.metadata.plan", "who": "user.email"}


@pytest.fixture
async def organization(make):
    return await make.organization(metadata={"plan": "gold"})


@pytest.fixture
async def user(make, organization):
    return await make.user(organization["id"], metadata={"seats": "12"})


@pytest.fixture
async def signed_in(signins, user):
    """An application, and a session of a person."""
    return await signins.application(), (await signins.session(user))[0]


async def test_they_are_in_both_tokens_at_userinfo_and_introspected(signins, signed_in, keep, user):
    await keep(**PLAN, none="organization.metadata.absent")
    app, session = signed_in
    tokens = await signins.tokens(app, session)
    access, told = claims_of(tokens["access_token"]), claims_of(tokens["id_token"])
    assert (access["plan"], access["who"]) == ("gold", user["email"])
    assert told["plan"] == "gold"
    assert not {"none", "claims_omitted"} & (access.keys() | told.keys())
    userinfo = (await signins.userinfo(tokens["access_token"])).json()
    assert (userinfo["plan"], userinfo["who"]) == ("gold", user["email"])
    introspected = await signins.introspect(app, tokens["access_token"])
    assert introspected["active"] is True
    assert (introspected["plan"], introspected["sub"]) == ("gold", user["id"])


async def test_a_refresh_and_another_organization_have_the_values_of_now(
    signins, signed_in, keep, user, organization
):
    rest, make = signins.rest, signins.make
    await keep(**PLAN, seats="int(user.metadata.seats)")
    app, session = signed_in
    tokens = await signins.tokens(app, session)
    assert claims_of(tokens["access_token"])["seats"] == 12
    await rest.organizations.update_organization(
        id=organization["id"], organization={"metadata": {"plan": "platinum"}}
    )
    await rest.users.update_user(id=user["id"], user={"metadata": {"seats": "13"}})
    refreshed = await signins.refreshed(app, tokens["refresh_token"])
    claims = claims_of(refreshed["access_token"])
    assert (claims["plan"], claims["seats"]) == ("platinum", 13)
    other = await make.organization(metadata={"plan": "free"})
    await rest.users.create_membership(
        organization_id=other["id"], id=user["id"], membership={}, send_invitation_email=False
    )
    there = await signins.session(
        {"id": user["id"], "memberships": [{"organization_id": other["id"]}]}
    )
    assert claims_of((await signins.tokens(app, there[0]))["access_token"])["plan"] == "free"


async def test_a_change_of_the_template_holds_for_the_next_token(signins, signed_in, keep, rest):
    app, session = signed_in

    async def plan():
        return claims_of((await signins.tokens(app, session))["access_token"]).get("plan")

    assert await plan() is None
    await keep(plan="'one'")
    assert await plan() == "one"
    await keep(plan="'two'")
    assert await plan() == "two"
    await rest.interceptors.disable_token_template()
    assert await plan() is None
    await rest.interceptors.enable_token_template()
    assert await plan() == "two"
    await rest.interceptors.delete_token_template()
    assert await plan() is None
    await keep(plan="'three'")
    assert await plan() == "three"


async def test_an_expression_without_a_value_leaves_its_claim_out_and_no_more(
    signins, signed_in, keep, rest, user
):
    await keep(seats="int(user.metadata.seats)", id="user.id", deep={"x": "user.metadata.abc.d.e"})
    app, session = signed_in
    tokens = await signins.tokens(app, session)
    assert claims_of(tokens["access_token"])["seats"] == 12
    await rest.users.update_user(id=user["id"], user={"metadata": {"seats": "many", "abc": "text"}})
    refreshed = await signins.refreshed(app, tokens["refresh_token"])
    claims = claims_of(refreshed["access_token"])
    assert claims["id"] == user["id"]
    assert not {"seats", "deep"} & claims.keys()


async def test_a_sign_in_goes_on_while_the_template_changes(signins, signed_in, keep, rest):
    app, session = signed_in
    running = True

    async def change():
        number = 0
        while running:
            await keep(plan=f"'{number}'")
            await rest.interceptors.disable_token_template()
            await rest.interceptors.enable_token_template()
            await rest.interceptors.delete_token_template()
            number += 1

    changing = asyncio.create_task(change())
    try:
        for _ in range(12):
            tokens = await signins.tokens(app, session)
            assert claims_of(tokens["access_token"])["sid"] == session.id
    finally:
        running = False
        await changing


async def test_an_organization_that_goes_meanwhile_takes_only_its_claims(
    signins, user, keep, monkeypatch
):
    await keep(plan="organization.metadata.plan ?? 'none'", id="user.id")
    _, secret = await signins.session(user)
    subject = await subjects.find_of_cookie(signins.database, secret)

    async def gone(_db, _organization_id, _user_id):
        return None

    monkeypatch.setattr(issuing.reading, "place", gone)
    claims = await TokenTemplates(signins.database).claims(subject)
    assert claims == {"id": user["id"], "plan": "none"}


async def test_own_claims_stay_whatever_the_template_says(signins, signed_in, keep, user):
    """Names that scopes ask for are in an access token, and go by the scopes elsewhere."""
    await keep(email="'eve@evil.example'", name="'Eve'", email_verified="true")
    app, session = signed_in
    tokens = await signins.tokens(app, session, scope="openid email offline_access")
    assert claims_of(tokens["access_token"])["email"] == "eve@evil.example"
    told = claims_of(tokens["id_token"])
    assert told["email"] == user["email"]
    assert "name" not in told
    userinfo = (await signins.userinfo(tokens["access_token"])).json()
    assert userinfo["email"] == user["email"]
    assert "name" not in userinfo


async def test_machines_have_no_claims_of_it(signins, keep, rest, organization):
    await keep(plan="'gold'")
    machine = await rest.clients.create_organization_client(
        organization_id=organization["id"], client={"name": "m"}
    )
    form = {
        "grant_type": "client_credentials",
        "client_id": machine["client"]["client_id"],
        "client_secret": machine["plain_secret"],
    }
    answer = await signins.http.post("/oauth/token", data=form)
    assert "plan" not in claims_of(answer.json()["access_token"])


async def subject_of(signins, user):
    _, secret = await signins.session(user)
    return await subjects.find_of_cookie(signins.database, secret)


ASKED = {
    "issuer": "https://a.example",
    "client_id": "skc_1575454871891480576",
    "scopes": ["openid"],
}


@pytest.mark.parametrize("compact", [True, False])
async def test_tokens_stay_within_their_bytes(signins, user, compact):
    subject = await subject_of(signins, user)
    bare = grants.access_token(subject, **ASKED, compact=compact)
    room = grants.room(ASKED["issuer"], compact=compact)
    more = {f"c{number:02d}": "x" * 61 for number in range(80)} | {"z": 1}
    claims = grants.access_token(subject, **ASKED, compact=compact, more=more)
    added = len(orjson.dumps(claims)) - len(orjson.dumps(bare))
    assert room - 80 < added <= room
    assert claims["z"] == 1  # a short one fits behind long ones
    assert claims["claims_omitted"] is True
    if compact:
        assert len(orjson.dumps(claims)) <= grants.ACCESS_TOKEN_BYTES
        told = grants.id_token(subject, **ASKED, compact=True, more=more)
        assert len(orjson.dumps(told)) <= grants.ID_TOKEN_BYTES
        assert told["claims_omitted"] is True


async def test_permissions_are_not_pushed_out(signins, make, keep):
    names = [(await make.permission())["name"] for _ in range(3)]
    role = await make.role(name=unique("r")[-5:], permissions=names)
    user = await make.user(membership={"roles": [{"name": role["name"]}]})
    await keep(long=f"user.metadata.a ?? '{'x' * 80}'")
    tokens = await signins.tokens(session=(await signins.session(user))[0])
    claims = claims_of(tokens["access_token"])
    assert claims["permissions"] == sorted(names)
    assert len(orjson.dumps(claims)) < grants.ACCESS_TOKEN_BYTES + 100  # with its times


async def test_the_cookie_of_the_session_middleware_holds_them(signins, user, keep):
    """The most that there is room for, beside an ID token with a name."""
    await keep(**{f"claim_{number}": "'" + "x" * 8 + "'" for number in range(7)})
    scope = "openid profile email offline_access"
    session, _ = await signins.session(user)
    app = await signins.application()
    tokens = await signins.tokens(app, session, scope=scope)
    claims = claims_of(tokens["access_token"])
    assert claims["claim_0"] == "x" * 8
    assert claims["claims_omitted"] is True
    cookie = SessionRefreshManager(None, "a secret of thirty-two characters").create_session_cookie(
        {
            "user": claims,
            "access_token": tokens["access_token"],
            "refresh_token": tokens["refresh_token"],
            "id_token": tokens["id_token"],
            "expires_at": claims["exp"],
        }
    )
    assert len(cookie) <= session_crypto._MAX_COOKIE_VALUE_BYTES == 3800
    told = (await signins.userinfo(tokens["access_token"])).json()
    assert {f"claim_{number}" for number in range(7)} <= told.keys()


async def test_attributes_of_their_own_provider_are_there_and_those_of_social_sign_in_are_not(
    signins, user, keep
):
    await keep(department="user.custom_attributes.department")
    place = SimpleNamespace(db=signins.database, operator=signins.call)
    app, (session, _) = await signins.application(), await signins.session(user)
    own = await connect(place, SimpleNamespace(id=session.organization_id))
    for connection, department, expected in (
        (await connect_social(place, enabled=False), "Lies", None),
        (own, "Sales", "Sales"),
    ):
        async with place.db.transaction() as db:
            assert await federated_sessions.keep(
                db,
                session.id,
                connection.id,
                somebody("ann@acme.example"),
                user_id=session.user_id,
                is_proved=False,
                claims={"department": department},
            )
        tokens = await signins.tokens(app, session)
        assert claims_of(tokens["access_token"]).get("department") == expected


class Counted:
    """A database that counts statements."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.statements = 0

    async def fetch_one(self, statement: Statement, **params: object) -> Row | None:
        self.statements += 1
        return await self._database.fetch_one(statement, **params)


async def test_no_statement_is_made_without_a_template_and_one_where_it_names_an_organization(
    signins, user, keep, rest
):
    counted = Counted(signins.database)
    running = TokenTemplates(counted)

    async def made():
        before = counted.statements
        await running.claims(await subject_of(signins, user))
        return counted.statements - before

    assert await made() == 0
    await keep(who="user.email", org="organization.id", roles_="user.current_membership.roles")
    assert [await made() for _ in range(3)] == [1, 0, 0]
    await keep(plan="organization.metadata.plan")
    assert [await made() for _ in range(3)] == [2, 1, 1]
    await rest.interceptors.disable_token_template()
    assert await made() == 0


async def test_a_database_that_goes_away_costs_claims_and_no_sign_in(signins, user, keep):
    await keep(plan="organization.metadata.plan")
    subject = await subject_of(signins, user)

    class Away:
        async def fetch_one(self, _statement: Statement, **_params: object) -> None:
            raise issuing.Failure("gone")

    assert await TokenTemplates(Away()).claims(subject) == {}


async def test_a_template_that_another_version_kept_adds_nothing(signins, user, keep):
    await keep(plan="'gold'")
    await signins.run(
        "UPDATE token_templates SET template = :t, version = 'ttv_9'",
        t='{"plan": "user.hologram"}',
    )
    assert await TokenTemplates(signins.database).claims(await subject_of(signins, user)) == {}
