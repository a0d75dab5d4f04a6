"""Secrets of clients: their rules, rotation, and how they are kept."""

from __future__ import annotations

import hashlib
import itertools
from datetime import timedelta

import pytest
from apis import access_token, moment, refused, unique
from holders import MOST, Holder
from sqlalchemy import bindparam, select
from waiting import ends_within_a_second

from tenantry.access.clients.model import client_secrets, clients
from tenantry.db.sql.schema import events as events_table
from tenantry.db.sql.schema import replies
from tenantry.db.sql.statements import Statement

NOBODY = "sec_1234567890123456789"
LAST = "^last client cannot be deleted$"


@pytest.fixture(params=["M2M", "WEB_APP"])
async def holder(request, api, make):
    return await Holder.made(api, request.param, make)


def ids(secrets):
    return [secret["id"] for secret in secrets]


async def test_a_new_secret_is_shown_once_and_comes_last(holder, server):
    before = await holder.secrets()
    answer = await holder.add()
    secret = answer["secret"]
    assert secret["id"].startswith("sec_")
    assert secret["secret_suffix"] == answer["plain_secret"][-4:]
    assert secret["created_by"] == server.client_id
    assert secret.keys().isdisjoint({"plain_secret", "expire_time", "last_used_time"})
    assert await holder.secrets() == [*before, secret]
    assert answer["plain_secret"] not in str(await holder.shown())


async def test_of_two_one_is_left_when_the_other_goes(holder, http):
    for secret in await holder.secrets():
        assert holder.kind == "M2M"
        await holder.add()
        await holder.delete(secret["id"])
    for _ in range(2 - len(await holder.secrets())):
        kept = await holder.add()
    first, last = await holder.secrets()
    await holder.delete(first["id"])
    assert await holder.secrets() == [last]
    assert await access_token(http, holder.id, kept["plain_secret"])


async def test_the_last_secret_of_a_machine_stays_and_that_of_an_application_may_go(holder):
    if holder.kind == "WEB_APP":
        await holder.add()
    (secret,) = await holder.secrets()
    if holder.kind == "M2M":
        with refused("INVALID_ARGUMENT", says=LAST):
            await holder.delete(secret["id"])
        assert await holder.secrets() == [secret]
    else:
        assert await holder.delete(secret["id"]) == {}
        assert await holder.secrets() == []
    with refused("NOT_FOUND", says="secret not found"):
        await holder.delete(NOBODY)


@pytest.mark.wires("rest", "grpc")
async def test_there_is_a_limit_to_secrets_in_force(holder, events):
    while len(await holder.secrets()) < MOST[holder.kind]:
        await holder.add()
    await events.new()
    before = await holder.secrets()
    for extra in ({}, {"overlap_seconds": 60}, {"expires_in": 60}):
        with refused("INVALID_ARGUMENT", says=f"limit of {MOST[holder.kind]} active secrets"):
            await holder.add(**extra)
    assert await holder.secrets() == before
    assert await events.new() == []
    # Where the others are out of force at once there is room.
    await holder.add(overlap_seconds=0)
    # And an expired one is forgotten.
    await holder.add()
    assert len(await holder.secrets()) == 2


async def test_a_rotation_lets_the_others_expire(holder, http):
    old = await holder.add()
    others = ids(await holder.secrets())
    new = await holder.add(overlap_seconds=1)
    *shown, last = await holder.secrets()
    assert ids(shown) == others
    assert "expire_time" not in last
    made = moment(last["create_time"])
    assert {moment(s["expire_time"]) - made for s in shown} == {timedelta(seconds=1)}
    assert await access_token(http, holder.id, new["plain_secret"])
    form = {"grant_type": "client_credentials", "client_id": holder.id}
    form["client_secret"] = old["plain_secret"]

    async def is_good():
        answer = await http.post("/oauth/token", data=form)
        assert answer.status_code in {200, 401}
        return answer.status_code == 200

    await ends_within_a_second(is_good)
    assert await access_token(http, holder.id, new["plain_secret"])


@pytest.mark.wires("rest", "grpc")
async def test_an_overlap_never_lengthens_a_life(holder):
    first = await holder.add(expires_in=100)
    before = moment(first["secret"]["expire_time"])
    assert before - moment(first["secret"]["create_time"]) == timedelta(seconds=100)
    await holder.add(overlap_seconds=1000)
    shown = {secret["id"]: secret for secret in await holder.secrets()}
    assert moment(shown[first["secret"]["id"]]["expire_time"]) == before


@pytest.mark.wires("rest")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("overlap_seconds", value) for value in ("-1", "x", "", "1.5", "١", "9" * 13)),
        *(("expires_in", value) for value in ("0", "-1", "1e3", "999999999")),
    ],
)
async def test_an_odd_number_of_seconds_is_refused(api, make, name, value):
    holder = await Holder.made(api, "M2M", make)
    with refused("INVALID_ARGUMENT", name):
        await holder.add(**{name: value})
    assert len(await holder.secrets()) == 1


async def test_a_secret_is_taken_out_of_force_and_put_back(api, make, http):
    holder = await Holder.made(api, "WEB_APP", make)
    answer = await holder.add()
    secret, plain = answer["secret"], answer["plain_secret"]
    off = (await holder.set_status(secret["id"], "INACTIVE"))["secret"]
    assert off["status"] == "INACTIVE"
    assert moment(off["update_time"]) > moment(secret["update_time"])
    assert await holder.secrets() == [off]
    again = await holder.set_status(secret["id"], "INACTIVE")
    assert again["secret"] == off
    on = (await holder.set_status(secret["id"], "ACTIVE"))["secret"]
    assert {**on, "update_time": ""} == {**secret, "update_time": ""}
    assert await access_token(http, holder.id, plain)
    with refused("NOT_FOUND", says="secret not found"):
        await holder.set_status(NOBODY, "ACTIVE")


