"""Attacks on the SCIM service, by their numbers in the catalogue of attack cases (38 to 44)."""

from __future__ import annotations

import asyncio
import itertools
import time

import pytest
from providers import BULK, USER, add_secret, patch, says_error
from sqlalchemy import bindparam, update

from tenantry.core.times import now
from tenantry.crypto import vault
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories.model import directories, directory_secrets

_SWITCH = Statement(
    update(directories)
    .where(directories.c.id == bindparam("p_id"))
    .values(enabled=bindparam("p_enabled"))
    .returning(directories.c.id)
)


async def test_38_a_token_opens_its_own_directory_alone(new_provider):
    one, other = await new_provider(), await new_provider()
    user = await other.create("ada")
    for path in ("/Users", f"/Users/{user['id']}", "/ServiceProviderConfig", "/Nothing"):
        base = f"/directory/{other.directory.id}/scim/v2"
        says_error(await one("GET", path, base=base), 401)
    says_error(await one("GET", f"/Users/{user['id']}"), 404)
    says_error(await one("DELETE", f"/Users/{user['id']}"), 404)
    unlike = await one.create_group("G", user["id"])
    assert "members" not in unlike


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Basic {token}",
        "Bearer x{token}",
        "Bearer {token} {token}",
        "Bearer {token}, Bearer {token}",
        "Bearer " + "a" * 60,
        "Bearer " + "a" * 5000,
    ],
)
async def test_38_another_authorization_is_refused(provider, authorization):
    given = authorization and authorization.format(token=provider.token)
    answer = await provider("GET", "/Users", authorization=given)
    says_error(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_38_a_token_in_the_query_is_no_token(provider):
    for name in ("access_token", "token", "authorization"):
        query = {name: provider.token}
        says_error(await provider("GET", "/Users", query=query, authorization=None), 401)


async def test_38_an_expired_token_and_a_disabled_directory_are_refused(provider):
    ended = await add_secret(provider.database, provider.directory, expire_time=now() - 1)
    answer = await provider("GET", "/Users", authorization=f"Bearer {ended}")
    says_error(answer, 401)
    assert (await provider("GET", "/Users")).status_code == 200
    await provider.database.fetch_all(_SWITCH, p_id=provider.directory.id, p_enabled=False)
    until = time.monotonic() + 60
    while (answer := await provider("GET", "/Users")).status_code == 200:
        assert time.monotonic() < until
        await asyncio.sleep(0.05)
    says_error(answer, 403)


async def test_before_it_is_first_enabled_a_directory_can_be_tried_and_takes_nothing(new_provider):
    provider = await new_provider(enabled=False, first_enable_time=None)
    answer = await provider("GET", "/Users", query={"filter": 'userName eq "x"'})
    assert answer.status_code == 200
    assert answer.json()["totalResults"] == 0
    assert (await provider("GET", "/ServiceProviderConfig")).status_code == 200
    assert (await provider("POST", "/Users/.search", {"count": 1})).status_code == 200
    assert (await provider("HEAD", "/Users")).status_code == 200
    says_error(await provider("POST", "/Users", {"userName": "ann@acme.com"}), 403)
    says_error(await provider("GET", "/Users", authorization="Bearer " + "a" * 60), 401)
    await provider.database.fetch_all(_SWITCH, p_id=provider.directory.id, p_enabled=True)
    # At once, although the process has just seen that it was not enabled.
    assert (await provider("POST", "/Users", provider.user("ann"))).status_code == 201


async def test_38_a_token_is_kept_as_its_digest(provider):
    (row,) = [
        row
        for row in await provider.database.fetch_all(Statement(directory_secrets.select()))
        if row["directory_id"] == provider.directory.id
    ]
    assert row["digest"] == vault.digest(provider.token)
    assert provider.token not in {str(value) for value in dict(row).values()}


async def test_39_a_provider_sets_nothing_that_is_ours(new_provider):
    provider, other = await new_provider(), await new_provider()
    theirs = await other.create("eve")
    given = {
        "id": theirs["id"],
        "meta": {"version": 'W/"99"', "location": "https://evil.example"},
        "groups": [{"value": "dirgroup_1"}],
        "roles": [{"value": "admin"}],
        "user_id": "usr_1",
        "organization_id": other.directory.organization_id,
        "isAdmin": True,
    }
    user = await provider.create("ada", **given, **{USER + ":id": theirs["id"]})
    assert user["id"] != theirs["id"]
    assert user["meta"]["version"] == 'W/"1"'
    assert not {"groups", "user_id", "organization_id", "isAdmin"} & user.keys()
    path = f"/Users/{user['id']}"
    for name in ("meta", "groups"):
        changed = await provider(
            "PATCH", path, patch({"op": "replace", "value": {name: given[name]}})
        )
        assert changed.status_code in {200, 400}, changed.text
    other_id = patch({"op": "replace", "path": "id", "value": theirs["id"]})
    assert (await provider("PATCH", path, other_id)).status_code in {200, 400}
    seen = (await provider("GET", path)).json()
    assert seen["id"] == user["id"]
    assert "groups" not in seen
    assert seen["meta"]["location"].startswith("https://localhost")
    assert (await other("GET", f"/Users/{theirs['id']}")).json()["userName"] == theirs["userName"]


async def test_40_an_address_of_another_domain_takes_no_account(provider, rest):
    user = await provider.create("ada")
    victim = {"value": "ceo@victim.example", "type": "work", "primary": True}
    both = {"userName": victim["value"], "emails": [victim]}
    path = f"/Users/{user['id']}"
    for verb, body in (
        ("PATCH", patch({"op": "replace", "value": both})),
        ("PUT", provider.user("ada", **both)),
    ):
        says_error(await provider(verb, path, body), 400, "mutability")
    says_error(await provider("POST", "/Users", provider.user("bob", **both)), 400, "invalidValue")
    # Beside the one that names the account, others are only attributes.
    beside = patch({"op": "replace", "path": "emails", "value": [victim]})
    assert (await provider("PATCH", path, beside)).status_code == 200
    members = await rest.users.list_organization_users(
        organization_id=provider.directory.organization_id
    )
    assert [one["email"] for one in members["users"]] == [f"ada@{provider.domain}"]


def _bombs():
    term = 'userName eq "a"'
    yield "or", " or ".join([term] * 500)
    yield "length", " or ".join([term] * 20_000)
    yield "depth", "(" * 300 + term + ")" * 300
    yield "not", "not (" * 300 + term + ")" * 300
    yield "value_paths", " and ".join(['emails[type eq "work" and value co "a"]'] * 300)
    yield "nested", "emails[" * 200 + 'type eq "a"' + "]" * 200
    yield "quotes", 'userName eq "' + '\\"' * 4000
    yield "spaces", "userName" + " " * 9000 + "eq"
    yield "name", "a" * 9000 + " pr"


@pytest.mark.parametrize(("kind", "text"), list(_bombs()), ids=lambda one: one[:12])
async def test_41_a_filter_that_would_cost_much_is_refused(provider, kind, text):
    """What a refusal costs is in tests/unit/scim_language/test_scim_bombs.py."""
    answer = await provider("POST", "/Users/.search", {"filter": text})
    # The longest is not even read as JSON.
    says_error(answer, 400, "invalidSyntax" if kind == "length" else "invalidFilter")
    in_query = await provider("GET", "/Users", query={"filter": text[:9000]})
    assert in_query.status_code in {400, 200}


async def test_41_more_operations_than_a_request_may_have_are_refused(provider):
    group = await provider.create_group("G")
    add = {"op": "add", "path": "members", "value": [{"value": "x"}]}
    many = await provider("PATCH", f"/Groups/{group['id']}", patch(*[add] * 1001))
    says_error(many, 413)
    operations = [{"method": "DELETE", "path": "/Users/x"}] * 1001
    detail = says_error(
        await provider("POST", "/Bulk", {"schemas": [BULK], "Operations": operations}), 413
    )
    assert "maxOperations" in detail
    says_error(await provider("POST", "/Bulk", b'{"a":"' + b"x" * (1 << 20) + b'"}'), 413)
    values = b'{"a":[' + b"1," * 400_000 + b"1]}"
    says_error(await provider("POST", "/Users", values), 400, "invalidSyntax")


async def test_41_members_are_removed_by_many_terms_without_a_walk(provider):
    ids = [(await provider.create(f"u{n}"))["id"] for n in range(5)]
    group = await provider.create_group("G", *ids)
    terms = " or ".join(f'value eq "{id_}"' for id_ in [*ids[:3], *map(str, range(150))])
    change = patch({"op": "remove", "path": f"members[{terms}]"})
    assert (await provider("PATCH", f"/Groups/{group['id']}", change)).status_code == 204
    assert await provider.members(group["id"]) == ids[3:]


async def test_41_bulk_operations_in_a_circle_are_refused(provider):
    def group(bulk_id, member):
        data = {"displayName": bulk_id, "members": [{"value": f"bulkId:{member}"}]}
        return {"method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": data}

    names = [str(number) for number in range(400)]
    circle = [group(one, other) for one, other in itertools.pairwise([*names, names[0]])]
    alone = {"method": "POST", "path": "/Groups", "data": {"displayName": "alone"}}
    body = {"schemas": [BULK], "Operations": [*circle, alone, group("self", "self")]}
    done = (await provider("POST", "/Bulk", body)).json()["Operations"]
    assert [one["status"] for one in done] == [*["409"] * 400, "201", "409"]
    assert (await provider("GET", "/Groups")).json()["totalResults"] == 1


async def test_42_a_patch_that_removes_nothing_in_particular_empties_no_group(provider):
    ids = [(await provider.create(name))["id"] for name in "ab"]
    group = await provider.create_group("G", *ids)
    path = f"/Groups/{group['id']}"
    says_error(await provider("PATCH", path, patch({"op": "remove"})), 400, "noTarget")
    assert await provider.members(group["id"]) == ids
    azure = patch({"op": "Remove", "path": "members", "value": [{"$ref": None, "value": ids[0]}]})
    assert (await provider("PATCH", path, azure)).status_code == 204
    assert await provider.members(group["id"]) == ids[1:]


async def test_42_a_patch_is_made_whole_or_not_at_all(provider):
    user = await provider.create("ada", title="T")
    group = await provider.create_group("G", user["id"])
    half = patch(
        {"op": "replace", "path": "title", "value": "U"},
        {"op": "replace", "path": "active", "value": "maybe"},
    )
    says_error(await provider("PATCH", f"/Users/{user['id']}", half), 400, "invalidValue")
    assert (await provider("GET", f"/Users/{user['id']}")).json() == (
        user | {"groups": (await provider("GET", f"/Users/{user['id']}")).json()["groups"]}
    )
    half = patch(
        {"op": "remove", "path": f'members[value eq "{user["id"]}"]'},
        {"op": "replace", "path": "displayName", "value": {"no": "text"}},
        {"op": "remove", "path": "displayName"},
    )
    refused = await provider("PATCH", f"/Groups/{group['id']}", half)
    assert refused.status_code == 400
    assert await provider.members(group["id"]) == [user["id"]]
    assert (await provider("GET", f"/Groups/{group['id']}")).json()["displayName"] == "G"


async def test_44_of_fifty_that_create_one_user_one_does(provider):
    body = provider.user("ada")
    answers = await asyncio.gather(*(provider("POST", "/Users", body) for _ in range(50)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [201] + [409] * 49
    for answer in answers:
        if answer.status_code == 409:
            says_error(answer, 409, "uniqueness")
    found = (await provider("GET", "/Users")).json()
    assert found["totalResults"] == 1


async def test_28_no_member_is_lost_when_two_patch_one_group(provider):
    ids = [(await provider.create(f"u{n}"))["id"] for n in range(20)]
    group = await provider.create_group("G")

    async def add(id_):
        change = patch({"op": "add", "path": "members", "value": [{"value": id_}]})
        return await provider("PATCH", f"/Groups/{group['id']}", change)

    answers = await asyncio.gather(*map(add, ids))
    assert {answer.status_code for answer in answers} == {204}
    assert sorted(await provider.members(group["id"])) == ids
