"""Widgets: areas of an organization in pages of the product, by the access token of a user."""

from __future__ import annotations

import json
import re
from dataclasses import asdict

import pytest
from apis import Api, unique
from signins import ALL, SignIns

from tenantry.core.times import SECOND, now
from tenantry.identity.sessions.model import Impersonation

SESSION = "/widgets/organization/session"
USERS = "/widgets/organization/users"
SCOPES = ("organizations_users_read", "organizations_users_invite")


@pytest.fixture
def signins(database, http, rest, make):
    return SignIns(database, http, rest, make)


@pytest.fixture(scope="module")
async def site(wires, token, http, eventually):
    """The origin of a page that may embed widgets, once the server has read its redirect URI."""
    clients = Api(wires["rest"], (("authorization", f"Bearer {token}"),)).clients
    origin = f"https://app.{unique('widget').lower()}.example.com"
    await clients.add_environment_redirect_uri(redirect_uri=f"{origin}/callback")

    async def is_read():
        return origin in (await http.get(USERS)).headers["content-security-policy"]

    await eventually(is_read)
    yield origin
    await clients.remove_environment_redirect_uri(redirect_uri=f"{origin}/callback")


@pytest.fixture
async def user(make):
    return await make.user(membership={"roles": [{"name": "admin"}]})


@pytest.fixture
def token_of(signins):
    """An access token of a user with scopes of the API."""

    async def get(user, *scopes: str):
        session, _ = await signins.session(user)
        app = await signins.application(scopes=list(scopes))
        scope = " ".join((ALL, *scopes))
        return (await signins.tokens(app, session=session, scope=scope))["access_token"], session

    return get


@pytest.fixture
def begin(http, site):
    """Post a token as the element does."""

    async def post(token, area="users", origin=site, **form: str):
        return await http.post(
            SESSION,
            data={"access_token": token, "area": area, **form},
            headers={"origin": origin, "sec-fetch-site": "cross-site"},
        )

    return post


@pytest.fixture
def ends(http, eventually):
    """Wait until a widget is refused."""

    async def wait(headers):
        async def is_refused():
            return (await http.get(USERS, headers=headers)).status_code == 401

        await eventually(is_refused)

    return wait


def cookie_of(answer):
    return answer.headers["set-cookie"].partition(";")[0]


async def test_a_token_opens_its_area_in_frames_of_the_site(http, begin, token_of, user, site):
    token, _ = await token_of(user, *SCOPES)
    answer = await begin(token)
    assert (answer.status_code, answer.headers["location"]) == (303, USERS)
    attributes = answer.headers["set-cookie"].split("; ")
    assert {"HttpOnly", "Partitioned", "SameSite=None", "Secure"} <= set(attributes)
    assert token not in answer.headers["set-cookie"]
    page = await http.get(USERS, headers={"cookie": cookie_of(answer)})
    assert page.status_code == 200
    assert user["email"] in page.text
    assert f"frame-ancestors 'self' {site}" in page.headers["content-security-policy"]
    assert "x-frame-options" not in page.headers
    # Only the area: no navigation, and links stay in the frame.
    assert "<nav" not in page.text.partition("<main")[0]
    assert not re.search(r'href="/ui/(organization|profile)/', page.text)


async def test_a_widget_invites_as_the_user_and_not_beyond_the_scopes(
    http, rest, begin, token_of, user
):
    token, session = await token_of(user, *SCOPES)
    headers = {"cookie": cookie_of(await begin(token)), "sec-fetch-site": "same-origin"}
    email = f"{unique()}@new.example"
    sent = await http.post(f"{USERS}/invite", data={"email": email, "role": ""}, headers=headers)
    assert sent.status_code == 303
    listed = await rest.users.list_organization_users(organization_id=session.organization_id)
    invited = next(one for one in listed["users"] if one["email"] == email)
    assert invited["memberships"][0]["inviter_email"] == user["email"]
    removed = await http.post(f"{USERS}/{invited['id']}/remove", headers=headers)
    assert removed.status_code == 403
    assert (await http.get("/widgets/organization/general", headers=headers)).status_code == 403


@pytest.mark.parametrize("area", ["programs", "audit", "", "nonsense"])
async def test_areas_without_scopes_cannot_be_embedded(http, begin, token_of, user, area):
    token, _ = await token_of(user, "organizations_write")
    assert (await begin(token, area)).status_code == 401
    headers = {"cookie": cookie_of(await begin(token, "general"))}
    if area:
        answer = await http.get(f"/widgets/organization/{area}", headers=headers)
        assert answer.status_code == 404


async def test_a_token_without_api_scopes_shows_nothing(http, begin, token_of, user):
    token, _ = await token_of(user)
    headers = {"cookie": cookie_of(await begin(token))}
    assert (await http.get(USERS, headers=headers)).status_code == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
async def test_origins_that_are_not_registered_get_no_session(begin, token_of, user, origin):
    token, _ = await token_of(user, *SCOPES)
    answer = await begin(token, origin=origin)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_tokens_of_other_callers_are_refused(begin, rest):
    answer = await begin("nonsense")
    assert answer.status_code == 401
    assert 'data-failure="SESSION_EXPIRED"' in answer.text
    client_token = dict(rest.headers)["authorization"].removeprefix("Bearer ")
    assert (await begin(client_token)).status_code == 401


