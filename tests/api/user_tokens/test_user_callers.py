"""A person as the caller of the API: by an access token, or by the session's cookie."""

from __future__ import annotations

from functools import partial

import pytest
from apis import Api, refused
from signins import ALL, claims_of
from waiting import ends_within_a_second
from wires import over_https

from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import REVOKED

COOKIE = "__Host-tenantry_session"
WIRES = ("rest", "connect", "grpc", "grpc-web")


@pytest.fixture
async def admin(signins, make, rest):
    """A user that may change the settings of their organization, which has session policies."""
    user = await make.user(membership={"roles": [{"name": "admin"}]})
    await rest.organizations.update_organization_settings(
        id=user["memberships"][0]["organization_id"],
        settings={"features": [{"name": "session_policy", "enabled": True}]},
    )
    return user


@pytest.fixture
async def member(signins, make):
    """A user that may see them."""
    return await make.user(membership={"roles": [{"name": "member"}]})


@pytest.fixture
def with_token(signins, wires):
    """The API over a wire, called with an access token that an application got for a user.

    ``registered`` are the scopes of our API that the application may ask for, and asks for.
    """

    async def sign_in(user, wire="rest", *registered: str):
        session, _ = await signins.session(user)
        app = await signins.application(scopes=list(registered))
        scope = " ".join((ALL, *registered))
        token = (await signins.tokens(app, session=session, scope=scope))["access_token"]
        return Api(wires[wire], (("authorization", f"Bearer {token}"),)), session

    return sign_in


@pytest.fixture
def as_person(signins, wires):
    """The API over a wire, called by a page of ours in the browser of a user."""

    async def sign_in(user, wire="rest", **headers: str):
        session, secret = await signins.session(user)
        named = {"cookie": f"theme=dark; {COOKIE}={secret}; other=1", **headers}
        return Api(wires[wire]).sending(**named), session

    return sign_in


@pytest.mark.parametrize("over", WIRES)
async def test_by_a_token_a_person_reads_what_is_their_own(with_token, member, over):
    api, session = await with_token(member, over)
    answer = await api.users.get_current_user()
    assert answer["user"]["id"] == member["id"]
    assert await api.webauthn.list_credentials(user_id=member["id"])
    listed = await api.sessions.get_user_sessions(user_id=member["id"])
    assert [one["session_id"] for one in listed["sessions"]] == [session.id]


@pytest.mark.parametrize("over", WIRES)
async def test_by_a_token_a_person_does_and_reads_nothing_more(with_token, admin, over):
    """With any roles: an application hands its tokens to other APIs."""
    api, session = await with_token(admin, over)
    mine = session.organization_id
    organization = {"display_name": "Taken"}
    for call in (
        api.organizations.get_organization(id=mine),
        api.organizations.update_organization(id=mine, organization=organization),
        api.organizations.get_organization_session_policy(organization_id=mine),
        api.organizations.update_organization_session_policy(
            organization_id=mine, policy_source="APPLICATION"
        ),
        api.domains.list_domains(organization_id=mine),
        api.domains.create_domain(organization_id=mine, domain={"domain": "taken.example.com"}),
        api.roles.list_organization_roles(org_id=mine),
        api.webauthn.begin_registration(),
        api.webauthn.finish_registration(),
        api.webauthn.update_credential(credential_id="pk_1", display_name="Mine"),
        api.webauthn.delete_credential(credential_id="pk_1"),
        api.sessions.revoke_session(session_id=session.id),
        api.users.get_support_hash(),
    ):
        with refused("PERMISSION_DENIED"):
            await call


