"""People who sign in at a page of the application's own: the way there, the person, and back."""

from __future__ import annotations

from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit

import pytest
from apis import refused, unique
from connections_of_tests import arrive, go, organization_of, path
from hosted import answered

PAGE = "https://app.example.com/own/login?lang=en"


@pytest.fixture
async def one(place):
    """A connection of nothing but the address of such a page."""
    organization_id, domain = await organization_of(place, "ann")
    made = await place.api.connections.create_connection(
        organization_id=organization_id, connection={"provider": "CUSTOM", "type": "OIDC"}
    )
    id_ = made["connection"]["id"]
    answer = await place.api.single_sign_on.update_connection_settings(
        connection_id=id_, settings={"login_uri": PAGE}
    )
    assert answer["settings"]["login_uri"] == PAGE
    enabled = await place.api.connections.enable_connection(organization_id=organization_id, id=id_)
    assert enabled["enabled"]
    return SimpleNamespace(id=id_, type="OIDC", email=f"ann@{domain}", of=organization_id)


async def sent_there(visitor, application, one):
    """Begin a sign-in; return what the page is asked with."""
    sent = await go(visitor, application, connection_id=one.id)
    url = urlsplit(sent.headers["location"])
    members = dict(parse_qsl(url.query))
    assert url._replace(query="").geturl() == PAGE.partition("?")[0]
    assert members.keys() == {"lang", "login_request_id", "state"}
    assert f"/login/{members['login_request_id']}" == visitor.path
    return members


async def name(place, one, members, **user: object):
    await place.api.auth.update_login_user_details(
        connection_id=one.id,
        login_request_id=members["login_request_id"],
        user={"sub": "u-7", "email": one.email} | user,
    )


def callback(one, state):
    return f"/sso/v1/connections/{one.id}/partner:callback?state={state}"


async def test_the_browser_goes_there_and_comes_back(place, application, visitor, one):
    members = await sent_there(visitor, application, one)
    await name(place, one, members, given_name="Ann")
    done = await arrive(place, visitor, await visitor.get(callback(one, members["state"])))
    assert answered(done)["code"]
    listed = await place.api.users.list_organization_users(organization_id=one.of)
    (user,) = listed["users"]
    (account,) = user["user_profile"]["external_identities"]
    assert (account["connection_id"], account["connection_user_id"]) == (one.id, "u-7")
    again = await visitor.get(callback(one, members["state"]))
    assert (again.status_code, "invalid_state" in again.text) == (400, True)


async def test_nothing_goes_on_before_the_browser_is_back(place, application, visitor, one):
    members = await sent_there(visitor, application, one)
    await name(place, one, members)
    page = await visitor.get(visitor.path)
    assert page.status_code == 200
    assert "location" not in page.headers
    arrival = await visitor.get(f"{visitor.path}/sso?arrival={members['state']}")
    assert "code=" not in arrival.headers.get("location", "")
    with refused("INVALID_ARGUMENT"):
        await name(place, one, members, sub="u-8")


async def test_another_browser_that_comes_back_signs_nobody_in(
    place, application, visitor, other_visitor, one
):
    """Somebody has sent a member the address that their own browser got."""
    members = await sent_there(visitor, application, one)
    await name(place, one, members)
    came = await other_visitor.get(callback(one, members["state"]))
    done = await arrive(place, other_visitor, came)
    assert "code=" not in done.headers.get("location", "")
    late = await visitor.get(callback(one, members["state"]))
    assert late.status_code == 400


@pytest.mark.parametrize("case", ["nobody", "nobody yet", "another domain"])
async def test_somebody_that_is_not_let_in_is_told_by_the_application(
    place, application, visitor, one, case
):
    members = await sent_there(visitor, application, one)
    if case == "nobody":
        await name(place, one, members, login_failed=True)
    elif case == "another domain":
        await name(place, one, members, email=f"{unique()}@elsewhere.example")
    done = await arrive(place, visitor, await visitor.get(callback(one, members["state"])))
    error = "invalid_user_domain" if case == "another domain" else "authentication_not_completed"
    assert answered(done)["error"] == error


async def test_only_its_own_way_leads_back(place, application, visitor, one):
    organization_id, _ = await organization_of(place)
    other = await place.api.connections.create_connection(
        organization_id=organization_id, connection={"provider": "CUSTOM", "type": "OIDC"}
    )
    members = await sent_there(visitor, application, one)
    there = SimpleNamespace(id=other["connection"]["id"])
    for address in (
        callback(there, members["state"]),
        callback(one, "x" * 43),
        callback(one, ""),
        path(one, f"callback?state={members['state']}&code=c"),
    ):
        answer = await visitor.get(address)
        assert (answer.status_code, "location" in answer.headers) == (400, False), address


async def test_nobody_is_named_where_no_browser_was_sent(place, application, visitor, one):
    sent = await visitor.get(application.path(connection_id=one.id))
    login = sent.headers["location"].rpartition("=")[2]
    with refused("INVALID_ARGUMENT"):
        await name(place, one, {"login_request_id": login})
    page = await visitor.get(path(one, "test"))
    assert (page.status_code, "which a test cannot do" in page.text) == (400, True)


@pytest.mark.parametrize(
    "uri", ["app.example.com", "javascript:alert(1)", "http://app.example.com"]
)
async def test_an_address_that_is_none_is_refused(place, one, uri):
    with refused("INVALID_ARGUMENT", "settings.login_uri"):
        await place.api.single_sign_on.update_connection_settings(
            connection_id=one.id, settings={"login_uri": uri}
        )


async def test_without_it_the_connection_is_unfinished(place, one):
    with refused("INVALID_ARGUMENT"):
        await place.api.single_sign_on.update_connection_settings(
            connection_id=one.id, settings={"login_uri": ""}
        )
    saml = await place.api.connections.create_connection(
        organization_id=one.of, connection={"provider": "CUSTOM", "type": "SAML"}
    )
    with refused("INVALID_ARGUMENT", "settings.login_uri"):
        await place.api.single_sign_on.update_connection_settings(
            connection_id=saml["connection"]["id"], settings={"login_uri": PAGE}
        )
