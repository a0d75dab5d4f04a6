"""The catalogue of scopes."""

from __future__ import annotations

import pytest
from apis import refused, unique


def a_name():
    return unique("s").replace("-", ":")


async def listed(api, env_id=""):
    return {s["name"]: s for s in (await api.clients.list_scopes(env_id=env_id))["scopes"]}


async def test_a_scope_is_made_described_switched_off_and_deleted(api, events):
    name = a_name()
    await events.new()
    scope = (await api.clients.create_scope(scope={"name": name, "description": "Old"}))["scope"]
    assert scope["id"].startswith("scp_")
    assert scope == {"id": scope["id"], "name": name, "description": "Old", "enabled": True}
    assert (await listed(api))[name] == scope
    off = await api.clients.update_scope(id=scope["id"], scope={"enabled": False})
    assert off["scope"] == {**scope, "enabled": False}
    new = await api.clients.update_scope(id=scope["id"], scope={"description": "New"})
    assert new["scope"] == {**scope, "enabled": False, "description": "New"}
    assert (await api.clients.update_scope(id=scope["id"], scope={}))["scope"] == new["scope"]
    assert (await listed(api))[name] == new["scope"]
    assert await api.clients.delete_scope(id=scope["id"]) == {}
    assert name not in await listed(api)
    told = await events.new()
    assert [event["type"] for event in told] == [
        *("scope.created", "scope.updated", "scope.updated", "scope.deleted")
    ]
    assert told[-1]["before"] == new["scope"]


@pytest.mark.wires("rest", "grpc")
async def test_a_name_is_taken_once(api):
    name = a_name()
    await api.clients.create_scope(scope={"name": name})
    with refused("INVALID_ARGUMENT", "name", says="duplicate key not allowed"):
        await api.clients.create_scope(scope={"name": name})


@pytest.mark.wires("rest")
async def test_what_cannot_be_is_refused_by_its_name(api):
    for scope, field in (
        ({"name": ""}, "scope.name"),
        ({"name": "a-b"}, "scope.name"),
        ({"name": "x" * 65}, "scope.name"),
        ({"name": a_name(), "description": "x" * 2001}, "scope.description"),
    ):
        with refused("INVALID_ARGUMENT") as it:
            await api.clients.create_scope(scope=scope)
        assert set(it.value.fields) == {it.value.spelled(field)}


async def test_scopes_are_listed_by_name_and_of_this_environment_only(api, database):
    for stem in ("b", "a"):
        await api.clients.create_scope(
            scope={"name": unique(stem).replace("-", "")}, env_id=database.environment_id
        )
    names = list(await listed(api, env_id=database.environment_id))
    assert names == sorted(names)
    assert len(names) >= 2
    for call in (
        api.clients.list_scopes(env_id="env_1"),
        api.clients.create_scope(scope={"name": a_name()}, env_id="env_1"),
    ):
        with refused("NOT_FOUND", says="environment not found"):
            await call