async def test_a_token_for_us_makes_the_calls_that_its_scope_names(with_token, admin, member):
    api, session = await with_token(admin, "rest", "organizations_write")
    mine, new = session.organization_id, {"display_name": "New"}
    answer = await api.organizations.update_organization(id=mine, organization=new)
    assert answer["organization"]["display_name"] == "New"
    with refused("PERMISSION_DENIED"):
        await api.organizations.get_organization(id=mine)  # that is organizations_read
    with refused("PERMISSION_DENIED"):
        await api.webauthn.begin_registration()
    api, session = await with_token(member, "rest", "organizations_write")
    with refused("PERMISSION_DENIED"):  # the scope permits no more than the role
        await api.organizations.update_organization(id=session.organization_id, organization=new)


async def test_an_application_that_lost_a_scope_gets_no_token_with_it(signins, rest, admin):
    app = await signins.application(scopes=["organizations_read"])
    session, _ = await signins.session(admin)
    tokens = await signins.tokens(app, session, scope=f"{ALL} organizations_read")
    claims = claims_of(tokens["access_token"])
    assert claims["aud"] == [app.id, claims["iss"]]
    assert "organizations_read" in claims["scopes"]
    await rest.clients.update_client(client_id=app.id, client={"scopes": ["other"]}, mask="scopes")

    async def has_the_scope():
        nonlocal tokens, claims
        tokens = (await signins.refresh(app, tokens["refresh_token"])).json()
        claims = claims_of(tokens["access_token"])
        return "organizations_read" in claims["scopes"]

    await ends_within_a_second(has_the_scope)
    assert claims["aud"] == [app.id]


async def test_a_token_loses_the_scopes_that_its_application_loses(
    signins, rest, http, admin, eventually
):
    app = await signins.application(scopes=["organizations_read", "organizations_write"])
    session, _ = await signins.session(admin)
    scope = f"{ALL} organizations_read organizations_write"
    token = (await signins.tokens(app, session, scope=scope))["access_token"]
    path = f"/api/v1/organizations/{session.organization_id}"
    headers = {"authorization": f"Bearer {token}"}

    def rename():
        return http.patch(path, headers=headers, json={"display_name": "New"})

    assert (await rename()).status_code == 200
    left = {"scopes": ["organizations_read"]}
    await rest.clients.update_client(client_id=app.id, client=left, mask="scopes")

    async def is_refused():
        return (await rename()).status_code == 403

    await eventually(is_refused)
    assert (await http.get(path, headers=headers)).status_code == 200


async def test_a_person_reads_their_own_organization(as_person, member):
    for wire in WIRES:
        api, session = await as_person(member, wire)
        answer = await api.organizations.get_organization(id=session.organization_id)
        assert answer["organization"]["id"] == session.organization_id


async def test_a_person_makes_the_calls_that_anybody_makes(as_person, with_token, member):
    for sign_in in (as_person, with_token):
        api, _ = await sign_in(member)
        assert (await api.webauthn.get_related_origins())["origins"]


async def test_permissions_come_from_the_roles(as_person, member, admin):
    policy = {"policy_source": "APPLICATION"}
    api, session = await as_person(member)
    mine = session.organization_id
    with refused("PERMISSION_DENIED"):
        await api.organizations.update_organization(id=mine, organization={"display_name": "New"})
    with refused("PERMISSION_DENIED"):
        await api.organizations.update_organization_session_policy(
            organization_id=mine, policy=policy
        )
    api, session = await as_person(admin)
    mine = session.organization_id
    answer = await api.organizations.update_organization(
        id=mine, organization={"display_name": "New"}
    )
    assert answer["organization"]["display_name"] == "New"
    assert await api.organizations.get_organization_session_policy(organization_id=mine)


async def test_what_a_person_changes_is_recorded_as_theirs(as_person, admin, events):
    api, session = await as_person(admin)
    await events.new()
    await api.organizations.update_organization(
        id=session.organization_id, organization={"display_name": "New"}
    )
    (event,) = [e for e in await events.new() if e["type"] == "organization.updated"]
    assert event["actor"] == {"type": "user_session", "id": admin["id"]}


