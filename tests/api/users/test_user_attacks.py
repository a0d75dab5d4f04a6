"""Attacks on users: ids of others, members of the server's, ids that come back."""

from __future__ import annotations

import json

import pytest
from apis import refused, unique
from members import address, ids_of, invited, names

from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.caller import Caller, Kind
from tenantry.gen.scalekit.v1.users import users_pb as pb
from tenantry.tenants.memberships import invitations, joining, leaving
from tenantry.tenants.memberships import service as memberships
from tenantry.tenants.memberships.model import Rules, Terms
from tenantry.tenants.users import listing, search, service
from tenantry.tenants.users.service import UserIdentifier

RULES = Rules(invitation_days=15, block_disposable_emails=False, block_public_emails=False)
TERMS = Terms()


@pytest.fixture
async def mine(make):
    return await make.organization("Mine")


@pytest.fixture
async def theirs(make):
    return await make.organization("Theirs")


async def test_a_member_is_not_reached_through_another_organization(api, mine, theirs, make):
    victim = await make.user(theirs["id"], external_id=unique())
    role = await make.organization_role(mine["id"])
    key = {"organization_id": mine["id"], "user_id": victim["id"]}
    for who in ({"id": victim["id"]}, {"external_id": victim["external_id"]}):
        for attempt in (
            api.users.update_membership(
                organization_id=mine["id"], **who, membership={"roles": [{"name": "admin"}]}
            ),
            api.users.delete_membership(organization_id=mine["id"], **who, cascade=True),
        ):
            with refused("NOT_FOUND", says="not found"):
                await attempt
    for attempt in (
        api.users.list_user_roles(**key),
        api.users.list_user_permissions(**key),
        api.users.assign_user_roles(**key, roles=[{"role_name": role["name"]}]),
        api.users.remove_user_role(**key, role_name="member"),
        api.users.resend_invite(organization_id=mine["id"], id=victim["id"]),
    ):
        with refused("NOT_FOUND", says="not found"):
            await attempt
    assert (await api.users.get_user(id=victim["id"]))["user"] == victim


async def test_roles_of_one_organization_are_nothing_in_another(api, mine, theirs, make):
    user = await make.user(mine["id"], membership={"roles": [{"name": "admin"}]})
    await api.users.create_membership(organization_id=theirs["id"], id=user["id"], membership={})
    assert await names(api, theirs, user) == ["member"]
    await api.users.delete_membership(organization_id=mine["id"], id=user["id"])
    assert await names(api, theirs, user) == ["member"]


async def test_who_is_bound_to_one_organization_sees_no_other(database, api, mine, theirs, make):
    """Not by any wire yet: sessions of members come with sign-in."""
    ours, victim = await make.user(mine["id"]), await make.user(theirs["id"])
    await api.users.create_membership(organization_id=theirs["id"], id=ours["id"], membership={})
    bound = Caller(Kind.MANAGEMENT_CLIENT, "bound", organization_id=mine["id"])
    call = Call(bound, database, "req_1")
    page = {"page_size": 10, "page_token": ""}
    seen = await service.get(call, UserIdentifier(ours["id"]))
    assert [place.organization_id for place in seen.memberships] == [mine["id"]]
    assert (await listing.of_organization(call, mine["id"], **page)).total_size == 1
    there, who = theirs["id"], UserIdentifier(victim["id"])
    for attempt in (
        service.get(call, who),
        joining.create(call, there, TERMS, rules=RULES, email=address()),
        listing.of_organization(call, there, **page),
        search.of_organization(call, there, "ada", **page),
        joining.add(call, there, who, TERMS, rules=RULES),
        joining.add(call, mine["id"], who, TERMS, rules=RULES),
        memberships.change(call, there, who, named=(), metadata={"key": "x"}, forced=False),
        memberships.change(call, mine["id"], who, named=(), metadata={"key": "x"}, forced=False),
        leaving.remove_member(call, there, who, cascade=True, forced=True),
        memberships.add_roles(call, there, victim["id"], ()),
        memberships.remove_role(call, there, victim["id"], "member", forced=True),
        memberships.roles_of(call, there, victim["id"]),
        memberships.permissions_of(call, there, victim["id"]),
        invitations.resend(call, there, victim["id"], days=15),
    ):
        with pytest.raises(errors.NotFound):
            await attempt
    for attempt in (
        service.change(call, UserIdentifier(ours["id"]), {"external_id": "x"}),
        leaving.remove_user(call, UserIdentifier(ours["id"]), forced=True),
        listing.of_environment(call, **page),
        search.of_environment(call, "ada", **page),
    ):
        with pytest.raises(errors.PermissionDenied):
            await attempt


@pytest.mark.wires("rest", "connect")
@pytest.mark.parametrize(
    ("where", "field"),
    [
        *(("user", f) for f in ("id", "create_time", "update_time", "last_login_time")),
        *(("user", f) for f in ("environment_id", "memberships", "revision", "email_verified")),
        *(("user", f) for f in ("password_hash", "organization_id", "roles", "status")),
        *(("user_profile", f) for f in ("id", "email_verified", "phone_number_verified")),
        *(("user_profile", f) for f in ("external_identities", "email")),
        *(("membership", f) for f in ("membership_status", "organization_id", "join_time")),
        *(("membership", f) for f in ("provisioning_method", "permissions", "expires_at")),
        *(("membership", f) for f in ("accepted_at", "created_at", "display_name", "name")),
    ],
)
async def test_what_the_server_sets_cannot_be_given(api, mine, make, where, field):
    evil = {field: "2020-01-01T00:00:00Z"}
    sent = evil if where == "user" else {where: evil}
    with refused("INVALID_ARGUMENT") as it:
        await api.users.create_user_and_membership(
            organization_id=mine["id"], user={"email": address(), **sent}
        )
    assert [path.rpartition(".")[2] for path in it.value.fields] == [field]
    user = await make.user(mine["id"])
    if where == "membership":
        for act in (api.users.update_membership, api.users.create_membership):
            with refused("INVALID_ARGUMENT"):
                await act(organization_id=mine["id"], id=user["id"], membership=evil)
    else:
        with refused("INVALID_ARGUMENT"):
            await api.users.update_user(id=user["id"], user=sent)
    assert (await api.users.get_user(id=user["id"]))["user"] == user


