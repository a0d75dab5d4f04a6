"""Secrets of directories: shown once, found by their digest, overlapping at renewal."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from apis import moment, refused
from sqlalchemy import bindparam, update

from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.core.times import SECOND, now
from tenantry.crypto import vault
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories import registry, secrets
from tenantry.tenants.directories.model import directory_secrets

_s = directory_secrets.c
_EXPIRE = Statement(
    update(directory_secrets)
    .where(_s.id == bindparam("p_id"))
    .values(expire_time=1)
    .returning(_s.id)
)


async def find(database, text):
    """Return a secret that is in force, and its directory."""
    found = await secrets.read(database, [vault.digest(text)])
    return next((pair for pair in found.values() if pair[0].in_force(now())), None)


async def test_a_secret_is_shown_once(directories, events, organization):
    made = await directories.make()
    await events.new()
    answer = await directories.create_secret(made)
    plain, secret = answer["plain_secret"], answer["secret"]
    assert re.fullmatch(r"[A-Za-z0-9]{60}", plain)
    assert secret["secret_suffix"] == plain[-4:]
    assert secret["id"].startswith("sec_")
    assert (secret["directory_id"], secret["status"]) == (made["id"], "ACTIVE")
    lives = moment(secret["expire_time"]) - moment(secret["create_time"])
    assert lives.days == 365
    assert "last_used_time" not in secret
    after = await directories.get(made)
    assert (after["status"], after["secrets"]) == ("IN_PROGRESS", [secret])
    (event,) = [e for e in await events.new() if e["object"] == "Directory"]
    assert event["type"] == "organization.directory_secret_created"
    assert event["after"]["secret_id"] == secret["id"]
    assert plain[-4:] not in json.dumps(event["after"])


async def test_it_is_found_by_its_text_alone(directories, database):
    made = await directories.make()
    plain = (await directories.create_secret(made))["plain_secret"]
    secret, directory = await find(database, plain)
    assert (directory.id, secret.suffix) == (made["id"], plain[-4:])
    assert plain not in repr(secret)
    assert secret.digest not in repr(secret)
    for wrong in ("", plain[:-1], plain + "x", plain.swapcase(), secret.digest, "x" * 60):
        assert await find(database, wrong) is None


async def test_many_are_read_at_once(directories, database):
    plain = [
        (await directories.create_secret(await directories.make()))["plain_secret"]
        for _ in range(3)
    ]
    digests = [(await find(database, one))[0].digest for one in plain]
    found = await secrets.read(database, [*digests, "no such"])
    assert sorted(found) == sorted(digests)


async def test_the_old_one_is_good_for_a_while(directories, database):
    made = await directories.make()
    old = await directories.create_secret(made)
    new = await directories.regenerate_secret(made)
    for answer in (old, new):
        assert await find(database, answer["plain_secret"])
    newer, older = (await directories.get(made))["secrets"]
    assert (newer["id"], older["id"]) == (new["secret"]["id"], old["secret"]["id"])
    assert (newer["status"], older["status"]) == ("ACTIVE", "ACTIVE")
    overlap = moment(older["expire_time"]) - moment(newer["create_time"])
    assert abs(overlap.total_seconds() - 24 * 3600) < 5
    await database.fetch_all(_EXPIRE, p_id=older["id"])
    assert await find(database, old["plain_secret"]) is None
    assert [one["status"] for one in (await directories.get(made))["secrets"]] == [
        "ACTIVE",
        "INACTIVE",
    ]


async def test_a_call_says_how_long_they_overlap(rest, directories, organization, database):
    made = await directories.make()
    old = (await directories.create_secret(made))["plain_secret"]
    of = {"organization_id": organization["id"], "directory_id": made["id"]}
    await rest.directories.regenerate_directory_secret(**of, overlap_seconds="0")
    assert await find(database, old) is None
    for wrong in ("-1", "1.5", "x", "99999999"):
        with refused("INVALID_ARGUMENT", "overlap_seconds"):
            await rest.directories.regenerate_directory_secret(**of, overlap_seconds=wrong)


async def test_the_first_one_may_be_regenerated_too(directories):
    made = await directories.make()
    await directories.regenerate_secret(made)
    after = await directories.get(made)
    assert (after["status"], len(after["secrets"])) == ("IN_PROGRESS", 1)


async def test_there_are_five_at_most_and_the_newest_always_comes(directories):
    made = await directories.make()
    for _ in range(5):
        await directories.create_secret(made)
    with refused("INVALID_ARGUMENT", says="5 active secrets"):
        await directories.create_secret(made)
    last = await directories.regenerate_secret(made)
    shown = (await directories.get(made))["secrets"]
    assert shown[0]["id"] == last["secret"]["id"]
    assert [one["status"] for one in shown] == ["ACTIVE"] * 5 + ["INACTIVE"]


async def test_those_that_have_ended_are_forgotten_in_time(directories):
    made = await directories.make()
    for _ in range(23):
        last = await directories.regenerate_secret(made)
    shown = (await directories.get(made))["secrets"]
    assert (len(shown), shown[0]["id"]) == (20, last["secret"]["id"])


@pytest.mark.wires("rest")
async def test_the_first_request_completes_the_set_up(directories, database, events):
    made = await directories.make()
    plain = (await directories.create_secret(made))["plain_secret"]
    await events.new()
    call = Call(SYSTEM, database, "req_1")
    _, directory = await find(database, plain)
    await registry.connected(call, directory)
    first = await directories.get(made)
    assert first["status"] == "COMPLETED"
    assert first["last_synced_at"]
    (event,) = [e for e in await events.new() if e["object"] == "Directory"]
    assert event["type"] == "organization.directory_updated"
    # Neither by the record of before nor by a new one: nothing changes within half a minute.
    for known in (directory, (await find(database, plain))[1]):
        await registry.connected(call, known)
    assert await directories.get(made) == first
    assert await events.new() == []


@pytest.mark.wires("rest")
async def test_later_requests_move_the_time_alone(directories, database, events):
    made = await directories.make()
    plain = (await directories.create_secret(made))["plain_secret"]
    call = Call(SYSTEM, database, "req_1")
    await registry.connected(call, (await find(database, plain))[1])
    before = await directories.get(made)
    await events.new()
    _, directory = await find(database, plain)
    async with database.transaction() as db:
        held = await registry.hold(call, db, directory.organization_id, directory.id)
        earlier = directory.last_sync_time - 31 * SECOND
        await registry.write(db, replace(held, last_sync_time=earlier))
    await registry.connected(call, (await find(database, plain))[1])
    after = await directories.get(made)
    assert moment(after["last_synced_at"]) >= moment(before["last_synced_at"])
    assert after | {"last_synced_at": ""} == before | {"last_synced_at": ""}
    assert await events.new() == []
