"""Rules of every rpc of users, roles and domains at once: callers, ids, organizations.

Against other tenants' ids and callers with fewer rights.
"""

from __future__ import annotations

import pytest
from apis import Api, ApiError, Make, refused
from rpcs import (
    METHODS,
    OF_SESSIONS,
    ORGANIZATION,
    PORTAL_READS,
    PORTAL_WRITES,
    World,
    about,
    ask,
    call,
    is_public,
    portal_permissions,
)
from states import state_of

NOWHERE = "org_1234567890123456789"
# The members of a request that name an object of the environment or of an organization.
UNKNOWN = {
    "organization_id": NOWHERE,
    "org_id": NOWHERE,
    "user_id": "usr_1234567890123456789",
    "role_name": "nobody_has_this_name",
    "permission_name": "nobody_has_this_name",
}
UNKNOWN_ID = {
    "user": "usr_1234567890123456789",
    "domain": "dom_1234567890123456789",
}
# Texts that each of them may not be; the contract has no rule, or one of length alone, for some.
MALFORMED = {
    "organization_id": ("acme", "ORG_1234567890123456789", "org_" + "1" * 30),
    "org_id": ("acme", "ORG_1234567890123456789", "org_" + "1" * 30),
    "user_id": ("ada", "USR_1234567890123456789"),
    "role_name": ("no.body", "x" * 101),
    "permission_name": ("no.body", "x" * 65),
    "id": ("ada", "x" * 26),
}
# Where the contract has no rule, such a text is an id that nobody has.
RULELESS = {
    ("create_user_and_membership", "organization_id"),
    ("list_user_roles", "organization_id"),
    ("list_user_permissions", "organization_id"),
    ("assign_user_roles", "organization_id"),
    ("remove_user_role", "organization_id"),
    ("remove_user_role", "role_name"),
    ("get_organization_role_users_count", "org_id"),
    *((rpc, "organization_id") for rpc in METHODS if "domain" in rpc),
    *((rpc, "id") for rpc in ("get_domain", "delete_domain", "update_domain")),
}
RPCS = [rpc for rpc in METHODS if rpc not in OF_SESSIONS]
PROTECTED = [rpc for rpc in METHODS if not is_public(rpc)]


@pytest.fixture(scope="session")
async def worlds(wires, token):
    """Two that no test changes: a refusal leaves them as they are."""
    api = Api(wires["rest"], (("authorization", f"Bearer {token}"),))
    return [await World.made(Make(api), api) for _ in range(2)]


@pytest.fixture
def world(worlds):
    return worlds[0]


@pytest.fixture
def other(worlds):
    return worlds[1]


def unknown(rpc, request):
    """The members of a request that name something, and what names nothing."""
    named = {name: value for name, value in UNKNOWN.items() if name in request}
    if "id" in request:
        named["id"] = UNKNOWN_ID["domain" if "domain" in rpc else "user"]
    return named


def test_these_are_all(server):
    assert len(METHODS) == 18 + 26 + 7
    assert [rpc for rpc in METHODS if is_public(rpc)] == ["list_authorized_domains"]


@pytest.mark.wires("rest", "grpc-web")
async def test_every_request_here_is_answered(api, make, rest):
    """Or a refusal below could have another reason."""
    world = await World.made(make, rest)
    for rpc in RPCS:
        await ask(api, world, rpc)
        if rpc.startswith(("delete_", "remove_", "create_membership")):
            world = await World.made(make, rest)


async def test_a_caller_is_needed(api, world):
    nobody = api.sending(authorization=())
    for rpc in PROTECTED:
        with about(rpc), refused("UNAUTHENTICATED", says="^Token empty$"):
            await ask(nobody, world, rpc)
    await ask(nobody, world, "list_authorized_domains")


async def test_what_is_unknown_is_not_found(api, world, database):
    before = await state_of(database, world)
    for rpc in RPCS:
        for name, value in unknown(rpc, world.request(rpc)).items():
            request = {**world.request(rpc), name: value}
            if rpc == "update_permission":
                request["permission"]["name"] = value
            with about(rpc, name), refused("NOT_FOUND", says="not found"):
                await call(api, rpc, request)
    assert await state_of(database, world) == before


@pytest.mark.wires("rest", "grpc")
async def test_what_is_no_id_is_refused_by_its_name(api, world, database):
    before = await state_of(database, world)
    for rpc in RPCS:
        request = world.request(rpc)
        for name in MALFORMED.keys() & request.keys():
            for text in MALFORMED[name]:
                with about(rpc, name, text):
                    if (rpc, name) in RULELESS:
                        with pytest.raises(ApiError) as it:
                            await ask(api, world, rpc, **{name: text})
                        assert it.value.code in {"NOT_FOUND", "INVALID_ARGUMENT"}
                    else:
                        with refused("INVALID_ARGUMENT", name):
                            await ask(api, world, rpc, **{name: text})
    assert await state_of(database, world) == before


