"""The accounts at providers that a user shows: whose they are, and to whom they are shown."""

from __future__ import annotations

import pytest
from apis import Api, access_token, moment
from connections_of_tests import arrive, connection, go, organization_of
from hosted import answered
from saml_idps import asked, post, provider, saml_connection
from saml_provider import attribute
from wires import WIRES, Rest, wires_to

from tenantry.core.times import now
from tenantry.db.sql.statements import Statement
from tenantry.identity.connections import model
from tenantry.identity.connections.federated_identities import FederatedIdentity
from tenantry.identity.federation import identities
from tenantry.tenants.users import reading
from tenantry.tenants.users.model import ExternalIdentity

_KEEP = Statement(identities.KEEP)


def test_an_account_at_a_social_provider_is_social():
    one = ExternalIdentity("conn_1", model.OAUTH, "GOOGLE", "1", create_time=1, last_login_time=1)
    assert one.is_social


async def keep(place, user_id, connection_id, subject, at=None):
    """Somebody has signed in by a connection, as this subject there."""
    identity = FederatedIdentity(subject=subject, email="x@acme.test")
    more = identities.given(identity, user_id=user_id, is_proved=True, claims={})
    at = at or now()
    await place.database.fetch_all(
        _KEEP,
        p_connection_id=connection_id,
        p_subject=subject,
        **more,
        p_create_time=at,
        p_update_time=at,
    )


@pytest.fixture
async def ann(place):
    """A member of two organizations, with an account at a provider of each, and at GitHub."""
    first, domain = await organization_of(place, "ann")
    second = (await place.make.organization())["id"]
    listed = await place.api.users.list_organization_users(organization_id=first)
    (user,) = listed["users"]
    await place.api.users.create_membership(organization_id=second, id=user["id"], membership={})
    of = {
        "first": await saml_connection(place, members={"organization_id": first}),
        "second": await connection(place, organization_id=second, provider="OKTA"),
        "social": await connection(
            place, model.OAUTH, organization=False, provider="GITHUB", enabled=False
        ),
    }
    at = now()
    for number, (name, conn) in enumerate(of.items()):
        await keep(place, user["id"], conn.id, f"ann at {name}", at + number * 1_000_000)
    return user["id"], (first, second), {name: conn.id for name, conn in of.items()}, domain


def shown(user):
    return [one["connection_user_id"] for one in user["user_profile"]["external_identities"]]


@pytest.mark.parametrize("spoken", WIRES)
async def test_they_are_shown_with_the_user(place, ann, spoken):
    user_id, _, conns, _ = ann
    server = place.server
    opened = wires_to(server)[spoken](server)
    rest = Rest(server)
    token = await access_token(rest.http, server.client_id, server.client_secret)
    api = Api(opened, (("authorization", f"Bearer {token}"),))
    user = (await api.users.get_user(id=user_id))["user"]
    changed = await api.users.update_user(id=user_id, user={"metadata": {"team": "blue"}})
    await opened.aclose()
    await rest.aclose()
    assert shown(user) == ["ann at first", "ann at second", "ann at social"]
    assert shown(changed["user"]) == shown(user)
    first, second, social = user["user_profile"]["external_identities"]
    assert (first["connection_id"], first["connection_type"]) == (conns["first"], "SAML")
    assert (second["connection_provider"], second["connection_type"]) == ("OKTA", "OIDC")
    assert (social["connection_provider"], social["connection_type"]) == ("GITHUB", "OAUTH")
    assert [one.get("is_social", False) for one in (first, second, social)] == [False, False, True]
    assert moment(first["created_time"]) == moment(first["last_login_time"])
    assert moment(first["created_time"]) < moment(second["created_time"])


async def test_an_organization_sees_its_own_providers_and_those_of_everybody(place, ann, visitor):
    user_id, organizations, _, _ = ann
    for organization_id, name in zip(organizations, ("first", "second"), strict=True):
        listed = await place.api.users.list_organization_users(organization_id=organization_id)
        (user,) = [one for one in listed["users"] if one["id"] == user_id]
        assert shown(user) == [f"ann at {name}", "ann at social"]
        found = await place.api.users.search_organization_users(
            organization_id=organization_id, query=user["email"]
        )
        assert [shown(one) for one in found["users"]] == [shown(user)]
    everybody = await place.api.users.list_users()
    (user,) = [one for one in everybody["users"] if one["id"] == user_id]
    assert shown(user) == ["ann at first", "ann at second", "ann at social"]


async def test_a_page_of_users_is_one_statement(place, ann):
    user_id, _, _, _ = ann
    asked_for = []

    class Counted:
        def __getattr__(self, name) -> object:
            return getattr(place.database, name)

        async def fetch_all(self, statement, **given: object):
            asked_for.append(statement)
            return await place.database.fetch_all(statement, **given)

    found = await reading.find(Counted(), id_=user_id, external_id=None)
    assert len(found.external_identities) == 3
    assert len(asked_for) <= 2  # and the roles, where they are not remembered


async def test_a_sign_in_makes_one_and_leaving_ends_it(place, application, visitor):
    organization_id, domain = await organization_of(place, "ann")
    conn = await saml_connection(place, members={"organization_id": organization_id})
    for _ in range(2):
        request = asked(await go(visitor, application, connection_id=conn.id, prompt="login"))
        good = provider(place, conn, request).but(
            attributes=attribute("email", f"ann@{domain}"),
        )
        done = await arrive(place, visitor, await post(visitor, conn, good, request.relay_state))
        assert answered(done)["code"]
    listed = await place.api.users.list_organization_users(organization_id=organization_id)
    (user,) = listed["users"]
    (one,) = user["user_profile"]["external_identities"]
    assert one["connection_id"] == conn.id
    assert moment(one["created_time"]) < moment(one["last_login_time"])
    assert one["last_synced_time"] == one["last_login_time"]
    await place.api.connections.delete_connection(organization_id=organization_id, id=conn.id)
    user = (await place.api.users.get_user(id=user["id"]))["user"]
    assert shown(user) == []
