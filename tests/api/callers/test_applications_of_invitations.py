"""The application that an invitation remembers: named, or the one that the caller uses."""

from __future__ import annotations

import pytest
from apis import Api, refused, unique

COOKIE = "__Host-tenantry_session"


@pytest.fixture
def remembered(signins):
    """The application that the invitation of a user remembers."""

    async def find(user_id: str) -> str | None:
        (row,) = await signins.run(
            "SELECT invite_client_id FROM memberships WHERE user_id = :user_id", user_id=user_id
        )
        return row["invite_client_id"]

    return find


async def invite(api, organization_id: str) -> str:
    answer = await api.users.create_user_and_membership(
        organization_id=organization_id, user={"email": f"{unique()}@new.example"}
    )
    return answer["user"]["id"]


@pytest.fixture
async def admin(make):
    return await make.user(membership={"roles": [{"name": "admin"}]})


async def test_by_a_token_it_is_the_application_that_the_token_was_issued_to(
    wire, signins, admin, remembered
):
    session, _ = await signins.session(admin)
    app = await signins.application(scopes=["organizations_users_invite"])
    scope = "openid organizations_users_invite"
    token = (await signins.tokens(app, session=session, scope=scope))["access_token"]
    api = Api(wire, (("authorization", f"Bearer {token}"),))
    user_id = await invite(api, session.organization_id)
    assert await remembered(user_id) == app.id


async def test_by_a_page_it_is_the_one_that_the_session_signed_in_to_last(
    wire, signins, admin, remembered
):
    session, secret = await signins.session(admin)
    api = Api(wire).sending(cookie=f"{COOKIE}={secret}")
    assert await remembered(await invite(api, session.organization_id)) is None
    for n in range(2):
        app = await signins.application()
        await signins.run(
            "INSERT INTO session_clients (session_id, client_id, organization_id, create_time)"
            " VALUES (:session_id, :client_id, :organization_id, :n)",
            session_id=session.id,
            client_id=app.id,
            organization_id=session.organization_id,
            n=n,
        )
    user_id = await invite(api, session.organization_id)
    assert await remembered(user_id) == app.id
    # Of a person it is never an application that they only name.
    other = await signins.application()
    with refused("PERMISSION_DENIED", "client_id"):
        await invite(api.sending(x_client_id=other.id), session.organization_id)


async def test_of_a_program_it_is_the_one_that_it_names_or_itself(api, signins, make, remembered):
    organization_id = (await make.organization())["id"]
    app, other = await signins.application(), await signins.application()
    itself = await remembered(await invite(api, organization_id))
    assert itself not in {None, app.id, other.id}
    user_id = await invite(api.sending(x_client_id=app.id), organization_id)
    assert await remembered(user_id) == app.id
    await api.users.resend_invite(organization_id=organization_id, id=user_id)
    assert await remembered(user_id) == app.id
    named = {"organization_id": organization_id, "id": user_id}
    await api.sending(x_client_id=other.id).users.resend_invite(**named)
    assert await remembered(user_id) == other.id
    member = await make.user()
    await api.sending(x_client_id=app.id).users.create_membership(
        organization_id=organization_id, id=member["id"], membership={}
    )
    rows = await signins.run(
        "SELECT invite_client_id FROM memberships WHERE user_id = :u AND organization_id = :o",
        u=member["id"],
        o=organization_id,
    )
    assert [row["invite_client_id"] for row in rows] == [app.id]


@pytest.mark.parametrize("client_id", ["skc_1", "nonsense", "m2morg_1"])
async def test_one_that_there_is_not_is_refused_by_its_name(api, make, client_id):
    organization_id = (await make.organization())["id"]
    api, named = (
        api.sending(x_client_id=client_id),
        {"organization_id": organization_id, "id": "usr_1234567890123456789"},
    )
    with refused("INVALID_ARGUMENT", "client_id"):
        await invite(api, organization_id)
    with refused("INVALID_ARGUMENT", "client_id"):
        await api.users.create_membership(**named, membership={})
    with refused("INVALID_ARGUMENT", "client_id"):
        await api.users.resend_invite(**named)


async def test_over_rest_it_may_stand_in_the_query(http, token, make, signins, remembered):
    organization_id = (await make.organization())["id"]
    app = await signins.application()
    answer = await http.post(
        f"/api/v1/organizations/{organization_id}/users?client_id={app.id}",
        headers={"authorization": f"Bearer {token}"},
        json={"email": f"{unique()}@new.example"},
    )
    assert await remembered(answer.json()["user"]["id"]) == app.id