OF_ORGANIZATIONS = [
    rpc
    for rpc in RPCS
    if not rpc.startswith(("create_", "list_organization", "search_", "list_domains"))
    and any(field.name in ORGANIZATION for field in METHODS[rpc].input.fields)
]


async def test_what_is_in_one_organization_is_not_reached_through_another(
    api, world, other, database, events
):
    await events.new()
    before = [await state_of(database, one) for one in (world, other)]
    for rpc in OF_ORGANIZATIONS:
        request = world.request(rpc)
        (key,) = ORGANIZATION & request.keys()
        code = "INVALID_ARGUMENT" if rpc == "update_default_organization_roles" else "NOT_FOUND"
        with about(rpc), refused(code):
            await call(api, rpc, {**request, key: other.organization["id"]})
        if key == "organization_id" and "domain" in rpc and api.wire.__class__.__name__ != "Rest":
            by = {"external_id": other.organization["external_id"]}
            del request[key]
            with about(f"{rpc} by external id"), refused("NOT_FOUND"):
                await call(api, rpc, {**request, **by})
    assert [await state_of(database, one) for one in (world, other)] == before
    assert await events.new() == []


async def test_a_request_takes_nothing_from_another_organization(api, world, other, database):
    """A role named beside the organization: for a member, as a base, as the one to take over."""
    before = [await state_of(database, one) for one in (world, other)]
    foreign = {"id": other.own_role["id"], "name": other.own_role["name"]}
    by_id, by_name = {"id": foreign["id"]}, {"name": foreign["name"]}
    for rpc in ("create_membership", "update_membership", "create_user_and_membership"):
        for role in (by_id, by_name, foreign):
            request = world.request(rpc)
            inner = request.get("user", request)
            inner["membership"]["roles"] = [role]
            with about(rpc), refused("INVALID_ARGUMENT"):
                await call(api, rpc, request)
    for role in (by_id, {"role_name": foreign["name"]}):
        with refused("INVALID_ARGUMENT"):
            await ask(api, world, "assign_user_roles", roles=[role])
    for rpc in ("create_role", "update_role", "create_organization_role"):
        request = world.request(rpc)
        request["role"]["extends"] = foreign["name"]
        with about(rpc), refused("INVALID_ARGUMENT", "role.extends"):
            await call(api, rpc, request)
    for rpc in ("delete_role", "delete_organization_role"):
        with about(rpc), refused("INVALID_ARGUMENT", "reassign_role_name"):
            await ask(api, world, rpc, reassign_role_name=foreign["name"])
    assert [await state_of(database, one) for one in (world, other)] == before


@pytest.fixture(params=["writes", "reads"])
async def portal(request, http, make, rest):
    """A world, the Cookie header of a browser in its portal, and what that permits."""
    world, permits = await World.made(make, rest), {PORTAL_READS}
    if request.param == "writes":
        await rest.organizations.update_organization_settings(
            id=world.organization["id"],
            settings={"features": [{"name": "domain_verification", "enabled": True}]},
        )
        permits.add(PORTAL_WRITES)
    return world, await make.portal_session(http, world.organization["id"]), permits


async def test_a_portal_may_what_the_contract_says_in_its_own_organization_alone(
    api, other, portal, database
):
    world, cookie, permits = portal
    visitor = api.sending(authorization=(), cookie=cookie)
    before = [await state_of(database, one) for one in (world, other)]
    for rpc in PROTECTED:
        if portal_permissions(rpc) & permits:
            with about(rpc), refused("NOT_FOUND", says="not found"):
                await ask(visitor, other, rpc)
        else:
            for one in (world, other):
                with about(rpc), refused("PERMISSION_DENIED"):
                    await ask(visitor, one, rpc)
    assert [await state_of(database, one) for one in (world, other)] == before
    # Removals go last.
    for rpc in sorted(PROTECTED, key=lambda rpc: rpc.startswith("delete")):
        if portal_permissions(rpc) & permits:
            with about(rpc):
                await ask(visitor, world, rpc)


def test_what_a_portal_may_is_little():
    """So that a change of the contract shows."""
    read = {rpc for rpc in PROTECTED if PORTAL_READS in portal_permissions(rpc)}
    assert read == {
        *("get_organization_role", "list_organization_roles", "get_domain", "list_domains"),
    }
    written = {rpc for rpc in PROTECTED if PORTAL_WRITES in portal_permissions(rpc)}
    assert written == {"create_domain", "delete_domain", "update_domain", "verify_domain"}
