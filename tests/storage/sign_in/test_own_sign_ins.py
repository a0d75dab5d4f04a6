"""Providers in AuthService, and the application that names the person of a sign-in itself."""

from __future__ import annotations

import pytest
from apis import refused, unique
from test_auth_api import Page
from visitors import Place
from vouching import change, connect, connect_social

from tenantry import settings


@pytest.fixture
async def place(server, database):
    """The rooms of the running server, beside it."""
    environment = {k: v for k, v in server.environment.items() if k.startswith("TENANTRY_")}
    place = Place(database, settings.load(environment))
    await place.open()
    yield place
    await place.close()


@pytest.fixture
def page(place, wire, http):
    return Page(place, wire, http)


@pytest.fixture
def domain():
    return f"{unique()}.example"


@pytest.fixture
async def connection(place, domain):
    return await connect(place, await place.organization(), domain)


async def pending(page, connection) -> str:
    """A sign-in that waits for a connection: its id."""
    location = await page.come(connection_id=connection.id)
    start, _, login = location.partition("?login=")
    assert start == f"/sso/v1/oidc/{connection.id}/start"
    return login


async def ended(page, login: str) -> str:
    """Where the browser is sent when it comes back."""
    answer = await page.http.get(f"/login/{login}", headers={"cookie": page.cookie})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def test_an_address_of_a_domain_signs_in_by_its_connection(page, connection, domain):
    await page.come()
    found = await page.auth.discovery_auth_method(
        discovery_request={"email": f"ann@{domain}", "intent": "sign_in"}
    )
    method = found["auth_method"]
    assert (method["connection_id"], method["connection_type"]) == (connection.id, "OIDC")
    assert method["provider"] == "OKTA"
    assert f"/sso/v1/oidc/{connection.id}/start?login=areq_" in method["auth_initiation_uri"]
    assert (await page.auth.get_auth_state())["auth_state"] == "AUTHENTICATION_IN_PROGRESS"


async def test_social_connections_are_listed(page, place):
    google = await connect_social(place, "GOOGLE")
    await page.come()
    listed = (await page.auth.list_auth_methods())["auth_methods"]
    await change(place, google, enabled=False)
    (method,) = [one for one in listed if one["connection_id"] == google.id]
    assert (method["connection_type"], method["provider"]) == ("OAUTH", "GOOGLE")
    assert f"/sso/v1/oauth/{google.id}/start?login=areq_" in method["auth_initiation_uri"]


async def test_an_application_names_the_person_of_a_request(page, api, connection, domain):
    login = await pending(page, connection)
    details = await api.auth.get_login_request_details(login_request_id=login)
    assert details["auth_request"] == {"id": login, "scopes": ["openid"]}
    assert details["client"]["client_id"] == page.place.client.id
    user = {"sub": "u-7", "email": f"ann@{domain}", "given_name": "Ann"}
    asked = {"connection_id": connection.id, "login_request_id": login}
    named = await api.auth.update_login_user_details(**asked, user=user)
    assert named == {"auth_request_id": login}
    with refused("INVALID_ARGUMENT"):  # once
        await api.auth.update_login_user_details(**asked, user=user)
    assert "code=" in await ended(page, login)


async def test_nobody_signed_in_there(page, api, connection):
    login = await pending(page, connection)
    asked = {"connection_id": connection.id, "login_request_id": login}
    await api.auth.update_login_user_details(**asked, user={"login_failed": True})
    with refused("INVALID_ARGUMENT"):
        await api.auth.update_login_user_details(**asked, user={"login_failed": True})
    assert "error=authentication_not_completed" in await ended(page, login)


async def test_the_rules_of_trust_hold_for_the_application_as_well(page, api, connection):
    login = await pending(page, connection)
    await api.auth.update_login_user_details(
        connection_id=connection.id,
        login_request_id=login,
        user={"sub": "u-8", "email": f"{unique()}@elsewhere.example"},
    )
    assert "error=invalid_user_domain" in await ended(page, login)


async def test_a_request_is_bound_to_its_connection(page, api, place, connection, domain):
    other = await connect(place, await place.organization())
    login = await pending(page, connection)
    user = {"sub": "u-7", "email": f"ann@{domain}"}
    for connection_id, login_request_id in (
        (other.id, login),
        ("conn_1", login),
        (connection.id, "areq_1"),
        (connection.id, "x"),
    ):
        with refused("NOT_FOUND"):
            await api.auth.update_login_user_details(
                connection_id=connection_id, login_request_id=login_request_id, user=user
            )
    await page.come()
    begun = (await page.come()).rpartition("/")[2]  # waits for no connection
    with refused("NOT_FOUND"):
        await api.auth.update_login_user_details(
            connection_id=connection.id, login_request_id=begun, user=user
        )


@pytest.mark.parametrize(
    ("user", "field"),
    [
        ({}, "user"),
        ({"sub": "u-7"}, "user"),
        ({"email": "ann@acme.example"}, "user"),
        (
            {"sub": "u", "email": "a@b.example", "organization_external_id": "x"},
            "user.organization_external_id",
        ),
    ],
)
async def test_bad_input_is_told_where(page, api, connection, user, field):
    login = await pending(page, connection)
    with refused("INVALID_ARGUMENT", field):
        await api.auth.update_login_user_details(
            connection_id=connection.id, login_request_id=login, user=user
        )


async def test_a_subject_that_no_row_holds_lets_nobody_in(page, api, connection, domain):
    login = await pending(page, connection)
    await api.auth.update_login_user_details(
        connection_id=connection.id,
        login_request_id=login,
        user={"sub": "u" * 2000, "email": f"ann@{domain}"},
    )
    assert "error=invalid_request" in await ended(page, login)
