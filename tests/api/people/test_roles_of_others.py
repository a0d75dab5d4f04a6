"""Roles of another organization in a request, and what a portal may call."""

from __future__ import annotations

import pytest
from apis import Api, refused
from factories import Make
from rpcs import (
    METHODS,
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


def test_what_a_portal_may_is_little():
    """So that a change of the contract shows."""
    read = {rpc for rpc in PROTECTED if PORTAL_READS in portal_permissions(rpc)}
    assert read == {
        *("get_organization_role", "list_organization_roles", "get_domain", "list_domains"),
    }
    written = {rpc for rpc in PROTECTED if PORTAL_WRITES in portal_permissions(rpc)}
    assert written == {"create_domain", "delete_domain", "update_domain", "verify_domain"}
