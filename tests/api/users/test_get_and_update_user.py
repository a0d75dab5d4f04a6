"""GetUser and UpdateUser, by id and by external id."""

from __future__ import annotations

import asyncio

import pytest
from apis import moment, refused, unique
from members import address, key_of

BY = pytest.mark.parametrize("by", ["id", "external_id"])


@BY
async def test_a_user_is_read_with_all_memberships_the_oldest_first(api, make, by):
    places = [await make.organization(f"Acme {n}") for n in range(3)]
    user = await make.user(places[0]["id"], external_id=unique())
    for place in places[1:]:
        await api.users.create_membership(organization_id=place["id"], id=user["id"], membership={})
    read = (await api.users.get_user(**key_of(user, by)))["user"]
    assert [one["organization_id"] for one in read["memberships"]] == [p["id"] for p in places]
    statuses = [one["membership_status"] for one in read["memberships"]]
    assert statuses == ["ACTIVE", "PENDING_INVITE", "PENDING_INVITE"]


@pytest.mark.parametrize(
    "key", [{"id": "ada"}, {"id": "org_1"}, {"id": f"usr_{'1' * 29}"}, {"external_id": "x" * 511}]
)
async def test_a_key_that_breaks_its_rule_is_refused(api, key):
    with refused("INVALID_ARGUMENT", *key):
        await api.users.get_user(**key)


@pytest.mark.wires("connect", "grpc", "grpc-web")
async def test_some_key_is_needed(api):
    with refused("INVALID_ARGUMENT", "id"):
        await api.users.get_user()


async def test_an_external_id_is_no_id(api, make):
    user = await make.user(external_id=f"usr_{unique('')[1:]}")
    with refused("NOT_FOUND"):
        await api.users.get_user(id=user["external_id"])


@pytest.mark.wires("rest")
async def test_rest_takes_one_key_only(http, api, make):
    user = await make.user(external_id=unique())
    answer = await http.get(
        f"/api/v1/users:external/{user['external_id']}?id={user['id']}", headers=dict(api.headers)
    )
    assert answer.status_code == 400


@BY
async def test_an_update_changes_what_is_present(api, make, by):
    user = await make.user(
        external_id=unique(),
        metadata={"plan": "free", "seats": "1"},
        user_profile={"given_name": "Ada", "family_name": "Byron", "groups": ["a", "b"]},
    )
    answer = await api.users.update_user(
        **key_of(user, by), user={"user_profile": {"given_name": "Augusta"}}
    )
    changed = answer["user"]
    assert changed["user_profile"] == user["user_profile"] | {
        "given_name": "Augusta",
        "first_name": "Augusta",
    }
    assert moment(changed["update_time"]) > moment(user["update_time"])
    rest = {name: changed[name] for name in user if name not in {"user_profile", "update_time"}}
    assert rest.items() <= user.items()
    assert answer.etag == '"2"'
    assert await api.users.get_user(id=user["id"]) == answer


async def test_metadata_replaces_the_whole_map_and_an_empty_one_is_not_given(api, make):
    user = await make.user(metadata={"plan": "free", "seats": "1"})
    for sent, expected in (
        ({"metadata": {"plan": "paid"}}, {"plan": "paid"}),
        ({"metadata": {}}, {"plan": "paid"}),
        ({"user_profile": {"metadata": {}, "groups": [], "custom_attributes": {}}}, None),
    ):
        answer = await api.users.update_user(id=user["id"], user=sent)
        assert answer["user"]["metadata"] == (expected or {"plan": "paid"})


async def test_an_empty_text_clears(api, make):
    user = await make.user(
        external_id=unique(), user_profile={"given_name": "Ada", "phone_number": "+12345"}
    )
    answer = await api.users.update_user(
        id=user["id"],
        user={"external_id": "", "user_profile": {"given_name": "", "phone_number": ""}},
    )
    assert "external_id" not in answer["user"]
    assert answer["user"]["user_profile"]["given_name"] == ""
    assert answer["user"]["user_profile"]["first_name"] == ""
    with refused("NOT_FOUND"):
        await api.users.get_user(external_id=user["external_id"])
    await make.user(external_id=user["external_id"])