@pytest.mark.wires("rest")
async def test_a_secret_is_not_put_back_over_the_limit(api, make):
    holder = await Holder.made(api, "WEB_APP", make)
    off = (await holder.add())["secret"]
    await holder.set_status(off["id"], "INACTIVE")
    for _ in range(2):
        await holder.add()
    with refused("INVALID_ARGUMENT", says="2 active secrets"):
        await holder.set_status(off["id"], "ACTIVE")


@pytest.mark.wires("rest")
async def test_what_is_out_of_force_is_bounded_too(api, make):
    holder = await Holder.made(api, "WEB_APP", make)
    for _ in range(20):
        await holder.set_status((await holder.add())["secret"]["id"], "INACTIVE")
    with refused("INVALID_ARGUMENT", says="limit of 20 secrets"):
        await holder.add()


@pytest.mark.wires("rest")
async def test_a_public_client_keeps_no_secret(api):
    for type_ in ("SPA", "NTV"):
        answer = await api.clients.create_client(client={"name": "App", "client_type": type_})
        with refused("INVALID_ARGUMENT", says="is public"):
            await api.clients.create_client_secret(client_id=answer["client"]["id"])


@pytest.mark.wires("rest", "grpc")
async def test_a_management_client_keeps_a_secret_in_force(api, server):
    """The secrets that the server was started with: none of them may change here."""
    key = {"client_id": server.client_id}
    (secret,) = (await api.clients.get_client(**key))["client"]["secrets"]
    with refused("INVALID_ARGUMENT", says=LAST):
        await api.clients.delete_client_secret(**key, secret_id=secret["id"])
    with refused("INVALID_ARGUMENT", says=LAST):
        await api.clients.update_client_secret(
            **key, secret_id=secret["id"], secret={"status": "INACTIVE"}
        )
    added = (await api.clients.create_client_secret(**key))["secret"]
    await api.clients.delete_client_secret(**key, secret_id=added["id"])


@pytest.mark.wires("rest")
async def test_a_secret_of_another_client_is_not_found(api, make):
    mine, other = [await Holder.made(api, "WEB_APP", make) for _ in range(2)]
    machine = await Holder.made(api, "M2M", make)
    await machine.add()
    secret = (await other.add())["secret"]["id"]
    for call in (
        mine.delete(secret),
        mine.set_status(secret, "INACTIVE"),
        machine.delete(secret),
        other.delete((await machine.secrets())[0]["id"]),
        other.set_status((await machine.secrets())[0]["id"], "INACTIVE"),
    ):
        with refused("NOT_FOUND", says="secret not found"):
            await call
    assert ids(await other.secrets()) == [secret]
    assert len(await machine.secrets()) == 2


@pytest.mark.wires("rest")
async def test_events_tell_of_secrets_and_never_the_secret(holder, events):
    await events.new()
    first = await holder.add()
    second = await holder.add(overlap_seconds=60)
    await holder.delete(first["secret"]["id"])
    types = ["client.secret_created", "client.secret_created", "client.secret_deleted"]
    if holder.kind == "WEB_APP":
        await holder.set_status(second["secret"]["id"], "INACTIVE")
        types.append("client.secret_updated")
    told = await events.new()
    assert [event["type"] for event in told] == types
    for before, after in itertools.pairwise(told):
        assert after["before"] == before["after"]
    for event in told:
        assert event["organization_id"] == holder.key.get("organization_id")
        assert event["after"]["client_id"] == holder.id
    created = told[0]["after"]["secrets"][-1]
    assert created["id"] == first["secret"]["id"]
    assert created["suffix"] == first["plain_secret"][-4:]
    assert "expire_time" in told[1]["after"]["secrets"][-2]


@pytest.mark.wires("rest")
async def test_a_key_counts_for_one_overlap(holder):
    holder.api = holder.api.sending(idempotency_key=unique())
    first = await holder.add(overlap_seconds=60)
    assert await holder.add(overlap_seconds=60) == first
    with refused("INVALID_ARGUMENT", error_code="IDEMPOTENCY_KEY_REUSED"):
        await holder.add(overlap_seconds=0)


_KEPT = [
    Statement(select(client_secrets).where(client_secrets.c.client_id == bindparam("key"))),
    Statement(select(clients).where(clients.c.id == bindparam("key"))),
    Statement(select(events_table).where(events_table.c.id > bindparam("start"))),
    Statement(select(replies)),
]


@pytest.mark.wires("rest")
@pytest.mark.process
async def test_a_secret_is_kept_as_a_hash_and_nowhere_else(api, make, http, database, server):
    """Not in the database, a kept reply included, nor in a log or a later answer."""
    holder = await Holder.made(api, "WEB_APP", make)
    holder.api = api.sending(idempotency_key=unique())
    first = await holder.add()
    assert await holder.add() == first  # the kept reply
    machine = await api.sending(idempotency_key=unique()).clients.create_organization_client(
        organization_id=(await make.organization())["id"], client={"name": "M"}
    )
    for client_id, secret in (
        (holder.id, first["plain_secret"]),
        (machine["client"]["client_id"], machine["plain_secret"]),
    ):
        await access_token(http, client_id, secret)
        rows = [
            row
            for statement in _KEPT
            for row in await database.fetch_all(statement, key=client_id, start="")
        ]
        (kept,) = await database.fetch_all(_KEPT[0], key=client_id)
        assert kept["digest"] == hashlib.sha256(secret.encode()).hexdigest()
        assert len(rows) > 3
        for row in rows:
            for value in tuple(row):
                text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
                assert secret not in text
        assert secret not in server.log.read_text()
        assert kept["digest"] not in str(await holder.shown())
