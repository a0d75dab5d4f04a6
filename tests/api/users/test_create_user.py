"""CreateUserAndMembership: one e-mail, one user; invited by mail, or a member at once."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from apis import moment, refused, unique
from members import address, ids_of, invited, mail_to, outcomes

PROFILE = {
    "given_name": "Ada",
    "family_name": "Byron",
    "name": "Ada Byron, Countess of Lovelace",
    "locale": "en-GB",
    "phone_number": "+442071234567",
    "metadata": {"dept": "engines"},
    "custom_attributes": {"shoe-size": "38"},
    "preferred_username": "ada",
    "picture": "https://example.com/ada.png?size=2",
    "gender": "countess",
    "groups": ["poets", "mathematicians"],
}


async def create(api, organization, **members: object):
    answer = await api.users.create_user_and_membership(
        organization_id=organization["id"], user={"email": address(), **members}
    )
    return answer["user"]


@pytest.mark.everywhere
async def test_a_user_comes_back_as_sent_and_is_read_the_same(api, make):
    organization = await make.organization("Acme")
    email, external_id = address().replace("ada", "Ada"), unique()
    answer = await api.users.create_user_and_membership(
        organization_id=organization["id"],
        user={
            "email": email,
            "external_id": external_id,
            "metadata": {"plan": "free", "näme": "Ω"},
            "user_profile": PROFILE,
            "membership": {
                "roles": [{"name": "admin"}],
                "metadata": {"team": "engines"},
                "inviter_email": "babbage@example.com",
            },
        },
    )
    user = answer["user"]
    assert re.fullmatch(r"usr_\d{18,19}", user["id"])
    assert 19 <= len(user["id"]) <= 25
    assert re.fullmatch(r"env_\d+", user["environment_id"])
    assert (user["email"], user["external_id"]) == (email, external_id)
    assert user["metadata"] == {"plan": "free", "näme": "Ω"}
    profile = user["user_profile"]
    assert profile["id"] == f"usp_{user['id'].removeprefix('usr_')}"
    assert PROFILE.items() <= profile.items()
    assert (profile["first_name"], profile["last_name"]) == ("Ada", "Byron")
    assert not profile["email_verified"]
    (membership,) = user["memberships"]
    assert membership["organization_id"] == organization["id"]
    assert membership["name"] == membership["display_name"] == "Acme"
    assert membership["metadata"] == {"team": "engines"}
    assert membership["inviter_email"] == "babbage@example.com"
    assert [role["name"] for role in membership["roles"]] == ["admin"]
    assert len(membership["permissions"]) == 12
    assert "last_login_time" not in user
    read = await api.users.get_user(id=user["id"])
    assert read == answer
    assert read.etag == answer.etag == '"1"'


async def test_an_email_address_is_enough(api, make):
    organization = await make.organization()
    user = await create(api, organization)
    assert "external_id" not in user
    assert user["metadata"] == {}
    assert user["user_profile"]["given_name"] == ""
    (membership,) = user["memberships"]
    assert [role["name"] for role in membership["roles"]] == ["member"]
    assert membership["roles"][0]["display_name"] == "Member"
    assert membership["permissions"] == ["sk_org_settings_read", "sk_org_users_read"]


@pytest.mark.parametrize("send", [{}, {"send_invitation_email": True}])
async def test_a_user_is_invited_unless_that_is_declined(api, make, database, send):
    organization = await make.organization()
    began = datetime.now(UTC)
    answer = await api.users.create_user_and_membership(
        organization_id=organization["id"], user={"email": address()}, **send
    )
    (membership,) = answer["user"]["memberships"]
    assert membership["membership_status"] == "PENDING_INVITE"
    assert membership["provisioning_method"] == "invitation"
    assert "accepted_at" not in membership
    assert membership["join_time"] == membership["created_at"]
    lasts = moment(membership["expires_at"]) - moment(membership["created_at"])
    assert lasts == timedelta(days=15)
    assert abs(moment(membership["created_at"]) - began) < timedelta(minutes=1)
    (queued,) = await mail_to(database, answer["user"])
    assert queued["organization_id"] == organization["id"]
    assert queued["template"] == "invitation"


async def test_without_an_invitation_a_user_is_a_member_at_once(api, make, database):
    organization = await make.organization()
    answer = await api.users.create_user_and_membership(
        organization_id=organization["id"],
        user={"email": address()},
        send_invitation_email=False,
    )
    user = answer["user"]
    (membership,) = user["memberships"]
    assert membership["membership_status"] == "ACTIVE"
    assert membership["provisioning_method"] == "direct_provision"
    assert membership["accepted_at"] == membership["join_time"] == membership["created_at"]
    assert "expires_at" not in membership
    assert user["user_profile"]["email_verified"]
    assert await mail_to(database, user) == []


async def test_creating_a_user_is_two_events(api, make, events):
    organization = await make.organization()
    await events.new()
    user = await invited(api, organization, user_profile={"given_name": "Ada"})
    created, invitation = await events.new()
    assert (created["type"], created["object"]) == ("user.created", "User")
    assert created["before"] is None
    assert created["after"]["id"] == user["id"]
    assert created["after"]["user_profile"]["given_name"] == "Ada"
    assert invitation["type"] == "user.organization_invitation"
    assert invitation["object"] == "OrgMembership"
    for event in (created, invitation):
        assert event["organization_id"] == organization["id"]
        assert event["actor"]["type"] == "management_client"
        assert event["request_id"].startswith("req_")
    said = invitation["after"]
    assert said["organization"]["id"] == organization["id"]
    assert said["organization"]["display_name"] == organization["display_name"]
    assert said["user"] == created["after"]
    assert said["membership"]["membership_status"] == "PENDING_INVITE"
    assert [role["name"] for role in said["membership"]["roles"]] == ["member"]


async def test_a_member_at_once_is_a_created_membership(api, make, events):
    organization = await make.organization()
    await events.new()
    await make.user(organization["id"])
    assert [event["type"] for event in await events.new()] == [
        "user.created",
        "user.organization_membership_created",
    ]


@pytest.mark.wires("rest", "grpc")
async def test_no_secret_is_in_an_event_or_the_outbox(api, make, events, database):
    organization = await make.organization()
    await events.new()
    user = await invited(api, organization)
    written = repr(await events.new()) + repr(await mail_to(database, user))
    assert "token" not in written
    assert "digest" not in written
    assert "password" not in written


@pytest.mark.parametrize("change", [str, str.upper, str.title])
async def test_an_email_address_is_taken_once_whatever_its_case(api, make, change):
    organization, other = await make.organization(), await make.organization()
    user = await create(api, organization)
    for place in (organization, other):
        with refused("INVALID_ARGUMENT", "email", says="duplicate key not allowed.*email"):
            await create(api, place, email=change(user["email"]))
    assert ids_of(await api.users.list_organization_users(organization_id=other["id"])) == []


async def test_an_external_id_is_taken_once(api, make):
    organization = await make.organization()
    user = await create(api, organization, external_id=unique())
    with refused("INVALID_ARGUMENT", "external_id", says="duplicate key not allowed.*external_id"):
        await create(api, organization, external_id=user["external_id"])


async def test_many_users_have_no_external_id(api, make):
    organization = await make.organization()
    for value in ("", "", None):
        user = await create(api, organization, external_id=value)
        assert "external_id" not in user


async def test_50_at_once_with_one_email_are_one_user(api, make):
    organization = await make.organization()
    email = address()
    made, refusals = await outcomes(
        create(api, organization, email=email.upper() if n % 2 else email) for n in range(50)
    )
    assert len(made) == 1
    assert {refusal.error_code for refusal in refusals} == {"INVALID_ARGUMENT"}
    page = await api.users.list_organization_users(organization_id=organization["id"])
    assert ids_of(page) == [made[0]["id"]]
    assert page["total_size"] == 1


@pytest.mark.parametrize(
    "email",
    [
        *("", "ada", "@example.com", "ada@", "ada@exa mple.com", " ada@example.com"),
        *("ada@example.com ", "ada@@example.com", "ada@example.com\n", "a\u0000@example.com"),
        *("Ada <ada@example.com>", "ada@example.com,bob@example.com", "ada@-example.com"),
    ],
)
async def test_what_is_no_email_address_is_refused(api, make, email):
    organization = await make.organization()
    with refused("INVALID_ARGUMENT", "user.email"):
        await create(api, organization, email=email)


async def test_an_email_address_has_254_characters_at_most(api, make):
    organization = await make.organization()
    local = unique("x")
    domain = ".".join(["d" * 60] * 3) + ".example"
    longest = f"{local}{'y' * (254 - len(local) - len(domain) - 1)}@{domain}"
    with refused("INVALID_ARGUMENT", "user.email"):
        await create(api, organization, email="y" + longest)
    assert (await create(api, organization, email=longest))["email"] == longest


@pytest.mark.parametrize(
    ("member", "value"),
    [
        *(("locale", value) for value in ("english language", "en_US", "x", "-en", "e" * 80)),
        *(("phone_number", v) for v in ("0123", "+0123", "123", "+1 555", "+1234567890123456")),
        ("picture", "javascript:alert(1)"),
        ("picture", "ftp://example.com/a.png"),
        ("picture", "https://exa mple.com"),
        ("picture", 'https://example.com/"onload="'),
        ("picture", f"https://example.com/{'a' * 2048}"),
        ("given_name", "x" * 256),
        ("family_name", "x" * 256),
        ("first_name", "x" * 201),
        ("name", "x" * 513),
        ("gender", "x" * 256),
        ("preferred_username", "x" * 513),
        ("groups", ["a", "a"]),
        ("groups", [""]),
        ("groups", [f"g{n}" for n in range(51)]),
        ("metadata", {"ab": "x"}),
        ("metadata", {f"key{n}": "x" for n in range(21)}),
        ("custom_attributes", {"abc": ""}),
        ("custom_attributes", {"abc": "x" * 257}),
    ],
)
@pytest.mark.wires("rest", "grpc")
async def test_a_profile_is_checked(api, make, member, value):
    organization = await make.organization()
    with refused("INVALID_ARGUMENT") as it:
        await create(api, organization, user_profile={member: value})
    spelled = it.value.spelled(f"user.user_profile.{member}")
    assert all(path.startswith(spelled) for path in it.value.fields)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        *(("locale", value) for value in ("en", "de-CH-1996", "zh-Hant-TW", "sl-rozaj-biske")),
        *(("phone_number", value) for value in ("+14155550123", "+12", "+123456789012345")),
        *(("picture", v) for v in ("http://example.com", "https://пример.рф/я.png?a=1#b")),
        ("given_name", "Ж" * 255),
        ("name", "Ada 👩‍💻 <b>Byron</b>"),
    ],
)
@pytest.mark.wires("rest", "grpc")
async def test_a_good_profile_is_kept_as_it_is(api, make, member, value):
    organization = await make.organization()
    user = await create(api, organization, user_profile={member: value})
    assert user["user_profile"][member] == value


async def test_the_older_names_hold_the_same_and_the_newer_win(api, make):
    organization = await make.organization()
    for sent in (
        {"first_name": "Ada", "last_name": "Byron"},
        {"given_name": "Ada", "family_name": "Byron"},
        {"given_name": "Ada", "first_name": "x", "family_name": "Byron", "last_name": "x"},
    ):
        profile = (await create(api, organization, user_profile=sent))["user_profile"]
        assert profile["given_name"] == profile["first_name"] == "Ada"
        assert profile["family_name"] == profile["last_name"] == "Byron"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("metadata", {"ab": "x"}),
        ("metadata", {"k" * 26: "x"}),
        ("metadata", {"key": ""}),
        ("metadata", {"key": "x" * 257}),
        ("metadata", {f"key{n}": "x" for n in range(21)}),
        ("membership", {"metadata": {"ab": "x"}}),
        ("membership", {"inviter_email": "babbage"}),
        ("membership", {"inviter_email": ""}),
        ("external_id", "x" * 256),
    ],
)
async def test_other_members_are_checked(api, make, field, value):
    organization = await make.organization()
    with refused("INVALID_ARGUMENT") as it:
        await create(api, organization, **{field: value})
    spelled = it.value.spelled(f"user.{field}")
    assert all(path.startswith(spelled) for path in it.value.fields)


@pytest.mark.wires("rest")
async def test_rest_takes_the_query_beside_the_body(http, api, make):
    organization = await make.organization()
    answer = await http.post(
        f"/api/v1/organizations/{organization['id']}/users?send_invitation_email=false",
        json={"email": address()},
        headers=dict(api.headers),
    )
    assert answer.status_code == 201
    (membership,) = answer.json()["user"]["memberships"]
    assert membership["membership_status"] == "ACTIVE"


@pytest.mark.wires("rest", "grpc")
async def test_a_repeated_call_with_its_key_is_one_user(api, make, database):
    organization = await make.organization()
    keyed = api.sending(idempotency_key=unique("key"))
    request = {"organization_id": organization["id"], "user": {"email": address()}}
    first = await keyed.users.create_user_and_membership(**request)
    again = await keyed.users.create_user_and_membership(**request)
    assert again == first
    assert len(await mail_to(database, first["user"])) == 1
    with refused("INVALID_ARGUMENT", error_code="IDEMPOTENCY_KEY_REUSED"):
        await keyed.users.create_user_and_membership(
            organization_id=organization["id"], user={"email": address()}
        )