async def test_the_newer_name_wins_in_an_update_too(api, make):
    user = await make.user(user_profile={"given_name": "Ada", "family_name": "Byron"})
    answer = await api.users.update_user(
        id=user["id"],
        user={"user_profile": {"given_name": "", "first_name": "x", "last_name": "King"}},
    )
    profile = answer["user"]["user_profile"]
    assert (profile["given_name"], profile["family_name"]) == ("", "King")


@pytest.mark.parametrize("sent", [{}, {"user_profile": {}}, {"metadata": {"plan": "free"}}])
async def test_an_update_of_nothing_answers_the_user(api, make, events, sent):
    user = await make.user(metadata={"plan": "free"})
    await events.new()
    answer = await api.users.update_user(id=user["id"], user=sent)
    assert answer["user"] == user
    assert await events.new() == []


async def test_an_external_id_of_another_is_refused(api, make):
    user, other = await make.user(), await make.user(external_id=unique())
    with refused("INVALID_ARGUMENT", "external_id", says="duplicate key not allowed.*external_id"):
        await api.users.update_user(id=user["id"], user={"external_id": other["external_id"]})
    assert (await api.users.get_user(id=user["id"]))["user"] == user


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("external_id", {"external_id": "x" * 256}),
        ("user_profile.locale", {"user_profile": {"locale": "en_US"}}),
        ("user_profile.phone_number", {"user_profile": {"phone_number": "911"}}),
        ("user_profile.picture", {"user_profile": {"picture": "data:image/png;base64,AAAA"}}),
    ],
)
async def test_an_update_is_checked_as_a_creation(api, make, path, sent):
    user = await make.user()
    with refused("INVALID_ARGUMENT", f"user.{path}"):
        await api.users.update_user(id=user["id"], user=sent)


async def test_an_update_is_an_event_with_before_and_after(api, make, events):
    user = await make.user(metadata={"plan": "free"})
    await events.new()
    await api.users.update_user(id=user["id"], user={"metadata": {"plan": "paid"}})
    (event,) = await events.new()
    assert (event["type"], event["object"]) == ("user.updated", "User")
    assert event["before"]["metadata"] == {"plan": "free"}
    assert event["after"]["metadata"] == {"plan": "paid"}
    assert event["before"]["id"] == event["after"]["id"] == user["id"]


async def test_a_revision_can_be_asked_for(api, make):
    user = await make.user()
    mine = api.sending(if_match='"1"')
    await mine.users.update_user(id=user["id"], user={"metadata": {"key": "a"}})
    for act in (
        mine.users.update_user(id=user["id"], user={"metadata": {"key": "b"}}),
        mine.users.delete_user(id=user["id"]),
    ):
        with refused("FAILED_PRECONDITION", error_code="PRECONDITION_FAILED") as it:
            await act
        assert it.value.headers["etag"] == '"2"'
    await api.sending(if_match='"2"').users.delete_user(id=user["id"])


async def test_20_updates_at_once_lose_nothing(api, make, events):
    user = await make.user()
    await events.new()
    await asyncio.gather(
        *(
            api.users.update_user(id=user["id"], user=change)
            for n in range(10)
            for change in ({"metadata": {"key": str(n)}}, {"user_profile": {"name": f"Ada {n}"}})
        )
    )
    read = await api.users.get_user(id=user["id"])
    assert read["user"]["metadata"]["key"].isdecimal()
    assert read["user"]["user_profile"]["name"].startswith("Ada ")
    assert read.etag == f'"{len(await events.new()) + 1}"'


@pytest.mark.wires("rest", "connect")
async def test_an_email_address_cannot_be_changed(api, make):
    user = await make.user()
    for email in (address(), user["email"]):
        with refused("INVALID_ARGUMENT", says="email: is not a field of this call"):
            await api.users.update_user(id=user["id"], user={"email": email})


@pytest.mark.wires("rest")
@pytest.mark.parametrize("verb", ["GET", "PATCH", "DELETE"])
async def test_an_external_id_is_any_text_in_a_path(api, make, verb):
    user = await make.user(external_id=unique("a/b:c d%é?#&+"))
    key = {"external_id": user["external_id"]}
    acts = {
        "GET": lambda: api.users.get_user(**key),
        "PATCH": lambda: api.users.update_user(**key, user={"metadata": {"key": "x"}}),
        "DELETE": lambda: api.users.delete_user(**key),
    }
    answer = await acts[verb]()
    assert verb == "DELETE" or answer["user"]["id"] == user["id"]