async def test_a_renewal_changes_the_cookie_and_leaves_the_page(begin, token_of, user):
    token, _ = await token_of(user, *SCOPES)
    answer = await begin(token, renew="1")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["set-cookie"].startswith("__Host-tenantry_widget=")


async def test_the_widget_ends_with_the_session(ends, begin, token_of, user, rest):
    token, session = await token_of(user, *SCOPES)
    headers = {"cookie": cookie_of(await begin(token))}
    await rest.sessions.revoke_session(session_id=session.id)
    await ends(headers)


async def test_an_impersonated_session_opens_no_widget(ends, begin, token_of, user, signins):
    token, session = await token_of(user, *SCOPES)
    cookie = cookie_of(await begin(token))
    operator = Impersonation("opr_1", "Ada", "Ticket 4711", now() + 3600 * SECOND)
    await signins.run(
        "UPDATE sessions SET impersonation = :operator WHERE id = :id",
        operator=json.dumps(asdict(operator)),
        id=session.id,
    )
    await ends({"cookie": cookie})
    answer = await begin(token)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


@pytest.fixture
async def inviter(rest, make):
    """A user whose only role permits to see and invite users."""
    name = unique("role").lower().replace("-", "_")
    permissions = ["sk_org_users_read", "sk_org_users_invite"]
    await rest.roles.create_role(
        role={"name": name, "display_name": "Inviter", "permissions": permissions}
    )
    return await make.user(membership={"roles": [{"name": name}]})


async def test_scopes_give_no_permission_that_the_user_does_not_have(
    http, rest, begin, token_of, inviter
):
    token, session = await token_of(inviter, *SCOPES, "organizations_users_role_update")
    headers = {"cookie": cookie_of(await begin(token)), "sec-fetch-site": "same-origin"}
    assert (await http.get(USERS, headers=headers)).status_code == 200
    email = f"{unique()}@new.example"
    for path, fields in (
        ("invite", {"email": email, "role": "admin"}),
        ("invite/bulk", {"addresses": email, "role": "admin"}),
        ("invite/bulk", {"addresses": f"email,role\n{email},Admin\n"}),
    ):
        await http.post(f"{USERS}/{path}", data=fields, headers=headers)
    changed = await http.post(
        f"{USERS}/{inviter['id']}/roles", data={"role-admin": "on"}, headers=headers
    )
    assert changed.status_code == 403
    listed = await rest.users.list_organization_users(organization_id=session.organization_id)
    assert [one["email"] for one in listed["users"]] == [inviter["email"]]


async def test_a_widget_ends_with_the_membership(ends, rest, begin, token_of, inviter):
    token, session = await token_of(inviter, *SCOPES)
    headers = {"cookie": cookie_of(await begin(token))}
    await rest.users.delete_membership(organization_id=session.organization_id, id=inviter["id"])
    await ends(headers)


async def test_forged_cookies_are_refused(http, begin, token_of, user):
    token, _ = await token_of(user, *SCOPES)
    name, _, value = cookie_of(await begin(token)).partition("=")
    changed = value[:-2] + ("A" if value[-2] != "A" else "B") + value[-1]
    for wrong in (token, changed, "", "A" * 5000, "\u00e9"):
        cookie = f"{name}={wrong}".encode()
        assert (await http.get(USERS, headers={"cookie": cookie})).status_code == 401
    # Nor is it the session of other pages.
    for other in ("__Host-tenantry_session", "__Host-tenantry_portal"):
        headers = {"cookie": f"{other}={value}"}
        for path in ("/ui/organization/users", "/portal", USERS):
            assert (await http.get(path, headers=headers)).status_code == 401


async def test_malformed_and_too_long_tokens_are_refused(begin, token_of, user):
    token, _ = await token_of(user, *SCOPES)
    for wrong in (f"{token}.{'x' * 4000}", f"{token}, {token}", "x" * 60_000, "\u00e9", "a\nb", ""):
        answer = await begin(wrong)
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
    assert (await begin("x" * 70_000)).status_code == 413


async def test_forms_of_other_sites_are_refused(http, begin, token_of, user):
    token, _ = await token_of(user, *SCOPES)
    headers = {"cookie": cookie_of(await begin(token)), "sec-fetch-site": "cross-site"}
    sent = await http.post(f"{USERS}/invite", data={"email": "a@b.example"}, headers=headers)
    assert sent.status_code == 403


async def test_the_first_area_is_one_that_the_user_sees(http, begin, token_of, user):
    token, _ = await token_of(user, *SCOPES)
    headers = {"cookie": cookie_of(await begin(token))}
    first = await http.get("/widgets/organization", headers=headers)
    assert (first.status_code, first.headers["location"]) == (303, USERS)
    assert (await http.get("/widgets/organization")).status_code == 401


async def test_the_script_is_kept_by_its_hash(http):
    plain = await http.get("/ui/widgets.js")
    assert plain.headers["cache-control"] == "no-cache"
    digest = plain.headers["etag"].strip('"').partition("-")[0]
    kept = await http.get(f"/ui/widgets.js?v={digest}")
    assert "immutable" in kept.headers["cache-control"]
    assert kept.text == plain.text