async def test_another_organization_looks_like_none(as_person, admin, make):
    api, _ = await as_person(admin)
    other = (await make.organization())["id"]
    for call in (
        api.organizations.get_organization(id=other),
        api.organizations.update_organization(id=other, organization={"display_name": "New"}),
        api.organizations.get_organization_session_policy(organization_id=other),
        api.domains.list_domains(organization_id=other),
    ):
        with refused("NOT_FOUND"):
            await call


async def test_calls_of_clients_are_not_for_people(as_person, admin, make):
    api, session = await as_person(admin)
    for call in (
        api.organizations.list_organization(page_size=1),
        api.organizations.create_organization(organization={"display_name": "New"}),
        api.organizations.delete_organization(id=session.organization_id),
        api.users.list_users(page_size=1),
        api.users.delete_user(id=session.user_id),
        api.clients.list_client(page_size=1),
        api.tokens.create_token(token={"organization_id": session.organization_id}),
    ):
        with refused("PERMISSION_DENIED"):
            await call


async def test_a_permission_that_is_taken_away_is_gone_within_a_second(as_person, admin, signins):
    api, session = await as_person(admin)
    mine = session.organization_id
    new = {"display_name": "New"}
    rename = partial(api.organizations.update_organization, id=mine, organization=new)
    await rename()
    await signins.rest.users.update_membership(
        organization_id=mine, id=admin["id"], membership={"roles": [{"name": "member"}]}
    )
    with refused("PERMISSION_DENIED"):
        await ends_within_a_second(rename)


async def test_a_session_that_ends_makes_no_call_within_a_second(with_token, member, signins):
    api, session = await with_token(member)
    assert await api.users.get_current_user()
    await sessions.end(signins.call, session.id, status=REVOKED)
    with refused("UNAUTHENTICATED"):
        await ends_within_a_second(api.users.get_current_user)


async def test_the_cookie_makes_calls_of_our_own_pages(as_person, member, signins, server):
    for headers in ({}, {"origin": server.url}, {"sec_fetch_site": "same-origin"}):
        api, session = await as_person(member, **headers)
        answer = await api.organizations.get_organization(id=session.organization_id)
        assert answer["organization"]["id"] == session.organization_id
    await sessions.end(signins.call, session.id, status=REVOKED)
    with refused("UNAUTHENTICATED"):  # and here at once
        await api.organizations.get_organization(id=session.organization_id)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
async def test_another_sites_page_makes_none_by_the_cookie(as_person, admin, headers):
    api, session = await as_person(admin, **headers)
    with refused("UNAUTHENTICATED"):
        await api.organizations.update_organization(
            id=session.organization_id, organization={"display_name": "Evil"}
        )


async def test_a_wrong_cookie_is_nobody(wires, server):
    for secret in ("", "x", "x" * 43):
        api = Api(wires["rest"]).sending(cookie=f"{COOKIE}={secret}")
        with refused("UNAUTHENTICATED"):
            await api.organizations.get_organization(id="org_1234567890123456789")


async def test_beside_a_portals_cookie_the_session_counts_first(
    as_person, member, make, http, server
):
    other = await make.organization()
    portal = await make.portal_session(http, other["id"])
    api, session = await as_person(member)
    (cookie,) = [value for name, value in api.headers if name == "cookie"]
    both = api.sending(cookie=f"{cookie}; {portal}")
    assert await both.organizations.get_organization(id=session.organization_id)
    with refused("NOT_FOUND"):
        await both.organizations.get_organization(id=other["id"])


async def test_the_token_of_a_client_beside_a_stale_one_of_a_person(server, signins, token):
    """One good token of several is enough, whosever it is."""
    bad = (await signins.tokens())["access_token"] + "x"
    async with over_https(server) as http:
        answer = await http.get(
            "/api/v1/organizations?page_size=1",
            headers=[("authorization", f"Bearer {bad}"), ("authorization", f"Bearer {token}")],
        )
    assert answer.status_code == 200
