"""`tenantry user erase` as a command: the IDs that it takes, and the question that it asks."""

from __future__ import annotations

import asyncio
import json

import pytest
from apis import refused, unique

from tenantry.tenants.users import redaction
from tenantry.tenants.users.redaction import ErasedPerson


def test_ids_of_other_types_are_no_ids_of_a_person():
    person = ErasedPerson(frozenset({"usr_1"}), frozenset())
    value = {"id": ["usr_1"], "user_id": 1, "user": None, "membership": {"metadata": {"a": "b"}}}
    assert person.redacted(value) == value
    assert redaction.ErasedPerson(frozenset(), frozenset()).redacted({"a": "x@y"}) == {"a": "x@y"}


@pytest.mark.wires("rest")
async def test_the_command_asks_first_and_then_erases(api, make, server):
    user = await make.user(email=f"{unique('grace')}@example.com", external_id=unique())
    refusal = await asyncio.to_thread(server.run, "user", "erase", user["email"])
    assert refusal.returncode == 1
    assert user["id"] in refusal.stderr
    assert (await api.users.get_user(id=user["id"]))["user"]["email"] == user["email"]
    for key in (user["external_id"], user["id"]):
        done = await asyncio.to_thread(server.run, "user", "erase", key, "--yes", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["users"] == [user["id"]]
        assert json.loads(done.stdout)["events"] >= 4
    with refused("NOT_FOUND"):
        await api.users.get_user(id=user["id"])
    unknown = await asyncio.to_thread(server.run, "user", "erase", user["email"], "--yes")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert unknown.stderr == f"tenantry: user not found: {user['email']}\n"