@pytest.mark.wires("grpc")
async def test_field_numbers_of_what_the_server_sets_have_no_effect(api, mine, make):
    user = await make.user(mine["id"])
    forged = pb.User.from_json(
        json.dumps(
            {
                "id": "usr_1",
                "environment_id": "env_1",
                "create_time": "2020-01-01T00:00:00Z",
                "last_login_time": "2020-01-01T00:00:00Z",
                "email": address(),
                "memberships": [{"organization_id": mine["id"], "membership_status": 2}],
                "user_profile": {"email_verified": False, "phone_number_verified": True},
                "metadata": {"key": "x"},
            }
        )
    ).to_binary()
    request = pb.UpdateUserRequest.from_json(json.dumps({"id": user["id"]})).to_binary()
    tag = bytes([3 << 3 | 2, len(forged) & 0x7F | 0x80, len(forged) >> 7])
    method = api.users.methods["update_user"]
    answer = await api.wire.send(method, request + tag + forged, api.headers)
    changed = {"metadata": {"key": "x"}, "update_time": answer["user"]["update_time"]}
    assert answer["user"] == user | changed


@pytest.mark.wires("rest")
async def test_an_id_in_body_or_query_may_not_differ_from_the_path(http, api, mine, theirs, make):
    user, other = await make.user(mine["id"]), await make.user(theirs["id"])
    headers = dict(api.headers)
    place = f"/api/v1/memberships/organizations/{mine['id']}/users/{user['id']}"
    for verb, path, body in (
        ("PATCH", f"/api/v1/users/{user['id']}?id={other['id']}", {}),
        ("PATCH", f"/api/v1/users/{user['id']}", {"id": other["id"]}),
        ("DELETE", f"/api/v1/users/{user['id']}?id={other['id']}", None),
        ("DELETE", f"/api/v1/users/{user['id']}?external_id=x", None),
        ("PATCH", f"{place}?organization_id={theirs['id']}", {}),
        ("PATCH", place, {"organization_id": theirs["id"]}),
        ("DELETE", f"{place}?id={other['id']}", None),
        ("DELETE", f"{place}?cascade=true&cascade=false&user_id={other['id']}", None),
        ("POST", f"/api/v1/organizations/{mine['id']}/users?organization_id={theirs['id']}", {}),
        ("GET", f"/api/v1/organizations/{mine['id']}/users?organization_id={theirs['id']}", None),
    ):
        answer = await http.request(verb, path, json=body, headers=headers)
        assert answer.status_code == 400, (verb, path, answer.text)
    for one in (user, other):
        assert (await api.users.get_user(id=one["id"]))["user"] == one


async def test_an_external_id_may_go_to_another_user_and_means_that_one(api, mine, theirs, make):
    external_id = unique()
    first = await make.user(mine["id"], external_id=external_id)
    await api.users.delete_user(external_id=external_id)
    second = await make.user(theirs["id"], external_id=external_id)
    assert (await api.users.get_user(external_id=external_id))["user"]["id"] == second["id"]
    with refused("NOT_FOUND"):
        await api.users.delete_membership(organization_id=mine["id"], external_id=external_id)
    with refused("NOT_FOUND"):
        await api.users.get_user(id=first["id"])
    page = await api.users.search_organization_users(organization_id=mine["id"], query=external_id)
    assert ids_of(page) == []


async def test_a_role_in_use_cannot_be_deleted_and_a_race_leaves_no_orphan(api, mine, make):
    role = await make.role()
    user = await invited(api, mine, membership={"roles": [{"name": role["name"]}]})
    with refused("INVALID_ARGUMENT", says="assigned to users"):
        await api.roles.delete_role(role_name=role["name"])
    await api.users.remove_user_role(
        organization_id=mine["id"], user_id=user["id"], role_name=role["name"]
    )
    await api.roles.delete_role(role_name=role["name"])
    assert await names(api, mine, user) == []


@pytest.mark.wires("rest", "connect")
async def test_the_server_goes_on_after_bodies_made_to_break_it(api, mine, make):
    user = await make.user(mine["id"])
    for sent in (
        {"metadata": {f"key-{n}": "x" for n in range(50_000)}},
        {"metadata": {"key": "x" * 900_000}},
        {"user_profile": {"name": "x" * 900_000}},
        {"user_profile": {"groups": ["g"] * 100_000}},
        {"external_id": "x" * 900_000},
        {"external_id": "a\u0000b"},
        {"user_profile": {"custom_attributes": {"a\u0000b": "x"}}},
    ):
        with refused("INVALID_ARGUMENT"):
            await api.users.update_user(id=user["id"], user=sent)
    for roles in ([{"name": "x"}] * 10_000, [{"name": "x" * 500_000}], [{"id": "a\u0000b"}]):
        with refused("INVALID_ARGUMENT"):
            await api.users.update_membership(
                organization_id=mine["id"], id=user["id"], membership={"roles": roles}
            )
    assert (await api.users.get_user(id=user["id"]))["user"] == user
