"""The way by an organization's own provider: from an application to a code."""

from __future__ import annotations

from sqlalchemy import select
from valid_events import assert_all_valid
from visitors import Browser, code_of
from vouching import arrive, connect, somebody

from tenantry.db.statements import Statement
from tenantry.identity.federation import identities
from tenantry.identity.federation import sessions as federated_sessions
from tenantry.identity.sign_in import realms, states
from tenantry.identity.sign_in.model import auth_requests

REQUESTS = Statement(select(auth_requests))


async def test_a_member_signs_in_by_the_provider_of_its_organization(place):
    acme = await place.organization()
    connection = await connect(place, acme, "acme.example")
    user = await place.member(acme, email="ann@acme.example")
    await place.events()
    browser = Browser(place)
    request = await browser.begin(login_hint="ann@acme.example")
    assert request.state == states.SSO_PENDING
    assert realms.path(request) == f"/sso/v1/oidc/{connection.id}/start?login={request.id}"
    identity = somebody(
        "Ann@acme.example",
        session_index="s-7",
        hint={"id_token": "ey"},
    )
    request = await arrive(browser, request, connection, identity)
    assert request.state == states.ORGANIZATION_SELECTED
    assert code_of(await browser.complete(request))
    session = await browser.session()
    assert (session.user_id, session.organization_id) == (user.id, acme.id)
    assert session.amr == (connection.id,)
    happened = await place.events()
    assert [event["type"] for event in happened] == ["user.login"]
    assert_all_valid(happened)
    (known,) = await identities.of_user(place.db, user.id)
    assert (known.connection_id, known.subject) == (connection.id, identity.subject)
    assert not known.is_proved  # by the domain alone
    (there,) = await federated_sessions.of_session(place.db, session.id)
    assert (there.subject, there.session_index) == (identity.subject, "s-7")
    assert there.hint == {"id_token": "ey"}


async def test_nothing_of_the_answer_is_left_in_the_log(place):
    acme = await place.organization()
    connection = await connect(place, acme, "acme.example")
    await place.member(acme, email="ann@acme.example")
    browser = Browser(place)
    request = await browser.begin(login_hint="ann@acme.example")
    request = await arrive(browser, request, connection, somebody("ann@acme.example"))
    assert request.facts.identity
    await browser.complete(request)
    (row,) = await place.db.fetch_all(REQUESTS)
    assert "identity" not in row["facts"]
    assert row["connection_id"] == connection.id
